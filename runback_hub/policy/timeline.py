"""From a heap of inputs in any order, with repeats, to the facts the fold steps through.

One id counts once, withdrawals take effect, one run from two sources is one run, and each pain report finds
the run it belongs to. The result depends on the set of inputs only, never on their order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from ..model.inputs import (
    EMERGENCY_SYMPTOMS,
    RED_FLAG_SYMPTOMS,
    ActivityCompleted,
    Confirmation,
    ConfirmationKind,
    Input,
    Onset,
    PainReport,
    RunCompleted,
    WellnessReading,
    Withdrawal,
)

T = TypeVar("T")

WITHDRAW_WITHIN = timedelta(hours=24)
BELONGS_WITHIN = timedelta(hours=24)
SAME_RUN_PERCENT = 80

ORDER_CONFIRM, ORDER_EFFORT, ORDER_REPORT = range(3)

FILE_RANK, MAKER_RANK, HUB_RANK, MANUAL_RANK = 4, 3, 2, 1
SOURCE_RANKS = {
    FILE_RANK: ("fit", "tcx", "gpx", "file"),
    MAKER_RANK: (
        "garmin", "strava", "polar", "suunto", "coros", "fitbit", "google", "apple", "health_auto_export",
        "health_connect", "withings", "oura", "whoop", "intervals", "zepp", "amazfit", "wahoo", "tomtom", "samsung",
    ),
    HUB_RANK: ("home_assistant", "homeassistant", "ha_", "mqtt_", "node_red", "openhab"),
}  # fmt: skip
"""CONTRACT section 5: file > maker's API > hub sensor > manual. Matched on how the source's name begins."""


class RunLike(Protocol):
    """What belonging needs to know of a run."""

    @property
    def event_id(self) -> str:
        """As in `RunCompleted`."""
        ...

    @property
    def at(self) -> datetime:
        """As in `RunCompleted`."""
        ...

    @property
    def started_at(self) -> datetime:
        """As in `RunCompleted`."""
        ...

    @property
    def ended_at(self) -> datetime:
        """As in `RunCompleted`."""
        ...


class ReportLike(Protocol):
    """What belonging needs to know of a report."""

    @property
    def at(self) -> datetime:
        """As in `PainReport`."""
        ...

    @property
    def onset(self) -> Onset:
        """As in `PainReport`."""
        ...

    @property
    def carrier(self) -> str | None:
        """As in `PainReport`."""
        ...


_BELONGING = (Onset.DURING_RUN, Onset.AFTER_RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """The run a report belongs to; it may be observed later than the report."""

    event_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing the fold steps through, at `at`."""

    at: datetime
    what: RunCompleted | ActivityCompleted | PainReport | WellnessReading | Confirmation
    run: RunRef | None = None

    @property
    def key(self) -> tuple[datetime, int, int, str]:
        """Time first; at one instant confirmations, then runs, then reports, the highest score last."""
        score = self.what.score if isinstance(self.what, PainReport) else None
        return self.at, _order(self.what), -1 if score is None else score, self.what.event_id


def order_key(item: Input) -> tuple[datetime, int]:
    """Where an input stands in the log: its time, then its kind."""
    return item.at, _order(item)


def arrange(
    inputs: Iterable[Input],
    *,
    until: datetime | None = None,
    after: datetime | None = None,
    known_runs: Sequence[RunLike] = (),
) -> tuple[Fact, ...]:
    """The facts of `inputs` observed up to `until`, in the order the fold takes them.

    To go on from a state folded up to `after`, `known_runs` are its runs: reports may belong to them, and an
    input that is the same run as one of them is already part of that state.
    """
    seen = [item for item in unique(inputs) if until is None or item.at <= until]
    gone = withdrawn(seen)
    kept = [item for item in seen if item.event_id not in gone and not isinstance(item, Withdrawal)]
    own = [run for run in kept if isinstance(run, RunCompleted)]
    groups = merge_runs([run for run in own if _known(run, known_runs) is None])
    runs: list[RunLike] = [*known_runs, *(merged for merged, _ in groups)]
    facts: list[Fact] = []
    for merged, reports in groups:
        facts.append(Fact(at=merged.at, what=merged))
        facts.extend(_carried(reports, merged))
    for run in own:
        known = _known(run, known_runs)
        if known is not None and run.pain is not None:
            facts.extend(_carried((run.pain,), known))
    for item in kept:
        if not isinstance(item, RunCompleted):
            facts.extend(_facts_of(item, runs))
    wanted = (f for f in facts if (until is None or f.at <= until) and (after is None or f.at > after))
    return tuple(sorted(wanted, key=lambda f: f.key))


