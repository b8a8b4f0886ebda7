"""JSON as the border reads it: strict where JSON libraries are lax, and without losing a digit."""

from __future__ import annotations

import json
from decimal import Decimal
from math import isfinite
from typing import TypeAlias

from .base import Rejected, RejectReason

Json: TypeAlias = "bool | int | float | Decimal | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

_SURELY_EXACT_CHARS = 15
"""A number this short has at most 15 significant digits, which a double keeps."""
_SMALLEST_EXPONENT = -300
"""Below it a number is as good as 0."""


def exact_number(text: str) -> float | Decimal:
    """A float where it says the same as `text`, else a `Decimal`. `Rejected` beyond the range of a double."""
    value = float(text)
    if not isfinite(value):
        raise Rejected(RejectReason.NOT_JSON, "payload: a number beyond the range of a double")
    if len(text) <= _SURELY_EXACT_CHARS or repr(value) == text:
        return value
    try:
        exact = Decimal(text)
    except ArithmeticError:  # an exponent of dozens of digits
        return value
    lossless = Decimal(repr(value)) == exact or exact.adjusted() < _SMALLEST_EXPONENT
    return value if lossless else exact


def as_number(exact: Decimal) -> int | float | Decimal:
    """The plainest number that says the same."""
    if exact == exact.to_integral_value():
        return int(exact)
    value = float(exact)
    return value if Decimal(repr(value)) == exact else exact


def _refuse_constant(name: str) -> Json:
    raise Rejected(RejectReason.NOT_JSON, f"payload: {name} is not JSON")


def _unique_keys(pairs: list[tuple[str, Json]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Rejected(RejectReason.NOT_JSON, "payload: a key occurs twice in one object")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_float=exact_number, parse_constant=_refuse_constant)
_LINE = json.JSONEncoder(separators=(",", ":"), default=str)
_SORTED = json.JSONEncoder(separators=(",", ":"), default=str, sort_keys=True)


def load(text: str | bytes) -> Json:
    """Parse UTF-8 JSON. `Rejected` (not_json) for bad UTF-8, NaN, Infinity, a repeated key, endless nesting."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value: Json = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise Rejected(RejectReason.NOT_JSON, f"payload: no JSON, {error.msg} at {where}") from error
    except UnicodeDecodeError as error:
        raise Rejected(RejectReason.NOT_JSON, "payload: not UTF-8 text, allowed: a JSON object") from error
    except ValueError as error:  # an integer of thousands of digits
        raise Rejected(RejectReason.NOT_JSON, "payload: a number that is too long") from error
    except RecursionError as error:
        raise Rejected(RejectReason.NOT_JSON, "payload: nested too deeply") from error
    return value


def as_object(value: Json) -> JsonObject:
    """The value, if it is an object. `Rejected` (invalid) else."""
    if not isinstance(value, dict):
        raise Rejected(RejectReason.INVALID, "payload: not an object, allowed: a JSON object")
    return value


def dump_line(value: JsonObject) -> str:
    """One line of ASCII JSON in the order given. Numbers finer than a double are written as text."""
    return _LINE.encode(value)


def dump_sorted(value: Json) -> str:
    """The same bytes for the same content, whatever the order of its keys."""
    return _SORTED.encode(value)
