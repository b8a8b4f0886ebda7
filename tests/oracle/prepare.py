"""What counts at all: one id once, withdrawals, one run from two sources, carried reports on their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from runback_hub.model.inputs import (
    EMERGENCY_SYMPTOMS,
    RED_FLAG_SYMPTOMS,
    ActivityCompleted,
    Confirmation,
    ConfirmationKind,
    Effort,
    Input,
    Onset,
    PainReport,
    RunCompleted,
    Surface,
    WellnessReading,
    Withdrawal,
)

DAY = timedelta(hours=24)

FILES = ("fit", "tcx", "gpx", "file")
MAKERS = (
    "garmin", "strava", "polar", "suunto", "coros", "wahoo", "fitbit", "google", "health_connect", "health",
    "apple", "samsung", "intervals", "zepp", "amazfit", "huawei", "runalyze", "nike", "adidas", "runkeeper",
    "withings", "oura", "whoop", "tracker",
)  # fmt: skip
HUB_SENSORS = ("home_assistant", "ha_", "homeassistant")


@dataclass(frozen=True, slots=True)
class Run:
    """A run after merging: the fields that won, the ids of all its inputs, and when it was first observed."""

    effort: RunCompleted
    ids: frozenset[str]
    at: datetime

    @property
    def started_at(self) -> datetime:
        return self.effort.started_at

    @property
    def ended_at(self) -> datetime:
        return self.effort.ended_at

    @property
    def distance_m(self) -> int | None:
        return self.effort.distance_m

    @property
    def too_short_for_l30(self) -> bool:
        return self.distance_m is not None and self.distance_m < 400 and self.effort.surface is not Surface.TREADMILL


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that counts up to the moment asked about, each list in the order in which it acts."""

    runs: tuple[Run, ...]
    activities: tuple[ActivityCompleted, ...]
    reports: tuple[PainReport, ...]
    wellness: tuple[WellnessReading, ...]
    confirmations: tuple[Confirmation, ...]

    def owner(self, report: PainReport) -> Run | None:
        """The run a report belongs to."""
        if report.carrier is not None:
            return next((run for run in self.runs if report.carrier in run.ids), None)
        if report.onset not in {Onset.DURING_RUN, Onset.AFTER_RUN}:
            return None
        # READING: "the latest run that started before it" knows every run observed up to the moment asked
        # about, also one whose own `at` lies after the report (a report sent while still running).
        fitting = [run for run in self.runs if run.started_at < report.at and report.at - run.ended_at <= DAY]
        return max(fitting, key=lambda run: run.started_at, default=None)


def report_order(report: PainReport) -> tuple[datetime, int, str]:
    """By time; "of reports with one time the highest score is the latest"; a null score comes first."""
    return (report.at, -1 if report.score is None else report.score, report.event_id)


def prepare(inputs: Sequence[Input], now: datetime) -> Facts:
    """Apply everything that decides which inputs count, for the moment `now`."""
    once = _one_id_once(item for item in inputs if item.at <= now)
    gone = _withdrawn(once)
    left = [item for item in once if item.event_id not in gone]
    reports = [item for item in left if isinstance(item, PainReport)]
    reports += [
        item.pain
        for item in left
        if isinstance(item, Effort) and item.pain is not None and item.pain.at <= now and item.pain.event_id not in gone
    ]
    reports += [
        PainReport(event_id=item.event_id, athlete=item.athlete, at=item.at, score=0, onset=Onset.DAILY)
        for item in left
        if isinstance(item, Confirmation) and item.kind is ConfirmationKind.PAIN_FREE_DAY
    ]
    # READING: a report carried by two inputs under one id is one report, as "one id counted once" says.
    reports = [report for index, report in enumerate(reports) if not _again(report, index, reports)]
    runs = _merge([_treadmill_zero(item) for item in left if isinstance(item, RunCompleted)])
    activities = [item for item in left if isinstance(item, ActivityCompleted)]
    wellness = [item for item in left if isinstance(item, WellnessReading)]
    confirmations = [item for item in left if isinstance(item, Confirmation)]
    return Facts(
        runs=tuple(sorted(runs, key=lambda run: (run.started_at, run.effort.event_id))),
        activities=tuple(sorted(activities, key=lambda item: (item.started_at, item.event_id))),
        reports=tuple(sorted(reports, key=report_order)),
        wellness=tuple(sorted(wellness, key=lambda item: (item.at, item.event_id))),
        confirmations=tuple(sorted(confirmations, key=lambda item: (item.at, item.event_id))),
    )


def _one_id_once(inputs: Iterable[Input]) -> list[Input]:
    """Of one id with different contents the earliest `at` counts."""
    first: dict[str, Input] = {}
    for item in inputs:
        # READING: of one id with two contents and one `at`, nothing is said; the smaller text counts, so
        # that the order of the lines never matters.
        known = first.get(item.event_id)
        if known is None or (item.at, repr(item)) < (known.at, repr(known)):
            first[item.event_id] = item
    return list(first.values())


