"""What is wrong with a configuration, in words a person can act on and without a secret in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType
from typing import TypeAlias

from pydantic_core import ErrorDetails, PydanticCustomError

Where: TypeAlias = tuple[str | int, ...]

MAX_SHOWN_CHARS = 80
KEY_MARK = "[key]"
"""How the validation marks that a key, not its value, is wrong."""

REFUSED = "config"
"""The error type of our own validators; their context holds `wrong` and `allowed`."""

_ADDRESS_KEYS = frozenset({"broker", "store"})
_NOT_SHOWN_KEYS = frozenset({"notify"})
_KIND_WORDS: Mapping[type, str] = {NoneType: "nothing", dict: "a mapping", list: "a list", tuple: "a list"}
_PORT_LIKE = re.compile(r"\d{0,5}(/.*)?")


class ConfigError(Exception):
    """The configuration can not be used. `problems` names all of them, one plain line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. `given` is ready to be shown; `None` where showing it could tell a secret."""

    where: Where
    wrong: str
    allowed: str
    given: str | None = None

    def line(self, origins: Mapping[Where, str]) -> str:
        """`path: what is wrong, given X, allowed Y`; an environment variable or option is named as the giver."""
        origin = next((origins[self.where[:n]] for n in range(len(self.where), 0, -1) if self.where[:n] in origins), "")
        given = " ".join(word for word in (self.given, origin) if word)
        parts = (self.wrong, f"given {given}" if given else "", f"allowed {self.allowed}" if self.allowed else "")
        return _one_line(f"{_path_text(self.where)}: {', '.join(part for part in parts if part)}")


def refuse(*, wrong: str, allowed: str) -> PydanticCustomError:
    """What a validator of ours raises."""
    return PydanticCustomError(REFUSED, "{wrong}, allowed {allowed}", {"wrong": wrong, "allowed": allowed})


def _path_text(where: Where) -> str:
    """`athletes.alex.timezone`. An address that came to stand where a key should keeps its secret."""
    return ".".join(_shortened(without_secret(str(key))) or "''" for key in where)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def without_secret(address: str) -> str:
    """`address` without what may be a secret in it: all up to the last `@`, and a port that is none."""
    scheme, separator, rest = address.rpartition("://") if "://" in address else ("", "", address)
    user, at, host = rest.rpartition("@")
    shown = f"***{at}{host}" if user or at else rest
    start, colon, end = shown.rpartition(":")
    if separator and colon and not _PORT_LIKE.fullmatch(end) and not shown.endswith("]"):
        shown = f"{start}:***"
    if "@" in scheme:
        scheme = "***"
    return f"{scheme}{separator}{shown}"


def shown(value: object, where: Where = ()) -> str | None:
    """`value` as it may stand in a message; `None` where the key holds secrets."""
    if not _NOT_SHOWN_KEYS.isdisjoint(where):
        return None
    if isinstance(value, str):
        return repr(_shortened(without_secret(value) if where[:1] and where[0] in _ADDRESS_KEYS else value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _shortened(repr(value))
    return _KIND_WORDS.get(type(value), f"a value of type {type(value).__name__}")


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"


_WORDS: Mapping[str, tuple[str, str]] = {
    "bool_parsing": ("is not a switch", "true or false"),
    "bool_type": ("is not a switch", "true or false"),
    "string_type": ("is not text", "text; put a number or a date in quotes"),
    "model_type": ("is not a mapping", "keys with values"),
    "dict_type": ("is not a mapping", "keys with values"),
    "mapping_type": ("is not a mapping", "keys with values"),
    "tuple_type": ("is not a list", "a list"),
    "list_type": ("is not a list", "a list"),
    "missing": ("is missing", "a value"),
}


def place_of(error: ErrorDetails) -> tuple[Where, bool]:
    """Where an error is, and whether the key itself is wrong. A forbidden key may be called like the mark."""
    where: Where = error["loc"]
    if where[-1:] == (KEY_MARK,) and error["type"] != "extra_forbidden":
        return where[:-1], True
    return where, False


def problem_of(error: ErrorDetails, keys_at: Mapping[tuple[str, int], tuple[str, ...]]) -> Problem:
    """One error of the validation in our words. `keys_at` names the known keys by (first key, depth)."""
    where, _ = place_of(error)
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        return _unknown_key(where, keys_at)
    if error["type"] == REFUSED:
        wrong, allowed = str(context["wrong"]), str(context["allowed"])
    elif error["type"] == "enum":
        wrong, allowed = "is not one of the known words", str(context["expected"]).replace("'", "")
    else:
        wrong, allowed = _WORDS.get(error["type"], ("can not be used", "see `runback-hub schema config`"))
    given = None if error["type"] == "missing" else shown(error["input"], where)
    return Problem(where=where, wrong=wrong, allowed=allowed, given=given)


def _unknown_key(where: Where, keys_at: Mapping[tuple[str, int], tuple[str, ...]]) -> Problem:
    """A value under an unknown key is never shown: it may be a secret under a mistyped name."""
    keys = keys_at.get(("" if len(where) == 1 else str(where[0]), len(where)), ())
    near = get_close_matches(str(where[-1]), keys, n=1)
    wrong = f"is not a known key (did you mean {near[0]}?)" if near else "is not a known key"
    return Problem(where=where, wrong=wrong, allowed=", ".join(keys))
