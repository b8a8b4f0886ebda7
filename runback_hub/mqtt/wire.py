"""paho's client with few system calls and few objects per message.

paho reads each packet with three calls and writes it with one, and builds two large objects for every PUBACK.
At thousands of messages per second that is most of the cost. It also loses sight of a socket whose handshake
fails. This module changes just that, by overriding a few methods of paho's own; a test holds that they exist.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Literal

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

READ_BYTES = 64 * 1024
WRITE_BYTES = 64 * 1024
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def properties(packet_type: int, **values: object) -> Properties:
    """MQTT 5 properties by their names in the standard, those that are `None` left out."""
    made = Properties(packet_type)  # type: ignore[no-untyped-call] # paho types its client, not this class
    for name, value in values.items():
        if value is not None:
            setattr(made, name, value)
    return made


_NOTHING = properties(PacketTypes.PUBACK)
_DELIVERED = ReasonCode(PacketTypes.PUBACK, "Success")
_NO_READERS = ReasonCode(PacketTypes.PUBACK, "No matching subscribers")
_USUAL_PUBACKS = {
    b"": _DELIVERED,
    b"\x00": _DELIVERED,
    b"\x10": _NO_READERS,
    b"\x00\x00": _DELIVERED,
    b"\x10\x00": _NO_READERS,
}
"""Reason by the bytes behind the packet id; any other PUBACK goes through paho's own parser."""


class Wire:
    """A non-blocking socket that is read and written in large pieces.

    One refill per `allow_refill`, so that one callback of the event loop can not read for ever.
    """

    def __init__(self, inner: SocketLike) -> None:
        self._inner = inner
        self._incoming = b""
        self._position = 0
        self._outgoing = bytearray()
        self._may_refill = False
        self.refills = 0
        """How often bytes came: a sign of life."""

    @property
    def unsent(self) -> bool:
        """Whether bytes wait for the socket."""
        return bool(self._outgoing)

    def allow_refill(self) -> None:
        """Let the next `recv` ask the system once."""
        self._may_refill = True

    def has_more(self) -> bool:
        """Whether bytes are at hand that the event loop knows nothing of; TLS keeps some for itself."""
        if self._position < len(self._incoming):
            return True
        pending = getattr(self._inner, "pending", None)
        if pending is None or pending() == 0:
            return False
        self._may_refill = True
        return True

    def recv(self, bufsize: int) -> bytes:
        """Up to `bufsize` bytes, `b""` at the end of the stream; raises what a non-blocking socket raises."""
        if self._position == len(self._incoming):
            if not self._may_refill:
                raise BlockingIOError
            self._may_refill = False
            self._incoming, self._position = self._inner.recv(READ_BYTES), 0
            self.refills += 1
        piece = self._incoming[self._position : self._position + bufsize]
        self._position += len(piece)
        return piece

    def send(self, data: bytes | bytearray) -> int:
        """Take all of `data`; `flush` sends it."""
        self._outgoing += data
        return len(data)

    def flush(self) -> None:
        """Send what the socket takes now; raises `OSError` when the connection is gone."""
        while self._outgoing:
            piece = bytes(memoryview(self._outgoing)[:WRITE_BYTES])
            try:
                sent = self._inner.send(piece)
            except WOULD_BLOCK:
                return
            if sent == 0:
                return
            del self._outgoing[:sent]

    def close(self) -> None:
        """Send what can be sent without waiting (a DISCONNECT, mostly), and close."""
        try:
            self.flush()
        except OSError:
            self._outgoing.clear()
        self._inner.close()

    def fileno(self) -> int:
        """The descriptor, for the event loop."""
        return self._inner.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the signature of every socket
        """As of a socket."""
        self._inner.setblocking(flag)


class WireClient(Client):
    """One connection's paho client. Connect, then `use_wire`; from then on it belongs to the event loop."""

    wire: Wire | None = None
    _opening: socket.socket | None = None

    def abandon(self) -> None:
        """Close what a failed attempt to connect left open; paho forgets it after a failed handshake."""
        if self._opening is not None:
            self._opening.close()

    def use_wire(self) -> Wire:
        """Put the buffers between paho and its open socket."""
        if self._sock is None:
            message = "not connected"
            raise ConnectionError(message)
        self._sock = self.wire = Wire(self._sock)
        return self.wire

    def drop(self) -> None:
        """Close the socket without a DISCONNECT, so that the last will counts. Never from within a callback."""
        self._sock_close()

    def want_write(self) -> bool:
        """Whether packets or buffered bytes wait for the socket."""
        return super().want_write() or (self.wire is not None and self.wire.unsent)

    def _create_socket_connection(self) -> socket.socket:
        self._opening = super()._create_socket_connection()
        return self._opening

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        if self._ssl_context is None:
            message = "TLS without a context"
            raise ValueError(message)
        wrapped = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
        self._opening = wrapped
        wrapped.settimeout(self._connect_timeout)
        wrapped.do_handshake()
        return wrapped

    def _packet_write(self) -> MQTTErrorCode:
        code = super()._packet_write()
        if self.wire is None or self._sock is None or code > MQTTErrorCode.MQTT_ERR_SUCCESS:
            return code
        try:
            self.wire.flush()
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        return code

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        reason = _USUAL_PUBACKS.get(bytes(packet[2:]))
        if cmd != "PUBACK" or reason is None or len(packet) < 2:  # noqa: PLR2004 - a packet id has two bytes
            return super()._handle_pubackcomp(cmd)
        mid = packet[0] << 8 | packet[1]
        with self._out_message_mutex:
            if mid in self._out_messages:
                return self._do_on_publish(mid, reason, _NOTHING)
        return MQTTErrorCode.MQTT_ERR_SUCCESS
