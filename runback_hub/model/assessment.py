"""What the policy concludes for one athlete at one moment. Field names are those of the published status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The eight states. `strength` orders them; `unknown` stands only where `clear` would."""

    UNKNOWN = "unknown"
    CLEAR = "clear"
    EASY = "easy"
    RETURNING = "returning"
    REST = "rest"
    SEE_PROVIDER = "see_provider"
    URGENT = "urgent"
    EMERGENCY = "emergency"

    @property
    def strength(self) -> int:
        """0 for `clear`, rising to `emergency`."""
        return _STRENGTH[self]


_STRENGTH = {
    State.CLEAR: 0,
    State.UNKNOWN: 1,
    State.EASY: 2,
    State.RETURNING: 3,
    State.REST: 4,
    State.SEE_PROVIDER: 5,
    State.URGENT: 6,
    State.EMERGENCY: 7,
}


class Severity(StrEnum):
    """How firmly a rule holds: soft ones a person may override, flags only a clinician's assessment ends."""

    INFO = "info"
    SOFT = "soft"
    FIRM = "firm"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule that fired. `value` and `limit` share `unit`; `input` is the event id that caused it."""

    rule: str
    code: str
    state: State
    severity: Severity
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    evidence: str | None = None
    input: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeView:
    """The open pain episode, or `open` false and nulls."""

    open: bool = False
    since: datetime | None = None
    days: int | None = None
    location: str | None = None
    latest_score: int | None = None
    trend: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """Where on the ladder of the graded return the person stands."""

    stage: int
    of: int
    session: str
    sessions_done: int
    sessions_needed: int
    next_run_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadView:
    """Sums over local days (7 and 28, today included); session RPE load in arbitrary units (EVIDENCE 2.2)."""

    runs_7d: int
    distance_7d_m: int | None
    distance_28d_m: int | None
    steps_7d: int | None
    steps_28d: int | None
    longest_30d_m: int | None
    spike_ratio: float | None
    srpe_7d: int | None
    monotony_7d: float | None
    strain_7d: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryView:
    """A panel, never a score (EVIDENCE 4)."""

    hrv_ln_7d: float | None
    hrv_band: tuple[float, float] | None
    resting_hr_7d: float | None
    sleep_2n_s: int | None
    soreness: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRunView:
    """The latest run by start."""

    event_id: str
    started_at: datetime
    distance_m: int | None
    duration_s: float
    steps: int | None
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The answer: a state, why, what is allowed today, and what is missing. `None` is never 0."""

    athlete: str
    assessed_at: datetime
    policy: str
    state: State
    rest: bool
    run_ok_today: bool
    max_distance_m: int | None
    max_duration_s: int | None
    max_rpe: int | None
    review_at: datetime | None
    episode: EpisodeView
    plan: PlanView | None
    load: LoadView
    recovery: RecoveryView
    reasons: tuple[Reason, ...]
    overridden: tuple[str, ...]
    missing: tuple[str, ...]
    to_leave: tuple[str, ...]
    last_run: LastRunView | None
