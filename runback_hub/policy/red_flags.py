"""Red flags E1, U1, C1 and the care rule C2: what latches them and what ends them (POLICY "Red flags")."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from ..model.assessment import State
from ..model.athlete import Profile
from ..model.inputs import EMERGENCY_SYMPTOMS, HISTORY_SYMPTOMS, SPORT_SYMPTOMS, URGENT_SYMPTOMS, PainReport
from .state import Answer, CareLatch, Firing, PendingUrgent, PolicyState, ReportFact
from .thresholds import Thresholds

EVIDENCE = "evidence-6.1"
PENDING_DAYS = 7
MINOR_AGE = 18
CHILD_AGE = 16
MINOR_DAYS = 14
PAINFUL_RUNS = 3
LOOKED_AT_RUNS = 4
CARE_REPORT_DAYS = 3
STEP_BACKS = 2


def age(profile: Profile, day: int) -> int | None:
    """Whole years the person has at least: the birthday may lie ahead. `None` counts as adult."""
    return None if profile.birth_year is None else date.fromordinal(day).year - profile.birth_year - 1


def is_child(profile: Profile, day: int) -> bool:
    """Under 16: no plan and no limit is ever published."""
    years = age(profile, day)
    return years is not None and years < CHILD_AGE


def is_minor(profile: Profile, day: int) -> bool:
    """Under 18."""
    years = age(profile, day)
    return years is not None and years < MINOR_AGE


def take_answers(state: PolicyState, report: PainReport) -> None:
    """Remember the emergency answers, and which history answers were `True`."""
    if not report.symptoms:
        return
    answers = {answer.name: answer for answer in state.answers}
    for name in sorted(EMERGENCY_SYMPTOMS & report.symptoms.keys()):
        value = report.symptoms[name]
        before = answers.get(name)
        true_at = report.at if value else before.true_at if before else None
        answers[name] = Answer(name=name, value=value, at=report.at, true_at=true_at)
    state.answers = tuple(answers[name] for name in sorted(answers))
    history = {name for name in HISTORY_SYMPTOMS if report.symptoms.get(name) is True}
    state.history_true = tuple(sorted(history.union(state.history_true)))


def latch(state: PolicyState, report: PainReport, fact: ReportFact, profile: Profile, *, opened: bool) -> None:
    """Latch E1, U1 and C1 by one report. `opened` says that this report opened the episode."""
    yes = {name for name, answer in report.symptoms.items() if answer}
    if state.emergency is None and yes & EMERGENCY_SYMPTOMS:
        state.emergency = _flag("E1", "emergency_symptom", State.EMERGENCY, report)
    _latch_urgent(state, report, fact, yes & URGENT_SYMPTOMS, opened=opened)
    if state.sport is None:
        if yes & SPORT_SYMPTOMS:
            state.sport = _flag("C1", "sport_symptom", State.SEE_PROVIDER, report)
        elif _minor_in_pain(state, fact, profile):
            state.sport = _flag("C1", "minor_with_pain", State.SEE_PROVIDER, report)


def _latch_urgent(state: PolicyState, report: PainReport, fact: ReportFact, yes: set[str], *, opened: bool) -> None:
    if opened and state.urgent is None:
        for pending in state.pending_urgent:
            if fact.day - pending.day <= PENDING_DAYS:
                state.urgent = _flag("U1", "urgent_symptom", State.URGENT, report, pending.input)
                break
    if opened:
        state.pending_urgent = ()
    if not yes:
        return
    if report.score == 0 and state.episode is None:
        kept = tuple(p for p in state.pending_urgent if fact.day - p.day <= PENDING_DAYS)
        state.pending_urgent = (
            *kept[-PENDING_DAYS:],
            PendingUrgent(at=report.at, day=fact.day, input=report.event_id),
        )
    elif state.urgent is None and yes - set(state.history_assessed):
        state.urgent = _flag("U1", "urgent_symptom", State.URGENT, report)


def _minor_in_pain(state: PolicyState, fact: ReportFact, profile: Profile) -> bool:
    if not fact.score:
        return False
    if is_child(profile, fact.day):
        return True
    return is_minor(profile, fact.day) and any(
        (other.score or 0) >= 1
        and other.day != fact.day
        and abs(fact.day - other.day) <= MINOR_DAYS
        and (state.clinician_at is None or other.at > state.clinician_at)
        for other in state.reports
    )


def _flag(rule: str, code: str, level: State, report: PainReport, cause: str | None = None) -> Firing:
    return Firing(rule=rule, code=code, state=level, evidence=EVIDENCE, input=cause or report.event_id)


def assessed(state: PolicyState, at: datetime, day: int, cause: str) -> Firing | None:
    """Take in that a clinician has assessed the person; the result is R4 if E1, U1 or C1 was ended.

    Every assessment restarts C2 and silences three of its parts for 90 days.
    """
    falls_to_rest = state.flagged
    if falls_to_rest:
        state.clearing_at = at
    state.emergency = state.urgent = state.sport = state.care = None
    state.pending_urgent = ()
    state.history_assessed = tuple(sorted({*state.history_assessed, *state.history_true}))
    state.highest_before_clinician = max(
        (report.score or 0 for report in state.reports if day - report.day <= MINOR_DAYS and report.at < at),
        default=0,
    )
    state.clinician_at, state.clinician_day, state.silence_broken = at, day, False
    restart_care(state, at, day)
    if not falls_to_rest:
        return None
    return Firing(rule="R4", code="flag_assessed", state=State.REST, evidence="evidence-6.2", input=cause)


def restart_care(state: PolicyState, at: datetime, day: int) -> None:
    """Only what comes later counts for C2; an open episode's age and first score restart."""
    state.care, state.care_from, state.step_backs, state.painful_runs = None, at, 0, ()
    if state.episode is not None:
        state.episode = replace(state.episode, count_from_day=day, first_score=None, report_days=())


