"""The fold: one fact after the other, midnights between them, into one bounded state.

At one instant all inputs act first; then the instant settles: C2, sessions, R1, the three runs, the episode's
closing, L3. Midnights settle alike, but only those on which something can change are visited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from ..model.athlete import Profile
from ..model.inputs import (
    ActivityCompleted,
    Confirmation,
    ConfirmationKind,
    PainReport,
    RunCompleted,
    Surface,
    WellnessReading,
)
from .calendar import local_day, midnight
from .ladder import (
    begin_rest,
    settle_beginner,
    settle_leaving,
    settle_session,
    settle_three_runs,
    settle_time_off,
    take_report,
    take_run,
    take_walk,
)
from .load import counts_for_longest, spike
from .pain import (
    earlier_score,
    follow_episode,
    is_guided,
    is_worse_morning,
    judge,
    merge_firings,
    settle_easy,
    settle_episode,
)
from .red_flags import assessed, follow_care_zeros, latch, settle_care, take_answers
from .state import (
    KEEP_PAINFUL_RUNS,
    KEEP_REPORT_DAYS,
    KEEP_REPORTS,
    KEEP_RUN_DAYS,
    KEEP_RUNS,
    PolicyState,
    ReportFact,
    RunFact,
    initial_state,
)
from .thresholds import POLICY_2026_1, Thresholds
from .timeline import Fact, RunRef
from .wellness import take_reading


def fold(
    profile: Profile,
    facts: Iterable[Fact],
    *,
    start: PolicyState | None = None,
    limits: Thresholds = POLICY_2026_1,
) -> PolicyState:
    """The state after `facts`, which are in order (`arrange`)."""
    state = initial_state(profile) if start is None else start.copied()
    for fact in facts:
        _take(state, fact, profile, limits)
    return state


def step(state: PolicyState, fact: Fact, profile: Profile, limits: Thresholds = POLICY_2026_1) -> PolicyState:
    """The state after one more fact, which is not earlier than any before it."""
    after = state.copied()
    _take(after, fact, profile, limits)
    return after


def advanced(state: PolicyState, until: datetime, profile: Profile, limits: Thresholds) -> PolicyState:
    """The state at `until` without any new input: the open instant and every midnight settled."""
    after = state.copied()
    _advance(after, until, profile, limits)
    if after.unsettled:
        _settle(after, profile, limits)
    return after


def interesting_days(state: PolicyState, limits: Thresholds) -> tuple[int, ...]:
    """Local days at whose midnight something may change by itself, after the state's day, ascending."""
    days = {*_run_days(state, limits), *_pain_days(state, limits), *_ladder_days(state, limits)}
    now = state.day or 0
    return tuple(sorted(day for day in days if day > now))


def _run_days(state: PolicyState, limits: Thresholds) -> Iterator[int]:
    if state.last_run is not None:
        last = state.last_run.day
        yield from (
            last + limits.session_gap_days,
            last + limits.time_off_days + 1,
            last + limits.long_time_off_days + 1,
        )
    if state.first_run_day is not None:
        yield state.first_run_day + limits.baseline_days
    if state.override is not None:
        yield state.override[1] + 1


def _pain_days(state: PolicyState, limits: Thresholds) -> Iterator[int]:
    if state.last_report is not None:
        yield state.last_report.day + 1
    if state.clinician_day is not None:
        yield state.clinician_day + limits.care_silence_days
    if state.closed_day is not None:
        yield state.closed_day + limits.episode_memory_days + 1
    if state.episode is not None:
        start = state.episode.count_from_day
        yield from (start + limits.care_days, start + limits.care_weeks_days)
        yield state.episode.last_pain_day + limits.care_days


def _ladder_days(state: PolicyState, limits: Thresholds) -> Iterator[int]:
    if state.ladder is not None and state.ladder.pending is not None:
        yield state.ladder.pending.day + limits.session_gap_days
    if state.ladder is not None and state.ladder.worst_day is not None:
        yield state.ladder.worst_day + limits.baseline_days


def _take(state: PolicyState, fact: Fact, profile: Profile, limits: Thresholds) -> None:
    if state.moment is None or fact.at > state.moment:
        if state.unsettled:
            _settle(state, profile, limits)
        _advance(state, fact.at, profile, limits)
        state.moment, state.day = fact.at, local_day(fact.at, profile.zone)
    state.unsettled = True
    match fact.what:
        case RunCompleted() as run:
            _take_run(state, run, profile, limits)
        case ActivityCompleted() as activity:
            take_walk(state, activity, local_day(activity.started_at, profile.zone), limits)
        case PainReport() as report:
            _take_report(state, report, fact.run, profile, limits)
        case WellnessReading() as reading:
            take_reading(state, reading, profile.zone, limits)
        case Confirmation() as confirmation:
            _take_confirmation(state, confirmation, local_day(fact.at, profile.zone))


def _advance(state: PolicyState, until: datetime, profile: Profile, limits: Thresholds) -> None:
    """Settle the midnights after the state's day up to `until`; one at `until` itself is left open."""
    if state.day is None:
        state.day = local_day(until, profile.zone)
        state.moment = state.moment or until
        return
    if state.unsettled and state.moment is not None and until > state.moment:
        _settle(state, profile, limits)
    last = local_day(until, profile.zone)
    while True:
        day = next(iter(interesting_days(state, limits)), None)
        if day is None or day > last:
            break
        state.moment, state.day, state.unsettled = midnight(day, profile.zone), day, True
        if state.moment >= until:
            return
        _settle(state, profile, limits)
    state.day = max(state.day, last)


