"""A message as it arrived."""

from __future__ import annotations

from typing import NamedTuple, Self

from paho.mqtt.client import MQTTMessage


class Token(NamedTuple):
    """What is needed to acknowledge a message: packet ids mean something on their own connection only."""

    connection: int
    packet_id: int


class Incoming(NamedTuple):
    """One message as it arrived. `token` is `None` for QoS 0, which knows no acknowledgement."""

    topic: str
    payload: bytes
    retain: bool
    dup: bool
    response_topic: str | None
    correlation: bytes | None
    token: Token | None

    @classmethod
    def of(cls, message: MQTTMessage, token: Token | None = None) -> Self:
        """Take over what paho parsed; raises `UnicodeDecodeError` where the topic is not UTF-8."""
        extra = message.properties
        return cls(
            message.topic,
            bytes(message.payload),
            message.retain,
            message.dup,
            getattr(extra, "ResponseTopic", None),
            getattr(extra, "CorrelationData", None),
            token,
        )
