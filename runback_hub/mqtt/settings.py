"""How to reach a broker and what to agree with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

WEEK_S = 7 * 24 * 3600
MAX_PORT = 65535


class Version(Enum):
    """Protocol versions; the value is the one in the CONNECT packet."""

    MQTT_311 = 4
    MQTT_5 = 5


class _Scheme(NamedTuple):
    port: int
    tls: bool
    websockets: bool


class Scheme(StrEnum):
    """The beginning of a broker's URL."""

    MQTT = "mqtt"
    MQTTS = "mqtts"
    WS = "ws"
    WSS = "wss"

    @property
    def default_port(self) -> int:
        """The port where the URL names none."""
        return _SCHEMES[self].port

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return _SCHEMES[self].tls

    @property
    def websockets(self) -> bool:
        """Whether MQTT travels inside a WebSocket."""
        return _SCHEMES[self].websockets


_SCHEMES = {
    Scheme.MQTT: _Scheme(1883, tls=False, websockets=False),
    Scheme.MQTTS: _Scheme(8883, tls=True, websockets=False),
    Scheme.WS: _Scheme(80, tls=False, websockets=True),
    Scheme.WSS: _Scheme(443, tls=True, websockets=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Files for an encrypted connection. Without `ca_file` the system's authorities are trusted."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """The retained topic that says whether we are there; its offline payload is also the last will."""

    topic: str
    online: bytes = b"online"
    offline: bytes = b"offline"
    will_delay_s: int = 5
    """How long a broker waits for our return before it says offline (MQTT 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One broker and the terms of a session with it.

    `receive_maximum` bounds the messages the broker may have unacknowledged with us, `window` those we may
    have unanswered with it (the broker's own limit counts too). A session of `session_expiry_s` > 0
    outlives the connection, so `client_id` must stay the same.
    """

    host: str
    client_id: str
    port: int = 1883
    scheme: Scheme = Scheme.MQTT
    path: str = "/mqtt"
    version: Version = Version.MQTT_5
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsFiles = field(default_factory=TlsFiles)
    session_expiry_s: int = WEEK_S
    receive_maximum: int = 1000
    window: int = 500
    max_packet_bytes: int = 32 * 1024 * 1024
    """Larger packets the broker keeps from us; inputs are at most half of it (CONTRACT, section 5)."""
    keepalive_s: int = 30
    connect_timeout_s: float = 10.0
    answer_timeout_s: float = 20.0
    """When an answer is due and nothing at all arrives for this long, the connection counts as dead."""
    retry_first_s: float = 1.0
    retry_cap_s: float = 60.0

    @classmethod
    def from_url(cls, url: str, *, client_id: str, password: str | None = None, tls: TlsFiles | None = None) -> Self:
        """Read `scheme://[user[:password]@]host[:port][/path]`; raises `ValueError` saying what is allowed."""
        parts = urlsplit(url)
        if parts.scheme not in set(Scheme):
            message = f"got '{_without_password(url)}', allowed begins with {', '.join(f'{s}://' for s in Scheme)}"
            raise ValueError(message)
        scheme = Scheme(parts.scheme)
        if not parts.hostname or parts.query or parts.fragment or (parts.path.strip("/") and not scheme.websockets):
            message = f"got '{_without_password(url)}', allowed is {scheme}://[user@]host[:port]"
            raise ValueError(message)
        try:
            port = scheme.default_port if parts.port is None else parts.port
        except ValueError:
            port = 0
        if not 0 < port <= MAX_PORT:
            message = f"the port of '{_without_password(url)}' is not a number from 1 to {MAX_PORT}"
            raise ValueError(message)
        given = unquote(parts.password) if parts.password is not None else None
        return cls(
            host=parts.hostname,
            port=port,
            scheme=scheme,
            path=parts.path if parts.path.strip("/") else "/mqtt",
            client_id=client_id,
            username=unquote(parts.username) if parts.username else None,
            password=password if password is not None else given,
            tls=tls or TlsFiles(),
        )

    @property
    def address(self) -> str:
        """The broker as people read it, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _without_password(url: str) -> str:
    """`url` fit for a message: what stands between `//` and the last `@` may hold a secret."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
