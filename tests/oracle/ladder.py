"""The ladder's fixed numbers and its changing place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from runback_hub.model.inputs import ActivityCompleted

from .prepare import Run

MINUTE_MS = 60_000
TOP_STAGE = 10


def stage_total_ms(stage: int) -> int:
    """Stage 0 walks 30 min; 1 to 8 have four blocks of 5 min, 9 has five; 10 runs 25 min."""
    if stage == 0:
        return 30 * MINUTE_MS
    return (25 if stage >= 9 else 20) * MINUTE_MS


def within_80_to_125(duration_ms: int, stage: int) -> bool:
    """Whether a session's length counts; both ends do."""
    return stage_total_ms(stage) * 80 <= duration_ms * 100 <= stage_total_ms(stage) * 125


def is_longer(duration_ms: int, stage: int) -> bool:
    """Longer than 125 % of the stage's total."""
    return duration_ms * 100 > stage_total_ms(stage) * 125


@dataclass
class LadderRun:
    """A run that ended on this ladder."""

    run: Run
    stage: int
    exceeded: bool
    clean: bool = False


@dataclass
class Pending:
    """A session that waits to be judged: a run, or at stage 0 a walk."""

    day: date
    stage: int
    run: LadderRun | None = None
    walk: ActivityCompleted | None = None


class StageChange(NamedTuple):
    """From this moment on the ladder stood at this stage."""

    at: datetime
    stage: int


@dataclass
class Ladder:
    """A graded return. `rule` entered it; `cause_at` is the last report that caused the rest before it."""

    rule: str
    stage: int
    entered_at: datetime
    entered_with_episode: bool
    break_began_with: Run | None
    cause_at: datetime | None = None
    sessions_done: int = 0
    runs: list[LadderRun] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    history: list[StageChange] = field(default_factory=list)
    stepped_runs: list[Run] = field(default_factory=list)
    stepped_mornings: list[date] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append(StageChange(self.entered_at, self.stage))

    def stage_at(self, moment: datetime) -> int:
        """The stage just before `moment`: runs act before a stage changes."""
        return [change.stage for change in self.history if change.at < moment][-1]

    def move_to(self, stage: int, at: datetime) -> None:
        """Change the stage. What was done or begun on the other stage does not count on the new one."""
        self.sessions_done = 0
        if stage != self.stage:
            # READING: a session is one of the stage it was done at; a change of stage makes it void.
            self.pending.clear()
            self.stage = stage
            self.history.append(StageChange(at, stage))
