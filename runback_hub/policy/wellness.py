"""Wellness: W1, which can only make advice more careful (POLICY "Wellness", EVIDENCE 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Context, Decimal, localcontext
from typing import TypeVar
from zoneinfo import ZoneInfo

from ..model.assessment import State
from ..model.inputs import WellnessReading
from .calendar import local_day, midnight
from .numbers import rounded
from .state import KEEP_WELLNESS_DAYS, Firing, PolicyState, WellnessDay
from .thresholds import Thresholds

EXACT = Context(prec=28)
WEEK_DAYS = 7
BAND_DAYS = 28
SECOND_MIDNIGHT = 2
BAND_SD = Decimal("0.5")
N = TypeVar("N", int, float, Decimal)


def take_reading(state: PolicyState, reading: WellnessReading, zone: ZoneInfo, limits: Thresholds) -> None:
    """Keep the worst of a date's readings, and hold W1 until the second local midnight after a bad one."""
    day = date.fromisoformat(reading.date).toordinal()
    by_day = {known.day: known for known in state.wellness}
    by_day[day] = _worst(by_day.get(day, WellnessDay(day=day)), reading)
    newest = max(by_day)
    state.wellness = tuple(by_day[d] for d in sorted(by_day) if d > newest - KEEP_WELLNESS_DAYS)
    found = _low(state, day, limits)
    if found is None:
        return
    code, value, limit, unit = found
    ends = midnight(local_day(reading.at, zone) + SECOND_MIDNIGHT, zone)
    firing = Firing(
        rule="W1", code=code, state=State.EASY, evidence="evidence-4", input=reading.event_id,
        value=value, limit=limit, unit=unit,
    )  # fmt: skip
    if state.low_recovery is None or ends >= state.low_recovery[1]:
        state.low_recovery = (firing, ends)


def _worst(known: WellnessDay, reading: WellnessReading) -> WellnessDay:
    logged = None
    if reading.hrv_rmssd_ms is not None and reading.hrv_rmssd_ms > 0:
        logged = Decimal(repr(reading.hrv_rmssd_ms)).ln(EXACT)
    return replace(
        known,
        hrv_ln=_pick(min, known.hrv_ln, logged),
        resting_hr=_pick(max, known.resting_hr, reading.resting_hr),
        sleep_s=_pick(min, known.sleep_s, reading.sleep_s),
        soreness=_pick(max, known.soreness, reading.soreness),
    )


def _pick(worse: Callable[[N, N], N], one: N | None, other: N | None) -> N | None:
    return other if one is None else one if other is None else worse(one, other)


def _low(state: PolicyState, day: int, limits: Thresholds) -> tuple[str, float, float | None, str] | None:
    today = _on(state, day)
    if today and today.soreness is not None and today.soreness >= limits.soreness_limit:
        return "soreness_high", float(today.soreness), float(limits.soreness_limit), "score_1_5"
    before = _on(state, day - 1)
    nights = [known.sleep_s for known in (before, today) if known is not None and known.sleep_s is not None]
    if len(nights) == SECOND_MIDNIGHT and max(nights) < limits.short_night_s:
        return "sleep_short", rounded(Decimal(max(nights)) / 3600), limits.short_night_s / 3600, "h"
    if _below_band(state, day, limits) and _below_band(state, day - 1, limits):
        mean, band = weekly_hrv(state, day, limits), hrv_band(state, day, limits)
        return "hrv_below_band", rounded(mean or Decimal()), rounded(band[0]) if band else None, "ln_ms"
    return None


def _on(state: PolicyState, day: int) -> WellnessDay | None:
    return next((known for known in state.wellness if known.day == day), None)


def _below_band(state: PolicyState, day: int, limits: Thresholds) -> bool:
    mean, band = weekly_hrv(state, day, limits), hrv_band(state, day, limits)
    return mean is not None and band is not None and mean < band[0]


def weekly_hrv(state: PolicyState, day: int, limits: Thresholds) -> Decimal | None:
    """Mean ln rMSSD of the 7 dates up to `day`; nothing under 3 nights (Plews 2014)."""
    nights = _hrv(state, day - WEEK_DAYS + 1, day)
    with localcontext(EXACT):
        return sum(nights, Decimal()) / len(nights) if len(nights) >= limits.hrv_nights_7d else None


def hrv_band(state: PolicyState, day: int, limits: Thresholds) -> tuple[Decimal, Decimal] | None:
    """Mean +/- 0.5 population SD of the 28 dates before those 7; nothing under 14 nights."""
    nights = _hrv(state, day - WEEK_DAYS - BAND_DAYS + 1, day - WEEK_DAYS)
    if len(nights) < limits.hrv_nights_28d:
        return None
    with localcontext(EXACT):
        mean = sum(nights, Decimal()) / len(nights)
        variance = sum(((night - mean) ** 2 for night in nights), Decimal()) / len(nights)
        half = BAND_SD * variance.sqrt()
        return mean - half, mean + half


def _hrv(state: PolicyState, first: int, last: int) -> list[Decimal]:
    return [d.hrv_ln for d in state.wellness if first <= d.day <= last and d.hrv_ln is not None]
