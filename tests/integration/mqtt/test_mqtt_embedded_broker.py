from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from runback_hub.mqtt.broker import PREFERRED_PORT, EmbeddedBroker, free_port
from runback_hub.mqtt.broker_kinds import FALLBACK_LIMITS, Kind
from runback_hub.mqtt.broker_state import STATE_NAME, read_state, running_broker
from runback_hub.mqtt.errors import BrokerUnavailable, CannotConnect
from runback_hub.mqtt.settings import Settings, Version
from tests.brokers import mosquitto_path
from tests.mqtt_peers import Hub, hub_settings, other_client, until

both_kinds = pytest.mark.parametrize("kind", Kind)


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended may stay listed until somebody collects it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def in_use(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@both_kinds
async def test_it_starts_serves_and_stops(kind: Kind, tmp_path: Path) -> None:
    folder = tmp_path / "with a space" / "broker"
    async with EmbeddedBroker(folder, port=free_port(), prefer=kind) as broker:
        state = broker.state
        assert state.kind is kind
        assert running_broker(folder) == state
        settings = Settings.from_url(state.url, client_id="hub")
        async with Hub(settings, "in/#") as hub, other_client(state.port) as friend:
            await hub.connected()
            async with other_client(state.port_311, version=Version.MQTT_311) as old:
                await old.publish("in/run", b"from an old device")
                await friend.publish("in/run", b"from a new one")
            received = await hub.take(2)
            assert [message.payload for message in received] == [b"from an old device", b"from a new one"]
            hub.session.acknowledge(message.token for message in received)
    assert not in_use(state.port)
    assert not alive(state.pid)
    assert running_broker(folder) is None
    assert folder.stat().st_mode & 0o077 == 0, "it keeps messages about people's health"


async def test_mosquitto_keeps_sessions_and_retained_messages(tmp_path: Path) -> None:
    port = free_port()
    async with EmbeddedBroker(tmp_path, port=port, prefer=Kind.MOSQUITTO):
        async with Hub(hub_settings(port), "in/#") as hub:
            await hub.connected()
            await hub.session.deliver("runback/alex/status", b"kept", retain=True)
        async with other_client(port) as friend:
            await friend.publish("in/run", b"while the hub was away")
    async with EmbeddedBroker(tmp_path, port=port, prefer=Kind.MOSQUITTO):
        async with Hub(hub_settings(port), "in/#") as hub:
            assert (await hub.connected()).session_present
            assert [message.payload for message in await hub.take(1)] == [b"while the hub was away"]
        async with other_client(port) as friend:
            await friend.subscribe("runback/+/status")
            assert (await friend.next_message(5)).payload == b"kept"


@both_kinds
async def test_a_busy_port_that_was_asked_for_is_an_error(kind: Kind, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerUnavailable, match=f"port {port} on 127.0.0.1 is in use"):
            await EmbeddedBroker(tmp_path, port=port, prefer=kind).start()
        async with EmbeddedBroker(tmp_path, port=free_port(), prefer=kind):
            pass


@both_kinds
async def test_without_a_wish_the_usual_port_or_a_free_one_is_taken(kind: Kind, tmp_path: Path) -> None:
    async with EmbeddedBroker(tmp_path / "one", prefer=kind) as one:
        async with EmbeddedBroker(tmp_path / "two", prefer=kind) as two:
            assert {one.state.port, one.state.port_311}.isdisjoint({two.state.port, two.state.port_311})
            assert two.state.port_311 != PREFERRED_PORT
            before = two.state
        if one.state.port_311 == PREFERRED_PORT:  # unless something else on this machine has it
            async with EmbeddedBroker(tmp_path / "two", prefer=kind) as again:
                assert (again.state.port, again.state.port_311) == (before.port, before.port_311)


async def test_two_hubs_do_not_share_a_folder(tmp_path: Path) -> None:
    async with EmbeddedBroker(tmp_path, port=free_port()) as first:
        with pytest.raises(BrokerUnavailable, match="another hub is running the broker"):
            await EmbeddedBroker(tmp_path, port=free_port()).start()
        assert alive(first.state.pid)


@both_kinds
async def test_a_broker_that_dies_is_started_again(
    kind: Kind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "runback_hub")
    async with EmbeddedBroker(tmp_path, port=free_port(), prefer=kind) as broker:
        before = broker.state
        async with Hub(hub_settings(before.port), "in/#") as hub:
            await hub.connected()
            os.kill(before.pid, signal.SIGKILL)
            await hub.connected()
        await until(lambda: broker.restarts == 1)
        assert broker.state.port == before.port
        assert broker.state.pid != before.pid
    messages = [record.getMessage() for record in caplog.records]
    assert len([text for text in messages if "ended by itself" in text]) == 1
    assert len([text for text in messages if "embedded broker is back" in text]) == 1


async def run_and_kill_a_hub(folder: Path, kind: Kind, environment: Mapping[str, str]) -> int:
    """Start a hub with an embedded broker as a process of its own, kill it, and return the broker's process."""
    program = f"""
import asyncio, pathlib, sys
from runback_hub.mqtt.broker import EmbeddedBroker, free_port
from runback_hub.mqtt.broker_kinds import Kind
async def main():
    async with EmbeddedBroker(pathlib.Path(sys.argv[1]), port=free_port(), prefer=Kind({str(kind)!r})) as broker:
        print(broker.state.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    hub = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(folder)), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert hub.stdout is not None
    broker_pid = int(await asyncio.wait_for(hub.stdout.readline(), 15))
    hub.kill()
    await hub.wait()
    return broker_pid


@both_kinds
async def test_it_ends_with_a_hub_that_is_killed(kind: Kind, tmp_path: Path) -> None:
    pid = await run_and_kill_a_hub(tmp_path, kind, os.environ)
    await until(lambda: not alive(pid))


@both_kinds
async def test_what_outlived_a_killed_hub_is_ended_on_the_next_start(
    kind: Kind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the system can not end it with its parent: here, by hiding the program that arranges it."""
    caplog.set_level(logging.INFO, "runback_hub")
    programs, folder = tmp_path / "programs", tmp_path / "broker"
    programs.mkdir()
    (programs / "mosquitto").symlink_to(mosquitto_path())
    pid = await run_and_kill_a_hub(folder, kind, {**os.environ, "PATH": str(programs)})
    assert alive(pid)
    left = read_state(folder)
    assert left is not None
    assert running_broker(folder) == left
    async with EmbeddedBroker(folder, port=left.port_311, prefer=kind) as broker:
        assert not alive(pid)
        assert broker.state.pid != pid
    assert "left behind" in caplog.text


async def test_a_stranger_under_the_number_of_the_old_broker_is_left_alone(tmp_path: Path) -> None:
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        async with EmbeddedBroker(tmp_path, port=free_port()):
            pass
        state = json.loads((tmp_path / STATE_NAME).read_text(encoding="utf-8"))
        (tmp_path / STATE_NAME).write_text(json.dumps({**state, "pid": stranger.pid}), encoding="utf-8")
        assert running_broker(tmp_path) is None
        async with EmbeddedBroker(tmp_path, port=free_port()):
            assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


@pytest.mark.parametrize("rubbish", ["", "{", "[]", '{"kind": "amqp"}', '{"kind": "mosquitto", "pid": "x"}'])
async def test_a_damaged_state_file_is_no_obstacle(rubbish: str, tmp_path: Path) -> None:
    (tmp_path / STATE_NAME).write_text(rubbish, encoding="utf-8")
    async with EmbeddedBroker(tmp_path, port=free_port()) as broker:
        assert in_use(broker.state.port)


async def test_why_it_did_not_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "mosquitto.db").write_bytes(b"\x00" * 15 + b"not a database" * 10)
    with pytest.raises(BrokerUnavailable, match=r"mosquitto did not start: Error: .*database"):
        await EmbeddedBroker(tmp_path, port=free_port(), prefer=Kind.MOSQUITTO).start()
    with pytest.raises(BrokerUnavailable, match="is not running"):
        _ = EmbeddedBroker(tmp_path).state


