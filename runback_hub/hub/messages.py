"""What comes to the hub and what it answers, free of any transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ..model.assessment import Assessment, Reason
from ..model.athlete import Profile

HISTORICAL_AFTER = timedelta(hours=36)
"""CONTRACT promise 7: older inputs are decided in full, but prompt and notify nobody."""

SAME_BYTES_WITHIN = timedelta(minutes=10)
"""CONTRACT section 5: equal bytes without id and time within this span are one input."""


FIRST_YEAR, LAST_YEAR = 1970, 2200


def asked_moment(text: str) -> datetime | None:
    """The moment somebody asks about, in UTC: ISO 8601 with an offset, 1970 to 2200; `None` for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTo:
    """Where an MQTT 5 publisher wants its answer."""

    topic: str
    correlation: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message at the door: an input of `athlete` in `door`'s format, or a topic that names no athlete.

    `refused` is set where the topic itself is wrong. `retained` says that the broker keeps the message.
    """

    topic: str
    door: str
    athlete: str
    payload: bytes
    arrived_at: datetime
    retained: bool = False
    reply_to: ReplyTo | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command: `verb` with a JSON payload."""

    verb: str
    payload: bytes
    arrived_at: datetime
    reply_to: ReplyTo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceText:
    """Rendered words for people."""

    title: str
    text: str
    items: Sequence[str]
    footer: str
    language: str


class Narrator(Protocol):
    """Turns decisions into words."""

    def reason_text(self, reason: Reason, athlete: str) -> str:
        """One line in the athlete's language."""
        ...

    def advice(self, assessment: Assessment) -> AdviceText:
        """The advice for an assessment, in the athlete's language."""
        ...


class Topics(Protocol):
    """Where things are published."""

    def status(self, athlete: str) -> str:
        """The retained assessment."""
        ...

    def rest(self, athlete: str) -> str:
        """The retained rest flag."""
        ...

    def advice(self, athlete: str) -> str:
        """The retained words."""
        ...

    def event(self, athlete: str) -> str:
        """What happened."""
        ...

    def checkin(self, athlete: str) -> str:
        """The open question."""
        ...

    def response(self, verb: str) -> str:
        """The answer to a command without a response topic."""
        ...

    @property
    def rejected(self) -> str:
        """Refused messages."""
        ...


class Athletes(Protocol):
    """Who the hub decides for."""

    def profile(self, athlete: str) -> Profile | None:
        """The person's profile; `None` where the configuration names athletes and this is none of them."""
        ...
