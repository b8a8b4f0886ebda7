"""YAML and JSON as the configuration reads them: no surprise types, no repeated keys, no snippet in an error."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import NoReturn

import yaml

MAX_TEXT_CHARS = 1024 * 1024
MAX_DEPTH = 16

_TOO_DEEP = "is nested too deeply"

_TAG = "tag:yaml.org,2002:"
_BOOLS = {"true": True, "false": False}
_PLAIN_VALUES = (
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?\d{1,18}", "-+0123456789"),
    ("float", r"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d{1,3})?", "-+.0123456789"),
)
"""Type, spelling and possible first characters of values without quotes."""

_QUOTED = re.compile(r"'(?!<)[^']{2,}'")


class UnreadableTextError(Exception):
    """The text is neither YAML nor JSON, or repeats a key; the message repeats no value of it."""


class _Loader(yaml.SafeLoader):
    """Plain values as YAML 1.2 knows them (`no`, `21:30` and `2026-11-01` stay text), keys always text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own registry, emptied to be filled below
    yaml_constructors = {}  # noqa: RUF012 - the same

    def build_null(self, _node: yaml.Node) -> None:
        """Nothing."""

    def build_bool(self, node: yaml.Node) -> bool:
        """`true` or `false`; the other words of YAML 1.1 stay text."""
        text = _scalar(node).lower()
        return _BOOLS[text] if text in _BOOLS else _fail("expected true or false", node)

    def build_int(self, node: yaml.Node) -> int:
        """Decimal digits; a leading zero makes no octal number."""
        try:
            return int(_scalar(node))
        except ValueError:
            return _fail("expected a whole number", node)

    def build_float(self, node: yaml.Node) -> float:
        """A number with a point or an exponent, within the range of a double."""
        try:
            number = float(_scalar(node))
        except ValueError:
            return _fail("expected a number", node)
        return number if isfinite(number) else _fail("the number is too large", node)

    def build_text(self, node: yaml.Node) -> str:
        """Everything else."""
        return _scalar(node)

    def build_list(self, node: yaml.Node) -> list[object]:
        """Values in order."""
        if not isinstance(node, yaml.SequenceNode):
            return _fail("expected a list", node)
        return [self.construct_object(value, deep=True) for value in node.value]

    def build_mapping(self, node: yaml.Node) -> dict[str, object]:
        """Every key as it is written, each once."""
        if not isinstance(node, yaml.MappingNode):
            return _fail("expected a mapping", node)
        found: dict[str, object] = {}
        for key_node, value in node.value:
            key = _scalar(key_node)
            if key in found:
                _fail("a key is repeated", key_node)
            found[key] = self.construct_object(value, deep=True)
        return found

    def refuse_tag(self, node: yaml.Node) -> NoReturn:
        """Tags such as `!secret` belong to other programs."""
        _fail("a tag (!...) is not supported", node)


for _type, _spelling, _starts in _PLAIN_VALUES:
    _Loader.add_implicit_resolver(f"{_TAG}{_type}", re.compile(f"(?:{_spelling})$"), list(_starts))
for _type, _build in {
    "null": _Loader.build_null,
    "bool": _Loader.build_bool,
    "int": _Loader.build_int,
    "float": _Loader.build_float,
    "str": _Loader.build_text,
    "seq": _Loader.build_list,
    "map": _Loader.build_mapping,
}.items():
    _Loader.add_constructor(f"{_TAG}{_type}", _build)
_Loader.add_constructor(None, _Loader.refuse_tag)


def parse_text(text: str) -> object:
    """The one document in `text`, JSON or YAML; `None` for an empty one. Raises `UnreadableTextError`."""
    if len(text) > MAX_TEXT_CHARS:
        message = f"is longer than {MAX_TEXT_CHARS} characters"
        raise UnreadableTextError(message)
    try:
        found = _parse_json(text) if text.lstrip("\ufeff \t\r\n").startswith("{") else _parse_yaml(text)
    except RecursionError as error:
        raise UnreadableTextError(_TOO_DEEP) from error
    _refuse_deep(found)
    return found


def _refuse_deep(value: object) -> None:
    """Level by level, each shared part once: aliases can make a small text a huge tree."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below = (
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
        )
        level = list({id(part): part for part in below if isinstance(part, dict | list)}.values())
        if not level:
            return
    raise UnreadableTextError(_TOO_DEEP)


def _parse_json(text: str) -> object:
    """JSON, with the tabs and escapes that YAML does not know; what is no JSON may be YAML in braces."""
    try:
        return json.loads(text.lstrip("\ufeff"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except ValueError:
        return _parse_yaml(text)


def _parse_yaml(text: str) -> object:
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a subclass of SafeLoader with fewer types
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        # The library quotes what it found (an alias, a handle), and that may be a secret without quotes.
        message = f"{place}{_QUOTED.sub('(not shown)', error.problem or error.context or 'not readable')}"
        raise UnreadableTextError(message) from None
    except yaml.YAMLError:
        message = "holds a character that YAML does not allow"
        raise UnreadableTextError(message) from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key is repeated"
        raise UnreadableTextError(message)
    return found


def _no_constant(_name: str) -> NoReturn:
    message = "NaN and Infinity are not numbers here"
    raise UnreadableTextError(message)


def _scalar(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else _fail("expected a plain text", node)


def _fail(problem: str, node: yaml.Node) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