def _settle(state: PolicyState, profile: Profile, limits: Thresholds) -> None:
    at, day = state.moment, state.day
    if at is None or day is None:
        return
    settle_easy(state, day)
    settle_care(state, day, limits)
    settle_session(state, day, limits)
    if state.leave_asked:
        settle_leaving(state, at, day, limits)
    settle_three_runs(state, day, profile, limits)
    settle_episode(state, day)
    settle_time_off(state, at, day, profile, limits)
    settle_beginner(state, at, day, profile, limits)
    state.unsettled = state.leave_asked = False


def _take_run(state: PolicyState, run: RunCompleted, profile: Profile, limits: Thresholds) -> None:
    if run.surface is Surface.TREADMILL and run.distance_m == 0:
        run = replace(run, distance_m=None)
    ratio, no_baseline = spike(run, state.runs, limits)
    fact = RunFact(
        event_id=run.event_id,
        at=run.at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        day=local_day(run.started_at, profile.zone),
        duration_ms=run.duration_ms,
        distance_m=run.distance_m,
        steps=run.steps,
        counts=counts_for_longest(run, limits),
        rpe=run.rpe,
        source=run.source,
        spike=ratio,
        no_baseline=no_baseline,
    )
    before = next((other for other in reversed(state.runs) if other.started_at < fact.started_at), None)
    runs = sorted((*state.runs, fact), key=lambda other: (other.started_at, other.event_id))
    first_kept = runs[-1].day - KEEP_RUN_DAYS
    recent = next((i for i, other in enumerate(runs) if other.day >= first_kept), 0)
    state.runs = tuple(runs[min(recent, max(len(runs) - KEEP_RUNS, 0)) :])
    state.run_count = min(state.run_count + 1, limits.baseline_runs)
    state.first_run_day = fact.day if state.first_run_day is None else min(state.first_run_day, fact.day)
    if state.time_off is not None:
        left = state.time_off.runs_left - 1
        state.time_off = replace(state.time_off, runs_left=left) if left else None
    take_run(state, run, fact, before, limits)


def _take_confirmation(state: PolicyState, confirmation: Confirmation, day: int) -> None:
    match confirmation.kind:
        case ConfirmationKind.ASSESSED_BY_CLINICIAN:
            after_flag = assessed(state, confirmation.at, day, confirmation.event_id)
            if after_flag is not None:
                begin_rest(state, confirmation.at, day, [], after_flag)
        case ConfirmationKind.WALK_30MIN_OK:
            state.walk_ok, state.leave_asked = (day, confirmation.at, True), True
        case ConfirmationKind.OVERRIDE_SOFT_REST:
            state.override = (confirmation.at, day)
        case ConfirmationKind.PAIN_FREE_DAY:
            """Arranged as a pain report of 0."""


def _take_report(
    state: PolicyState, report: PainReport, run: RunRef | None, profile: Profile, limits: Thresholds
) -> None:
    day = local_day(report.at, profile.zone)
    before = earlier_score(state, report, run, day)
    guided = is_guided(state, profile, report)
    fact = ReportFact(
        at=report.at,
        day=day,
        score=report.score,
        onset=report.onset,
        run=run.event_id if run else None,
        carrier=report.carrier,
        compared=report.compared_to_usual,
        walk_ok=report.walk_30min_ok,
        rose=report.onset.value == "during_run" and (report.score or 0) > before,
    )
    opened = follow_episode(state, report, fact, limits)
    take_answers(state, report)
    latch(state, report, fact, profile, opened=opened)
    rest, easy = judge(state, report, fact, before, guided=guided, limits=limits)
    _remember(state, fact)
    follow_care_zeros(state, fact, limits)
    state.easy = merge_firings(state.easy, easy)
    if rest:
        begin_rest(state, report.at, day, rest)
    else:
        worse = is_worse_morning(report)
        take_report(state, report, fact, worse_morning=worse, guided=guided, zone=profile.zone)
    state.leave_asked = True


def _remember(state: PolicyState, fact: ReportFact) -> None:
    reports = (*state.reports, fact)
    first_kept = fact.day - KEEP_REPORT_DAYS
    recent = next((i for i, other in enumerate(reports) if other.day >= first_kept), 0)
    state.reports = reports[min(recent, max(len(reports) - KEEP_REPORTS, 0)) :]
    state.last_report = fact
    if fact.score is not None:
        state.last_scored_at = fact.at
    if fact.walk_ok is not None:
        state.walk_ok = (fact.day, fact.at, fact.walk_ok)
    if fact.score:
        state.last_pain_at = fact.at
        if fact.run is not None and fact.run not in state.painful_runs:
            state.painful_runs = (*state.painful_runs, fact.run)[-KEEP_PAINFUL_RUNS:]
        if fact.score > 1:
            state.last_strong_at = fact.at
        if state.clinician_at is not None and fact.score > state.highest_before_clinician:
            state.silence_broken = True
