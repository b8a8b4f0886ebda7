"""From an assessment's numbers and names to the phrases that templates put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType

from ..model.assessment import Assessment, PlanView, Reason, State
from .catalogue import Catalogue
from .places import Helplines

IMPERIAL = "imperial"
CROSS_TRAINING = ("walking", "swimming", "elliptical", "cycling")
"""EVIDENCE 1.3. What suits a back differs by person, so each can be left out."""

UNDER_16 = "under_16"
METRES_PER_MILE = Decimal("1609.344")
METRES_PER_KM = Decimal(1000)
SOON_CODES = frozenset({"sport_symptom", "minor_with_pain"})
"""Days, not weeks (EVIDENCE 6.1, sport-specific)."""

_LEAST_PLACES: Mapping[str | None, int] = MappingProxyType({"ratio": 2, "ln_ms": 2, "h": 1})
_MOST_PLACES = 4
_KEEPS_ZEROS = frozenset({"ratio", "ln_ms"})


class Part(StrEnum):
    """The two templates that each state has."""

    TEXT = "text"
    ITEMS = "items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Everything a template may use, ready to print; `None` or empty means there is nothing to say."""

    state: str
    rest: bool
    in_pain: bool
    soon: bool
    under_16: bool
    reasons: tuple[str, ...]
    why: tuple[str, ...]
    limits: tuple[str, ...]
    missing: tuple[str, ...]
    to_leave: tuple[str, ...]
    overridden: tuple[str, ...]
    cross_training: str
    max_distance: str | None
    max_duration: str | None
    max_rpe: int | None
    plan: PlanView | None
    country: str | None
    emergency_number: str
    number_known: bool
    urgent_number: str | None

    def as_values(self) -> dict[str, object]:
        """The names and values as a template gets them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


WORD_NAMES = frozenset(field.name for field in fields(Words))


def words(
    assessment: Assessment, catalogue: Catalogue, *, units: str, lines: Helplines, cross_training: Sequence[str]
) -> Words:
    """Put an assessment into the phrases of one language."""
    state = assessment.state
    # A run is measured against these limits by L1, so the figure shown is never above the real one.
    exact = state is not State.EASY
    rules = tuple(dict.fromkeys(reason.rule for reason in assessment.reasons))
    return Words(
        state=state.value,
        rest=assessment.rest,
        in_pain=assessment.episode.open or state.strength >= State.REST.strength,
        soon=any(reason.code in SOON_CODES for reason in assessment.reasons),
        under_16=is_under_16(assessment),
        reasons=_distinct(reason_line(reason, catalogue, units) for reason in assessment.reasons),
        why=_by_rule(catalogue, "why", rules),
        limits=_by_rule(catalogue, "limits", rules),
        missing=_distinct(catalogue.text_or_other("missing", name) for name in assessment.missing),
        to_leave=_distinct(catalogue.text_or_other("to_leave", name) for name in assessment.to_leave),
        overridden=assessment.overridden,
        cross_training=_choice(catalogue, cross_training),
        max_distance=distance(assessment.max_distance_m, catalogue, units, down=exact)
        if assessment.max_distance_m
        else None,
        max_duration=catalogue.text("units", "min", number=str(assessment.max_duration_s // 60))
        if assessment.max_duration_s
        else None,
        max_rpe=assessment.max_rpe or None,
        plan=assessment.plan,
        country=lines.country,
        emergency_number=lines.emergency_number,
        number_known=lines.number_known,
        urgent_number=lines.urgent_number,
    )


def is_under_16(assessment: Assessment) -> bool:
    """Whether limits and plan are withheld: where an adult would have one, the policy gives none (EVIDENCE 7.10)."""
    if assessment.max_rpe is not None or assessment.plan is not None or assessment.max_distance_m is not None:
        return False
    return assessment.state is not State.CLEAR or assessment.load.longest_30d_m is not None


def subject(assessment: Assessment) -> str:
    """Which templates speak: the state's, or under 16 their own; help that is due at once goes to everybody."""
    if is_under_16(assessment) and assessment.state not in {State.EMERGENCY, State.URGENT}:
        return UNDER_16
    return assessment.state.value


def reason_line(reason: Reason, catalogue: Catalogue, units: str) -> str:
    """One reason as one line, numbers with their unit; a code without a text gets a neutral line."""
    mark = catalogue.text("phrases", "decimal_mark")
    value_number = limit_number = None
    if reason.value is not None:
        value_number = _number(reason.value, reason.unit, mark, beside=reason.limit)
    if reason.limit is not None:
        limit_number = _number(reason.limit, reason.unit, mark, beside=None)
    return catalogue.text_or_other(
        "reasons",
        reason.code,
        rule=reason.rule,
        value=_quantity(reason.value, value_number, reason.unit, catalogue, units),
        limit=_quantity(reason.limit, limit_number, reason.unit, catalogue, units),
        value_number=value_number,
        limit_number=limit_number,
    )


def distance(metres: float, catalogue: Catalogue, units: str, *, down: bool) -> str:
    """Kilometres or miles with one decimal at most, rounded to the nearest or, for a hard limit, down."""
    unit, size = ("mi", METRES_PER_MILE) if units == IMPERIAL else ("km", METRES_PER_KM)
    exact = Decimal(str(metres)) / size
    figure = exact.quantize(Decimal("0.1"), rounding=ROUND_DOWN if down else ROUND_HALF_UP)
    mark = catalogue.text("phrases", "decimal_mark")
    return catalogue.text("units", unit, number=_trimmed(f"{figure:f}").replace(".", mark))


def _quantity(
    value: float | None, number: str | None, unit: str | None, catalogue: Catalogue, units: str
) -> str | None:
    if value is None or number is None:
        return None
    if unit == "m":
        return distance(value, catalogue, units, down=False)
    return catalogue.text("units", unit if unit and catalogue.has("units", unit) else "none", number=number)


def _number(value: float, unit: str | None, mark: str, *, beside: float | None) -> str:
    """As few decimals as the unit needs, and more where a value would look like the limit it passed."""
    least = _LEAST_PLACES.get(unit, 0)
    text = _fixed(value, least, unit)
    for places in range(least + 1, _MOST_PLACES + 1):
        if beside is None or value == beside or text != _fixed(beside, places - 1, unit):
            break
        text = _fixed(value, places, unit)
    return text.replace(".", mark)


def _fixed(value: float, places: int, unit: str | None) -> str:
    text = f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP):f}"
    return text if unit in _KEEPS_ZEROS else _trimmed(text)


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _distinct(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))


def _by_rule(catalogue: Catalogue, section: str, rules: Iterable[str]) -> tuple[str, ...]:
    return _distinct(catalogue.text(section, rule) for rule in rules if catalogue.has(section, rule))


def _choice(catalogue: Catalogue, names: Sequence[str]) -> str:
    """'a, b or c' of the activities that have a word."""
    known = [catalogue.text("cross_training", name) for name in names if catalogue.has("cross_training", name)]
    if not known:
        return ""
    *first, last = known
    return f"{', '.join(first)} {catalogue.text('phrases', 'last_or')} {last}" if first else last