def follow_care_zeros(state: PolicyState, fact: ReportFact, limits: Thresholds) -> None:
    """End C2 after answers of 0 only, at most 3 days apart, that span 14 days after it fired."""
    care = state.care
    if care is None:
        return
    if fact.score != 0:
        state.care = replace(care, zeros_from_day=None, zeros_to_day=None)
        return
    start, last = care.zeros_from_day, care.zeros_to_day
    if start is None or last is None or fact.day - last > limits.care_zero_gap_days:
        start = fact.day
    state.care = replace(care, zeros_from_day=start, zeros_to_day=fact.day)
    if fact.day - start >= limits.care_days:
        restart_care(state, fact.at, fact.day)


def settle_care(state: PolicyState, day: int, limits: Thresholds) -> None:
    """Latch C2 if any of its parts holds."""
    if state.care is not None:
        return
    silent = (
        state.clinician_day is not None
        and day - state.clinician_day < limits.care_silence_days
        and not state.silence_broken
    )
    code = None if silent else _slow_part(state, day, limits)
    if code is None and _strong_twice(state, limits):
        code = "strong_pain_twice"
    if code is None and state.step_backs >= STEP_BACKS:
        code = "two_steps_back"
    if code is not None:
        state.care = CareLatch(firing=Firing(rule="C2", code=code, state=State.SEE_PROVIDER, evidence="evidence-6.1"))


def _slow_part(state: PolicyState, day: int, limits: Thresholds) -> str | None:
    later = [run for run in state.runs if state.care_from is None or run.at > state.care_from][-LOOKED_AT_RUNS:]
    if sum(run.event_id in state.painful_runs for run in later) >= PAINFUL_RUNS:
        return "pain_in_three_of_four_runs"
    episode = state.episode
    if episode is None:
        return None
    days_old = day - episode.count_from_day
    if (
        len(episode.report_days) >= CARE_REPORT_DAYS
        and day - episode.report_days[-1] <= limits.care_days
        and days_old >= limits.care_days
        and episode.first_score is not None
        and episode.latest_score is not None
        and episode.latest_score >= episode.first_score
    ):
        return "pain_not_falling"
    recent_pain = day - episode.last_pain_day <= limits.care_days and (
        state.care_from is None or episode.last_pain_at > state.care_from
    )
    if days_old >= limits.care_weeks_days and recent_pain:
        return "pain_over_six_weeks"
    return None


def _strong_twice(state: PolicyState, limits: Thresholds) -> bool:
    days = [
        report.day
        for report in state.reports
        if (report.score or 0) >= limits.strong_score and (state.care_from is None or report.at > state.care_from)
    ]
    return any(0 < later - earlier <= limits.care_days for earlier in days for later in days)


def flags(state: PolicyState) -> tuple[Firing, ...]:
    """The latched flags, strongest first."""
    latched = (state.emergency, state.urgent, state.sport, state.care.firing if state.care else None)
    return tuple(flag for flag in latched if flag is not None)


def questions_open(state: PolicyState) -> bool:
    """Whether an emergency question still lacks a no that counts for R1.

    Answers count from the later of the episode's opening and the last assessment that ended a flag, else from
    the first report that caused rest. What a clinician assessed after it was answered `True` counts as answered.
    """
    starts = [moment for moment in (state.episode and state.episode.opened_at, state.clearing_at) if moment]
    first_cause = state.rest.first_cause_at if state.rest else None
    start = max(starts) if starts else first_cause
    answers = {answer.name: answer for answer in state.answers}
    return not all(_is_answered(answers.get(name), start, state) for name in EMERGENCY_SYMPTOMS)


def _is_answered(answer: Answer | None, start: datetime | None, state: PolicyState) -> bool:
    if answer is None:
        return False
    if not answer.value and (start is None or answer.at >= start):
        return True
    episode = state.episode
    return (
        answer.true_at is not None
        and state.clinician_at is not None
        and answer.true_at < state.clinician_at
        and (episode is None or answer.true_at >= episode.opened_at)
    )
