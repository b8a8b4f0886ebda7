from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runback_hub.mqtt.errors import CannotConnect, Disconnected, PublishRefused, WindowFull
from runback_hub.mqtt.settings import Availability, Scheme, Version
from runback_hub.mqtt.wire import READ_BYTES
from tests.brokers import Mosquitto, password_file
from tests.mqtt_peers import HERE, Hub, Outcomes, hub_settings, other_client, until

HERE_AT_ONCE = Availability(topic=HERE, will_delay_s=0)


def lines(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


@contextlib.contextmanager
def serve(answer: bytes) -> Iterator[int]:
    """A server that says `answer` to whoever speaks to it, and hangs up. Gives its port."""

    class Talk(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                self.request.recv(1000)
                self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


async def test_a_message_arrives_with_everything_the_publisher_said(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "in/#") as hub, other_client(broker.port) as friend:
        await hub.connected()
        asking = asyncio.create_task(friend.request("in/run", b"{}", answer_topic="back/here"))
        (message,) = await hub.take(1)
        assert (message.topic, message.payload, message.retain) == ("in/run", b"{}", False)
        assert message.response_topic == "back/here"
        assert message.correlation
        assert message.token is not None
        hub.session.acknowledge([message.token])
        await hub.session.deliver("back/here", b"done", correlation=message.correlation)
        assert (await asking).payload == b"done"


async def test_a_retained_input_is_marked_and_comes_once_per_session(broker: Mosquitto) -> None:
    async with other_client(broker.port) as friend:
        await friend.publish("in/pain", b"early", retain=True)
        async with Hub(hub_settings(broker.port), "in/#") as hub:
            await hub.connected()
            (early,) = await hub.take(1)
            await friend.publish("in/pain", b"late", retain=True)
            (late,) = await hub.take(1)
            assert (early.retain, late.retain) == (True, True)
            hub.session.acknowledge([early.token, late.token])
        async with Hub(hub_settings(broker.port), "in/#") as hub:
            assert (await hub.connected()).session_present
            await friend.publish("in/pain", b"newest")
            assert [message.payload for message in await hub.take(1)] == [b"newest"]


async def test_what_was_not_acknowledged_is_delivered_again_and_the_rest_is_not(broker: Mosquitto) -> None:
    async with other_client(broker.port) as friend:
        async with Hub(hub_settings(broker.port), "in/#") as hub:
            await hub.connected()
            for number in range(4):
                await friend.publish("in/run", b"%d" % number)
            taken = await hub.take(4)
            hub.session.acknowledge(message.token for message in taken[:2])
            await hub.session.deliver("flushed", b"")  # the broker reads in order: it has the acknowledgements now
            await hub.cut()
        async with Hub(hub_settings(broker.port), "in/#") as hub:
            assert (await hub.connected()).session_present
            again = await hub.take(2)
            assert [(message.payload, message.dup) for message in again] == [(b"2", True), (b"3", True)]


async def test_a_token_of_an_earlier_connection_acknowledges_nothing(broker: Mosquitto) -> None:
    settings = hub_settings(broker.port)
    async with Hub(settings, "in/#") as hub, other_client(broker.port) as friend:
        await hub.connected()
        await friend.publish("in/run", b"kept")
        (first,) = await hub.take(1)
        assert hub.session._connection is not None
        hub.session._connection.abort("the cable was pulled")
        await hub.connected()
        (second,) = await hub.take(1)
        assert first.token is not None
        assert second.token is not None
        assert first.token.packet_id == second.token.packet_id
        hub.session.acknowledge([first.token])
        await hub.session.deliver("flushed", b"")
        hub.session._connection.abort("the cable was pulled again")
        await hub.connected()
        (third,) = await hub.take(1)
        assert (third.payload, third.dup) == (b"kept", True)
        hub.session.acknowledge([first.token, second.token, third.token])
        await hub.session.deliver("flushed", b"")
        hub.session._connection.abort("and again")
        await hub.connected()
        await friend.publish("in/run", b"next")
        assert [message.payload for message in await hub.take(1)] == [b"next"]


async def test_the_broker_restarts_and_the_session_is_still_there(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "runback_hub")
    async with Hub(hub_settings(broker.port, retry_cap_s=0.05), "in/#", availability=HERE_AT_ONCE) as hub:
        assert not (await hub.connected()).session_present
        async with other_client(broker.port) as friend:
            await friend.publish("in/run", b"before")
        await hub.take(1)
        broker.stop()
        await until(lambda: hub.session.counts.connections >= 4)
        assert hub.session.free == 0
        broker.start()
        back = await hub.connected()
        assert (back.session_present, back.first) == (True, False)
        (message,) = await hub.take(1)
        assert (message.payload, message.dup) == (b"before", True)
        async with other_client(broker.port) as friend:
            await friend.subscribe(HERE)
            assert (await friend.next_message(5)).payload == b"online"
    assert len(lines(caplog, "trying again")) == 1
    assert len(lines(caplog, "is back after")) == 1


async def test_a_broker_that_forgot_us_is_reported(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "in/#") as hub:
        await hub.connected()
        broker.kill()
        broker.start()
        assert not (await hub.connected()).session_present
        async with other_client(broker.port) as friend:
            await friend.publish("in/run", b"after")
            assert [message.payload for message in await hub.take(1)] == [b"after"]


async def test_a_broker_that_comes_up_later_is_found(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    late = Mosquitto(tmp_path)
    async with Hub(hub_settings(late.port), "in/#") as hub:
        with pytest.raises(CannotConnect, match="nothing listens there"):
            await hub.session.wait_connected(0.2)
        with late:
            await hub.connected()
            await hub.session.wait_connected(1)
            await hub.session.stop()
    assert len(lines(caplog, "nothing listens there")) == 1


@pytest.mark.parametrize("version", Version)
async def test_a_wrong_password_is_said_in_words_and_tried_again_slowly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: Version
) -> None:
    right, wrong = "Kilometre-42", "Kilometre-43"
    passwords = password_file(tmp_path, [("runner", right)])
    with Mosquitto(tmp_path / "broker", lines=[f"password_file {passwords}"]) as broker:
        settings = hub_settings(
            broker.port, username="runner", password=wrong, version=version, retry_first_s=0.001, retry_cap_s=30
        )
        async with Hub(settings, "in/#") as hub:
            with pytest.raises(CannotConnect, match="password") as caught:
                await hub.session.wait_connected(0.7)
            assert caught.value.refused
            assert hub.session.counts.connections == 1
        async with Hub(hub_settings(broker.port, username="runner", password=right, version=version), "in/#") as hub:
            await hub.connected()
    assert len(lines(caplog, "wrong user name or password") + lines(caplog, "may not connect")) == 1
    assert "Kilometre" not in caplog.text


async def test_mqtt_3_1_1_is_spoken_too(broker: Mosquitto) -> None:
    settings = hub_settings(broker.port, version=Version.MQTT_311)
    async with other_client(broker.port) as friend:
        await friend.subscribe(HERE)
        async with Hub(settings, "in/#", availability=HERE_AT_ONCE) as hub:
            assert not (await hub.connected()).session_present
            assert (await friend.next_message(5)).payload == b"online"
            await friend.publish("in/run", b"stored")
            await friend.publish("in/run", b"not stored")
            stored, _ = await hub.take(2)
            assert (stored.response_topic, stored.correlation) == (None, None)
            hub.session.acknowledge([stored.token])
            await hub.session.deliver("out", b"x", correlation=b"left out, there is no room for it")
            await hub.cut()
            assert (await friend.next_message(5)).payload == b"offline"
        async with Hub(settings, "in/#", availability=HERE_AT_ONCE) as hub:
            assert (await hub.connected()).session_present
            assert [message.payload for message in await hub.take(1)] == [b"not stored"]


async def test_publications_in_flight_fail_with_the_connection(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "in/#") as hub:
        await hub.connected()
        outcomes = Outcomes()
        broker.freeze()
        for number in range(3):
            hub.session.publish("out", b"%d" % number, outcomes)
        assert hub.session.counts.in_flight == 3
        broker.kill()
        seen = await outcomes.wait(3)
        assert [type(outcome) for outcome in seen] == [Disconnected] * 3
        with pytest.raises(Disconnected):
            hub.session.publish("out", b"offline", outcomes)
        assert hub.session.free == 0
        broker.start()
        async with asyncio.timeout(5):
            assert await hub.session.wait_free() > 0
        assert hub.session.counts.in_flight == 0, "paho must not send on its own what failed before"
        await hub.session.deliver("out", b"again")
        assert len(outcomes.seen) == 3


async def test_a_lost_connection_gives_no_outcome_twice_and_no_old_message(broker: Mosquitto) -> None:
    async with other_client(broker.port) as friend, Hub(hub_settings(broker.port)) as hub:
        await hub.connected()
        await friend.subscribe("out")
        outcomes = Outcomes()
        hub.session.publish("out", b"never written", outcomes)
        assert hub.session._connection is not None
        hub.session._connection._client.wire._outgoing.clear()  # type: ignore[union-attr] # lost before the wire
        hub.session._connection.abort("the cable was pulled")
        assert [type(outcome) for outcome in await outcomes.wait(1)] == [Disconnected]
        await hub.connected()
        await hub.session.deliver("out", b"by the outbox")
        assert [message.payload async for message in friend.messages(quiet_s=0.2)] == [b"by the outbox"]


async def test_our_own_messages_do_not_come_back(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "in/#") as hub, other_client(broker.port) as friend:
        await hub.connected()
        await hub.session.deliver("in/pain", b"", retain=True)
        await friend.publish("in/pain", b"theirs")
        assert [message.payload for message in await hub.take(1)] == [b"theirs"]


async def test_the_broker_says_offline_for_a_hub_that_was_killed(broker: Mosquitto) -> None:
    program = f"""
import asyncio
from runback_hub.mqtt.session import MqttSession
from runback_hub.mqtt.settings import Availability, Settings
async def main():
    settings = Settings(host="127.0.0.1", port={broker.port}, client_id="hub")
    here = Availability(topic="{HERE}", will_delay_s=1)
    async with MqttSession(settings, filters=(), availability=here):
        await asyncio.Event().wait()
asyncio.run(main())
"""
    async with other_client(broker.port) as friend:
        await friend.subscribe(HERE)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        assert (await friend.next_message(10)).payload == b"online"
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert (await friend.next_message(10)).payload == b"offline"
    async with other_client(broker.port) as late:
        await late.subscribe(HERE)
        assert (await late.next_message(5)).retain


async def test_a_hub_that_stops_says_offline_itself(broker: Mosquitto) -> None:
    async with other_client(broker.port) as friend:
        await friend.subscribe(HERE)
        async with Hub(hub_settings(broker.port), "in/#", availability=HERE_AT_ONCE) as hub:
            await hub.connected()
            await hub.session.stop()
            assert hub.running is not None
            await hub.running
            assert await hub.session.next_batch(1) == []
        seen = [message.payload async for message in friend.messages(quiet_s=0.3)]
        assert seen == [b"online", b"offline"], "a last will after a proper leave would say it twice"


async def test_input_can_stop_before_output(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "in/#") as hub, other_client(broker.port) as friend:
        await hub.connected()
        hub.session.stop_input()
        await friend.publish("in/run", b"for the next life")
        assert await hub.session.next_batch(1) == []
        await friend.subscribe("out")
        await hub.session.deliver("out", b"last words")
        assert (await friend.next_message(5)).payload == b"last words"
        await hub.session.stop()
        async with Hub(hub_settings(broker.port), "in/#") as successor:
            assert [message.payload for message in await successor.take(1)] == [b"for the next life"]


async def test_stopping_does_not_wait_for_a_dead_broker(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "in/#", availability=HERE_AT_ONCE) as hub:
        await hub.connected()
        broker.freeze()
        began = time.monotonic()
        await hub.session.stop(timeout_s=0.4)
        assert time.monotonic() - began < 2
        broker.thaw()


async def test_a_silent_broker_is_noticed(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port, keepalive_s=1), "in/#") as hub:
        await hub.connected()
        broker.freeze()
        await until(lambda: not hub.session.counts.online)
        broker.thaw()
        assert (await hub.connected()).session_present


async def test_a_broker_that_answers_no_publication_is_left(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port, answer_timeout_s=1), "in/#") as hub:
        await hub.connected()
        broker.freeze()
        outcomes = Outcomes()
        hub.session.publish("out", b"x", outcomes)
        (outcome,) = await outcomes.wait(1)
        assert str(outcome) == "the broker stopped answering"
        broker.thaw()
        await hub.connected()