def _known(run: RunCompleted, known_runs: Sequence[RunLike]) -> RunLike | None:
    return next((known for known in known_runs if is_same_run(run, known)), None)


def _carried(reports: Iterable[PainReport], run: RunLike) -> Iterable[Fact]:
    ref = RunRef(event_id=run.event_id, started_at=run.started_at)
    return [Fact(at=report.at, what=report, run=ref) for report in reports]


def follows(state_moment: datetime | None, runs: Sequence[RunLike], reports: Sequence[ReportLike], item: Input) -> bool:
    """Whether `item` can simply be stepped in after `state_moment`: it is newest and changes nothing before it."""
    if isinstance(item, Withdrawal):
        return False
    if state_moment is None:
        return True
    if min(fact.at for fact in facts_of_one(item, runs)) <= state_moment:
        return False
    return not isinstance(item, RunCompleted) or not (
        any(is_same_run(item, run) for run in runs) or any(_may_capture(item, report) for report in reports)
    )


def reaches_back_to(item: Input, runs: Sequence[RunLike], reports: Sequence[ReportLike]) -> datetime:
    """The earliest moment whose facts `item` may change; a withdrawal's target is the caller's to add."""
    moments = [fact.at for fact in facts_of_one(item, runs)] or [item.at]
    if isinstance(item, RunCompleted):
        moments += [run.at for run in runs if is_same_run(item, run)]
        moments += [report.at for report in reports if _may_capture(item, report)]
    return min(moments)


def _may_capture(run: RunCompleted, report: ReportLike) -> bool:
    return report.carrier is None and report.onset in _BELONGING and report.at > run.started_at


def facts_of_one(item: Input, runs: Sequence[RunLike]) -> tuple[Fact, ...]:
    """The facts of a single input that merges with nothing and withdraws nothing."""
    if isinstance(item, Withdrawal):
        return ()
    if isinstance(item, RunCompleted):
        facts = [Fact(at=item.at, what=item)]
        if item.pain is not None:
            ref = RunRef(event_id=item.event_id, started_at=item.started_at)
            facts.append(Fact(at=item.pain.at, what=item.pain, run=ref))
        return tuple(sorted(facts, key=lambda f: f.key))
    return _facts_of(item, runs)


def unique(inputs: Iterable[Input]) -> list[Input]:
    """Each event id once; of one id with different contents the earliest `at` counts."""
    first: dict[str, Input] = {}
    for item in inputs:
        other = first.get(item.event_id)
        if other is None or (item.at, repr(item)) < (other.at, repr(other)):
            first[item.event_id] = item
    return sorted(first.values(), key=lambda item: (*order_key(item), item.event_id))


def withdrawn(inputs: Sequence[Input]) -> frozenset[str]:
    """The ids that valid withdrawals among `inputs` take back."""
    return frozenset(
        item.target for item in inputs if isinstance(item, Withdrawal) and withdrawal_problem(item, inputs) is None
    )


def withdrawal_problem(withdrawal: Withdrawal, inputs: Iterable[Input]) -> str | None:
    """Why a withdrawal has no effect, in plain words; `None` where it is valid.

    A report of pain may be taken back within 24 h; one with a red-flag answer only when, besides, a later
    report has answered every emergency question with no. A run that carries such a report is held alike.
    """
    log = list(inputs)
    target = next((i for i in log if i.event_id == withdrawal.target and not isinstance(i, Withdrawal)), None)
    if target is None:
        return "event_id: no such input, given an id that is not in the log, allowed an accepted input's id"
    reports = [r for r in _reports_of(target) if _is_held(r)]
    for report in reports:
        if withdrawal.at - report.at > WITHDRAW_WITHIN:
            return "event_id: a pain report can be withdrawn within 24 h of it only; this one is older"
        if _has_red_flag(report) and not any(
            report.at < other.at < withdrawal.at and _answers_all_emergency_no(other)
            for item in log
            for other in _reports_of(item)
        ):
            return (
                "event_id: this report can be withdrawn only after a later report has answered every "
                "emergency question with no"
            )
    return None


def belongs_to(report: PainReport, runs: Iterable[RunLike]) -> RunRef | None:
    """The latest run that started before the report and ended no more than 24 h before it."""
    if report.carrier is not None or report.onset not in _BELONGING:
        return None
    best: RunLike | None = None
    for run in runs:
        if (
            run.started_at < report.at
            and report.at - run.ended_at <= BELONGS_WITHIN
            and (best is None or (run.started_at, run.event_id) > (best.started_at, best.event_id))
        ):
            best = run
    return None if best is None else RunRef(event_id=best.event_id, started_at=best.started_at)


