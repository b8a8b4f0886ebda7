"""The whole way of a message, on a real broker and a real store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runback_hub.activity_files import MadeRun, write_fit, write_gpx, write_tcx
from runback_hub.hub.messages import Delivery
from runback_hub.model.inputs import ALL_SYMPTOMS
from runback_hub.mqtt.client import MqttClient
from runback_hub.mqtt.errors import NoAnswer
from runback_hub.mqtt.settings import Settings as BrokerSession
from tests.brokers import Mosquitto
from tests.examples_data import Example, worked_examples
from tests.running_hub import WAIT_S, HubProcess, Peer, hub_in_process
from tests.status_checks import check_status

NOON = datetime(2026, 3, 16, 12, 0, tzinfo=UTC)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
async def peer(broker: Mosquitto, tmp_path: Path) -> AsyncIterator[Peer]:
    async with hub_in_process(tmp_path, broker.port, NOON) as running:
        yield running


def _athlete(example: Example) -> str:
    return f"ex{example.name}"


async def test_every_worked_example_through_the_daemon(broker: Mosquitto, tmp_path: Path) -> None:
    """All examples at once, as athletes of one household, in the order of the calendar."""
    examples = worked_examples()
    athletes = {
        _athlete(example): {"birth_year": example.profile.birth_year} if example.profile.birth_year else {}
        for example in examples
    }
    todo: list[tuple[datetime, int, Example, str]] = []
    for example in examples:
        todo.extend((datetime.fromisoformat(json.loads(line)["at"]), 0, example, line) for line in example.lines)
        todo.append((example.asked_at, 1, example, ""))
    todo.sort(key=lambda one: (one[0], one[1], one[2].name))
    async with hub_in_process(tmp_path, broker.port, todo[0][0], {"athletes": athletes}) as peer:
        for at, asks, example, line in todo:
            peer.clock.move(at)
            if asks:
                check_status(await peer.ask("status", athlete=_athlete(example)), example.expect)
                continue
            fields = json.loads(line)
            door = fields.pop("type")
            answer = await peer.send(_athlete(example), door, json.dumps(fields).encode())
            assert answer["ok"], answer
        for example in examples:
            explained = await peer.ask("explain", athlete=_athlete(example), at=example.asked_at.isoformat())
            check_status(explained, example.expect)


async def test_a_run_is_answered_everywhere(peer: Peer) -> None:
    await peer.client.subscribe("runback/alex/+")
    answer = await peer.send("alex", "run", _run(NOON - timedelta(hours=2)))
    seen = {m.topic.rsplit("/", 1)[1]: m.payload async for m in peer.client.messages(quiet_s=0.0)}
    status = json.loads(seen["status"])
    assert status["schema"] == "runback.status/1"
    assert status["state"] == answer["state"] == "unknown"
    assert status["last_run"]["event_id"] == answer["event_id"]
    assert seen["rest"] == b"OFF"
    assert json.loads(seen["advice"])["state"] == "unknown"
    assert json.loads(seen["checkin"])["kind"] == "post_run"
    assert json.loads(seen["event"])["assessment_version"] == status["version"] == 1


@pytest.mark.parametrize("door", ["fit", "tcx", "gpx"])
async def test_activity_files_come_in(peer: Peer, door: str) -> None:
    made = MadeRun(started_at=NOON - timedelta(hours=2), duration_s=2700, distance_m=8000)
    writers = {"fit": write_fit, "tcx": write_tcx, "gpx": write_gpx}
    answer = await peer.send("alex", door, writers[door](made))
    assert answer["ok"], answer
    status = await peer.ask("status", athlete="alex")
    assert abs(status["last_run"]["distance_m"] - 8000) < 80
    assert abs(status["last_run"]["duration_s"] - 2700) <= 1


async def test_the_same_input_twice_changes_nothing(peer: Peer) -> None:
    first = await peer.send("alex", "run", _run(NOON - timedelta(hours=2)))
    again = await peer.send("alex", "run", _run(NOON - timedelta(hours=2)))
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert again["event_id"] == first["event_id"]
    assert (await peer.ask("status", athlete="alex"))["version"] == 1


async def test_a_button_counts_every_morning_but_not_twice(peer: Peer) -> None:
    ids = []
    for minutes in (0, 5, 24 * 60):
        peer.clock.move(NOON + timedelta(minutes=minutes))
        ids.append((await peer.send("alex", "pain", b'{"score": 0}'))["event_id"])
    assert ids[0] == ids[1] != ids[2]


async def test_late_inputs_end_where_the_log_in_order_ends(peer: Peer) -> None:
    """Promise 4: a spike that arrives before the runs it is compared with."""
    starts = [NOON - timedelta(days=days) for days in (1, 15, 12, 9, 6, 3)]
    for start in starts:
        distance_m = 9700 if start == starts[0] else 8000
        answer = await peer.send("alex", "run", _run(start, distance_m=distance_m))
        assert answer["ok"]
    status = await peer.ask("status", athlete="alex")
    assert status["load"]["spike_ratio"] == 1.2125
    assert status["state"] == "easy"


async def test_two_late_inputs_in_one_batch_both_count(peer: Peer) -> None:
    """The second one must not be folded from a snapshot that the first has made wrong."""
    readings = [
        _delivery(peer, "wellness", {"date": f"{at:%Y-%m-%d}", "at": at.isoformat(), "soreness": 1})
        for at in (NOON - timedelta(hours=2 * back) for back in range(300, 0, -1))
    ]
    await peer.parts.hub.accept(readings)
    late = [
        _delivery(peer, "run", json.loads(_run(NOON - timedelta(days=days), distance_m=distance_m)))
        for days, distance_m in ((20, 9000), (15, 4000))
    ]
    await peer.parts.hub.accept(late)
    status = await peer.ask("status", athlete="alex")
    assert (status["load"]["longest_30d_m"], status["load"]["distance_28d_m"]) == (9000, 13000)


async def test_a_withdrawal_may_come_before_what_it_takes_back(peer: Peer) -> None:
    for days in (16, 13, 10, 7, 4):
        await peer.send("alex", "run", _run(NOON - timedelta(days=days)))
    gone = {"event_id": "gone", "at": (NOON - timedelta(hours=1)).isoformat()}
    assert (await peer.send("alex", "withdraw", json.dumps(gone).encode()))["ok"]
    run = {**json.loads(_run(NOON - timedelta(hours=5), distance_m=20000)), "event_id": "gone"}
    assert (await peer.send("alex", "run", json.dumps(run).encode()))["state"] == "clear"


@pytest.mark.parametrize(
    ("verb", "payload"),
    [
        ("status", b"[" * 100_000),
        ("status", b"\xff"),
        ("explain", b'{"athlete": "alex", "at": "0001-01-01T00:00:00+10:00"}'),
        ("explain", b'{"athlete": "\\ud800"}'),
        ("abacus", b"{}"),
    ],
)
async def test_a_bad_command_is_answered_and_the_hub_goes_on(peer: Peer, verb: str, payload: bytes) -> None:
    message = await peer.client.request(peer.parts.topics.request(verb), payload, timeout_s=WAIT_S)
    assert json.loads(message.payload)["ok"] is False
    assert (await peer.send("alex", "run", _run(NOON - timedelta(hours=2))))["ok"]


RUBBISH = {
    "not json": ("run", b"{", "not_json"),
    "an array": ("run", b"[]", "invalid"),
    "wrong types": ("run", b'{"started_at": 5, "duration_s": "long"}', "invalid"),
    "future": ("run", b'{"started_at": "2026-03-17T12:00:00Z", "duration_s": 60}', "in_future"),
    "negative duration": ("run", b'{"started_at": "2026-03-16T08:00:00Z", "duration_s": -1}', "bad_duration"),
    "too fast": ("run", b'{"started_at": "2026-03-16T08:00:00Z", "duration_s": 60, "distance_m": 9000}', "implausible"),
    "naive time": ("run", b'{"started_at": "2026-03-16T08:00:00", "duration_s": 60}', "invalid"),
    "pain of 11": ("pain", b'{"score": 11}', "invalid"),
    "empty": ("run", b"", "empty"),
    "17 MiB": ("fit", bytes(17 * 1024 * 1024), "too_large"),
    "a picture": ("fit", b"\x89PNG\r\n\x1a\n" + bytes(100), "unreadable"),
    "unknown format": ("abacus", b"{}", "unknown_format"),
}


async def test_rubbish_is_refused_with_a_reason_and_the_hub_goes_on(peer: Peer) -> None:
    await peer.client.subscribe("runback/hub/rejected")
    for name, (door, payload, reason) in RUBBISH.items():
        answer = await peer.send("alex", door, payload)
        assert (answer["ok"], answer["reason"]) == (False, reason), (name, answer)
        assert answer["detail"], name
    told = [json.loads(message.payload) async for message in peer.client.messages(quiet_s=0.0)]
    assert [one["reason"] for one in told] == [reason for _, _, reason in RUBBISH.values()]
    assert next(one for one in told if one["topic"].endswith("/pain"))["payload_excerpt"] is None
    assert (await peer.parts.store.counts()).rejected == len(RUBBISH)
    assert (await peer.send("alex", "run", _run(NOON - timedelta(hours=2))))["ok"]


async def test_a_bad_athlete_id_is_refused(peer: Peer) -> None:
    await peer.client.subscribe("runback/hub/rejected")
    await peer.client.publish("runback/Alex!/in/run", _run(NOON - timedelta(hours=2)))
    told = json.loads((await peer.client.next_message(WAIT_S)).payload)
    assert told["reason"] == "unknown_athlete"


async def test_a_retained_pain_report_is_handled_once_and_emptied(peer: Peer) -> None:
    topic = "runback/alex/in/pain"
    await peer.client.subscribe("runback/alex/event")
    await peer.client.publish(topic, b'{"score": 0}', retain=True)
    assert json.loads((await peer.client.next_message(WAIT_S)).payload)["type"] == "pain_evaluated"
    await peer.ask("status", athlete="alex")  # its answer comes after everything the report published
    await peer.client.subscribe(topic)
    left = [m.payload async for m in peer.client.messages(quiet_s=0.5) if m.topic == topic and m.payload]
    assert left == []
    assert (await peer.parts.store.counts()).inputs == 1


async def test_symptoms_stay_in_the_store(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await peer.client.subscribe("runback/alex/+")
    await peer.client.subscribe("runback/hub/+")
    report = {"score": 2, "symptoms": dict.fromkeys(sorted(ALL_SYMPTOMS), True)}
    assert (await peer.send("alex", "pain", json.dumps(report).encode()))["state"] == "emergency"
    broken = {"score": 2, "symptoms": dict.fromkeys(sorted(ALL_SYMPTOMS), "perhaps")}
    assert not (await peer.send("alex", "pain", json.dumps(broken).encode()))["ok"]
    shown = caplog.text
    async for message in peer.client.messages(quiet_s=0.0):
        shown += message.payload.decode()
    assert [
        name for name in ALL_SYMPTOMS - {"fever", "weakness", "stiffness", "lump", "numbness"} if name in shown
    ] == []


async def test_old_inputs_are_decided_but_prompt_nobody(peer: Peer) -> None:
    """Promise 7: 36 h after its end a run is historical."""
    await peer.client.subscribe("runback/alex/+")
    assert (await peer.send("alex", "run", _run(NOON - timedelta(hours=40))))["ok"]
    seen = [(m.topic.rsplit("/", 1)[1], m.payload) async for m in peer.client.messages(quiet_s=0.0)]
    events = [json.loads(payload) for name, payload in seen if name == "event"]
    assert [event["type"] for event in events] == ["run_evaluated", "state_changed"]
    assert all(event["historical"] for event in events)
    assert "checkin" not in [name for name, _ in seen]


async def test_a_locked_store_holds_everything_back_and_goes_on(peer: Peer, tmp_path: Path) -> None:
    """Promise 9: nothing is acknowledged while the store can not be written; an alarm says so."""
    await peer.client.subscribe("runback/hub/health")
    with contextlib.closing(sqlite3.connect(tmp_path / "runback.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sending = asyncio.create_task(peer.send("alex", "run", _run(NOON - timedelta(hours=2))))
        while not (alarm := json.loads((await peer.client.next_message(WAIT_S)).payload)["alarm"]):
            pass
        assert not sending.done()
        other.execute("ROLLBACK")
    assert (await sending)["ok"], alarm
    while json.loads((await peer.client.next_message(WAIT_S)).payload)["alarm"]:
        pass


async def test_time_alone_publishes_the_end_of_a_spike(peer: Peer) -> None:
    for days in (16, 13, 10, 7, 4):
        await peer.send("alex", "run", _run(NOON - timedelta(days=days)))
    answer = await peer.send("alex", "run", _run(NOON - timedelta(hours=3), distance_m=9700))
    assert answer["state"] == "easy"
    await peer.client.subscribe("runback/alex/event")
    peer.clock.move(NOON + timedelta(days=3))
    while (event := json.loads((await peer.client.next_message(WAIT_S)).payload))["type"] != "state_changed":
        pass
    assert (event["from"], event["to"], event["cause"]) == ("easy", "clear", None)


async def test_a_forgetful_broker_gets_its_retained_topics_again(broker: Mosquitto, tmp_path: Path) -> None:
    async with hub_in_process(tmp_path, broker.port, NOON) as peer:
        await peer.send("alex", "run", _run(NOON - timedelta(hours=2)))
        broker.kill()
        for stored in broker.folder.glob("*.db"):
            stored.unlink()
        broker.start()
        async with MqttClient(BrokerSession(host="127.0.0.1", port=broker.port, client_id="later")) as later:
            await later.subscribe("runback/alex/rest")
            assert (await later.next_message(WAIT_S)).payload == b"OFF"


async def test_the_old_protocol_foreign_topics_and_another_prefix(broker: Mosquitto, tmp_path: Path) -> None:
    options = {
        "mqtt_version": "3.1.1",
        "topic_prefix": "home/backs",
        "athletes": {"alex": {}},
        "sources": [{"topic": "watch/+/fit", "format": "fit", "athlete": "alex"}],
    }
    made = MadeRun(started_at=NOON - timedelta(hours=2), duration_s=2700, distance_m=8000)
    async with hub_in_process(tmp_path, broker.port, NOON, options) as peer:
        await peer.client.subscribe("home/backs/alex/event")
        await peer.client.subscribe("home/backs/hub/rejected")
        await peer.client.publish("watch/kitchen/fit", write_fit(made))
        assert json.loads((await peer.client.next_message(WAIT_S)).payload)["type"] == "run_evaluated"
        await peer.client.publish("home/backs/alex/in/pain", b'{"score": 0}', retain=True)
        while (event := json.loads((await peer.client.next_message(WAIT_S)).payload))["type"] != "pain_evaluated":
            assert "reason" not in event, event
        await peer.client.publish("home/backs/ana/in/pain", b'{"score": 0}')
        while "reason" not in (event := json.loads((await peer.client.next_message(WAIT_S)).payload)):
            pass
        assert (event["reason"], event["topic"]) == ("unknown_athlete", "home/backs/ana/in/pain")


async def test_serve_stops_in_order(broker: Mosquitto, tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, RUNBACK_BROKER=f"mqtt://127.0.0.1:{broker.port}", RUNBACK_WEB="null")
    await hub.start()
    try:
        async with MqttClient(BrokerSession(host="127.0.0.1", port=broker.port, client_id="watcher")) as watcher:
            await watcher.subscribe("runback/hub/availability")
            assert (await watcher.next_message(WAIT_S)).payload == b"online"
            assert await hub.end(signal.SIGTERM) == 0
            assert (await watcher.next_message(WAIT_S)).payload == b"offline"
    finally:
        await hub.end(signal.SIGKILL)
    assert "Traceback" not in hub.log.read_text()


async def test_nothing_acknowledged_is_lost_to_kills(broker: Mosquitto, tmp_path: Path) -> None:
    """Promise 2: every input the broker took is decided, whenever the hub is killed."""
    hub = HubProcess(tmp_path, RUNBACK_BROKER=f"mqtt://127.0.0.1:{broker.port}", RUNBACK_WEB="null")
    base = datetime.now(UTC) - timedelta(days=30)
    wanted = {f"input-{number:04}" for number in range(600)}
    told: dict[str, int] = {}
    await hub.start()
    try:
        async with MqttClient(BrokerSession(host="127.0.0.1", port=broker.port, client_id="sender")) as client:
            await client.subscribe("runback/hub/availability")
            await _until_online(client)
            await client.subscribe("runback/+/event")
            for number, event_id in enumerate(sorted(wanted)):
                body = {"event_id": event_id, "date": f"{base:%Y-%m-%d}", "at": base.isoformat(), "soreness": 1}
                await client.publish(f"runback/a{number % 7}/in/wellness", json.dumps(body).encode())
                if number in {150, 300, 450}:
                    await hub.end(signal.SIGKILL)
                    await hub.start()
            while wanted - told.keys():
                message = await client.next_message(WAIT_S)
                if message.topic.endswith("/event"):
                    event = json.loads(message.payload)
                    if event["type"] == "wellness_evaluated":
                        told[event["event_id"]] = told.get(event["event_id"], 0) + 1
    except NoAnswer:
        missing = sorted(wanted - told.keys())
        pytest.fail(f"{len(missing)} inputs have no result, the first is {missing[0]}")
    finally:
        await hub.end(signal.SIGKILL)


def _delivery(peer: Peer, door: str, fields: object) -> Delivery:
    topic = peer.parts.topics.input("alex", door)
    return Delivery(topic=topic, door=door, athlete="alex", payload=json.dumps(fields).encode(), arrived_at=NOON)


async def _until_online(client: MqttClient) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await client.next_message(WAIT_S)).payload != b"online":
            pass


def _run(start: datetime, *, distance_m: int = 8000) -> bytes:
    return json.dumps({"started_at": start.isoformat(), "duration_s": 2700, "distance_m": distance_m}).encode()
