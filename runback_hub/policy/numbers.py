"""Exact arithmetic: thresholds are integers, ratios are published to four decimals, halves rounded up."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

FOUR_PLACES = Decimal("0.0001")


def ratio(value: int, base: int) -> float:
    """`value / base` to four decimals."""
    return rounded(Fraction(value, base))


def rounded(value: Fraction | Decimal) -> float:
    """Four decimals, halves up, as the shortest float of that text."""
    if isinstance(value, Decimal):
        return float(value.quantize(FOUR_PLACES, ROUND_HALF_UP))
    scaled = (2 * value.numerator * 10_000 + value.denominator) // (2 * value.denominator)
    return float(Decimal(scaled).scaleb(-4))


def percent_of(value: int | None, percent: int) -> int | None:
    """Integer per cent of a distance, rounded down."""
    return None if value is None else value * percent // 100
