"""Leaving rest and the graded return: R1, R2, R3, the three runs, and time off L3 (POLICY "Leaving rest")."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from ..model.assessment import State
from ..model.athlete import Experience, Profile
from ..model.inputs import ActivityCompleted, Comparison, Onset, PainReport, RunCompleted, Sport
from .calendar import local_day
from .pain import close_episode, had_episode
from .red_flags import questions_open
from .state import Firing, Ladder, LadderRun, PolicyState, ReportFact, Rest, RunFact, Session, TimeOff
from .thresholds import LADDER, TOP_STAGE, Thresholds

KEEP_STEPPED_DAYS = 7
CLEAN_SCORE = 2
GUIDED_STEP_SCORES = (4, 5)
STAGE_SHORT_BREAK, STAGE_BREAK, STAGE_LONG_BREAK = 5, 3, 1
THREE_RUNS = 3


def begin_rest(
    state: PolicyState, at: datetime, day: int, causes: list[Firing], after_flag: Firing | None = None
) -> None:
    """Start or renew rest; a ladder ends and its stage is remembered."""
    rest = state.rest or Rest(since=at, fell_from=state.ladder.stage if state.ladder else None)
    state.ladder = state.time_off = None
    if causes:
        rest = replace(
            rest,
            causes=tuple({firing.rule: firing for firing in (*rest.causes, *causes)}.values()),
            first_cause_at=rest.first_cause_at or at,
            last_cause_at=at,
            last_cause_day=day,
        )
    if after_flag is not None:
        rest = replace(rest, after_flag=after_flag)
    state.rest = rest


def stage_after_break(days_off: int | None, limits: Thresholds) -> int:
    """R1's first stage by days since the last run (EVIDENCE 5.3): under 14 -> 5, to 28 -> 3, more -> 1."""
    if days_off is None or days_off > limits.long_time_off_days:
        return STAGE_LONG_BREAK
    return STAGE_SHORT_BREAK if days_off < limits.time_off_days else STAGE_BREAK


def still_needed(state: PolicyState, at: datetime, day: int, limits: Thresholds) -> tuple[str, ...]:
    """What of R1 does not hold at `at`, in the words of `to_leave`; empty where all holds."""
    rest = state.rest
    if rest is None:
        return ()
    two_days = [report for report in state.reports if day - report.day <= 1]
    quiet_from = max((m for m in (rest.last_cause_at, state.last_strong_at) if m is not None), default=None)
    checks = (
        ("report_today", any(report.day == day for report in two_days)),
        ("report_yesterday", any(report.day == day - 1 for report in two_days)),
        ("pain_0_1", all(report.score is not None and report.score <= 1 for report in two_days)),
        ("wait_48h", quiet_from is None or at - quiet_from >= limits.rest_quiet),
        ("walk_30min", state.walk_ok is not None and day - state.walk_ok[0] <= 1 and state.walk_ok[2]),
        ("red_flag_questions", not questions_open(state)),
    )
    return tuple(name for name, holds in checks if not holds)


def settle_leaving(state: PolicyState, at: datetime, day: int, limits: Thresholds) -> None:
    """R1: from rest to the ladder, judged when a report or a walk came in this instant."""
    rest = state.rest
    if rest is None or state.flagged or still_needed(state, at, day, limits):
        return
    days_off = day - state.last_run.day if state.last_run else None
    stage = stage_after_break(days_off, limits)
    if rest.fell_from is not None:
        stage = min(stage, max(rest.fell_from - 1, 0))
    state.rest = None
    state.ladder = Ladder(
        rule="R1",
        entered_at=at,
        stage=stage,
        rest_cause_day=rest.last_cause_day,
        entered_in_episode=state.episode is not None,
    )


def take_run(state: PolicyState, run: RunCompleted, fact: RunFact, before: RunFact | None, limits: Thresholds) -> None:
    """R2: judge a run on the ladder as a session, too short, or too long or too soon."""
    ladder = state.ladder
    if ladder is None:
        return
    total_ms = LADDER[ladder.stage].total_ms
    exceeded = (
        ladder.stage == 0
        or run.duration_ms * 100 > total_ms * limits.session_high_percent
        or (before is not None and fact.day - before.day < limits.session_gap_days)
    )
    done = LadderRun(event_id=fact.event_id, day=fact.day, stage=ladder.stage, distance_m=fact.distance_m)
    pending = ladder.pending
    if not exceeded and run.duration_ms * 100 >= total_ms * limits.session_low_percent and not state.flagged:
        pending = Session(
            day=fact.day, at=fact.at, effort=fact.event_id, is_walk=False,
            needs_answer=had_episode(state, fact.day, limits),
        )  # fmt: skip
    state.ladder = replace(
        ladder,
        runs=(*ladder.runs, done)[-THREE_RUNS:],
        exceeded=fact.event_id if exceeded else None,
        pending=pending,
    )


