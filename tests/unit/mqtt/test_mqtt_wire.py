from __future__ import annotations

import inspect
import socket
import ssl
from collections.abc import Iterator

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from runback_hub.mqtt.wire import READ_BYTES, Wire, WireClient


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield Wire(ours), theirs


def test_paho_still_has_what_we_override() -> None:
    """A paho that changed these must be looked at before it is used: see wire.py."""
    expected = {
        "_packet_write": ["self"],
        "_handle_pubackcomp": ["self", "cmd"],
        "_do_on_publish": ["self", "mid", "reason_code", "properties"],
        "_create_socket_connection": ["self"],
        "_ssl_wrap_socket": ["self", "tcp_sock"],
        "_sock_close": ["self"],
        "want_write": ["self"],
    }
    assert {name: list(inspect.signature(getattr(Client, name)).parameters) for name in expected} == expected
    client = WireClient(CallbackAPIVersion.VERSION2)
    for attribute in ("_sock", "_in_packet", "_out_messages", "_out_message_mutex", "_ssl_context", "_host"):
        assert hasattr(client, attribute)
    with pytest.raises(ConnectionError):
        client.use_wire()


def test_one_refill_serves_many_reads(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    peer.sendall(b"abcdef")
    with pytest.raises(BlockingIOError):
        wire.recv(1)
    wire.allow_refill()
    assert (wire.recv(1), wire.recv(1)) == (b"a", b"b")
    peer.sendall(b"ghi")
    assert wire.has_more()
    assert wire.recv(100) == b"cdef"
    assert not wire.has_more()
    with pytest.raises(BlockingIOError):
        wire.recv(1)
    wire.allow_refill()
    assert wire.recv(100) == b"ghi"


def test_the_end_of_the_stream_is_seen(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    peer.close()
    wire.allow_refill()
    assert wire.recv(1) == b""


def test_sending_gathers_and_flushing_sends(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    peer.settimeout(0)
    assert (wire.send(b"ab"), wire.send(bytearray(b"cd"))) == (2, 2)
    with pytest.raises(BlockingIOError):
        peer.recv(10)
    wire.flush()
    assert not wire.unsent
    assert peer.recv(10) == b"abcd"


def test_what_the_socket_does_not_take_waits_and_keeps_its_order(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    data = bytes(range(256)) * 16384
    wire.send(data)
    wire.flush()
    received = bytearray(peer.recv(1 << 20))
    assert len(received) < len(data)
    while wire.unsent:
        wire.flush()
        received += peer.recv(1 << 20)
    assert bytes(received) == data


def test_closing_sends_what_is_left_and_forgives_a_dead_peer(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    wire.send(b"bye")
    wire.close()
    assert peer.recv(10) == b"bye"
    ours, theirs = socket.socketpair()
    theirs.close()
    dead = Wire(ours)
    dead.send(b"bye")
    dead.close()
    assert ours.fileno() == -1


class TlsLike:
    """Keeps decrypted bytes for itself, of which the event loop knows nothing."""

    def __init__(self, records: list[bytes]) -> None:
        self._records = records

    def recv(self, buffer_size: int) -> bytes:
        assert buffer_size == READ_BYTES
        if not self._records:
            raise ssl.SSLWantReadError
        return self._records.pop(0)

    def send(self, buffer: bytes | bytearray) -> int:
        del buffer
        raise ssl.SSLWantWriteError

    def pending(self) -> int:
        return sum(len(record) for record in self._records)

    def close(self) -> None:
        self._records.clear()

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the signature of every socket
        del flag


def test_bytes_that_tls_holds_back_are_not_forgotten() -> None:
    wire = Wire(TlsLike([b"one", b"two"]))
    wire.allow_refill()
    assert wire.recv(10) == b"one"
    assert wire.has_more()
    assert wire.recv(10) == b"two"
    assert not wire.has_more()
    wire.send(b"later")
    wire.flush()
    assert wire.unsent
