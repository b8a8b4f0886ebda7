"""The messages of a FIT file with their names and raw values: the one place that knows `fitdecode`."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite

import fitdecode

FIT_EPOCH_S = 631_065_600
"""1989-12-31 00:00 UTC, where FIT times begin."""
FIRST_DATE = 0x10000000
"""A time below it counts seconds since power-up: the clock was never set."""
LAST_DATE = 0xFFFFFFFE

_LIBRARY_ERRORS = (
    fitdecode.FitError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)
"""What `fitdecode` raises on bytes that are not what they say; all of it means the file is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitMessage:
    """One message. `raw` are whole or float values before any scaling, `words` those of enumerations.

    `developer` are fields that an app on the watch added, by the name it gave them.
    """

    name: str
    raw: Mapping[str, int | float]
    words: Mapping[str, str]
    developer: Mapping[str, int | float]

    def scaled(self, name: str, scale: int = 1) -> Decimal | None:
        """The value in its unit, exactly; `None` where the file has none."""
        value = self.raw.get(name)
        return None if value is None else Decimal(str(value)) / scale

    def measured(self, name: str, scale: int = 1) -> Decimal | None:
        """The same where 0 says that nothing was measured."""
        return self.scaled(name, scale) or None

    def moment(self, name: str) -> datetime | None:
        """The time in UTC, `None` also for a clock that was never set."""
        value = self.raw.get(name)
        if value is None or not FIRST_DATE <= value <= LAST_DATE:
            return None
        return datetime.fromtimestamp(FIT_EPOCH_S + value, UTC)


def read_messages(content: bytes) -> tuple[list[FitMessage], bool]:
    """Every message that can be read, and whether that was all."""
    messages: list[FitMessage] = []
    try:
        with fitdecode.FitReader(
            content,
            processor=None,
            check_crc=fitdecode.CrcCheck.DISABLED,
            error_handling=fitdecode.ErrorHandling.IGNORE,
        ) as reader:
            messages.extend(_message(frame) for frame in reader if isinstance(frame, fitdecode.FitDataMessage))
    except _LIBRARY_ERRORS:
        return messages, False
    return messages, True


def _message(frame: fitdecode.FitDataMessage) -> FitMessage:
    raw: dict[str, int | float] = {}
    words: dict[str, str] = {}
    developer: dict[str, int | float] = {}
    for item in frame.fields:
        by_app = item.field_def is not None and item.field_def.is_dev
        name = (item.parent_field or item).name  # a field shown as another one keeps its first name
        if not isinstance(name, str):
            continue
        if isinstance(item.raw_value, int | float) and isfinite(item.raw_value):
            (developer if by_app else raw).setdefault(name, item.raw_value)
        if isinstance(item.value, str) and not by_app:
            words.setdefault(name, item.value)
    return FitMessage(name=str(frame.name), raw=raw, words=words, developer=developer)
