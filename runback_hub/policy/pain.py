"""Pain: episodes, rest by P1, P2, P5, T1, easy by P3, P4, P5 (POLICY "Pain", EVIDENCE 3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from ..model.assessment import State
from ..model.athlete import PainProfile, Profile
from ..model.inputs import Comparison, Onset, PainQuality, PainReport
from .load import window_before
from .state import Episode, Firing, PolicyState, ReportFact
from .thresholds import Thresholds
from .timeline import RunRef

BEFORE_RUN_WITHIN = timedelta(hours=24)
TOP_RUNS_KEPT = 8
RISING = 3
ZEROS_TO_CLOSE = 2
ZERO_AFTER_DAYS = 7
CLOSE_AFTER_DAYS = 14


def earlier_score(state: PolicyState, report: PainReport, run: RunRef | None, day: int) -> int:
    """The highest pain already reported that day before the run, or as `before_run` in the 24 h before it.

    For a report that belongs to no run the report's own time stands for the run's start. `day` is the report's
    local date: pain of the evening before a run into the night excuses nothing (the careful reading).
    """
    start = run.started_at if run else report.at
    return max(
        (
            other.score
            for other in state.reports
            if other.score is not None
            and other.at < start
            and (other.day == day or (other.onset is Onset.BEFORE_RUN and start - other.at <= BEFORE_RUN_WITHIN))
        ),
        default=0,
    )


def is_guided(state: PolicyState, profile: Profile, report: PainReport) -> bool:
    """Whether the clinician's profile acts: chosen, and an assessment lies before this report."""
    return (
        profile.pain_profile is PainProfile.CLINICIAN_GUIDED
        and state.clinician_at is not None
        and state.clinician_at < report.at
    )


def judge(
    state: PolicyState, report: PainReport, fact: ReportFact, before: int, *, guided: bool, limits: Thresholds
) -> tuple[list[Firing], list[Firing]]:
    """The firings of one report: those that cause rest, and those that cause easy."""
    rest: list[Firing] = []
    easy: list[Firing] = []
    score = report.score or 0

    def fire(rule: str, code: str, level: State, limit: int | None, evidence: str) -> None:
        value = None if report.score is None else float(report.score)
        firing = Firing(
            rule=rule, code=code, state=level, evidence=evidence, input=report.event_id,
            value=value, limit=None if limit is None else float(limit), unit="score",
        )  # fmt: skip
        (rest if level is State.REST else easy).append(firing)

    stops = _stops_run(report, before, guided=guided, limits=limits)
    if stops:
        fire("P1", "pain_in_run", State.REST, 0 if not guided else None, "seed-5")
    if score >= limits.strong_score:
        fire("P2", "strong_pain", State.REST, limits.strong_score, "silbernagel-2007")
    elif report.quality is PainQuality.SHARP:
        fire("P2", "sharp_pain", State.REST, None, "vincent-2017")
    elif report.limp:
        fire("P2", "limp", State.REST, None, "vincent-2017")
    if limits.moderate_score <= score < limits.strong_score:
        fire("P5", "moderate_pain", State.EASY if guided else State.REST, limits.moderate_score, "seed-7")
    if 1 <= score < limits.moderate_score and not stops:
        fire("P4", "mild_pain", State.EASY, None, "thomee-1997")
    if is_worse_morning(report):
        fire("P3", "worse_next_morning", State.EASY, None, "silbernagel-2007")
    if _is_rising(state, fact, limits):
        fire("T1", "pain_rising", State.REST, None, "seed-7")
    return rest, easy


def _stops_run(report: PainReport, before: int, *, guided: bool, limits: Thresholds) -> bool:
    """P1: pain began or rose during the run; with a clinician only strong pain or a rise of 2."""
    if report.onset is not Onset.DURING_RUN or not report.score:
        return False
    if guided:
        return report.score >= limits.strong_score or report.score - before >= limits.guided_rise
    return before < report.score


def is_worse_morning(report: PainReport) -> bool:
    """The next-morning rule: worse than usual."""
    return report.onset is Onset.NEXT_MORNING and report.compared_to_usual is Comparison.WORSE


