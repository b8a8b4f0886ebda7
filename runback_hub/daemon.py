"""The running hub: messages in, one commit, acknowledgements, messages out, timers and health."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from pydantic import JsonValue

from . import __version__
from .formats.base import Rejected, RejectReason
from .hub.announce import moment_text
from .hub.messages import Delivery, Request
from .hub.ports import Clock, OutboxRow, Store, StoreError
from .hub.service import Hub
from .mqtt.errors import Disconnected, PublishRefused, WindowFull
from .mqtt.inbound import interpret
from .mqtt.messages import Incoming
from .mqtt.outbound import Outbound
from .mqtt.session import Connected, MqttSession
from .mqtt.settings import Availability, Settings, Version
from .mqtt.topics import InputTopic, Topics

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

BATCH = 500
HEALTH_EVERY_S = 60.0
STRIKE_AFTER_S = 0.2
STORE_RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
DRAIN_S = 3.0


class Daemon:
    """Joins a hub, its store and a broker. `run` returns after `stop`, and raises `StoreError` if the store is lost."""

    def __init__(self, *, hub: Hub, store: Store, clock: Clock, topics: Topics, broker: Settings) -> None:
        self._hub = hub
        self._store = store
        self._clock = clock
        self._topics = topics
        self._session = MqttSession(
            broker,
            filters=topics.filters,
            availability=Availability(topic=topics.availability),
            on_connected=self._on_connected,
        )
        self._outbound = Outbound(self._session, self._read_outbox)
        self._stopping = asyncio.Event()
        self._timer_moved = asyncio.Event()
        self._forgotten = asyncio.Event()
        self._hears_itself = broker.version is not Version.MQTT_5
        self._echoes: set[str] = set()
        self._began = time.monotonic()
        self._store_problem: str | None = None
        self._write_failed = False
        self.ready = asyncio.Event()

    def stop(self) -> None:
        """Ask for an orderly end: input first, then the batch, the outbox, `offline`, the store."""
        self._stopping.set()
        self._session.stop_input()

    async def run(self) -> None:
        """Serve until `stop`."""
        await self._hub.start()
        async with self._session:
            tasks = [
                asyncio.create_task(self._take_in(), name="take-in"),
                asyncio.create_task(self._outbound.run(), name="outbound"),
                asyncio.create_task(self._keep_time(), name="timers"),
                asyncio.create_task(self._strike_out(), name="strike-out"),
                asyncio.create_task(self._tell_health(), name="health"),
                asyncio.create_task(self._restore_retained(), name="restore-retained"),
            ]
            stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
            try:
                await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
                self.stop()
                await self._finish(tasks[0])
            finally:
                for task in (*tasks, stopping):
                    task.cancel()
                results = await asyncio.gather(*tasks, stopping, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    # -- in -------------------------------------------------------------------------------------------------

    async def _take_in(self) -> None:
        while batch := await self._session.next_batch(BATCH):
            now = self._clock.now()
            wanted = [message for message in batch if not self._is_echo(message)]
            found = [interpret(message, self._topics, now) for message in wanted]
            deliveries = [one for one in found if isinstance(one, Delivery)]
            if deliveries:
                await self._accept(deliveries)
            for request in found:
                if isinstance(request, Request):
                    await self._answer(request)
            self._session.acknowledge(message.token for message in batch)

    async def _answer(self, request: Request) -> None:
        try:
            rows = await self._with_store(partial(self._hub.answer, request), writes=True)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, one command must not stop the hub
            # A command that we can not handle is acknowledged all the same: delivered again it would fail again.
            _LOG.exception("A command could not be answered", extra={"event": "internal_error"})
            return
        self._push(rows)

    async def _accept(self, deliveries: Sequence[Delivery]) -> None:
        sent, emptied = self._outbound.take_sent()
        try:
            rows = await self._with_store(
                lambda: self._hub.accept(deliveries, sent=sent, cleared_retained=emptied), writes=True
            )
        except StoreError:
            self._outbound.give_back(sent, emptied)
            raise
        except Exception:  # noqa: BLE001 - whatever it is, one message must not stop the hub
            self._outbound.give_back(sent, emptied)
            await self._accept_one_by_one(deliveries)
            return
        self._push(rows)

    async def _accept_one_by_one(self, deliveries: Sequence[Delivery]) -> None:
        """A batch met an error of ours: find the message, refuse it, and go on with the others."""
        for delivery in deliveries:
            try:
                rows = await self._with_store(partial(self._hub.accept, (delivery,)), writes=True)
            except StoreError:
                raise
            except Exception:  # noqa: BLE001 - the same, now that the message is known
                _LOG.exception("An input could not be handled", extra={"event": "internal_error"})
                refusal = Rejected(
                    RejectReason.INTERNAL, "the hub could not handle this message; it is a defect of ours"
                )
                rows = await self._with_store(partial(self._hub.refuse, delivery, refusal), writes=True)
            self._push(rows)

    def _is_echo(self, message: Incoming) -> bool:
        """Our own emptying of a retained input comes back to us under MQTT 3.1.1."""
        if message.payload or message.topic not in self._echoes:
            return False
        self._echoes.discard(message.topic)
        return True

    async def _with_store(self, work: Callable[[], Awaitable[T]], *, writes: bool = False) -> T:
        """Do `work`, again and again while the store can not: nothing is acknowledged meanwhile.

        An alarm that a write has raised ends with a write: reading works on a full disk, too.
        """
        for attempt in range(1_000_000_000):
            try:
                result = await work()
            except StoreError as error:
                if not error.transient:
                    raise
                if self._store_problem is None:
                    _LOG.error("The store does not answer: %s", error, extra={"event": "store_failing"})
                self._store_problem = str(error)
                self._write_failed = self._write_failed or writes
                self._publish_health()
                await asyncio.sleep(STORE_RETRY_S[min(attempt, len(STORE_RETRY_S) - 1)])
            else:
                if self._store_problem is not None and (writes or not self._write_failed):
                    self._write_failed = False
                    _LOG.warning("The store answers again", extra={"event": "store_back"})
                    self._store_problem = None
                    self._publish_health()
                return result
        message = "the store never answered"
        raise StoreError(message)

    # -- out ------------------------------------------------------------------------------------------------

    def _push(self, rows: Sequence[OutboxRow]) -> None:
        if self._hears_itself:
            emptied = (row.topic for row in rows if row.retain and not row.payload)
            self._echoes.update(topic for topic in emptied if isinstance(self._topics.parse(topic), InputTopic))
        self._outbound.push(rows)
        self._timer_moved.set()

    async def _read_outbox(self, after: int, limit: int) -> Sequence[OutboxRow]:
        return await self._with_store(lambda: self._store.read_outbox(after=after, limit=limit))

    async def _strike_out(self) -> None:
        """Strike out answered rows while no input comes whose commit could do it."""
        while True:
            await asyncio.sleep(STRIKE_AFTER_S)
            if self._outbound.has_sent:
                await self._strike_now()

    async def _strike_now(self) -> None:
        sent, emptied = self._outbound.take_sent()
        await self._with_store(lambda: self._hub.mark_sent(sent, emptied), writes=True)

    async def _finish(self, taking_in: asyncio.Task[None]) -> None:
        """Let the batch in hand be stored and answered, and what it said be published."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.wait((taking_in,))
                if self._session.counts.online:
                    await self._outbound.drained()
        # Once only: what a failing store can not strike out now is published once more after the next start.
        with contextlib.suppress(StoreError):
            await self._hub.mark_sent(*self._outbound.take_sent())

    # -- connection -----------------------------------------------------------------------------------------

    def _on_connected(self, connected: Connected) -> None:
        if not connected.session_present and not connected.first:
            _LOG.warning(
                "The broker has forgotten our session: what is retained is published again",
                extra={"event": "session_lost"},
            )
        if not connected.session_present:
            self._forgotten.set()
        self.ready.set()
        self._publish_health()

    async def _restore_retained(self) -> None:
        while True:
            await self._forgotten.wait()
            self._forgotten.clear()
            self._push(await self._with_store(self._hub.republish))

    # -- time -----------------------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        while True:
            self._timer_moved.clear()
            due = await self._with_store(self._hub.next_review_at)
            if due is not None and due <= self._clock.now():
                rows = await self._with_store(self._hub.review)
                self._outbound.push(rows)
                continue
            await self._until_due(due)

    async def _until_due(self, due: datetime | None) -> None:
        waits: list[asyncio.Task[object]] = [asyncio.create_task(_to_object(self._timer_moved.wait()))]
        if due is not None:
            waits.append(asyncio.create_task(_to_object(self._clock.sleep_until(due))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # -- health ---------------------------------------------------------------------------------------------

    async def _tell_health(self) -> None:
        await self.ready.wait()
        while True:
            self._publish_health(await self._store_figures())
            await asyncio.sleep(HEALTH_EVERY_S)

    async def _store_figures(self) -> dict[str, JsonValue]:
        try:
            counts = await self._store.counts()
        except StoreError:
            return {}
        return {
            "inputs": counts.inputs,
            "rejected": counts.rejected,
            "outbox": counts.outbox,
            "athletes": counts.athletes,
            "size_bytes": counts.size_bytes,
        }

    def _publish_health(self, store: dict[str, JsonValue] | None = None) -> None:
        """Publish the health document; best effort, the next one comes soon."""
        payload = json.dumps(self._health(store or {}), separators=(",", ":")).encode()
        with contextlib.suppress(Disconnected, WindowFull, PublishRefused):
            self._session.publish(self._topics.health, payload, _ignore, retain=True)

    def _health(self, store: dict[str, JsonValue]) -> dict[str, JsonValue]:
        counts, now = self._session.counts, self._clock.now()
        counters: dict[str, JsonValue] = {
            name: self._hub.counters[name] for name in ("inputs", "duplicates", "rejected")
        }
        return {
            "version": __version__,
            "at": moment_text(now),
            "uptime_s": int(time.monotonic() - self._began),
            "alarm": self._store_problem,
            "counters": counters,
            "queues": {
                "in": counts.queued,
                "out": self._outbound.depth,
                "in_flight": counts.in_flight,
                "dropped_qos0": counts.dropped_qos0,
            },
            "broker_connections": counts.connections,
            "store": store,
            "sources": {
                name: {
                    "last_input_at": moment_text(seen.at),
                    "age_s": max(0, int((now - seen.at).total_seconds())),
                    "inputs": seen.inputs,
                }
                for name, seen in sorted(self._hub.sources.items())
            },
        }


async def _to_object(work: Awaitable[object]) -> object:
    """One type for waits of different results."""
    return await work


def _ignore(error: Disconnected | PublishRefused | None) -> None:
    """Nobody waits for a health document."""
    del error
