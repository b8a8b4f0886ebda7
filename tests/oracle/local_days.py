"""Local dates and midnights."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


class Calendar:
    """The athlete's calendar. Answers are kept: asking is slow."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._dates: dict[datetime, date] = {}

    def local_date(self, at: datetime) -> date:
        """The local date of a moment."""
        if at not in self._dates:
            self._dates[at] = at.astimezone(self._zone).date()
        return self._dates[at]

    def midnight(self, day: date) -> datetime:
        """The first instant of a local date, in UTC, also where a clock change skips or repeats 00:00."""
        return datetime.combine(day, time(), tzinfo=self._zone).astimezone(UTC)

    def midnights(self, after: datetime, until: datetime) -> list[datetime]:
        """Every local midnight in the half-open span (after, until]."""
        found: list[datetime] = []
        day = self.local_date(after) + timedelta(days=1)
        while (moment := self.midnight(day)) <= until:
            found.append(moment)
            day += timedelta(days=1)
        return found
