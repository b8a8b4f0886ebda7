from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runback_hub.mqtt.client import MqttClient
from runback_hub.mqtt.errors import CannotConnect, Disconnected, NoAnswer, PublishRefused
from runback_hub.mqtt.settings import Settings, Version
from tests.brokers import Mosquitto, free_port
from tests.mqtt_peers import Hub, hub_settings, other_client


async def answer_all(hub: Hub) -> None:
    """Answer as the hub does: to the response topic with its correlation, else to the usual topic."""
    while batch := await hub.session.next_batch(10):
        for message in batch:
            where = message.response_topic or "hub/response/status"
            await hub.session.deliver(where, b"answer to " + message.payload, correlation=message.correlation)
            hub.session.acknowledge([message.token])


async def test_each_request_gets_its_own_answer(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "hub/request/+") as hub:
        await hub.connected()
        answering = asyncio.create_task(answer_all(hub))
        async with other_client(broker.port) as one, other_client(broker.port) as two:
            answers = await asyncio.gather(
                one.request("hub/request/status", b"1"),
                two.request("hub/request/status", b"2"),
                one.request("hub/request/status", b"3"),
                two.request("hub/request/status", b"4", answer_topic="hub/response/status"),
            )
            assert [answer.payload for answer in answers] == [b"answer to %d" % number for number in (1, 2, 3, 4)]
        await hub.session.stop()
        await answering


async def test_a_request_over_mqtt_3_1_1_hears_the_usual_topic(broker: Mosquitto) -> None:
    async with Hub(hub_settings(broker.port), "hub/request/+") as hub:
        await hub.connected()
        answering = asyncio.create_task(answer_all(hub))
        async with other_client(broker.port, version=Version.MQTT_311) as old:
            answer = await old.request("hub/request/status", b"old", answer_topic="hub/response/status")
            assert answer.payload == b"answer to old"
        await hub.session.stop()
        await answering


async def test_a_request_that_nobody_answers_says_so(broker: Mosquitto) -> None:
    async with other_client(broker.port) as client:
        with pytest.raises(NoAnswer, match=r"nobody answered within 0\.1 s"):
            await client.request("hub/request/status", b"", timeout_s=0.1)


async def test_a_connection_lost_while_waiting_says_so(broker: Mosquitto) -> None:
    async with other_client(broker.port) as client:
        asking = asyncio.create_task(client.request("hub/request/status", b"", timeout_s=30))
        await client.publish("flushed", b"")
        broker.kill()
        with pytest.raises(Disconnected):
            await asking
        with pytest.raises(Disconnected):
            await client.publish("hub", b"")


async def test_subscribing_collects_what_is_retained(broker: Mosquitto) -> None:
    async with other_client(broker.port) as one, other_client(broker.port) as two:
        for athlete in (b"alex", b"kim"):
            await one.publish(f"runback/{athlete.decode()}/status", athlete, retain=True)
        await two.subscribe("runback/+/status")
        await two.subscribe("runback/+/status")
        collected = {message.payload async for message in two.messages(quiet_s=0.2)}
        assert collected == {b"alex", b"kim"}
        with pytest.raises(NoAnswer, match="no message came"):
            await two.next_message(0.05)


async def test_a_client_leaves_nothing_behind(broker: Mosquitto) -> None:
    settings = Settings(host="127.0.0.1", port=broker.port, client_id="one-shot")
    async with MqttClient(settings) as client:
        await client.subscribe("in/#")
    async with other_client(broker.port) as friend:
        await friend.publish("in/run", b"for nobody")
    async with MqttClient(settings) as client:
        assert [message async for message in client.messages(quiet_s=0.1)] == []


async def test_where_nothing_listens_is_said_in_words() -> None:
    port = free_port()
    with pytest.raises(CannotConnect, match=f"mqtt://127.0.0.1:{port}: nothing listens there"):
        async with other_client(port):
            pass


async def test_a_name_that_does_not_exist_is_said_in_words() -> None:
    with pytest.raises(CannotConnect, match=r"broker\.invalid:1883: its name can not be resolved"):
        async with MqttClient(Settings(host="broker.invalid", client_id="x", connect_timeout_s=5)):
            pass


async def test_a_broker_that_never_answers_is_given_up(broker: Mosquitto) -> None:
    broker.freeze()
    with pytest.raises(CannotConnect, match=r"no answer within 0\.2 s"):
        async with other_client(broker.port, connect_timeout_s=0.2):
            pass


async def test_what_is_not_allowed_is_said(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite allowed/#\n", encoding="utf-8")
    with Mosquitto(tmp_path / "broker", lines=[f"acl_file {rules}"]) as broker:
        async with other_client(broker.port) as client:
            with pytest.raises(PublishRefused, match="Not authorized"):
                await client.publish("other", b"")
            await client.publish("allowed/x", b"")
