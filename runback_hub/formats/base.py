"""What a decoder takes and gives. A decoder is pure: bytes and context in, inputs or a reason out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from ..model.inputs import Input

MAX_JSON_BYTES = 256 * 1024
MAX_FILE_BYTES = 16 * 1024 * 1024


class RejectReason(StrEnum):
    """Why an input was refused; stable words for `hub/rejected` and the store."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    INVALID = "invalid"
    NOT_AN_ACTIVITY = "not_an_activity"
    UNREADABLE = "unreadable"
    NO_START_TIME = "no_start_time"
    IN_FUTURE = "in_future"
    BAD_DURATION = "bad_duration"
    IMPLAUSIBLE = "implausible"
    UNKNOWN_FORMAT = "unknown_format"
    UNKNOWN_ATHLETE = "unknown_athlete"
    WITHDRAWAL_REFUSED = "withdrawal_refused"
    INTERNAL = "internal"


class Rejected(Exception):  # noqa: N818  # a verdict on somebody else's message, not an error of ours
    """A payload that can not become an input. `detail` names the path, what was given and what is allowed.

    `detail` never repeats a symptom's name or answer, nor a free text of the sender.
    """

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a decoder may know beside the bytes: whose payload, in which zone, arrived when.

    `salt` distinguishes arrivals of payloads that name neither an id nor a time (CONTRACT, section 5):
    equal bytes with an equal salt are one input. Left empty, the moment of arrival takes its place.
    """

    athlete: str
    zone: ZoneInfo
    arrived_at: datetime
    salt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One input, with what the log keeps of it.

    `body` is one line of ASCII JSON: `type`, `event_id`, `athlete`, `at` and every key that was given, unknown
    ones included, values as given; `canonical.parse_log_line` turns it into an equal `input`. `content_key` is
    set where neither an id nor a time was given: the same key again within 10 minutes is the same input.
    """

    input: Input
    body: str
    content_key: str | None = None


Decoder = Callable[[bytes, Context], tuple[Decoded, ...]]
"""Raises `Rejected`. Returns at least one input."""
