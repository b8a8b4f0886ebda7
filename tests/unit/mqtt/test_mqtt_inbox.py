from __future__ import annotations

import asyncio
import logging

import pytest

from runback_hub.mqtt.inbox import Inbox
from runback_hub.mqtt.messages import Incoming, Token


class Valve:
    """Records whether reading is paused."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


def message(number: int, *, qos: int = 1, size: int = 1) -> Incoming:
    token = Token(1, number) if qos else None
    return Incoming(
        f"in/{number}", b"x" * size, retain=False, dup=False, response_topic=None, correlation=None, token=token
    )


def inbox(valve: Valve, bound: int = 3, max_bytes: int = 1000) -> Inbox:
    return Inbox(bound, pause=valve.pause, resume=valve.resume, max_bytes=max_bytes)


def numbers(items: list[Incoming]) -> list[int]:
    return [int(item.topic[3:]) for item in items]


async def test_a_reader_waits_for_the_first_and_takes_what_is_there() -> None:
    box = inbox(Valve(), bound=10)
    taking = asyncio.create_task(box.take(2))
    await asyncio.sleep(0)
    assert not taking.done()
    for number in range(3):
        box.put(message(number))
    assert numbers(await taking) == [0, 1]
    assert numbers(await box.take(2)) == [2]


async def test_light_messages_beyond_the_bound_are_dropped_counted_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = inbox(Valve())
    with caplog.at_level(logging.WARNING):
        for number in range(10):
            box.put(message(number, qos=0))
    assert box.dropped == 7
    assert len(caplog.records) == 1
    box.put(message(10, qos=1))
    assert numbers(await box.take(10)) == [0, 1, 2, 10]
    for number in range(4):
        box.put(message(number, qos=0))
    assert (box.dropped, len(caplog.records)) == (8, 2)


async def test_too_many_messages_pause_reading_until_half_is_taken() -> None:
    valve = Valve()
    box = inbox(valve, bound=3)
    for number in range(7):
        box.put(message(number))
    assert (valve.calls, len(box)) == (["pause"], 7)
    await box.take(3)
    assert valve.calls == ["pause"]
    await box.take(1)
    assert valve.calls == ["pause", "resume"]


async def test_too_many_bytes_pause_reading_too() -> None:
    valve = Valve()
    box = inbox(valve, bound=100, max_bytes=1000)
    box.put(message(0, size=600))
    box.put(message(1, size=600))
    assert valve.calls == ["pause"]
    await box.take(1)
    assert valve.calls == ["pause"]
    await box.take(1)
    assert valve.calls == ["pause", "resume"]


async def test_closing_ends_the_reader_and_takes_nothing_more() -> None:
    box = inbox(Valve())
    taking = asyncio.create_task(box.take(2))
    await asyncio.sleep(0)
    box.close()
    assert await taking == []
    box.put(message(1))
    assert await box.take(1) == []


async def test_closing_lets_the_broker_be_heard_again() -> None:
    valve = Valve()
    box = inbox(valve, bound=1)
    for number in range(3):
        box.put(message(number))
    waiting = asyncio.create_task(box.wait_open())
    await asyncio.sleep(0)
    assert not waiting.done()
    box.close()
    await waiting
    assert valve.calls == ["pause", "resume"]
