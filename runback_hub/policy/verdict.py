"""State and rest flag at a moment: every rule evaluated, the override applied, the strongest taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..model.assessment import State
from ..model.athlete import Profile
from .baseline import answer_due_at, baseline_firings, without_baseline
from .calendar import local_day, midnight
from .fold import advanced, interesting_days
from .ladder import ladder_firing, next_session_day, time_off_firing
from .load import spike_ends, spikes_in_force
from .red_flags import flags, is_minor
from .state import Firing, PolicyState
from .thresholds import Thresholds

OVERRIDABLE = frozenset({"L1", "L2", "L3", "W1", "N1", "N2"})
OVERRIDE_QUIET = timedelta(hours=48)
RULE_ORDER = (
    "E1",
    "U1",
    "C1",
    "C2",
    "P1",
    "P2",
    "P5",
    "T1",
    "R4",
    "R1",
    "L3",
    "N1",
    "R2",
    "P3",
    "P4",
    "L2",
    "L1",
    "W1",
    "N2",
)
LOOK_AHEAD = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What stands at `at`. `state_now` is the fold advanced to that moment."""

    at: datetime
    day: int
    state_now: PolicyState
    state: State
    rest: bool
    firings: tuple[Firing, ...]
    overridden: tuple[str, ...]


def verdict(state: PolicyState, now: datetime, profile: Profile, limits: Thresholds) -> Verdict:
    """Evaluate every rule at `now`."""
    after = advanced(state, now, profile, limits)
    day = local_day(now, profile.zone)
    fired = tuple(_firings(after, now, day, profile, limits))
    hidden: frozenset[str] = frozenset()
    if _override_holds(after, day, profile):
        hidden = OVERRIDABLE.intersection(firing.rule for firing in fired)
        ladder_hidden = after.ladder is not None and after.ladder.rule in hidden
        fired = tuple(
            firing for firing in fired if firing.rule not in hidden and not (ladder_hidden and firing.rule == "R2")
        )
    ordered = tuple(sorted(fired, key=_strength))
    level = max((firing.state for firing in ordered), key=lambda found: found.strength, default=State.CLEAR)
    return Verdict(
        at=now,
        day=day,
        state_now=after,
        state=level,
        rest=_rest_flag(after, level, day, limits),
        firings=ordered,
        overridden=tuple(sorted(hidden)),
    )


def review_at(found: Verdict, profile: Profile, limits: Thresholds) -> datetime | None:
    """The next moment at which state or rest flag changes without a new input; `None` if there is none."""
    after, now = found.state_now, found.at
    for moment in _moments(after, now, found.day, profile, limits):
        later = verdict(after, moment, profile, limits)
        if (later.state, later.rest) != (found.state, found.rest):
            return moment
    return None


def _moments(state: PolicyState, now: datetime, day: int, profile: Profile, limits: Thresholds) -> Iterator[datetime]:
    exact = set(spike_ends(state.runs, now, limits))
    if state.low_recovery is not None:
        exact.add(state.low_recovery[1])
    due = answer_due_at(state, limits)
    if due is not None:
        exact.add(due)
    exact.update(run.at for run in state.runs if run.at > now)
    fold, waiting = state, sorted(moment for moment in exact if moment > now)
    for _ in range(LOOK_AHEAD):
        days = interesting_days(fold, limits)
        next_day = next((d for d in days if d > day), None)
        at_midnight = None if next_day is None else midnight(next_day, profile.zone)
        while waiting and (at_midnight is None or waiting[0] <= at_midnight):
            yield waiting.pop(0)
        if at_midnight is None or next_day is None:
            return
        yield at_midnight
        fold, day = advanced(fold, at_midnight, profile, limits), next_day


def _firings(state: PolicyState, now: datetime, day: int, profile: Profile, limits: Thresholds) -> Iterator[Firing]:
    yield from flags(state)
    if state.rest is not None:
        yield from state.rest.causes
        if state.rest.after_flag is not None:
            yield state.rest.after_flag
    others = [*ladder_firing(state, day, limits), *state.easy, *spikes_in_force(state.runs, now, limits)]
    if state.time_off is not None:
        others.append(time_off_firing(state, state.time_off.gap_from_day, day, State.EASY, limits))
    if state.low_recovery is not None and now < state.low_recovery[1]:
        others.append(state.low_recovery[0])
    others.extend(baseline_firings(state, now, day, profile, limits))
    yield from others
    second = without_baseline(state, frozenset(firing.rule for firing in others))
    if second is not None:
        yield second


def _override_holds(state: PolicyState, day: int, profile: Profile) -> bool:
    if state.override is None:
        return False
    at, on_day = state.override
    return (
        on_day == day
        and not is_minor(profile, day)
        and (state.last_pain_at is None or state.last_pain_at < at - OVERRIDE_QUIET)
    )


def _rest_flag(state: PolicyState, level: State, day: int, limits: Thresholds) -> bool:
    if level.strength >= State.REST.strength:
        return True
    if level is not State.RETURNING or state.ladder is None:
        return False
    may_start = next_session_day(state, limits)
    return state.ladder.stage == 0 or (may_start is not None and day < may_start)


def _strength(firing: Firing) -> tuple[int, int, float]:
    order = RULE_ORDER.index(firing.rule) if firing.rule in RULE_ORDER else len(RULE_ORDER)
    return -firing.state.strength, order, -(firing.value or 0)
