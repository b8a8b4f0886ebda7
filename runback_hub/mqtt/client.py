"""A short connection for commands: send something, hear the answer, leave nothing behind.

async with MqttClient(settings) as client:
    answer = await client.request(topics.request("status"), body, answer_topic=topics.response("status"))
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, TypeVar

from paho.mqtt.client import MQTTMessage

from .connecting import Terms
from .connection import Connection
from .errors import Disconnected, NoAnswer, PublishRefused
from .messages import Incoming
from .settings import Settings

_T = TypeVar("_T")

LEAVE_S = 2.0
ANSWER_S = 10.0


def command_client_id() -> str:
    """An id of one's own, so that no command throws the hub or another command off the broker."""
    return f"runback-cli-{secrets.token_hex(6)}"


class MqttClient:
    """Connects once: entering raises `CannotConnect`; a connection that is lost later raises `Disconnected`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._arrived: asyncio.Queue[Incoming] = asyncio.Queue()
        self._answers: dict[bytes, asyncio.Future[Incoming]] = {}
        self._subscribed: set[str] = set()
        self._connection: Connection | None = None

    async def __aenter__(self) -> Self:
        connection = Connection(self._settings, Terms(clean=True, manual_ack=False), self._on_message)
        await connection.open()
        self._connection = connection
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close(LEAVE_S)
            self._connection = None

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send at QoS 1; returns when the broker has it. Raises `PublishRefused`, `NoAnswer` or `Disconnected`."""
        await self._publish(topic, payload, retain=retain)

    async def request(
        self, topic: str, payload: bytes, *, answer_topic: str | None = None, timeout_s: float = ANSWER_S
    ) -> Incoming:
        """Send and wait for the one answer that belongs to it; raises `NoAnswer` after `timeout_s`.

        The answer is told from others by its correlation data. `answer_topic` defaults to a topic of this
        client's own. MQTT 3.1.1 knows neither: there `answer_topic` must be the one the hub answers on
        anyway, and the first message on it counts.
        """
        correlation = secrets.token_bytes(12)
        where = answer_topic or f"{topic}/answer/{self._settings.client_id}"
        await self.subscribe(where)
        key = correlation if self._speaks_v5 else where.encode()
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        try:
            await self._publish(topic, payload, correlation=correlation, response_topic=where)
            return await self._or_lost(answer, timeout_s, "nobody answered")
        finally:
            del self._answers[key]

    async def subscribe(self, topic_filter: str) -> None:
        """Hear `topic_filter` from now on, retained messages first; raises `PublishRefused` if not allowed."""
        if topic_filter in self._subscribed:
            return
        for refused in await self._usable().subscribe((topic_filter,)):
            message = f"the broker refuses the subscription to {refused.topic_filter}: {refused.reason}"
            raise PublishRefused(message)
        self._subscribed.add(topic_filter)

    async def next_message(self, timeout_s: float) -> Incoming:
        """The next message of the subscriptions; raises `NoAnswer` after `timeout_s`, `Disconnected` when lost."""
        if not self._arrived.empty():
            return self._arrived.get_nowait()
        getting = asyncio.ensure_future(self._arrived.get())
        try:
            return await self._or_lost(getting, timeout_s, "no message came")
        finally:
            getting.cancel()

    async def messages(self, *, quiet_s: float) -> AsyncIterator[Incoming]:
        """Messages until none has come for `quiet_s`."""
        while True:
            try:
                yield await self.next_message(quiet_s)
            except NoAnswer:
                return

    @property
    def _speaks_v5(self) -> bool:
        return self._settings.version.value >= 5  # noqa: PLR2004 - the protocol's number is its name

    def _usable(self) -> Connection:
        if self._connection is None:
            message = "not connected"
            raise Disconnected(message)
        return self._connection

    async def _publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        correlation: bytes | None = None,
        response_topic: str | None = None,
    ) -> None:
        outcome: asyncio.Future[Disconnected | PublishRefused | None] = asyncio.get_running_loop().create_future()

        def done(error: Disconnected | PublishRefused | None) -> None:
            if not outcome.done():
                outcome.set_result(error)

        self._usable().publish(
            topic, payload, done, retain=retain, correlation=correlation, response_topic=response_topic
        )
        error = await self._or_lost(outcome, ANSWER_S, "the broker did not answer")
        if error is not None:
            raise error

    async def _or_lost(self, wanted: asyncio.Future[_T], timeout_s: float, complaint: str) -> _T:
        """The result of `wanted`, unless the time or the connection ends first."""
        closed = self._usable().closed
        await asyncio.wait((wanted, closed), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        if closed.done():
            raise Disconnected(closed.result())
        message = f"{complaint} within {timeout_s:g} s"
        raise NoAnswer(message)

    def _on_message(self, message: MQTTMessage) -> None:
        incoming = Incoming.of(message)
        correlation = incoming.correlation
        answer = self._answers.get(correlation if correlation is not None else incoming.topic.encode())
        if answer is not None and not answer.done():
            answer.set_result(incoming)
        else:
            self._arrived.put_nowait(incoming)
