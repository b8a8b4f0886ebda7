"""L30 and R, exact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from .prepare import Run

MONTH = timedelta(hours=720)


def _window(runs: Sequence[Run], moment: datetime) -> list[Run]:
    """Runs started in the 720 h before `moment`, the window's start included, without those under 400 m."""
    return [run for run in runs if moment - MONTH <= run.started_at < moment and not run.too_short_for_l30]


def longest_m(runs: Sequence[Run], moment: datetime) -> int | None:
    """L30 at `moment`."""
    return max((run.distance_m for run in _window(runs, moment) if run.distance_m is not None), default=None)


def ratio(runs: Sequence[Run], run: Run) -> Fraction | None:
    """R: a run's distance, or where that is lacking its steps, by the longest of its window."""
    window = _window(runs, run.started_at)
    if not window:
        return None
    longest = longest_m(runs, run.started_at)
    if run.distance_m is not None and longest is not None:
        return Fraction(run.distance_m, longest) if longest > 0 else None
    # READING: the window's most steps, over those of its runs that have steps; a count of 0 is none.
    most = max((other.effort.steps for other in window if other.effort.steps), default=None)
    if not run.effort.steps or not most:
        return None
    return Fraction(run.effort.steps, most)
