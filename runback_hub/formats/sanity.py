"""What can not have happened (CONTRACT section 5, "Sanity"), with reasons of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from ..model.inputs import Sport, Surface
from .base import Rejected, RejectReason
from .fields import whole
from .refusal import given_words

MAX_AHEAD = timedelta(minutes=15)
"""A clock may be this much before ours."""
MAX_DURATION_S = 48 * 3600
MAX_FOOT_SPEED_MPS = 8
MAX_CADENCE_SPM = 300
GPS_SHORT_M = 400

ON_FOOT = frozenset({None, Sport.WALKING, Sport.HIKING})
"""Running, written as no sport, and the sports that can not be faster. A bicycle can."""

_DURATION_ALLOWED = "more than 0 and at most 172800 s (48 h)"


def check_not_ahead(path: str, moment: datetime, arrived_at: datetime | None) -> None:
    """`Rejected` (in_future) for more than 15 min after arrival; without an arrival nothing is ahead."""
    if arrived_at is not None and moment > arrived_at + MAX_AHEAD:
        raise Rejected(
            RejectReason.IN_FUTURE,
            f"{path}: in the future, given {moment.isoformat()}, "
            f"allowed: up to 15 min after arrival at {arrived_at.isoformat(timespec='seconds')}",
        )


def duration_ms(seconds: Decimal) -> int:
    """Whole milliseconds. `Rejected` (bad_duration) for nothing and for more than 48 h."""
    milliseconds = whole(seconds * 1000) if 0 < seconds <= MAX_DURATION_S else 0
    if milliseconds == 0:
        raise Rejected(
            RejectReason.BAD_DURATION,
            f"duration_s: given {given_words(seconds)}, allowed: {_DURATION_ALLOWED}",
        )
    return milliseconds


def distance_m(metres: Decimal | None, surface: Surface | None) -> int | None:
    """Whole metres, half up; 0 on a treadmill is no distance. `Rejected` (implausible) below 0."""
    if metres is None:
        return None
    if metres < 0:
        raise Rejected(RejectReason.IMPLAUSIBLE, f"distance_m: given {given_words(metres)}, allowed: 0 or more")
    rounded = whole(metres)
    return None if surface is Surface.TREADMILL and rounded == 0 else rounded


def check_speed(metres: int | None, milliseconds: int, sport: Sport | None) -> None:
    """`Rejected` (implausible) when faster than 8 m/s on average, on foot."""
    if metres is not None and sport in ON_FOOT and metres * 1000 > MAX_FOOT_SPEED_MPS * milliseconds:
        raise Rejected(
            RejectReason.IMPLAUSIBLE,
            f"distance_m: given {given_words(metres)} m in {Decimal(milliseconds) / 1000} s, "
            f"allowed: up to {MAX_FOOT_SPEED_MPS} m/s on average",
        )


def check_cadence(cadence_spm: float | None) -> None:
    """`Rejected` (implausible) above 300 steps a minute."""
    if cadence_spm is not None and cadence_spm > MAX_CADENCE_SPM:
        raise Rejected(
            RejectReason.IMPLAUSIBLE,
            f"cadence_spm: given {given_words(cadence_spm)}, allowed: up to {MAX_CADENCE_SPM} (both feet)",
        )


def is_gps_short(metres: int | None, surface: Surface | None) -> bool:
    """Whether a run is too short for its distance to be trusted without a treadmill under it."""
    return metres is not None and metres < GPS_SHORT_M and surface is not Surface.TREADMILL
