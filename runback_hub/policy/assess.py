"""The assessment: verdict, limits, plan and the panels around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from ..model.assessment import (
    Assessment,
    EpisodeView,
    LastRunView,
    LoadView,
    PlanView,
    Reason,
    RecoveryView,
    Severity,
    State,
)
from ..model.athlete import Profile
from .calendar import midnight
from .ladder import next_session_day, sessions_needed, still_needed
from .load import longest_m
from .numbers import percent_of, ratio, rounded
from .red_flags import is_child, questions_open
from .state import Firing, PolicyState, RunFact
from .thresholds import LADDER, POLICY_2026_1, TOP_STAGE, Thresholds
from .verdict import Verdict, review_at, verdict
from .wellness import hrv_band, weekly_hrv

SOFT_RULES = frozenset({"L1", "L2", "L3", "W1", "N1", "N2"})
WEEK_DAYS, MONTH_DAYS = 7, 28
FALLEN_BACK_REPORT = "report_today"


def assess(state: PolicyState, now: datetime, profile: Profile, limits: Thresholds = POLICY_2026_1) -> Assessment:
    """What the policy concludes at `now` from the inputs folded into `state`."""
    found = verdict(state, now, profile, limits)
    after, day = found.state_now, found.day
    child = is_child(profile, day)
    plan = None if child else _plan(found, profile, limits)
    allowed = _NO_LIMITS if child else _limits(found, limits)
    load, recovery = _load(after, now, day, limits), _recovery(after, day, limits)
    return Assessment(
        athlete=profile.athlete,
        assessed_at=now,
        policy=limits.version,
        state=found.state,
        rest=found.rest,
        run_ok_today=found.state.strength <= State.RETURNING.strength and not found.rest,
        max_distance_m=allowed.distance_m,
        max_duration_s=allowed.duration_s,
        max_rpe=allowed.rpe,
        review_at=review_at(found, profile, limits),
        episode=_episode(after, day),
        plan=plan,
        load=load,
        recovery=recovery,
        reasons=tuple(_reason(firing) for firing in found.firings),
        overridden=found.overridden,
        missing=tuple(_missing(found, load, recovery)),
        to_leave=_to_leave(found, limits),
        last_run=_last_run(after.last_run),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    distance_m: int | None = None
    duration_s: int | None = None
    rpe: int | None = None


_NO_LIMITS = _Limits()
_NOTHING = _Limits(distance_m=0, duration_s=0, rpe=0)


def _limits(found: Verdict, limits: Thresholds) -> _Limits:
    """The table "Published limits"."""
    after = found.state_now
    longest = longest_m(after.runs, found.at, limits)
    full = percent_of(longest, limits.spike_small_percent)
    match found.state:
        case State.CLEAR:
            return _Limits(distance_m=full)
        case State.UNKNOWN:
            unanswered = any(firing.rule == "N2" for firing in found.firings)
            reduced = percent_of(longest, limits.easy_percent)
            return _Limits(distance_m=reduced if unanswered else full, rpe=limits.easy_rpe)
        case State.EASY:
            return _Limits(distance_m=_easy_distance_m(found, limits), rpe=limits.easy_rpe)
        case State.RETURNING:
            stage = LADDER[after.ladder.stage] if after.ladder else LADDER[0]
            return _Limits(
                distance_m=full,
                duration_s=stage.total_ms * limits.session_high_percent // 100_000,
                rpe=limits.easy_rpe,
            )
        case _:
            return _NOTHING


def _easy_distance_m(found: Verdict, limits: Thresholds) -> int | None:
    """L30 x 0.70 without the runs that L1 and L2 in force came from (*choice*); pain rules come from reports."""
    after = found.state_now
    without = {firing.run for firing in found.firings if firing.run is not None}
    today = longest_m(after.runs, found.at, limits, without)
    opening = None
    if after.episode is not None:
        opening = next((m for run, m in after.episode.longest_at_opening if run not in without), None)
    base = max((value for value in (today, opening) if value is not None), default=None)
    eased, bound = percent_of(base, limits.easy_percent), percent_of(today, limits.spike_small_percent)
    return eased if eased is None or bound is None else min(eased, bound)


def _plan(found: Verdict, profile: Profile, limits: Thresholds) -> PlanView | None:
    ladder = found.state_now.ladder
    if found.state is not State.RETURNING or ladder is None:
        return None
    day = next_session_day(found.state_now, limits)
    return PlanView(
        stage=ladder.stage,
        of=TOP_STAGE,
        session=LADDER[ladder.stage].text,
        sessions_done=ladder.done,
        sessions_needed=sessions_needed(found.state_now, found.day, limits),
        next_run_at=None if ladder.stage == 0 or day is None else midnight(day, profile.zone),
    )


def _to_leave(found: Verdict, limits: Thresholds) -> tuple[str, ...]:
    if found.state is not State.REST:
        return ()
    return still_needed(found.state_now, found.at, found.day, limits) or (FALLEN_BACK_REPORT,)


def _episode(state: PolicyState, day: int) -> EpisodeView:
    episode = state.episode
    if episode is None:
        return EpisodeView()
    latest, before = episode.latest_score, episode.previous_score
    trend = None
    if latest is not None and before is not None:
        trend = "steady" if latest == before else "rising" if latest > before else "falling"
    return EpisodeView(
        open=True,
        since=episode.opened_at,
        days=day - episode.opened_day,
        location=episode.location,
        latest_score=latest,
        trend=trend,
    )


def _load(state: PolicyState, now: datetime, day: int, limits: Thresholds) -> LoadView:
    week = [run for run in state.runs if 0 <= day - run.day < WEEK_DAYS]
    month = [run for run in state.runs if 0 <= day - run.day < MONTH_DAYS]
    spike = state.last_run.spike if state.last_run else None
    daily = _daily_effort(week, day)
    effort = None if daily is None else sum(daily)
    monotony = None if daily is None else _monotony(daily)
    return LoadView(
        runs_7d=len(week),
        distance_7d_m=_total(run.distance_m for run in week),
        distance_28d_m=_total(run.distance_m for run in month),
        steps_7d=_total(run.steps for run in week),
        steps_28d=_total(run.steps for run in month),
        longest_30d_m=longest_m(state.runs, now, limits),
        spike_ratio=ratio(*spike) if spike else None,
        srpe_7d=None if effort is None else int(effort + Fraction(1, 2)),
        monotony_7d=None if monotony is None else rounded(monotony),
        strain_7d=None
        if monotony is None or effort is None
        else rounded(monotony * Decimal(int(effort + Fraction(1, 2)))),
    )


def _total(values: Iterable[int | None]) -> int | None:
    """A sum, or nothing where a part of it is not known."""
    known = list(values)
    return None if any(value is None for value in known) else sum(value for value in known if value is not None)


def _daily_effort(week: list[RunFact], day: int) -> list[Fraction] | None:
    """Session RPE x minutes of each of the 7 days (EVIDENCE 2.2); nothing if a run has no RPE."""
    daily = [Fraction()] * WEEK_DAYS
    for run in week:
        if run.rpe is None:
            return None
        daily[day - run.day] += Fraction(str(run.rpe)) * run.duration_ms / 60_000
    return daily


def _monotony(daily: list[Fraction]) -> Decimal | None:
    """Mean over population SD of 7 days; undefined where every day is alike (EVIDENCE 2.2)."""
    mean = sum(daily, Fraction()) / len(daily)
    variance = sum(((value - mean) ** 2 for value in daily), Fraction()) / len(daily)
    if not variance:
        return None
    spread = (Decimal(variance.numerator) / variance.denominator).sqrt()
    return Decimal(mean.numerator) / mean.denominator / spread


def _recovery(state: PolicyState, day: int, limits: Thresholds) -> RecoveryView:
    weekly, band = weekly_hrv(state, day, limits), hrv_band(state, day, limits)
    recent = [known for known in state.wellness if 0 <= day - known.day < WEEK_DAYS]
    rates = [Fraction(str(known.resting_hr)) for known in recent if known.resting_hr is not None]
    nights = [known.sleep_s for known in recent if known.sleep_s is not None and day - known.day <= 1]
    soreness = [known.soreness for known in recent if known.soreness is not None and day - known.day <= 1]
    return RecoveryView(
        hrv_ln_7d=None if weekly is None else rounded(weekly),
        hrv_band=None if band is None else (rounded(band[0]), rounded(band[1])),
        resting_hr_7d=rounded(sum(rates, Fraction()) / len(rates)) if rates else None,
        sleep_2n_s=sum(nights) // len(nights) if len(nights) == 2 else None,  # noqa: PLR2004 - two nights
        soreness=soreness[-1] if soreness else None,
    )


def _missing(found: Verdict, load: LoadView, recovery: RecoveryView) -> Iterable[str]:
    """The name of everything that could not be computed or was not answered."""
    after = found.state_now
    rest = after.rest is not None or found.state.strength >= State.REST.strength
    if after.last_run is None:
        yield "runs"
    if rest and questions_open(after):
        yield "red_flag_questions"
    if any(firing.rule == "N2" for firing in found.firings):
        yield "post_run_pain"
    pending = after.ladder.pending if after.ladder else None
    if pending is not None and found.day > pending.day:
        yield "next_morning_pain"
    values = (
        ("distance", load.distance_7d_m),
        ("distance_28d", load.distance_28d_m),
        ("steps", load.steps_28d),
        ("longest_30d", load.longest_30d_m),
        ("spike_ratio", load.spike_ratio),
        ("srpe", load.srpe_7d),
        ("monotony", load.monotony_7d),
        ("hrv", recovery.hrv_band and recovery.hrv_ln_7d),
        ("resting_hr", recovery.resting_hr_7d),
        ("sleep", recovery.sleep_2n_s),
        ("soreness", recovery.soreness),
    )
    yield from (name for name, value in values if value is None)


def _last_run(run: RunFact | None) -> LastRunView | None:
    if run is None:
        return None
    whole, rest = divmod(run.duration_ms, 1000)
    return LastRunView(
        event_id=run.event_id,
        started_at=run.started_at,
        distance_m=run.distance_m,
        duration_s=whole if not rest else run.duration_ms / 1000,
        steps=run.steps,
        source=run.source,
    )


def _reason(firing: Firing) -> Reason:
    return Reason(
        rule=firing.rule,
        code=firing.code,
        state=firing.state,
        severity=_severity(firing),
        value=firing.value,
        limit=firing.limit,
        unit=firing.unit,
        evidence=firing.evidence,
        input=firing.input,
    )


def _severity(firing: Firing) -> Severity:
    if firing.state is State.CLEAR:
        return Severity.INFO
    if firing.state.strength > State.REST.strength:
        return Severity.FLAG
    return Severity.SOFT if firing.rule in SOFT_RULES else Severity.FIRM
