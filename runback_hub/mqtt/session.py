"""The hub's lasting session with a broker: comes back by itself, acknowledges only what the hub has stored.

async with MqttSession(settings, filters=topics.filters, availability=...) as session:
    while batch := await session.next_batch(500):
        await commit(batch)
        session.acknowledge(message.token for message in batch)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from paho.mqtt.client import MQTTMessage

from .backoff import Backoff
from .connecting import Terms
from .connection import Connection, Done, Refused
from .errors import CannotConnect, Disconnected, PublishRefused, WindowFull
from .inbox import Inbox
from .messages import Incoming, Token
from .settings import Availability, Settings

_LOG = logging.getLogger(__name__)

STOP_S = 5.0
STEADY_S = 30.0
"""A connection that held this long was a good one: the next loss starts with short delays again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The session stands. Without `session_present` the broker had forgotten us: publish what is retained again."""

    session_present: bool
    first: bool
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """Figures for `health`."""

    online: bool
    connections: int
    queued: int
    in_flight: int
    dropped_qos0: int


class MqttSession:
    """Connects, stays connected, and hands messages over in both directions. Of one event loop only."""

    def __init__(
        self,
        settings: Settings,
        *,
        filters: Sequence[str],
        availability: Availability | None = None,
        on_connected: Callable[[Connected], None] | None = None,
    ) -> None:
        self._settings = settings
        self._filters = tuple(filters)
        self._availability = availability
        self._on_connected = on_connected
        self._inbox = Inbox(settings.receive_maximum, pause=self._pause_reading, resume=self._resume_reading)
        self._connection: Connection | None = None
        self._number = 0
        self._limit = 0
        self._online = asyncio.Event()
        self._room = asyncio.Event()
        self._stopping = asyncio.Event()
        self._away: CannotConnect | None = None
        self._away_since = 0.0
        self._ever_connected = False
        self._keeper: asyncio.Task[None] | None = None
        self._runner: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._runner = asyncio.create_task(self.run(), name="mqtt-session")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._runner is not None:
            await self._runner

    async def run(self) -> None:
        """Keep connected until `stop`. Cancelling it cuts the connection, and the broker says offline for us."""
        self._keeper = asyncio.create_task(self._keep_connected(), name="mqtt-keep-connected")
        try:
            await asyncio.wait((self._keeper,))
        finally:
            self._inbox.close()
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        if not self._keeper.cancelled():
            self._keeper.result()

    # Input. -------------------------------------------------------------------------------------------------

    async def next_batch(self, max_items: int) -> list[Incoming]:
        """The next messages, at least one, in order of arrival; an empty list after `stop_input` or `stop`.

        One reader, which keeps reading: when messages pile up, nothing is read from the broker until some are
        taken, answers to publications included. So it must never wait for `wait_free` or `deliver`.
        """
        return await self._inbox.take(max_items)

    def acknowledge(self, tokens: Iterable[Token | None]) -> None:
        """Tell the broker that these messages are stored.

        Tokens of an earlier connection are passed over: the broker delivers those messages again, and on this
        connection their packet ids belong to others.
        """
        connection, number = self._connection, self._number
        if connection is None:
            return
        for token in tokens:
            if token is not None and token.connection == number:
                connection.acknowledge(token.packet_id)

    def stop_input(self) -> None:
        """Take no more messages; what is not acknowledged stays with the broker. Publishing goes on."""
        self._inbox.close()

    # Output. ------------------------------------------------------------------------------------------------

    @property
    def free(self) -> int:
        """How many messages may be published right now; 0 while there is no connection."""
        connection = self._connection
        if connection is None or not connection.alive or not self._online.is_set():
            return 0
        return max(0, self._limit - connection.in_flight)

    async def wait_free(self) -> int:
        """Wait until at least one message may be published; returns how many."""
        while (free := self.free) == 0:
            self._room.clear()
            await self._room.wait()
        return free

    def publish(
        self, topic: str, payload: bytes, done: Done, *, retain: bool = False, correlation: bytes | None = None
    ) -> None:
        """Send at QoS 1. `done` is called once: with `None` when the broker has it, else with the error.

        Raises at once, and never calls `done`: `Disconnected` (publish again when `wait_free` returns),
        `WindowFull` (the same), `PublishRefused` (never again).
        """
        connection = self._connection
        if connection is None or self._limit == 0:
            message = "there is no connection to the broker"
            raise Disconnected(message)
        if connection.in_flight >= self._limit:
            message = f"{self._limit} messages wait for the broker's answer"
            raise WindowFull(message)
        connection.publish(topic, payload, partial(self._published, done), retain=retain, correlation=correlation)

    async def deliver(
        self, topic: str, payload: bytes, *, retain: bool = False, correlation: bytes | None = None
    ) -> None:
        """Send one message and wait until the broker has it; raises as `publish` does, `done`'s errors included."""
        outcome: asyncio.Future[Disconnected | PublishRefused | None] = asyncio.get_running_loop().create_future()

        def done(error: Disconnected | PublishRefused | None) -> None:
            if not outcome.done():
                outcome.set_result(error)

        self.publish(topic, payload, done, retain=retain, correlation=correlation)
        if (error := await outcome) is not None:
            raise error

    # State. -------------------------------------------------------------------------------------------------

    @property
    def counts(self) -> SessionCounts:
        """Figures of this moment."""
        return SessionCounts(
            online=self._online.is_set() and self._connection is not None and self._connection.alive,
            connections=self._number,
            queued=len(self._inbox),
            in_flight=self._connection.in_flight if self._connection is not None else 0,
            dropped_qos0=self._inbox.dropped,
        )

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait until the session stands; raises `CannotConnect` with the last known reason."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._online.wait()
        except TimeoutError:
            raise self._away or CannotConnect(f"no answer from {self._settings.address} in {timeout_s:g} s") from None

    async def stop(self, timeout_s: float = STOP_S) -> None:
        """Take no more input, say offline, take leave. Returns within about `timeout_s` whatever the broker does."""
        self._inbox.close()
        self._stopping.set()
        connection, availability = self._connection, self._availability
        if connection is not None:
            deadline = time.monotonic() + timeout_s
            if availability is not None and self._limit > 0:  # online may be said before all is settled
                try:
                    async with asyncio.timeout(timeout_s / 2):
                        if self._online.is_set():
                            await self.wait_free()
                        await self.deliver(availability.topic, availability.offline, retain=True)
                except (TimeoutError, Disconnected, PublishRefused, WindowFull) as error:
                    _LOG.warning("The broker did not take our leave: %s", str(error) or "no answer in time")
            await connection.close(max(0.1, deadline - time.monotonic()))
        if self._keeper is not None:
            self._keeper.cancel()

    # Inside. ------------------------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        backoff = Backoff(self._settings.retry_first_s, self._settings.retry_cap_s)
        while not self._stopping.is_set():
            await self._inbox.wait_open()  # a new connection would bring everything once more
            began = time.monotonic()
            try:
                reason = await self._connect_and_stay()
            except CannotConnect as error:
                lost = error
            else:
                lost = CannotConnect(f"lost the broker at {self._settings.address}: {reason}")
                if time.monotonic() - began >= STEADY_S:
                    backoff.reset()
            if self._stopping.is_set():
                return
            delay_s = backoff.next_s(slow=lost.refused)
            self._note_away(lost, delay_s)
            await asyncio.sleep(delay_s)

    async def _connect_and_stay(self) -> str:
        """One connection from start to end; returns why it ended. Raises `CannotConnect`."""
        number = self._number + 1
        terms = Terms(clean=False, manual_ack=True, will=self._availability)
        connection = Connection(self._settings, terms, partial(self._arrived, number))
        # Set before CONNACK is awaited: a kept session delivers at once, and may be acknowledged at once.
        self._number, self._connection = number, connection
        try:
            opened = await connection.open()
            self._limit = min(self._settings.window, opened.receive_maximum)
            try:
                await self._settle(connection, session_present=opened.session_present)
            except Disconnected as error:
                if connection.alive:
                    connection.abort(str(error))
            return await asyncio.shield(connection.closed)
        finally:
            self._connection = None
            self._online.clear()
            self._limit = 0
            connection.abort("the session ended")

    async def _settle(self, connection: Connection, *, session_present: bool) -> None:
        """Subscribe, say online, and tell everyone."""
        refused = await connection.subscribe(self._filters) if self._filters else []
        for topic_filter, reason in refused:
            _LOG.error("The broker refuses the subscription to %s: %s", topic_filter, reason)
        if self._availability is not None:
            try:
                await self.deliver(self._availability.topic, self._availability.online, retain=True)
            except PublishRefused as error:
                _LOG.error("The broker refuses %s: %s", self._availability.topic, error)
        self._note_back(session_present=session_present)
        first = not self._ever_connected
        self._ever_connected = True
        self._online.set()
        self._room.set()
        if self._on_connected is not None:
            self._on_connected(Connected(session_present=session_present, first=first, refused=tuple(refused)))

    def _arrived(self, number: int, message: MQTTMessage) -> None:
        """Called by paho for each message: hand over, nothing else."""
        try:
            incoming = Incoming.of(message, Token(number, message.mid) if message.qos else None)
        except UnicodeDecodeError:
            _LOG.warning("A message whose topic is not UTF-8 was dropped")
            if message.qos and self._connection is not None:
                self._connection.acknowledge(message.mid)
            return
        self._inbox.put(incoming)

    def _published(self, done: Done, error: Disconnected | PublishRefused | None) -> None:
        if not self._room.is_set():
            self._room.set()
        done(error)

    def _pause_reading(self) -> None:
        if self._connection is not None:
            self._connection.pause_reading()

    def _resume_reading(self) -> None:
        if self._connection is not None:
            self._connection.resume_reading()

    def _note_away(self, lost: CannotConnect, delay_s: float) -> None:
        """Say once that the broker is away, and once more if it turns out to refuse us."""
        if self._away is None:
            self._away_since = time.monotonic()
        if self._away is None or (lost.refused and not self._away.refused):
            _LOG.warning(
                "%s; trying again, with delays up to %g s",
                lost.reason[:1].upper() + lost.reason[1:],
                self._settings.retry_cap_s,
                extra={"event": "broker_away", "broker": self._settings.address, "reason": lost.reason},
            )
        else:
            _LOG.debug("%s; next try in %.1f s", lost.reason, delay_s)
        self._away = lost

    def _note_back(self, *, session_present: bool) -> None:
        facts = {"event": "broker_connected", "broker": self._settings.address, "session_present": session_present}
        if self._away is None:
            _LOG.info("Connected to the broker at %s", self._settings.address, extra=facts)
        else:
            away_s = time.monotonic() - self._away_since
            _LOG.info("The broker at %s is back after %.1f s", self._settings.address, away_s, extra=facts)
        self._away = None