def take_walk(state: PolicyState, walk: ActivityCompleted, day: int, limits: Thresholds) -> None:
    """Stage 0: a brisk walk of 24 to 37.5 min, two days from runs and from counted walks."""
    ladder = state.ladder
    if ladder is None or ladder.stage != 0 or walk.sport is not Sport.WALKING or state.flagged:
        return
    total_ms = LADDER[0].total_ms
    lasts = total_ms * limits.session_low_percent <= walk.duration_ms * 100 <= total_ms * limits.session_high_percent
    last_run_day = state.last_run.day if state.last_run is not None else None
    days = [other for other in (last_run_day, ladder.last_walk_day) if other is not None]
    if not lasts or any(day - other < limits.session_gap_days for other in days):
        return
    session = Session(
        day=day, at=walk.at, effort=walk.event_id, is_walk=True, needs_answer=had_episode(state, day, limits)
    )
    state.ladder = replace(ladder, pending=session, last_walk_day=day)


def step_back(state: PolicyState, session_day: int) -> None:
    """One stage back, never below 0; a session and its next morning step back once together."""
    ladder = state.ladder
    if ladder is None or session_day in ladder.stepped_days:
        return
    state.step_backs += 1
    state.ladder = replace(
        ladder,
        stage=max(ladder.stage - 1, 0),
        done=0,
        pending=None,
        stepped_days=(*ladder.stepped_days, session_day)[-KEEP_STEPPED_DAYS:],
    )


def take_report(
    state: PolicyState,
    report: PainReport,
    fact: ReportFact,
    *,
    worse_morning: bool,
    guided: bool,
    zone: ZoneInfo,
) -> None:
    """What a report that causes no rest does to the ladder."""
    ladder = state.ladder
    if ladder is None:
        return
    if fact.score:
        state.ladder = ladder = replace(ladder, worst_score=max(ladder.worst_score, fact.score), worst_day=fact.day)
    if worse_morning:
        step_back(state, fact.day - 1)
    if guided and fact.score in GUIDED_STEP_SCORES and fact.run is not None:
        run = next((run for run in state.runs if run.event_id == fact.run), None)
        entered = ladder.entered_at
        if run is None:
            step_back(state, local_day(report.at, zone))
        elif entered is None or run.at > entered:
            step_back(state, run.day)


def settle_session(state: PolicyState, day: int, limits: Thresholds) -> None:
    """R2: judge the waiting session at the next morning's answer, at the latest at the midnight after it."""
    ladder = state.ladder
    if ladder is None or ladder.pending is None:
        return
    session = ladder.pending
    if state.flagged:
        state.ladder = replace(ladder, pending=None)
        return
    mornings = [
        report.compared
        for report in state.reports
        if report.day == session.day + 1 and report.onset is Onset.NEXT_MORNING and report.compared is not None
    ]
    if not mornings and day < session.day + limits.session_gap_days:
        return
    if not _is_clean(state, session, mornings[-1] if mornings else None):
        state.ladder = replace(ladder, pending=None)
        return
    runs = tuple(replace(run, clean=True) if run.event_id == session.effort else run for run in ladder.runs)
    state.ladder = replace(ladder, pending=None, done=ladder.done + 1, runs=runs)
    if state.ladder.done >= sessions_needed(state, day, limits):
        _advance(state, day)


def _is_clean(state: PolicyState, session: Session, morning: Comparison | None) -> bool:
    own = [report for report in state.reports if _is_about(report, session)]
    if morning is Comparison.WORSE:
        return False
    if not session.needs_answer:
        return not any((report.score or 0) >= 1 for report in own)
    return (
        morning is not None
        and bool(own)
        and all(report.score is not None and report.score <= CLEAN_SCORE and not report.rose for report in own)
    )


def _is_about(report: ReportFact, session: Session) -> bool:
    if not session.is_walk:
        return report.run == session.effort
    return report.carrier == session.effort or (report.day == session.day and report.at >= session.at)


def sessions_needed(state: PolicyState, day: int, limits: Thresholds) -> int:
    """The stage's clean sessions: the table's number, or one after a short, mild or no episode (*choice*)."""
    ladder = state.ladder
    if ladder is None:
        return 0
    episode = state.episode
    if not had_episode(state, day, limits):
        return 1
    if (
        episode is not None
        and ladder.rest_cause_day is not None
        and episode.highest_score <= limits.quick_score
        and ladder.rest_cause_day - episode.opened_day <= limits.quick_open_days
    ):
        return 1
    return LADDER[ladder.stage].sessions


def _advance(state: PolicyState, day: int) -> None:
    ladder = state.ladder
    if ladder is None:
        return
    state.step_backs = 0
    if ladder.stage == TOP_STAGE:
        state.ladder = None
        close_episode(state, day)
    else:
        state.ladder = replace(ladder, stage=ladder.stage + 1, done=0)


def settle_three_runs(state: PolicyState, day: int, profile: Profile, limits: Thresholds) -> None:
    """A ladder that pain did not enter is also left after three easy or clean runs within 14 days."""
    ladder = state.ladder
    if (
        ladder is None
        or ladder.rule == "R1"
        or ladder.entered_in_episode
        or len(ladder.runs) < THREE_RUNS
        or ladder.runs[-1].day - ladder.runs[0].day > limits.three_runs_days
        or any(run.stage == 0 for run in ladder.runs)
    ):
        return
    if profile.experience is Experience.BEGINNER:
        if not _beginner_may_leave(state, ladder, day, limits):
            return
    elif ladder.worst_score or not all(_is_easy_run(run, ladder, limits) for run in ladder.runs):
        return
    state.ladder, state.step_backs = None, 0