def _again(report: PainReport, index: int, reports: Sequence[PainReport]) -> bool:
    """Whether another report of the same id counts instead: the earlier one, of equal ones the first."""
    return any(
        other.event_id == report.event_id and (other.at, place) < (report.at, index)
        for place, other in enumerate(reports)
    )


def _withdrawn(inputs: Sequence[Input]) -> dict[str, datetime]:
    """Ids taken back by a valid withdrawal, with its time. The whole history forgets them."""
    by_id: dict[str, Input] = {}
    for item in inputs:
        if isinstance(item, Effort) and item.pain is not None:
            by_id.setdefault(item.pain.event_id, item.pain)
    # READING: a carried report that has an id of its own can be taken back by that id, alone.
    by_id.update({item.event_id: item for item in inputs})
    gone: dict[str, datetime] = {}
    withdrawals = [item for item in inputs if isinstance(item, Withdrawal)]
    # READING: of withdrawals at one instant those of unheld inputs act first.
    withdrawals.sort(key=lambda item: (item.at, _is_held(by_id.get(item.target)), item.event_id))
    for withdrawal in withdrawals:
        target = by_id.get(withdrawal.target)
        if target is None or isinstance(target, Withdrawal):
            continue
        # READING: "acts from its own `at` on": from then on the whole history is as if the input had never been;
        # an input that nothing holds is also taken back by a withdrawal that lies before it.
        if all(_may_go(report, withdrawal, inputs, gone) for report in _reports_in(target)):
            gone.setdefault(withdrawal.target, withdrawal.at)
    return gone


def _reports_in(item: Input | None) -> list[PainReport]:
    if isinstance(item, PainReport):
        return [item]
    if isinstance(item, Effort) and item.pain is not None:
        return [item.pain]
    return []


def _has_red_flag(report: PainReport) -> bool:
    return any(report.symptoms.get(name) is True for name in RED_FLAG_SYMPTOMS)


def _is_held(item: Input | None) -> bool:
    return any((report.score or 0) >= 1 or _has_red_flag(report) for report in _reports_in(item))


def _may_go(report: PainReport, withdrawal: Withdrawal, inputs: Sequence[Input], gone: dict[str, datetime]) -> bool:
    """24 h for a score or a flag; for a flag one later report with all eight emergency answers `false`."""
    if not _is_held(report):
        return True
    # READING: "within 24 h" of it includes the 24th hour's end and nothing before the report.
    if not timedelta(0) <= withdrawal.at - report.at <= DAY:
        return False
    if not _has_red_flag(report):
        return True
    # READING: "after a later report has answered": strictly later than the report, strictly before the
    # withdrawal, and not taken back itself by then.
    for item in inputs:
        if item.event_id in gone:
            continue
        for later in _reports_in(item):
            if (
                report.at < later.at < withdrawal.at
                and later.event_id not in gone
                and all(later.symptoms.get(name) is False for name in EMERGENCY_SYMPTOMS)
            ):
                return True
    return False


def _treadmill_zero(run: RunCompleted) -> RunCompleted:
    """A treadmill distance of 0 is no distance."""
    if run.surface is Surface.TREADMILL and run.distance_m == 0:
        return replace(run, distance_m=None)
    return run


def source_rank(source: str | None) -> int:
    """0 file, 1 maker's API, 2 hub sensor, 3 manual."""
    text = (source or "").lower()
    if text.startswith(HUB_SENSORS):
        return 2
    if text.split(":", maxsplit=1)[0].split(".")[-1] in FILES:
        return 0
    if text.startswith(MAKERS):
        return 1
    return 3


def _same_run(one: RunCompleted, other: RunCompleted) -> bool:
    """The two spans overlap by at least 80 % of the shorter."""
    shorter = min(one.duration_ms, other.duration_ms)
    overlap = min(one.ended_at, other.ended_at) - max(one.started_at, other.started_at)
    return overlap // timedelta(milliseconds=1) * 100 >= shorter * 80


def _merge(runs: Sequence[RunCompleted]) -> list[Run]:
    # READING: overlap is transitive over the inputs as sent (A with B and B with C: one run of three).
    groups: list[list[RunCompleted]] = []
    for run in runs:
        touching = [group for group in groups if any(_same_run(run, other) for other in group)]
        for group in touching:
            groups.remove(group)
        groups.append([run, *(other for group in touching for other in group)])
    return [_merged(group) for group in groups]


def _merged(group: Sequence[RunCompleted]) -> Run:
    """Field by field the richest source that has it. Every pain report was already taken out and kept."""
    # READING: of two sources of one rank the earlier `at` wins; the merged run acts at the earliest `at`.
    ordered = sorted(group, key=lambda run: (source_rank(run.source), run.at, run.event_id))
    best = ordered[0]
    for other in ordered[1:]:
        missing = {
            field.name: getattr(other, field.name)
            for field in fields(best)
            if getattr(best, field.name) is None and getattr(other, field.name) is not None
        }
        best = replace(best, **missing)
    return Run(
        effort=_treadmill_zero(best),
        ids=frozenset(run.event_id for run in group),
        at=min(run.at for run in group),
    )
