"""The words of a rejection: path, what is wrong, what was given, what is allowed. Nothing private is repeated."""

from __future__ import annotations

import re
from decimal import Decimal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .base import Rejected, RejectReason
from .fields import WRONG_VALUE, Wrong
from .wire import WirePain

MAX_ERRORS_TOLD = 5
MAX_GIVEN_CHARS = 40

_HARMLESS_TEXT = re.compile(r"[0-9TZ:.,+\- ]{1,40}")
"""Numbers and times. Any other text of the sender stays with the sender."""


def given_words(value: object) -> str:
    """The value, where it tells nothing private; else only what kind of thing it is."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int() | float() | Decimal():
            return str(value)[:MAX_GIVEN_CHARS] if abs(value) < 10**MAX_GIVEN_CHARS else "a huge number"
        case str() if _HARMLESS_TEXT.fullmatch(value):
            return f'"{value}"'
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def refused(*, path: str, wrong: Wrong, given: object, allowed: str) -> Rejected:
    """An `invalid` rejection of one value."""
    return Rejected(RejectReason.INVALID, f"{path}: {wrong}, given {given_words(given)}, allowed: {allowed}")


def from_validation(error: ValidationError, model: type[BaseModel]) -> Rejected:
    """All errors of one payload at once, the first few of them in words."""
    told = error.errors(include_url=False, include_context=False)
    words = [_words(item, model) for item in told[:MAX_ERRORS_TOLD]]
    if len(told) > MAX_ERRORS_TOLD:
        words.append(f"and {len(told) - MAX_ERRORS_TOLD} more")
    return Rejected(RejectReason.INVALID, "; ".join(words))


_WRONG = {"missing": Wrong.MISSING, "enum": Wrong.NOT_A_WORD, "model_type": Wrong.NOT_AN_OBJECT}


def _words(item: ErrorDetails, model: type[BaseModel]) -> str:
    path = ".".join(str(part) for part in item["loc"])
    allowed = _allowed(model, item["loc"])
    wrong = item["msg"] if item["type"] == WRONG_VALUE else _WRONG.get(item["type"], "not allowed")
    if wrong == Wrong.MISSING or item["loc"][-1] == "symptoms":
        return f"{path}: {wrong}, allowed: {allowed}"
    return f"{path}: {wrong}, given {given_words(item['input'])}, allowed: {allowed}"


def _allowed(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    owner = model if len(loc) == 1 else WirePain  # the only object inside an object
    field = owner.model_fields.get(str(loc[-1]))
    return (field.description if field else None) or "see the schema"
