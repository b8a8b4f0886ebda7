"""Local days. "Days since" in the policy is a difference of local dates; a day is its proleptic ordinal."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def local_day(moment: datetime, zone: ZoneInfo) -> int:
    """The ordinal of the local date of `moment`."""
    return moment.astimezone(zone).toordinal()


def midnight(day: int, zone: ZoneInfo) -> datetime:
    """The UTC moment at which the local date `day` begins."""
    return datetime.combine(date.fromordinal(day), time(), zone).astimezone(UTC)
