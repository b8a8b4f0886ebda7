"""Load: the longest run of 30 days, the ratio of a run to it, and the spikes (POLICY "Load", EVIDENCE 2.1)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from ..model.assessment import State
from ..model.inputs import RunCompleted, Surface
from .numbers import ratio
from .state import Firing, RunFact
from .thresholds import Thresholds

EVIDENCE = "frandsen-2025"


def counts_for_longest(run: RunCompleted, limits: Thresholds) -> bool:
    """Runs under 400 m that are not on a treadmill are left out of L30 and of the steps window."""
    return (
        run.surface is Surface.TREADMILL or run.distance_m is None or run.distance_m >= limits.min_run_m
    ) and "gps_short" not in run.marks


def window_before(runs: Sequence[RunFact], moment: datetime, limits: Thresholds) -> list[RunFact]:
    """Runs that count and started in the 720 h before `moment`, the first instant included."""
    first = moment - limits.window_l30
    return [run for run in runs if first <= run.started_at < moment and run.counts]


def longest_m(
    runs: Sequence[RunFact], moment: datetime, limits: Thresholds, without: Collection[str] = ()
) -> int | None:
    """L30 at `moment`, leaving out the runs named in `without`."""
    return max(
        (
            run.distance_m
            for run in window_before(runs, moment, limits)
            if run.distance_m is not None and run.event_id not in without
        ),
        default=None,
    )


def spike(run: RunCompleted, runs: Sequence[RunFact], limits: Thresholds) -> tuple[tuple[int, int] | None, bool]:
    """R as a fraction (or nothing), and whether the window was empty.

    Steps stand in on both sides where this run, or every run of the window, has no distance.
    """
    window = window_before(runs, run.started_at, limits)
    if not window:
        return None, True
    distances = [fact.distance_m for fact in window if fact.distance_m is not None]
    by_steps = run.distance_m is None or not distances
    value = run.steps if by_steps else run.distance_m
    base = max((fact.steps for fact in window if fact.steps), default=0) if by_steps else max(distances)
    if not value or not base:
        return None, False
    return (value, base), False


def spikes_in_force(runs: Sequence[RunFact], now: datetime, limits: Thresholds) -> Iterator[Firing]:
    """L1 (48 h) and L2 (72 h) of every run whose hours are not over."""
    for run in reversed(runs):
        found = spike_of(run, limits)
        if found is not None and run.at <= now < run.ended_at + _hold(found, limits):
            yield found


def spike_ends(runs: Sequence[RunFact], now: datetime, limits: Thresholds) -> Iterator[datetime]:
    """When each spike in force ends."""
    by_id = {run.event_id: run for run in runs}
    for found in spikes_in_force(runs, now, limits):
        if found.input is not None:
            yield by_id[found.input].ended_at + _hold(found, limits)


def spike_of(run: RunFact, limits: Thresholds) -> Firing | None:
    """L1 or L2, if this run's ratio is above its limit."""
    if run.spike is None:
        return None
    value, base = run.spike
    percent = value * 100
    if percent <= base * limits.spike_small_percent:
        return None
    large = percent > base * limits.spike_large_percent
    return Firing(
        rule="L2" if large else "L1",
        code="large_session_spike" if large else "session_spike",
        state=State.EASY,
        value=ratio(value, base),
        limit=ratio(limits.spike_large_percent if large else limits.spike_small_percent, 100),
        unit="ratio",
        evidence=EVIDENCE,
        input=run.event_id,
        run=run.event_id,
    )


def _hold(firing: Firing, limits: Thresholds) -> timedelta:
    return limits.hold_large_spike if firing.rule == "L2" else limits.hold_spike
