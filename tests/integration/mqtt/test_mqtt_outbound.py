"""The way out: rows reach the broker in order, whatever is committed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from runback_hub.hub.ports import OutboxRow
from runback_hub.mqtt.client import MqttClient
from runback_hub.mqtt.outbound import Outbound
from runback_hub.mqtt.session import MqttSession
from runback_hub.mqtt.settings import Settings
from tests.brokers import Mosquitto

WAIT_S = 10.0


def row(number: int) -> OutboxRow:
    return OutboxRow(row_id=number, topic="out/event", payload=str(number).encode(), retain=False)


async def test_rows_committed_while_the_backlog_is_read_are_sent_too(tmp_path: Path) -> None:
    stored = [row(1), row(2)]

    async def read_outbox(after: int, limit: int) -> Sequence[OutboxRow]:
        found = [one for one in stored if one.row_id > after][:limit]
        if len(stored) == 2:  # while this read is under way another batch is committed
            stored.append(row(3))
            outbound.push([row(3)])
        return found

    with Mosquitto(tmp_path / "broker") as broker:
        settings = Settings(host="127.0.0.1", port=broker.port, client_id="hub")
        async with (
            MqttClient(Settings(host="127.0.0.1", port=broker.port, client_id="peer")) as peer,
            MqttSession(settings, filters=()) as session,
        ):
            await peer.subscribe("out/event")
            outbound = Outbound(session, read_outbox)
            running = asyncio.create_task(outbound.run())
            try:
                seen = [(await peer.next_message(WAIT_S)).payload for _ in range(3)]
                await asyncio.wait_for(outbound.drained(), WAIT_S)
            finally:
                running.cancel()
            assert seen == [b"1", b"2", b"3"]
            assert outbound.take_sent() == ([1, 2, 3], [])
