"""What the fold remembers of an athlete: bounded, plain, and written to disk as it is.

Every part is frozen; only `PolicyState` itself changes, and `step` changes a copy.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ..model.assessment import State
from ..model.athlete import Experience, Profile
from ..model.inputs import Comparison, Onset

KEEP_RUN_DAYS = 92
KEEP_RUNS = 4
KEEP_REPORT_DAYS = 30
KEEP_REPORTS = 3
KEEP_WELLNESS_DAYS = 36
KEEP_PAINFUL_RUNS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A rule that fired, and the input that caused it."""

    rule: str
    code: str
    state: State
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    evidence: str | None = None
    input: str | None = None
    run: str | None = None
    """The run that a load rule came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFact:
    """What the policy keeps of a run. `spike` is R as numerator and denominator."""

    event_id: str
    at: datetime
    started_at: datetime
    ended_at: datetime
    day: int
    duration_ms: int
    distance_m: int | None
    steps: int | None
    counts: bool
    rpe: float | None
    source: str | None
    spike: tuple[int, int] | None = None
    no_baseline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFact:
    """What the policy keeps of a pain report; symptoms live on only as latches and answers."""

    at: datetime
    day: int
    score: int | None
    onset: Onset
    run: str | None
    carrier: str | None
    compared: Comparison | None
    walk_ok: bool | None
    rose: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WellnessDay:
    """One date's readings, the worst of several."""

    day: int
    hrv_ln: Decimal | None = None
    resting_hr: float | None = None
    sleep_s: int | None = None
    soreness: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The latest answer to one emergency question, and when it was last answered `True`."""

    name: str
    value: bool
    at: datetime
    true_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingUrgent:
    """An urgent answer given without pain: it counts if an episode opens within 7 days."""

    at: datetime
    day: int
    input: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An open pain episode. Age, first score and report days restart with C2 (`count_from`)."""

    opened_at: datetime
    opened_day: int
    location: str | None
    count_from_day: int
    first_score: int | None
    report_days: tuple[int, ...]
    latest_score: int | None
    previous_score: int | None
    highest_score: int
    last_pain_at: datetime
    last_pain_day: int
    zeros: int = 0
    last_zero_day: int | None = None
    longest_at_opening: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Being at rest: why, since when, and from which stage of a ladder."""

    since: datetime
    causes: tuple[Firing, ...] = ()
    first_cause_at: datetime | None = None
    last_cause_at: datetime | None = None
    last_cause_day: int | None = None
    after_flag: Firing | None = None
    fell_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that waits for its judgement. A walk of stage 0 has no run."""

    day: int
    at: datetime
    effort: str
    is_walk: bool
    needs_answer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderRun:
    """A run done on the ladder, for the way out by three runs."""

    event_id: str
    day: int
    stage: int
    distance_m: int | None
    clean: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The graded return: `rule` entered it (R1, L3 or N1)."""

    rule: Literal["R1", "L3", "N1"]
    entered_at: datetime | None
    stage: int
    done: int = 0
    rest_cause_day: int | None = None
    entered_in_episode: bool = False
    longest_before_m: int | None = None
    gap_from_day: int | None = None
    worst_score: int = 0
    worst_day: int | None = None
    pending: Session | None = None
    exceeded: str | None = None
    """The latest run, where it was too long or too soon."""
    runs: tuple[LadderRun, ...] = ()
    last_walk_day: int | None = None
    stepped_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOff:
    """L3's easy: from a gap until two runs are done."""

    gap_from_day: int
    runs_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CareLatch:
    """C2 while it holds, with the run of zero answers that may end it."""

    firing: Firing
    zeros_from_day: int | None = None
    zeros_to_day: int | None = None


@dataclass(slots=True, kw_only=True)
class PolicyState:
    """The fold's memory after every input up to `moment`."""

    moment: datetime | None = None
    day: int | None = None
    unsettled: bool = False
    leave_asked: bool = False
    """A report or a walk came in this instant: R1 is judged when it settles."""

    run_count: int = 0
    first_run_day: int | None = None
    runs: tuple[RunFact, ...] = ()
    reports: tuple[ReportFact, ...] = ()
    wellness: tuple[WellnessDay, ...] = ()
    painful_runs: tuple[str, ...] = ()
    walk_ok: tuple[int, datetime, bool] | None = None
    last_report: ReportFact | None = None
    last_scored_at: datetime | None = None
    last_pain_at: datetime | None = None
    last_strong_at: datetime | None = None
    """The last report of 2 or more."""

    emergency: Firing | None = None
    urgent: Firing | None = None
    sport: Firing | None = None
    care: CareLatch | None = None
    pending_urgent: tuple[PendingUrgent, ...] = ()
    history_true: tuple[str, ...] = ()
    history_assessed: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    clinician_at: datetime | None = None
    clinician_day: int | None = None
    clearing_at: datetime | None = None
    highest_before_clinician: int = 0
    silence_broken: bool = False
    care_from: datetime | None = None
    step_backs: int = 0

    episode: Episode | None = None
    closed_day: int | None = None
    rest: Rest | None = None
    easy: tuple[Firing, ...] = ()
    low_recovery: tuple[Firing, datetime] | None = None
    time_off: TimeOff | None = None
    ladder: Ladder | None = None
    override: tuple[datetime, int] | None = None

    def copied(self) -> PolicyState:
        """A shallow copy: every part is frozen."""
        return copy.copy(self)

    @property
    def flagged(self) -> bool:
        """Whether E1, U1 or C1 is latched. C2 is not a latch: it ends by itself, and leads to no R4."""
        return bool(self.emergency or self.urgent or self.sport)

    @property
    def last_run(self) -> RunFact | None:
        """The latest run by start."""
        return self.runs[-1] if self.runs else None


def initial_state(profile: Profile) -> PolicyState:
    """Before any input: a beginner starts on the ladder's first stage (N1)."""
    state = PolicyState()
    if profile.experience is Experience.BEGINNER:
        state.ladder = Ladder(rule="N1", entered_at=None, stage=1)
    return state
