"""One connection to a broker, from connecting to its end. Never reused: the next one starts from nothing.

paho keeps unanswered messages and sends them again on reconnect. We have an outbox that does that durably, so
each connection gets a client of its own and what was in flight with the old one is reported as not delivered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from .connecting import Terms, connect_blocking, in_words, refusal, set_no_delay
from .errors import CannotConnect, Disconnected, PublishRefused
from .settings import Settings, Version
from .wire import Wire, WireClient, properties

_LOG = logging.getLogger(__name__)

TICK_S = 1.0
NO_LIMIT = 65535
SHARED = "$share/"

Done = Callable[[Disconnected | PublishRefused | None], None]
"""Called once per publication: with nothing when the broker took it, else with what became of it."""

_ENDINGS = {
    "Session taken over": "another client connected with the same client id",
    "Server shutting down": "the broker is shutting down",
    "Keep alive timeout": "no sign of life within the keep-alive time",
    "Unspecified error": "the connection was cut",
    "Normal disconnection": "the connection was closed",
}


class Opened(NamedTuple):
    """What the broker agreed to."""

    session_present: bool
    receive_maximum: int


class Refused(NamedTuple):
    """A subscription that the broker will not give us, and why."""

    topic_filter: str
    reason: str


class Connection:
    """A paho client driven by the event loop. `closed` ends with the reason, in words."""

    def __init__(self, settings: Settings, terms: Terms, on_message: Callable[[MQTTMessage], None]) -> None:
        self._settings = settings
        self._terms = terms
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._connack: asyncio.Future[Opened] = self._loop.create_future()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self._waiting: dict[int, Done] = {}
        self._subscribing: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._client: WireClient | None = None
        self._wire: Wire | None = None
        self._descriptor = -1
        self._reading = False
        self.alive = False
        """Whether publishing makes sense; ends with the socket, a moment before `closed` is told."""
        self._ticker: asyncio.TimerHandle | None = None
        self._refills_at_tick = 0
        self._silent_ticks = 0
        self._largest_packet: int | None = None

    @property
    def in_flight(self) -> int:
        """Publications the broker has not answered yet."""
        return len(self._waiting)

    async def open(self) -> Opened:
        """Connect and wait for the broker's consent; raises `CannotConnect` with the reason in words."""
        settings = self._settings
        # The thread can not be stopped: if we give up first, its late success must not take over our session.
        connecting = self._loop.run_in_executor(None, connect_blocking, settings, self._terms)
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                client = await asyncio.shield(connecting)
                self._adopt(client)
                return await self._connack
        except BaseException as error:
            if self._client is None:
                connecting.add_done_callback(_drop_late)
            else:
                self.abort("given up")
            if isinstance(error, TimeoutError | OSError | ValueError):
                raise CannotConnect(in_words(error, settings)) from error
            raise

    async def subscribe(self, filters: Sequence[str]) -> list[Refused]:
        """Subscribe at QoS 1; returns what was refused. Raises `Disconnected`.

        MQTT 5: our own messages do not come back, the retain flag stays as the publisher set it, and retained
        messages come only with a subscription that is new to the session.
        """
        client = self._usable()
        code, packet_id = client.subscribe([(f, _options(f, self._settings.version)) for f in filters])
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or packet_id is None:
            raise Disconnected(str(code))
        answer: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._subscribing[packet_id] = answer
        try:
            codes = await answer  # however long: a kept session sends its backlog first, and `_tick` watches
        finally:
            self._subscribing.pop(packet_id, None)
        return [Refused(f, str(code)) for f, code in zip(filters, codes, strict=False) if code.is_failure]

    def publish(
        self,
        topic: str,
        payload: bytes,
        done: Done,
        *,
        retain: bool = False,
        correlation: bytes | None = None,
        response_topic: str | None = None,
    ) -> None:
        """Publish at QoS 1; `done` gets the outcome. Raises `Disconnected` or `PublishRefused` at once."""
        client = self._usable()
        extra = None
        if (correlation is not None or response_topic is not None) and self._settings.version is Version.MQTT_5:
            extra = properties(PacketTypes.PUBLISH, CorrelationData=correlation, ResponseTopic=response_topic)
        if self._largest_packet is not None and len(payload) + 4 * len(topic) + 300 > self._largest_packet:
            message = f"{len(payload)} bytes are more than the broker takes ({self._largest_packet} per packet)"
            raise PublishRefused(message)
        try:
            sent = client.publish(topic, payload, 1, retain, extra)
        except ValueError as error:
            raise PublishRefused(str(error)) from error
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            # NO_CONN: the end was noticed, but not told yet. QUEUE_SIZE: an answer to this packet id is 65535
            # publications overdue; only a new connection gets out of that.
            self.alive = False
            self._loop.call_soon(self.abort, "the broker left publications unanswered")
            raise Disconnected(str(sent.rc))
        self._waiting[sent.mid] = done

    def acknowledge(self, packet_id: int) -> None:
        """Tell the broker that a QoS 1 message is ours now."""
        if self._client is not None:
            self._client.ack(packet_id, 1)

    def pause_reading(self) -> None:
        """Let the broker wait: nothing is read, answers included, until `resume_reading`."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._descriptor)

    def resume_reading(self) -> None:
        """Read again."""
        if not self._reading and not self.closed.done() and self._descriptor >= 0:
            self._reading = True
            self._loop.add_reader(self._descriptor, self._readable)

    async def close(self, timeout_s: float) -> None:
        """Take leave with a DISCONNECT (no last will), or abort after `timeout_s`."""
        if self._client is None or self.closed.done():
            return
        self._client.disconnect()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self.closed)
        except TimeoutError:
            self.abort("the broker did not let go in time")

    def abort(self, reason: str) -> None:
        """Cut the connection; the broker will publish the last will. Not from within a callback of paho."""
        if self._client is not None:
            self._client.drop()
        self._finish(reason)

    def _usable(self) -> WireClient:
        if self._client is None or not self.alive:
            message = "there is no connection to the broker"
            raise Disconnected(message)
        return self._client

    def _adopt(self, client: WireClient) -> None:
        """Take over a client that a thread connected: from here on only the event loop touches it."""
        self._client = client
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._arrived
        client.on_publish = self._answered_publish
        client.on_subscribe = self._answered_subscribe
        client.on_socket_close = self._socket_closes
        client.on_socket_register_write = self._wants_write
        client.on_socket_unregister_write = self._wants_no_write
        self._wire = client.use_wire()
        self._descriptor = self._wire.fileno()
        self.alive = True
        set_no_delay(self._descriptor)
        self.resume_reading()
        if client.want_write():
            self._loop.add_writer(self._descriptor, self._writable)
        self._ticker = self._loop.call_later(TICK_S, self._tick)

    # Called by the event loop. ------------------------------------------------------------------------------

    def _readable(self) -> None:
        client, wire = self._client, self._wire
        if client is None or wire is None:
            return
        wire.allow_refill()
        try:
            while client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS and wire.has_more():
                pass
        except Exception:  # noqa: BLE001 - whatever a broken broker makes paho raise ends this connection, not the hub
            _LOG.exception("The broker sent something that can not be read")
            self.abort("the broker broke the protocol")

    def _writable(self) -> None:
        if self._client is not None:
            self._client.loop_write()

    def _tick(self) -> None:
        client = self._client
        if client is None or self.closed.done():
            return
        self._ticker = self._loop.call_later(TICK_S, self._tick)
        client.loop_misc()
        refills = self._wire.refills if self._wire is not None else 0
        answer_due = bool(self._waiting or self._subscribing) and self._reading
        if not answer_due or refills != self._refills_at_tick:
            self._refills_at_tick = refills
            self._silent_ticks = 0
            return
        self._silent_ticks += 1
        if self._silent_ticks * TICK_S >= self._settings.answer_timeout_s:
            self.abort("the broker stopped answering")

    # Called by paho: hand over, nothing else (paho holds locks meanwhile). ----------------------------------

    def _connected(
        self, _client: Client, _data: Any, flags: ConnectFlags, reason: ReasonCode, given: Properties | None
    ) -> None:
        if self._connack.done():
            return
        if (error := refusal(reason, given, self._settings)) is not None:
            self._connack.set_exception(error)
            return
        self._largest_packet = getattr(given, "MaximumPacketSize", None)
        self._connack.set_result(Opened(flags.session_present, getattr(given, "ReceiveMaximum", NO_LIMIT)))

    def _disconnected(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _given: Properties | None
    ) -> None:
        name = str(reason)
        self._loop.call_soon(self._finish, _ENDINGS.get(name, name.lower()))

    def _arrived(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._on_message(message)

    def _answered_publish(
        self, _client: Client, _data: Any, packet_id: int, reason: ReasonCode, _given: Properties
    ) -> None:
        done = self._waiting.pop(packet_id, None)
        if done is not None:
            _tell(done, PublishRefused(str(reason)) if reason.is_failure else None)

    def _answered_subscribe(
        self, _client: Client, _data: Any, packet_id: int, reasons: list[ReasonCode], _given: Properties | None
    ) -> None:
        answer = self._subscribing.get(packet_id)
        if answer is not None and not answer.done():
            answer.set_result(reasons)

    def _socket_closes(self, _client: Client, _data: Any, _socket: object) -> None:
        self.alive = self._reading = False
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        self._descriptor = -1

    def _wants_write(self, _client: Client, _data: Any, _socket: object) -> None:
        self._loop.add_writer(self._descriptor, self._writable)

    def _wants_no_write(self, _client: Client, _data: Any, _socket: object) -> None:
        self._loop.remove_writer(self._descriptor)

    def _finish(self, reason: str) -> None:
        """Tell everyone who waits that this connection is over. Only the first call counts."""
        if self.closed.done():
            return
        self.alive = False
        self.closed.set_result(reason)
        if self._ticker is not None:
            self._ticker.cancel()
        if not self._connack.done():
            text = f"the broker at {self._settings.address} ended the connection at once: {reason}"
            self._connack.set_exception(CannotConnect(text))
            self._connack.exception()  # nobody may be waiting any more
        for answer in self._subscribing.values():
            if not answer.done():
                answer.set_exception(Disconnected(reason))
        waiting, self._waiting = self._waiting, {}
        for done in waiting.values():
            _tell(done, Disconnected(reason))


def _tell(done: Done, outcome: Disconnected | PublishRefused | None) -> None:
    try:
        done(outcome)
    except Exception:  # noqa: BLE001 - a fault of one listener must not take all others with it
        _LOG.exception("The outcome of a publication could not be handled")


def _options(topic_filter: str, version: Version) -> Any:
    if version is Version.MQTT_311:
        return 1
    return SubscribeOptions(
        qos=1,
        noLocal=not topic_filter.startswith(SHARED),  # the standard forbids it for shared subscriptions
        retainAsPublished=True,
        retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB,
    )


def _drop_late(connecting: asyncio.Future[WireClient]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().drop()
