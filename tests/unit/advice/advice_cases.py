"""Assessments and reasons made by hand, one of every kind the policy can give."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

from runback_hub.advice.renderer import Advice, AdviceRenderer
from runback_hub.model.assessment import (
    Assessment,
    EpisodeView,
    LoadView,
    PlanView,
    Reason,
    RecoveryView,
    Severity,
    State,
)

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)

MISSING = (
    "runs",
    "red_flag_questions",
    "post_run_pain",
    "next_morning_pain",
    "distance",
    "distance_28d",
    "steps",
    "longest_30d",
    "spike_ratio",
    "srpe",
    "monotony",
    "hrv",
    "resting_hr",
    "sleep",
    "soreness",
)
TO_LEAVE = ("report_today", "report_yesterday", "pain_0_1", "wait_48h", "walk_30min", "red_flag_questions")


def reason(
    rule: str,
    code: str,
    state: State,
    value: float | None = None,
    limit: float | None = None,
    unit: str | None = None,
) -> Reason:
    return Reason(
        rule=rule, code=code, state=state, severity=Severity.FIRM, value=value, limit=limit, unit=unit, input="in-1"
    )


REASONS = (
    reason("E1", "emergency_symptom", State.EMERGENCY),
    reason("U1", "urgent_symptom", State.URGENT),
    reason("C1", "sport_symptom", State.SEE_PROVIDER),
    reason("C1", "minor_with_pain", State.SEE_PROVIDER),
    reason("C2", "pain_in_three_of_four_runs", State.SEE_PROVIDER),
    reason("C2", "pain_not_falling", State.SEE_PROVIDER),
    reason("C2", "pain_over_six_weeks", State.SEE_PROVIDER),
    reason("C2", "strong_pain_twice", State.SEE_PROVIDER),
    reason("C2", "two_steps_back", State.SEE_PROVIDER),
    reason("P1", "pain_in_run", State.REST, 1.0, None, "score"),
    reason("P2", "strong_pain", State.REST, 7.0, 6.0, "score"),
    reason("P2", "sharp_pain", State.REST),
    reason("P2", "limp", State.REST),
    reason("P3", "worse_next_morning", State.EASY),
    reason("P4", "mild_pain", State.EASY, 2.0, None, "score"),
    reason("P5", "moderate_pain", State.REST, 4.0, None, "score"),
    reason("T1", "pain_rising", State.REST),
    reason("R4", "flag_assessed", State.REST),
    reason("R1", "graded_return", State.RETURNING, 5.0, 10.0, "stage"),
    reason("R2", "ladder_exceeded", State.RETURNING),
    reason("L1", "session_spike", State.EASY, 1.2125, 1.1, "ratio"),
    reason("L2", "large_session_spike", State.EASY, 2.0125, 2.0, "ratio"),
    reason("L3", "time_off", State.EASY, 17.0, 14.0, "days"),
    reason("L3", "no_recent_baseline", State.CLEAR),
    reason("N1", "no_recent_baseline", State.CLEAR),
    reason("N1", "few_runs", State.UNKNOWN, 3.0, 4.0, "runs"),
    reason("N1", "short_history", State.UNKNOWN, 6.0, 14.0, "days"),
    reason("N1", "beginner_plan", State.RETURNING),
    reason("N2", "pain_answer_missing", State.UNKNOWN, 40.0, 36.0, "h"),
    reason("W1", "soreness_high", State.EASY, 4.0, 4.0, "score_1_5"),
    reason("W1", "sleep_short", State.EASY, 5.4, 6.0, "h"),
    reason("W1", "hrv_below_band", State.EASY, 3.9012, 4.0123, "ln_ms"),
    reason("Z9", "a_code_from_the_future", State.EASY),
)

PLAN = PlanView(
    stage=5, of=10, session="4 x (2.5 min walk, 2.5 min jog)", sessions_done=1, sessions_needed=2, next_run_at=None
)
WALK_PLAN = PlanView(stage=0, of=10, session="30 min brisk walk", sessions_done=0, sessions_needed=2, next_run_at=None)

_CLEAR = Assessment(
    athlete="alex",
    assessed_at=NOON,
    policy="2026.1",
    state=State.CLEAR,
    rest=False,
    run_ok_today=True,
    max_distance_m=10_670,
    max_duration_s=None,
    max_rpe=None,
    review_at=None,
    episode=EpisodeView(),
    plan=None,
    load=LoadView(
        runs_7d=3,
        distance_7d_m=21_400,
        distance_28d_m=80_200,
        steps_7d=19_800,
        steps_28d=74_100,
        longest_30d_m=9_700,
        spike_ratio=1.2125,
        srpe_7d=610,
        monotony_7d=1.3,
        strain_7d=793.0,
    ),
    recovery=RecoveryView(hrv_ln_7d=None, hrv_band=None, resting_hr_7d=None, sleep_2n_s=None, soreness=None),
    reasons=(),
    overridden=(),
    missing=(),
    to_leave=(),
    last_run=None,
)
_PAIN = EpisodeView(open=True, since=NOON, days=1, location="lower_back", latest_score=2, trend="steady")


def assessment(state: State, *reasons: Reason, missing: tuple[str, ...] = ()) -> Assessment:
    """As the policy publishes this state for an adult."""
    plain = replace(_CLEAR, state=state, reasons=reasons, missing=missing)
    match state:
        case State.CLEAR:
            return plain
        case State.UNKNOWN | State.EASY:
            return replace(plain, max_distance_m=5600, max_rpe=4)
        case State.RETURNING:
            return replace(plain, max_distance_m=8800, max_duration_s=1500, max_rpe=4, plan=PLAN)
        case _:
            still = TO_LEAVE if state is State.REST else ()
            stopped = replace(plain, rest=True, run_ok_today=False, episode=_PAIN, to_leave=still)
            return replace(stopped, max_distance_m=0, max_duration_s=0, max_rpe=0)


def for_a_child(adult: Assessment) -> Assessment:
    """The same under 16: every limit and the plan withheld."""
    return replace(adult, max_distance_m=None, max_duration_s=None, max_rpe=None, plan=None)


def every_assessment() -> list[Assessment]:
    """Every state with every reason that can be its strongest, with nothing and with everything missing."""
    found = []
    for state, missing in product(State, ((), MISSING)):
        found.append(assessment(state, missing=missing))
        found.extend(assessment(state, one, missing=missing) for one in REASONS if one.state.strength <= state.strength)
        found.append(assessment(state, *REASONS, missing=missing))
    returning = assessment(State.RETURNING, *REASONS, missing=MISSING)
    found.append(replace(returning, rest=True))
    found.append(replace(returning, rest=True, plan=WALK_PLAN))
    found.append(replace(assessment(State.CLEAR), overridden=("L1", "W1")))
    found.append(replace(assessment(State.CLEAR), max_distance_m=None))
    return [*found, *(for_a_child(one) for one in found)]


def advise(
    renderer: AdviceRenderer,
    one: Assessment,
    *,
    name: str | None = None,
    language: str = "en",
    units: str = "metric",
    country: str | None = None,
) -> Advice:
    return renderer.render(one, name=name, language=language, units=units, locale_country=country)
