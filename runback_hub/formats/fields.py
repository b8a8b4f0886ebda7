"""Field types of the wire models: lenient with numbers written as text, strict with everything else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from enum import StrEnum
from math import isfinite
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from ..model.inputs import ALL_SYMPTOMS

NOT_MEASURED = frozenset({"", "none", "null", "unknown", "unavailable"})
"""What a Home Assistant template makes of a sensor without a value; the same as leaving the key out."""

MAX_ID_CHARS = 200
MIN_YEAR, MAX_YEAR = 1970, 9998
MAX_EXPONENT = 308
WRONG_VALUE = "wrong_value"
"""The error type of every refusal made here."""

_NUMBER_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_SWITCH_TEXT = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


class Wrong(StrEnum):
    """What may be wrong with one value, in words for the sender."""

    NOT_A_NUMBER = "not a number"
    OUT_OF_RANGE = "out of range"
    NOT_WHOLE = "not a whole number"
    MISSING = "missing"
    NOT_A_TIME = "not a time"
    NO_OFFSET = "has no offset from UTC"
    NOT_A_DATE = "not a date"
    NOT_A_TEXT = "not a text"
    NOT_CHARACTERS = "holds characters that are not text"
    NOT_AN_ID = "too long or not printable"
    NOT_A_SWITCH = "not true or false"
    NOT_AN_OBJECT = "not an object"
    NOT_AN_ANSWER = "an answer is not true, false or null"
    NOT_A_WORD = "not one of the words"
    NO_SCORE = "missing or impossible"


def _wrong(what: Wrong) -> PydanticCustomError:
    return PydanticCustomError(WRONG_VALUE, what.value)


def decimal_of(value: object) -> Decimal | None:
    """A number or a text that holds one, exactly; `None` for nothing measured. Booleans are not numbers."""
    match value:
        case None:
            return None
        case bool():
            raise _wrong(Wrong.NOT_A_NUMBER)
        case int():
            return Decimal(value)
        case float() if isfinite(value):
            return Decimal(repr(value))
        case Decimal():
            return value
        case str():
            text = value.strip()
            if text.lower() in NOT_MEASURED:
                return None
            number = Decimal(text) if _NUMBER_TEXT.fullmatch(text) else None
            if number is None or number.adjusted() > MAX_EXPONENT:
                raise _wrong(Wrong.NOT_A_NUMBER)
            return number
        case _:
            raise _wrong(Wrong.NOT_A_NUMBER)


def whole(number: Decimal) -> int:
    """Half rounds up, exactly."""
    return int(number.to_integral_value(ROUND_HALF_UP))


def whole_up(number: Decimal) -> int:
    """Any fraction rounds up."""
    return int(number.to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class _Range:
    """A number between two bounds, checked before it is converted."""

    low: int | None
    high: int | None
    convert: Callable[[Decimal], int | float | Decimal]
    zero_is_absent: bool = False
    only_whole: bool = False

    def __call__(self, value: object) -> int | float | Decimal | None:
        number = decimal_of(value)
        if number is None or (self.zero_is_absent and not number):
            return None
        too_low = self.low is not None and number < self.low
        if too_low or (self.high is not None and number > self.high):
            raise _wrong(Wrong.OUT_OF_RANGE)
        if self.only_whole and number != number.to_integral_value():
            raise _wrong(Wrong.NOT_WHOLE)
        return self.convert(number)


def _number_schema(low: int | None, high: int | None) -> WithJsonSchema:
    bounds = {"minimum": low, "maximum": high}
    number = {"type": "number", **{name: bound for name, bound in bounds.items() if bound is not None}}
    return WithJsonSchema({"anyOf": [number, {"type": "string"}, {"type": "null"}]})


Exact = Annotated[Decimal | None, PlainValidator(_Range(None, None, Decimal)), _number_schema(None, None)]
"""Judged by the sanity rules, which have reasons of their own."""
T = TypeVar("T")


def _needed(value: T | None) -> T:
    if value is None:
        raise _wrong(Wrong.MISSING)
    return value


NeededExact = Annotated[
    Decimal, PlainValidator(_Range(None, None, Decimal)), AfterValidator(_needed), _number_schema(None, None)
]
Metres = Annotated[float | None, PlainValidator(_Range(0, 100_000, float)), _number_schema(0, 100_000)]
Seconds = Annotated[
    float | None, PlainValidator(_Range(0, 10_000_000, float, zero_is_absent=True)), _number_schema(0, None)
]
Steps = Annotated[
    int | None, PlainValidator(_Range(0, 1_000_000, whole, zero_is_absent=True)), _number_schema(0, 1_000_000)
]
Cadence = Annotated[float | None, PlainValidator(_Range(0, None, float, zero_is_absent=True)), _number_schema(0, 300)]
HeartRate = Annotated[int | None, PlainValidator(_Range(0, 300, whole, zero_is_absent=True)), _number_schema(0, 300)]
RestingHeartRate = Annotated[
    float | None, PlainValidator(_Range(0, 300, float, zero_is_absent=True)), _number_schema(0, 300)
]
Milliseconds = Annotated[
    float | None, PlainValidator(_Range(0, 10_000, float, zero_is_absent=True)), _number_schema(0, 10_000)
]
SleepSeconds = Annotated[
    int | None, PlainValidator(_Range(0, 172_800, whole, zero_is_absent=True)), _number_schema(0, 172_800)
]
Exertion = Annotated[float | None, PlainValidator(_Range(0, 10, float)), _number_schema(0, 10)]
FivePoints = Annotated[int | None, PlainValidator(_Range(1, 5, whole, only_whole=True)), _number_schema(1, 5)]
Percent = Annotated[float | None, PlainValidator(_Range(0, 100, float)), _number_schema(0, 100)]
OffsetMinutes = Annotated[
    int | None, PlainValidator(_Range(-840, 840, whole, only_whole=True)), _number_schema(-840, 840)
]


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(Wrong.NOT_A_TIME)
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise _wrong(Wrong.NOT_A_TIME) from None
    if moment.tzinfo is None:
        raise _wrong(Wrong.NO_OFFSET)
    if not MIN_YEAR < moment.year < MAX_YEAR:
        raise _wrong(Wrong.OUT_OF_RANGE)
    return moment


Moment = Annotated[
    datetime | None,
    PlainValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]
"""Aware, in the offset it was given with."""
NeededMoment = Annotated[
    datetime,
    PlainValidator(_moment),
    AfterValidator(_needed),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _day(value: object) -> str:
    if value is None:
        raise _wrong(Wrong.MISSING)
    try:
        if isinstance(value, str) and date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise _wrong(Wrong.NOT_A_DATE)


Day = Annotated[str, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise _wrong(Wrong.NOT_A_TEXT)
    text = str(value)
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise _wrong(Wrong.NOT_CHARACTERS)
    return text


Text = Annotated[str | None, PlainValidator(_text), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})]


def _identifier(value: object) -> str | None:
    text = _text(value)
    if text is None or not text.strip():
        return None
    if len(text) > MAX_ID_CHARS or not text.isprintable():
        raise _wrong(Wrong.NOT_AN_ID)
    return text


Identifier = Annotated[
    str | None,
    PlainValidator(_identifier),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": MAX_ID_CHARS}, {"type": "integer"}, {"type": "null"}]}),
]


NeededIdentifier = Annotated[
    str,
    PlainValidator(_identifier),
    AfterValidator(_needed),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": MAX_ID_CHARS}, {"type": "integer"}]}),
]


def _switch(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip().lower()
        if text in NOT_MEASURED:
            return None
        if text in _SWITCH_TEXT:
            return _SWITCH_TEXT[text]
    raise _wrong(Wrong.NOT_A_SWITCH)


Switch = Annotated[
    bool | None,
    PlainValidator(_switch),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string"}, {"type": "null"}]}),
]


def _symptoms(value: object) -> dict[str, bool]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(Wrong.NOT_AN_OBJECT)
    answers: dict[str, bool] = {}
    for name, answer in value.items():
        if name not in ALL_SYMPTOMS or answer is None:
            continue
        if not isinstance(answer, bool):
            raise _wrong(Wrong.NOT_AN_ANSWER)
        answers[name] = answer
    return answers


Symptoms = Annotated[
    dict[str, bool],
    PlainValidator(_symptoms),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {name: {"anyOf": [{"type": "boolean"}, {"type": "null"}]} for name in sorted(ALL_SYMPTOMS)},
        }
    ),
]


def _marks(value: object) -> tuple[str, ...]:
    return tuple(mark for mark in value if isinstance(mark, str)) if isinstance(value, list) else ()


Marks = Annotated[
    tuple[str, ...],
    PlainValidator(_marks),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]


AnyScore: TypeAlias = Annotated[object, PlainValidator(lambda value: value), _number_schema(0, 10)]
"""Judged once the symptoms are known."""