def _is_rising(state: PolicyState, fact: ReportFact, limits: Thresholds) -> bool:
    """T1: three scored reports in a row, on different days within 14, each higher than the one before."""
    scored = [(report.score, report.day) for report in (*state.reports, fact) if report.score is not None][-RISING:]
    if fact.score is None or len(scored) < RISING:
        return False
    return (
        all(earlier[0] < later[0] and earlier[1] < later[1] for earlier, later in pairwise(scored))
        and fact.day - scored[0][1] <= limits.rising_days
    )


def follow_episode(state: PolicyState, report: PainReport, fact: ReportFact, limits: Thresholds) -> bool:
    """Open or update the episode; whether this report opened it."""
    score, episode = fact.score, state.episode
    if episode is None:
        if not score:
            return False
        state.history_assessed = ()
        state.episode = Episode(
            opened_at=fact.at,
            opened_day=fact.day,
            location=report.location.value if report.location else None,
            count_from_day=fact.day,
            first_score=score,
            report_days=(fact.day,),
            latest_score=score,
            previous_score=None,
            highest_score=score,
            last_pain_at=fact.at,
            last_pain_day=fact.day,
            longest_at_opening=_longest_runs(state, fact, limits),
        )
        return True
    days = episode.report_days if fact.day in episode.report_days[-1:] else (*episode.report_days, fact.day)
    changed = replace(
        episode,
        report_days=days[-3:],
        location=episode.location or (report.location.value if report.location else None),
    )
    if score is not None:
        changed = replace(
            changed,
            latest_score=score,
            previous_score=episode.latest_score,
            highest_score=max(episode.highest_score, score),
            first_score=episode.first_score if episode.first_score is not None or score < 1 else score,
        )
    if score == 0:
        changed = replace(changed, zeros=episode.zeros + 1, last_zero_day=fact.day)
    elif score is not None:
        changed = replace(changed, zeros=0, last_zero_day=None, last_pain_at=fact.at, last_pain_day=fact.day)
    state.episode = changed
    return False


def _longest_runs(state: PolicyState, fact: ReportFact, limits: Thresholds) -> tuple[tuple[str, int], ...]:
    window = [
        (run.event_id, run.distance_m)
        for run in window_before(state.runs, fact.at, limits)
        if run.distance_m is not None
    ]
    return tuple(sorted(window, key=lambda pair: (-pair[1], pair[0]))[:TOP_RUNS_KEPT])


def settle_episode(state: PolicyState, day: int) -> None:
    """Close an episode after 14 days without pain and enough answers of 0."""
    episode = state.episode
    if (
        episode is not None
        and state.rest is None
        and not (state.ladder is not None and state.ladder.rule == "R1")
        and day - episode.last_pain_day >= CLOSE_AFTER_DAYS
        and episode.zeros >= ZEROS_TO_CLOSE
        and episode.last_zero_day is not None
        and episode.last_zero_day - episode.last_pain_day >= ZERO_AFTER_DAYS
    ):
        close_episode(state, day)


def close_episode(state: PolicyState, day: int) -> None:
    """End the open episode, if there is one."""
    if state.episode is not None:
        state.episode, state.closed_day = None, day


def had_episode(state: PolicyState, day: int, limits: Thresholds) -> bool:
    """Whether an episode is open or was in the last 90 days."""
    return state.episode is not None or (
        state.closed_day is not None and day - state.closed_day <= limits.episode_memory_days
    )


def settle_easy(state: PolicyState, day: int) -> None:
    """Easy by pain ends at a local midnight after a latest report of 0."""
    if state.easy and state.last_report is not None and state.last_report.score == 0 and day > state.last_report.day:
        state.easy = ()


def merge_firings(old: tuple[Firing, ...], new: list[Firing]) -> tuple[Firing, ...]:
    """The newest firing of each rule."""
    by_rule = {firing.rule: firing for firing in (*old, *new)}
    return tuple(by_rule[rule] for rule in sorted(by_rule))