async def test_a_client_with_our_id_does_not_end_the_session(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "in/#") as hub:
        await hub.connected()
        async with other_client(broker.port, client_id="hub") as twin:
            await hub.connected()
            with pytest.raises(Disconnected):
                await twin.next_message(5)
        async with other_client(broker.port) as friend:
            await friend.publish("in/run", b"still here")
            assert [message.payload for message in await hub.take(1)] == [b"still here"]


async def test_a_client_with_our_id_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Not every broker says it; this one does: CONNACK, then DISCONNECT with reason 0x8E."""
    with serve(b"\x20\x03\x00\x00\x00" + b"\xe0\x01\x8e") as port:
        async with Hub(hub_settings(port), "in/#"):
            await until(lambda: bool(lines(caplog, "another client connected with the same client id")))


async def test_no_more_than_receive_maximum_waits_for_us(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port, receive_maximum=5), "in/#") as hub, other_client(broker.port) as friend:
        await hub.connected()
        for number in range(12):
            await friend.publish("in/run", b"%d" % number)
        first = await hub.take(5)
        await hub.session.deliver("flushed", b"")
        assert hub.session.counts.queued == 0
        hub.session.acknowledge(message.token for message in first)
        rest = await hub.take(5)
        hub.session.acknowledge(message.token for message in rest)
        rest += await hub.take(2)
        assert [message.payload for message in first + rest] == [b"%d" % number for number in range(12)]


async def test_no_more_than_the_broker_allows_is_in_flight(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, lines=["max_inflight_messages 3"]) as broker:
        async with Hub(hub_settings(broker.port)) as hub:
            await hub.connected()
            outcomes = Outcomes()
            assert await hub.session.wait_free() == 3
            for number in range(3):
                hub.session.publish("out", b"%d" % number, outcomes)
            assert hub.session.free == 0
            with pytest.raises(WindowFull):
                hub.session.publish("out", b"too much", outcomes)
            assert await outcomes.wait(3) == [None, None, None]
            assert await hub.session.wait_free() == 3


async def test_what_the_broker_refuses_is_named(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite allowed/#\n", encoding="utf-8")
    with Mosquitto(tmp_path / "broker", lines=[f"acl_file {rules}", "max_packet_size 2000"]) as broker:
        async with Hub(hub_settings(broker.port)) as hub:
            await hub.connected()
            await hub.session.deliver("allowed/topic", b"x" * 1000)
            with pytest.raises(PublishRefused, match="Not authorized"):
                await hub.session.deliver("other/topic", b"x")
            with pytest.raises(PublishRefused, match="2001 bytes are more than the broker takes"):
                await hub.session.deliver("allowed/topic", b"x" * 2001)
            with pytest.raises(PublishRefused, match="wildcard"):
                await hub.session.deliver("allowed/#", b"x")
            assert hub.session.counts.connections == 1


async def test_connecting_does_not_hold_up_the_event_loop(caplog: pytest.LogCaptureFixture) -> None:
    """TLS towards a server that says nothing: the handshake blocks, but not us."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        async with Hub(hub_settings(port, scheme=Scheme.MQTTS, connect_timeout_s=0.4)) as hub:
            longest, end = 0.0, time.monotonic() + 0.9
            while (before := time.monotonic()) < end:
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - before)
            assert longest < 0.3
            assert hub.session.counts.connections >= 2
    assert len(lines(caplog, "no answer within 0.4 s")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(b"\x20\x03\x00\x00\x00" + b"\xf7\xff\xff\xff\xff\xff" * 20, id="nonsense after consent"),
        pytest.param(b"\x20\x03\x00\x00\x00" + b"\x40\x04\x00\x01\x55\x00", id="a reason nobody knows"),
        pytest.param(b"\x20\x03\x00\x00\x00" + b"\x32\x01\x00", id="a message cut short"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_left_and_tried_again(
    answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(answer) as port:
        async with Hub(hub_settings(port), "in/#") as hub:
            await until(lambda: hub.session.counts.connections >= 3)
            assert hub.running is not None
            assert not hub.running.done()
    assert len(lines(caplog, "trying again")) == 1


async def test_a_fault_in_a_listener_harms_nobody_else(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    def faulty(_: object) -> None:
        message = "fault of a listener"
        raise RuntimeError(message)

    async with Hub(hub_settings(broker.port)) as hub:
        await hub.connected()
        hub.session.publish("out", b"x", faulty)
        await hub.session.deliver("out", b"y")
        assert hub.session.counts.connections == 1
    assert lines(caplog, "could not be handled")


async def test_many_messages_keep_their_order_both_ways(broker: Mosquitto) -> None:
    count = 5000
    async with Hub(hub_settings(broker.port), "in/#") as hub, other_client(broker.port) as friend:
        await hub.connected()
        await friend.subscribe("out/#")
        outcomes = Outcomes()
        for number in range(count):
            if not hub.session.free:
                await hub.session.wait_free()
            hub.session.publish("out/run", b"%d" % number, outcomes)
        assert await outcomes.wait(count) == [None] * count
        seen = [int((await friend.next_message(5)).payload) for _ in range(count)]
        assert seen == list(range(count))


async def test_a_flood_that_no_limit_governs_is_held_back_and_lost_nowhere(tmp_path: Path) -> None:
    """MQTT 3.1.1 has no Receive Maximum: this broker sends the whole backlog at once."""
    count, bound = 3000, 10
    payload = b"x" * 1000
    with Mosquitto(tmp_path, lines=["max_inflight_messages 0"]) as broker:
        settings = hub_settings(broker.port, version=Version.MQTT_311, receive_maximum=bound)
        async with Hub(settings, "in/#") as hub:
            await hub.connected()
        async with Hub(hub_settings(broker.port, client_id="other"), "none") as other:
            await other.connected()
            outcomes = Outcomes()
            for number in range(count):
                await other.session.wait_free()
                other.session.publish("in/run", b"%d %s" % (number, payload), outcomes)
            await outcomes.wait(count)
        async with Hub(settings, "in/#") as hub:
            await until(lambda: hub.session.counts.queued >= 2 * bound)
            most, numbers = 0, list[int]()
            while len(numbers) < count:
                most = max(most, hub.session.counts.queued)
                batch = await hub.session.next_batch(100)
                hub.session.acknowledge(message.token for message in batch)
                numbers += [int(message.payload.split()[0]) for message in batch]
                await asyncio.sleep(0)
            assert numbers == list(range(count))
            assert most < 2 * bound + READ_BYTES // len(payload)
            assert (await hub.connected()).session_present
            assert hub.session.counts.connections == 1


async def test_a_hub_that_takes_nothing_is_not_flooded_by_connecting_again(tmp_path: Path) -> None:
    bound = 10
    with Mosquitto(tmp_path, lines=["max_inflight_messages 0"]) as broker:
        settings = hub_settings(broker.port, version=Version.MQTT_311, receive_maximum=bound)
        async with Hub(settings, "in/#") as hub, other_client(broker.port) as friend:
            await hub.connected()
            for _ in range(5 * bound):
                await friend.publish("in/run", b"x" * 10_000)
            await until(lambda: hub.session.counts.queued >= 2 * bound)
            broker.stop()
            broker.start()
            before = hub.session.counts
            await asyncio.sleep(3 * settings.retry_cap_s)
            assert hub.session.counts.queued == before.queued
            assert hub.session.counts.connections == before.connections
            taking = asyncio.create_task(take_until_the_end(hub))
            assert (await hub.connected()).session_present
        assert await taking >= before.queued + 5 * bound


async def take_until_the_end(hub: Hub) -> int:
    taken = 0
    while batch := await hub.session.next_batch(100):
        taken += len(batch)
    return taken


async def test_the_largest_activity_file_passes(broker: Mosquitto) -> None:
    payload = bytes(range(256)) * (16 * 1024 * 4)
    async with Hub(hub_settings(broker.port), "in/#") as hub, other_client(broker.port) as friend:
        await hub.connected()
        await friend.publish("in/fit", payload)
        (message,) = await hub.take(1)
        assert message.payload == payload


async def test_messages_at_qos_0_are_taken_without_a_token(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "in/#") as hub:
        await hub.connected()
        command = ("mosquitto_pub", "-p", str(broker.port), "-q", "0", "-t", "in/run", "-m", "light")
        await asyncio.to_thread(subprocess.run, command, check=True)
        (message,) = await hub.take(1)
        assert (message.payload, message.token) == (b"light", None)
        hub.session.acknowledge([message.token])
