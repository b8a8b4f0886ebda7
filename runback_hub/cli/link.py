"""A command's connection to the running hub."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from ..compose import BROKER_FOLDER, topics_of
from ..config import Settings
from ..mqtt.broker_state import running_broker
from ..mqtt.client import MqttClient, command_client_id
from ..mqtt.errors import CannotConnect
from ..mqtt.settings import Settings as BrokerSession
from ..mqtt.settings import Version
from ..mqtt.topics import Topics
from .outcome import CommandFailed, Exit

ANSWER_S = 15.0


class Link:
    """Sends to the hub and returns what it answers."""

    def __init__(self, client: MqttClient, topics: Topics, version: Version) -> None:
        self.client = client
        self.topics = topics
        self._version = version

    async def input(self, athlete: str, door: str, payload: bytes) -> dict[str, JsonValue]:
        """Publish an input; the hub's answer. Raises `NoAnswer`."""
        topic = self.topics.input(athlete, door)
        if self._version is not Version.MQTT_5:
            return await self._input_311(athlete, topic, payload)
        answer = await self.client.request(topic, payload, timeout_s=ANSWER_S)
        return _fields(answer.payload)

    async def _input_311(self, athlete: str, topic: str, payload: bytes) -> dict[str, JsonValue]:
        """MQTT 3.1.1 knows no response topic: what the hub publishes next about this input is its answer.

        An input that it knows already is answered by nothing there, and ends as `NoAnswer`.
        """
        await self.client.subscribe(self.topics.event(athlete))
        await self.client.subscribe(self.topics.rejected)
        await self.client.publish(topic, payload)
        while True:
            fields = _fields((await self.client.next_message(ANSWER_S)).payload)
            if fields.get("topic") == topic:
                return {"ok": False, **fields}
            if "event_id" in fields and "cause" not in fields:
                return {"ok": True, **fields}

    async def ask(self, verb: str, **fields: JsonValue) -> dict[str, JsonValue]:
        """Send a command; the hub's answer. Raises `NoAnswer`."""
        payload = json.dumps(fields).encode()
        where = self.topics.response(verb)
        answer = await self.client.request(self.topics.request(verb), payload, answer_topic=where, timeout_s=ANSWER_S)
        return _fields(answer.payload)


@asynccontextmanager
async def linked(settings: Settings) -> AsyncIterator[Link]:
    """Connect as a client of its own. Raises `CannotConnect`."""
    session = replace(command_session(settings), client_id=command_client_id())
    async with MqttClient(session) as client:
        yield Link(client, topics_of(settings), session.version)


def command_session(settings: Settings) -> BrokerSession:
    """The terms with the broker that the hub of this configuration uses. Raises `CannotConnect`."""
    if settings.broker.url is not None:
        return settings.session()
    state = running_broker(settings.state_folder / BROKER_FOLDER)
    if state is None:
        message = f"no embedded broker runs in {settings.state_folder / BROKER_FOLDER}: start 'runback-hub serve' first"
        raise CannotConnect(message)
    port = state.port if settings.mqtt_version is Version.MQTT_5 else state.port_311
    return settings.session(("127.0.0.1", port))


def read_bytes(path: Path) -> bytes:
    """A file's bytes, or a usage error that names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandFailed(Exit.USAGE, f"{path}: {error.strerror}") from error


def _fields(payload: bytes) -> dict[str, JsonValue]:
    found = json.loads(payload)
    return found if isinstance(found, dict) else {}
