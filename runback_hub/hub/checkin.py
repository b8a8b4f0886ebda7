"""The one open question of an athlete: opened by a run or by missing answers, closed by a report.

After a run the hub asks once how the back is; the question lapses after 24 h. While an answer to the red-flag
questions is missing that check-in comes first; it carries its kind only. Later, at rest, the walk is asked for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import JsonValue

from ..model.assessment import Assessment, State
from ..model.inputs import ActivityCompleted, Confirmation, Input, PainReport, RunCompleted

LAPSES_AFTER = timedelta(hours=24)
ASKED_AFTER_WALK_OF = frozenset({"walk_30min"})


class CheckinKind(StrEnum):
    """What is asked."""

    POST_RUN = "post_run"
    NEXT_MORNING = "next_morning"
    RED_FLAGS = "red_flags"
    WALK = "walk"


OPTIONS: dict[CheckinKind, list[JsonValue]] = {
    CheckinKind.POST_RUN: list(range(11)),
    CheckinKind.NEXT_MORNING: list(range(11)),
    CheckinKind.RED_FLAGS: [],
    CheckinKind.WALK: [True, False],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkin:
    """An open question."""

    id: str
    kind: CheckinKind
    run: str | None
    asked_at: datetime
    expires_at: datetime

    def fields(self) -> dict[str, JsonValue]:
        """The payload of `checkin`."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "run": self.run,
            "asked_at": self.asked_at.isoformat().replace("+00:00", "Z"),
            "expires_at": self.expires_at.isoformat().replace("+00:00", "Z"),
            "options": OPTIONS[self.kind],
        }


def next_checkin(
    open_one: Checkin | None, assessment: Assessment, item: Input | None, *, historical: bool
) -> Checkin | None:
    """The question that stands after `item` (nothing: time passed) led to `assessment`."""
    now = assessment.assessed_at
    current = open_one if open_one is not None and open_one.expires_at > now else None
    if current is not None and _is_answered(current, assessment, item):
        current = None
    if historical:
        return current
    kind = _wanted(assessment, item)
    if current is not None and current.kind is CheckinKind.RED_FLAGS and kind is CheckinKind.POST_RUN:
        return current  # what is still missing there matters more
    if kind is None or (current is not None and current.kind is kind and kind is not CheckinKind.POST_RUN):
        return current
    run = item.event_id if isinstance(item, RunCompleted) else None
    cause = item.event_id if item is not None else now.isoformat()
    name = hashlib.sha256(f"{assessment.athlete}|{kind}|{cause}".encode()).hexdigest()[:16]
    return Checkin(id=name, kind=kind, run=run, asked_at=now, expires_at=now + LAPSES_AFTER)


def _wanted(assessment: Assessment, item: Input | None) -> CheckinKind | None:
    if isinstance(item, PainReport | Confirmation | RunCompleted | ActivityCompleted):
        if "red_flag_questions" in assessment.missing and _gave_pain(item):
            return CheckinKind.RED_FLAGS
        if assessment.state is State.REST and set(assessment.to_leave) == ASKED_AFTER_WALK_OF:
            return CheckinKind.WALK
    if isinstance(item, RunCompleted) and item.pain is None:
        return CheckinKind.POST_RUN
    return None


def _gave_pain(item: Input) -> bool:
    return isinstance(item, PainReport) or (isinstance(item, RunCompleted) and item.pain is not None)


def _is_answered(current: Checkin, assessment: Assessment, item: Input | None) -> bool:
    match current.kind:
        case CheckinKind.RED_FLAGS:
            return "red_flag_questions" not in assessment.missing
        case CheckinKind.WALK:
            return "walk_30min" not in assessment.to_leave
        case _:
            return item is not None and _gave_pain(item)
