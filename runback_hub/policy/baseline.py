"""Baseline: N1 too little history, N2 an answer that is missing (POLICY "Baseline")."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ..model.assessment import State
from ..model.athlete import Experience, Profile
from .ladder import is_short_history
from .state import Firing, PolicyState, RunFact
from .thresholds import Thresholds

HOUR = timedelta(hours=1)


def baseline_firings(
    state: PolicyState, now: datetime, day: int, profile: Profile, limits: Thresholds
) -> Iterator[Firing]:
    """N1 for a regular runner (a beginner's N1 is a ladder), then N2."""
    if profile.experience is Experience.REGULAR and is_short_history(state, day, limits):
        yield _history_firing(state, day, limits)
    unanswered = unanswered_run(state, now, limits)
    if unanswered is not None:
        yield Firing(
            rule="N2", code="pain_answer_missing", state=State.UNKNOWN, evidence="evidence-7",
            value=float((now - unanswered.ended_at) // HOUR), limit=float(limits.answer_due // HOUR), unit="h",
            input=unanswered.event_id,
        )  # fmt: skip


def _history_firing(state: PolicyState, day: int, limits: Thresholds) -> Firing:
    few = state.run_count < limits.baseline_runs
    days = 0 if state.first_run_day is None else day - state.first_run_day
    return Firing(
        rule="N1",
        code="few_runs" if few else "short_history",
        state=State.UNKNOWN,
        evidence="evidence-7",
        value=float(state.run_count if few else days),
        limit=float(limits.baseline_runs if few else limits.baseline_days),
        unit="runs" if few else "days",
    )


def unanswered_run(state: PolicyState, now: datetime, limits: Thresholds) -> RunFact | None:
    """The latest run that ended over 36 h ago without a pain answer since, while an episode is open."""
    if state.episode is None:
        return None
    ended = [run for run in state.runs if now - run.ended_at > limits.answer_due]
    if not ended:
        return None
    run = max(ended, key=lambda other: other.ended_at)
    return None if has_answer(state, run) else run


def has_answer(state: PolicyState, run: RunFact) -> bool:
    """Whether a report with a score came after the run's end, or belongs to it."""
    last = state.last_scored_at
    if last is not None and last > run.ended_at:
        return True
    return any(report.run == run.event_id and report.score is not None for report in state.reports)


def answer_due_at(state: PolicyState, limits: Thresholds) -> datetime | None:
    """When N2 may begin: just over 36 h after the end of a run that has no answer yet."""
    if state.episode is None:
        return None
    due = [run.ended_at for run in state.runs if not has_answer(state, run)]
    return min(due) + limits.answer_due + timedelta(seconds=1) if due else None


def without_baseline(state: PolicyState, rules: frozenset[str]) -> Firing | None:
    """The second reason of L3 or N1 while the latest run had no run in the 30 days before it."""
    run = state.last_run
    rule = next((rule for rule in ("L3", "N1") if rule in rules), None)
    if run is None or not run.no_baseline or rule is None:
        return None
    return Firing(
        rule=rule, code="no_recent_baseline", state=State.CLEAR, evidence="frandsen-2025",
        input=run.event_id,
    )  # fmt: skip