async def test_a_folder_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BrokerUnavailable, match=r"can not use .*/file/broker: Not a directory"):
        await EmbeddedBroker(tmp_path / "file" / "broker").start()


async def test_nothing_installed_says_what_to_install(tmp_path: Path) -> None:
    program = """
import asyncio, importlib.util, pathlib, sys
from runback_hub.mqtt import broker_kinds
from runback_hub.mqtt.broker import EmbeddedBroker
broker_kinds.SYSTEM_FOLDERS = ()
sys.modules["iotcore"] = None
try:
    asyncio.run(EmbeddedBroker(pathlib.Path(sys.argv[1])).start())
except Exception as error:
    print(type(error).__name__, error)
"""
    bare = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    said, _ = await bare.communicate()
    assert said.decode().startswith("BrokerUnavailable no MQTT broker is installed: install mosquitto")


async def test_the_fallback_is_announced_as_such(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with EmbeddedBroker(tmp_path, port=free_port(), prefer=Kind.IOTCORE):
        (warning,) = [record.getMessage() for record in caplog.records if "for trying out" in record.getMessage()]
    assert all(text in warning for _, text in FALLBACK_LIMITS)


async def test_the_limits_of_the_fallback_are_real(tmp_path: Path) -> None:
    """Each limit that we tell people of, measured: one that no longer holds is to be removed."""
    measured: dict[str, bool] = {}
    folder, port = tmp_path, free_port()
    async with EmbeddedBroker(folder, port=port, prefer=Kind.IOTCORE) as broker:
        v5, v311 = broker.state.port, broker.state.port_311
        short = hub_settings(v5, receive_maximum=3, session_expiry_s=1)
        async with Hub(short, "in/#") as hub, other_client(v5) as friend:
            await hub.connected()
            await hub.session.deliver("in/own", b"own")
            measured["no_local"] = (await hub.take(1))[0].payload == b"own"
            for _ in range(8):
                await friend.publish("in/kept", b"kept", retain=True)
            received = await hub.take(8)
            measured["receive_maximum"] = len(received) > 3
            measured["retain_as_published"] = not any(message.retain for message in received)
            await hub.cut()
        left_at = time.monotonic()
        with pytest.raises(CannotConnect):
            async with other_client(v311, version=Version.MQTT_5, connect_timeout_s=1):
                pass
        measured["versions"] = v5 != v311
        await asyncio.sleep(max(0.0, left_at + 1.5 - time.monotonic()))  # past the expiry that was asked for
        async with Hub(short, "in/#") as hub:
            again = await hub.take(8)
            measured["dup"] = not any(message.dup for message in again)
            hub.session.acknowledge(message.token for message in again)
            measured["session_expiry"] = (await hub.connected()).session_present
    async with (
        EmbeddedBroker(folder, port=port, prefer=Kind.IOTCORE) as broker,
        other_client(broker.state.port) as late,
    ):
        await late.subscribe("in/#")
        measured["persistence"] = [message async for message in late.messages(quiet_s=0.3)] == []
    assert measured == {name: True for name, _ in FALLBACK_LIMITS}