def _is_easy_run(run: LadderRun, ladder: Ladder, limits: Thresholds) -> bool:
    return run.clean or (
        run.distance_m is not None
        and ladder.longest_before_m is not None
        and run.distance_m * 100 <= ladder.longest_before_m * limits.three_runs_percent
    )


def _beginner_may_leave(state: PolicyState, ladder: Ladder, day: int, limits: Thresholds) -> bool:
    return (
        state.run_count >= limits.baseline_runs
        and state.first_run_day is not None
        and day - state.first_run_day >= limits.baseline_days
        and ladder.worst_score < limits.moderate_score
        and (ladder.worst_day is None or day - ladder.worst_day >= limits.baseline_days)
    )


def settle_time_off(state: PolicyState, at: datetime, day: int, profile: Profile, limits: Thresholds) -> None:
    """L3: more than 14 days without a run. On a ladder it can only lower the stage."""
    last, ladder = state.last_run, state.ladder
    if last is None or state.rest is not None:
        return
    days_off = day - last.day
    if days_off <= limits.time_off_days:
        return
    is_long = days_off > limits.long_time_off_days
    if had_episode(state, day, limits) or profile.experience is Experience.BEGINNER:
        stage = STAGE_LONG_BREAK if is_long else STAGE_BREAK
    elif is_long:
        stage = STAGE_SHORT_BREAK
    else:
        if ladder is None and (state.time_off is None or state.time_off.gap_from_day != last.day):
            state.time_off = TimeOff(gap_from_day=last.day, runs_left=2)
        return
    if ladder is not None:
        if stage < ladder.stage:
            state.ladder = replace(ladder, stage=stage, done=0, pending=None)
        return
    state.time_off = None
    first_day = last.day - limits.episode_memory_days
    longest = max((r.distance_m for r in state.runs if r.day >= first_day and r.distance_m is not None), default=None)
    state.ladder = Ladder(
        rule="L3", entered_at=at, stage=stage, entered_in_episode=state.episode is not None,
        longest_before_m=longest, gap_from_day=last.day,
    )  # fmt: skip


def settle_beginner(state: PolicyState, at: datetime, day: int, profile: Profile, limits: Thresholds) -> None:
    """N1 for a beginner: on the ladder at stage 1 until there is a history."""
    if (
        profile.experience is Experience.BEGINNER
        and state.rest is None
        and state.ladder is None
        and is_short_history(state, day, limits)
    ):
        state.ladder = Ladder(rule="N1", entered_at=at, stage=1, entered_in_episode=state.episode is not None)


def is_short_history(state: PolicyState, day: int, limits: Thresholds) -> bool:
    """N1: fewer than 4 runs, or less than 14 days since the first."""
    return (
        state.run_count < limits.baseline_runs
        or state.first_run_day is None
        or day - state.first_run_day < limits.baseline_days
    )


def next_session_day(state: PolicyState, limits: Thresholds) -> int | None:
    """The local date from whose midnight the next run may be a session; `None` where no run stands before it."""
    return None if state.last_run is None else state.last_run.day + limits.session_gap_days


def ladder_firing(state: PolicyState, day: int, limits: Thresholds) -> tuple[Firing, ...]:
    """The rule that entered the ladder, and R2 while the latest run was too long or too soon."""
    ladder = state.ladder
    if ladder is None:
        return ()
    if ladder.rule == "L3":
        entered = time_off_firing(state, ladder.gap_from_day or day, day, State.RETURNING, limits)
    elif ladder.rule == "N1":
        entered = Firing(rule="N1", code="beginner_plan", state=State.RETURNING, evidence="evidence-5.3")
    else:
        entered = Firing(
            rule="R1", code="graded_return", state=State.RETURNING, evidence="evidence-5.2",
            value=float(ladder.stage), limit=float(TOP_STAGE), unit="stage",
        )  # fmt: skip
    if ladder.exceeded is None:
        return (entered,)
    exceeded = Firing(
        rule="R2",
        code="ladder_exceeded",
        state=State.RETURNING,
        evidence="evidence-5.3",
        input=ladder.exceeded,
    )
    return entered, exceeded


def time_off_firing(state: PolicyState, gap_from: int, day: int, level: State, limits: Thresholds) -> Firing:
    """L3 with the days off: up to today, or up to the run that ended the gap."""
    until = next((run.day for run in state.runs if run.day > gap_from), day)
    cause = next((run.event_id for run in reversed(state.runs) if run.day <= gap_from), None)
    return Firing(
        rule="L3", code="time_off", state=level, evidence="evidence-5.3",
        value=float(until - gap_from), limit=float(limits.time_off_days), unit="days", input=cause,
    )  # fmt: skip