def is_same_run(one: RunLike, other: RunLike) -> bool:
    """Whether two spans overlap by at least 80 % of the shorter."""
    overlap = min(one.ended_at, other.ended_at) - max(one.started_at, other.started_at)
    shorter = min(one.ended_at - one.started_at, other.ended_at - other.started_at)
    return overlap > timedelta() and overlap * 100 >= shorter * SAME_RUN_PERCENT


def merge_runs(runs: Sequence[RunCompleted]) -> list[tuple[RunCompleted, tuple[PainReport, ...]]]:
    """Runs of one span as one run, with every pain report any of them carried.

    Taken in order of observation; the merged run keeps the id and the time of the first one seen.
    """
    groups: list[list[RunCompleted]] = []
    merged: list[RunCompleted] = []
    for run in runs:
        index = next((i for i, other in enumerate(merged) if is_same_run(run, other)), None)
        if index is None:
            groups.append([run])
            merged.append(run)
        else:
            groups[index].append(run)
            merged[index] = _merge(groups[index])
    return [
        (one, tuple(run.pain for run in group if run.pain is not None))
        for one, group in zip(merged, groups, strict=True)
    ]


def source_rank(source: str | None) -> int:
    """How rich a source is: 4 file, 3 maker's API, 2 hub sensor, 1 manual."""
    name = (source or "").lower()
    return next((rank for rank, names in SOURCE_RANKS.items() if name.startswith(names)), MANUAL_RANK)


def _merge(group: Sequence[RunCompleted]) -> RunCompleted:
    """Field by field the richest source that has a value; the span is the richest source's."""
    richest = sorted(group, key=lambda run: (-source_rank(run.source), run.at, run.event_id))

    def first(value_of: Callable[[RunCompleted], T | None]) -> T | None:
        return next((value for run in richest if (value := value_of(run)) is not None), None)

    return replace(
        richest[0],
        event_id=group[0].event_id,
        at=group[0].at,
        pain=group[0].pain,
        distance_m=first(lambda run: run.distance_m),
        moving_s=first(lambda run: run.moving_s),
        steps=first(lambda run: run.steps),
        cadence_spm=first(lambda run: run.cadence_spm),
        avg_hr=first(lambda run: run.avg_hr),
        max_hr=first(lambda run: run.max_hr),
        ascent_m=first(lambda run: run.ascent_m),
        descent_m=first(lambda run: run.descent_m),
        surface=first(lambda run: run.surface),
        rpe=first(lambda run: run.rpe),
        title=first(lambda run: run.title),
        tz_offset_min=first(lambda run: run.tz_offset_min),
    )


def _order(item: Input) -> int:
    if isinstance(item, PainReport):
        return ORDER_REPORT
    if isinstance(item, Confirmation):
        free_day = item.kind is ConfirmationKind.PAIN_FREE_DAY
        return ORDER_REPORT if free_day else ORDER_CONFIRM
    return ORDER_EFFORT


def _facts_of(item: Input, runs: Sequence[RunLike]) -> tuple[Fact, ...]:
    match item:
        case Confirmation(kind=ConfirmationKind.PAIN_FREE_DAY):
            report = PainReport(event_id=item.event_id, athlete=item.athlete, at=item.at, score=0)
            return (Fact(at=item.at, what=report),)
        case PainReport():
            return (Fact(at=item.at, what=item, run=belongs_to(item, runs)),)
        case ActivityCompleted(pain=PainReport() as carried):
            return (Fact(at=item.at, what=item), Fact(at=carried.at, what=carried))
        case Withdrawal():
            return ()
        case _:
            return (Fact(at=item.at, what=item),)


def _reports_of(item: Input) -> tuple[PainReport, ...]:
    match item:
        case PainReport():
            return (item,)
        case RunCompleted(pain=PainReport() as carried) | ActivityCompleted(pain=PainReport() as carried):
            return (carried,)
        case _:
            return ()


def _is_held(report: PainReport) -> bool:
    return (report.score or 0) >= 1 or _has_red_flag(report)


def _has_red_flag(report: PainReport) -> bool:
    return any(report.symptoms.get(name) is True for name in RED_FLAG_SYMPTOMS)


def _answers_all_emergency_no(report: PainReport) -> bool:
    return all(report.symptoms.get(name) is False for name in EMERGENCY_SYMPTOMS)
