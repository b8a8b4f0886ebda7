"""The blocking half of a connection: name, TCP, TLS, WebSocket, CONNECT; and why it failed, in words."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from .errors import CannotConnect
from .settings import Availability, Settings, Version
from .wire import WireClient, properties

_REFUSALS = {
    "Bad user name or password": "wrong user name or password",
    "Not authorized": "this user may not connect, or user name or password are wrong",
    "Banned": "this client is banned",
    "Unsupported protocol version": "it does not speak this MQTT version",
    "Client identifier not valid": "it does not accept the client id",
}
_PASSING_REFUSALS = {"Server unavailable", "Server busy", "Connection rate exceeded", "Quota exceeded"}
_NEEDED = {
    "MaximumQoS": (1, "it does not take QoS 1"),
    "RetainAvailable": (1, "it keeps no retained messages"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What differs between the hub's session and a command's short connection."""

    clean: bool
    manual_ack: bool
    will: Availability | None = None


def connect_blocking(settings: Settings, terms: Terms) -> WireClient:
    """Resolve, connect, shake hands and send CONNECT; runs in a thread because each of these may block."""
    v5 = settings.version is Version.MQTT_5
    client = WireClient(
        CallbackAPIVersion.VERSION2,
        settings.client_id,
        clean_session=None if v5 else terms.clean,
        protocol=MQTTProtocolVersion(settings.version.value),
        transport="websockets" if settings.scheme.websockets else "tcp",
        reconnect_on_failure=False,  # else paho itself connects again, blocking, from within the event loop
        manual_ack=terms.manual_ack,
    )
    client.connect_timeout = settings.connect_timeout_s
    client.max_inflight_messages = 0  # the window is ours; paho would search its queue at every answer
    if settings.username is not None:
        client.username_pw_set(settings.username, settings.password)
    if settings.scheme.tls:
        client.tls_set_context(_tls_context(settings))
    if settings.scheme.websockets:
        client.ws_set_options(settings.path)
    if (will := terms.will) is not None:
        delay = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=will.will_delay_s) if v5 else None
        client.will_set(will.topic, will.offline, qos=1, retain=True, properties=delay)
    connect = partial(client.connect, settings.host, settings.port, settings.keepalive_s)
    if v5:
        wishes = properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=0 if terms.clean else settings.session_expiry_s,
            ReceiveMaximum=settings.receive_maximum,
            MaximumPacketSize=settings.max_packet_bytes,
        )
        connect = partial(connect, clean_start=terms.clean, properties=wishes)
    try:
        code = connect()
    except BaseException:
        client.abandon()
        raise
    if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
        raise ConnectionError(code.name)
    return client


def _tls_context(settings: Settings) -> ssl.SSLContext:
    files = settings.tls
    for name, path in (("ca_file", files.ca_file), ("cert_file", files.cert_file), ("key_file", files.key_file)):
        if path is not None and not os.access(path, os.R_OK):
            message = f"broker_tls.{name}: {path} can not be read"
            raise ValueError(message)
    context = ssl.create_default_context(cafile=files.ca_file)
    if files.cert_file is not None:
        context.load_cert_chain(files.cert_file, files.key_file)
    return context


def set_no_delay(descriptor: int) -> None:
    """Send small packets at once; else QoS 1 waits tens of milliseconds for delayed acknowledgements."""
    with socket.socket(fileno=os.dup(descriptor)) as same:
        same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def refusal(reason: ReasonCode, given: Properties | None, settings: Settings) -> CannotConnect | None:
    """Why the broker's answer to CONNECT is of no use to us, or `None` when it is."""
    name = str(reason)
    if reason.is_failure:
        text = f"the broker at {settings.address} refuses: {_REFUSALS.get(name, name.lower())}"
        return CannotConnect(text, refused=name not in _PASSING_REFUSALS)
    for wanted, (least, text) in _NEEDED.items():
        if getattr(given, wanted, least) < least:
            return CannotConnect(f"the broker at {settings.address} can not be used: {text}", refused=True)
    return None


def in_words(error: BaseException, settings: Settings) -> str:
    """Why connecting failed, for someone who reads it in a log or on a terminal."""
    words: Iterable[tuple[type[BaseException], str]] = (
        (ssl.SSLCertVerificationError, f"its certificate is not trusted: {getattr(error, 'verify_message', error)}"),
        (ssl.SSLError, f"TLS failed: {getattr(error, 'reason', error)}"),
        (socket.gaierror, f"its name can not be resolved ({getattr(error, 'strerror', error)})"),
        (ConnectionRefusedError, "nothing listens there"),
        (TimeoutError, f"no answer within {settings.connect_timeout_s:g} s"),
        (ValueError, str(error)),
        (OSError, getattr(error, "strerror", None) or str(error)),
    )
    text = next(text for kind, text in words if isinstance(error, kind))
    return f"cannot reach the broker at {settings.address}: {text}"
