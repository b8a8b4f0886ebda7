"""W1: heart rate variability, soreness and short nights. `ln` in Decimal, everything after it exact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from runback_hub.model.inputs import WellnessReading

from .local_days import Calendar

SHORT_NIGHT_S = 6 * 3600


def too_little_recovery(readings: Sequence[WellnessReading], calendar: Calendar, now: datetime) -> bool:
    """W1 is in force until the second local midnight after a reading that shows one of the three signs."""
    for reading in readings:
        second_midnight = calendar.midnight(calendar.local_date(reading.at) + timedelta(days=2))
        if not reading.at <= now < second_midnight:
            continue
        day = date.fromisoformat(reading.date)
        # READING: a sign is judged for the date of a reading that carries that kind of value, with the worst
        # of all readings of each date; the reading is the later day of a pair.
        worst = [other.soreness for other in readings if other.date == reading.date and other.soreness]
        if reading.soreness is not None and max(worst, default=0) >= 4:
            return True
        if reading.sleep_s is not None and all(_short_night(readings, day - timedelta(days=back)) for back in (0, 1)):
            return True
        if reading.hrv_rmssd_ms is not None and all(
            _below_band(readings, day - timedelta(days=back)) for back in (0, 1)
        ):
            return True
    return False


def _short_night(readings: Sequence[WellnessReading], day: date) -> bool:
    nights = [r.sleep_s for r in readings if r.date == day.isoformat() and r.sleep_s is not None]
    return bool(nights) and min(nights) < SHORT_NIGHT_S


def _ln(readings: Sequence[WellnessReading], day: date) -> Fraction | None:
    """The natural logarithm of the worst (lowest) rMSSD of a date, to 28 digits."""
    values = [r.hrv_rmssd_ms for r in readings if r.date == day.isoformat() and r.hrv_rmssd_ms]
    # READING: a value of 0 or below is no measurement.
    values = [value for value in values if value > 0]
    return Fraction(Decimal(str(min(values))).ln()) if values else None


def _span(readings: Sequence[WellnessReading], last: date, dates: int) -> list[Fraction]:
    found = [_ln(readings, last - timedelta(days=back)) for back in range(dates)]
    return [value for value in found if value is not None]


def _below_band(readings: Sequence[WellnessReading], day: date) -> bool:
    """The 7 dates up to `day` below mean - 0.5 SD of the 28 dates before; squared, so nothing is rounded."""
    week = _span(readings, day, 7)
    month = _span(readings, day - timedelta(days=7), 28)
    if len(week) < 3 or len(month) < 14:
        return False
    mean = sum(month, Fraction(0)) / len(month)
    variance = sum(((value - mean) ** 2 for value in month), Fraction(0)) / len(month)
    drop = mean - sum(week, Fraction(0)) / len(week)
    return drop > 0 and 4 * drop * drop > variance
