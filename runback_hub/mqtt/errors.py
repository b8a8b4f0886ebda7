"""What can go wrong between us and a broker, by what the caller can do about it."""

from __future__ import annotations


class MqttError(Exception):
    """Any failure of the MQTT side."""


class CannotConnect(MqttError):  # noqa: N818 - named by what happened, as callers read it
    """No usable connection. `refused`: the broker answered and said no, so waiting alone will not help."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused


class Disconnected(MqttError):  # noqa: N818 - named by what happened, as callers read it
    """There is no connection, or it ended before the broker answered: publish again on the next one."""


class WindowFull(MqttError):  # noqa: N818 - named by what happened, as callers read it
    """As many messages wait for the broker's answer as it allows: wait for room."""


class PublishRefused(MqttError):  # noqa: N818 - named by what happened, as callers read it
    """The broker, or the protocol, will not take this message; sending it again changes nothing."""


class NoAnswer(MqttError):  # noqa: N818 - named by what happened, as callers read it
    """The broker took the message, but nobody answered in time."""


class BrokerUnavailable(MqttError):  # noqa: N818 - named by what happened, as callers read it
    """The embedded broker can not run. The text says what to install or to change."""
