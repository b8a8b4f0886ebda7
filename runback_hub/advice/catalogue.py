"""The short texts of one language: read from YAML, checked once, filled in on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import yaml
from jinja2 import Template, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .problem import TemplateProblem
from .sandbox import rendered

OFFERED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "phrases": frozenset({"title", "name"}),
        "units": frozenset({"number"}),
        "reasons": frozenset({"value", "limit", "value_number", "limit_number", "rule"}),
    }
)
"""What a text may use, by section; the sections that are not named here offer nothing."""

FIXED_SECTION = "red_flag_questions"
"""A translation brings its own; in a language that is built in nobody changes them."""

OTHER = "other"
"""The key of the neutral text where a section has none for a name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One text as written, its compiled form where it has placeholders, and where it stands."""

    text: str
    template: Template | None
    line: int


Key = tuple[str, str]
Report = Callable[[str, Exception | None], None]


class Catalogue:
    """Texts by section and key. A text of a user's that fails or is blank gives way to the `fallback`'s."""

    def __init__(
        self,
        path: Path,
        entries: Mapping[Key, Entry],
        *,
        fallback: Catalogue | None = None,
        report: Report | None = None,
    ) -> None:
        self._path = path
        self._entries = entries
        self._fallback = fallback
        self._report = report

    def text(self, section: str, key: str, **values: object) -> str:
        """The filled-in text on one line; `KeyError` for a name that no catalogue has."""
        entry = self._entries.get((section, key))
        if self._fallback is None:
            return _one_line(_filled(self._entries[section, key], values))
        if entry is None:
            return self._fallback.text(section, key, **values)
        failure: Exception | None = None
        try:
            text = _one_line(_filled(entry, values))
        except Exception as problem:  # noqa: BLE001 - whatever a user's text raises, the answer must go out
            text, failure = "", problem
        if text:
            return text
        if self._report is not None:
            self._report(f"{self._path}, line {entry.line}", failure)
        return self._fallback.text(section, key, **values)

    def text_or_other(self, section: str, key: str, **values: object) -> str:
        """The text for `key`, or the section's neutral one where it has none."""
        return self.text(section, key if self.has(section, key) else OTHER, **values)

    def has(self, section: str, key: str) -> bool:
        """Whether there is a text of this name."""
        return (section, key) in self._entries or (self._fallback is not None and self._fallback.has(section, key))

    def keys(self, section: str) -> tuple[str, ...]:
        """The section's keys in the order of the built-in file, a user's new ones last."""
        first = self._fallback.keys(section) if self._fallback is not None else ()
        return (*first, *(key for found, key in self._entries if found == section and key not in first))

    @property
    def names(self) -> frozenset[Key]:
        """Every (section, key) of this file alone."""
        return frozenset(self._entries)

    def line_of(self, name: Key) -> int:
        """The line on which a text of this file stands."""
        return self._entries[name].line


def read_catalogue(
    path: Path,
    environment: ImmutableSandboxedEnvironment,
    *,
    fallback: Catalogue | None = None,
    report: Report | None = None,
) -> Catalogue:
    """Read and compile one file; `TemplateProblem` names the line of the first thing that is wrong."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise TemplateProblem(path, line, f"this is not YAML: {error.problem}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TemplateProblem(path, None, f"can not be read: {error}") from error
    entries: dict[Key, Entry] = {}
    for section, body in _pairs(path, root, "the file"):
        for key, node in _pairs(path, body, section.value):
            name = (section.value, key.value)
            line = node.start_mark.line + 1
            if not isinstance(node, yaml.ScalarNode):
                raise TemplateProblem(path, line, f"{section.value}.{key.value} must be one text")
            if name in entries:
                raise TemplateProblem(path, line, f"{section.value}.{key.value} is there twice")
            entries[name] = _entry(path, name, node.value, line, environment)
    return Catalogue(path, entries, fallback=fallback, report=report)


def _pairs(path: Path, node: yaml.Node | None, what: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    if node is None:
        return
    if not isinstance(node, yaml.MappingNode):
        raise TemplateProblem(path, node.start_mark.line + 1, f"{what} must hold pairs of name and text")
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise TemplateProblem(path, key.start_mark.line + 1, f"a name in {what} must be a plain word")
        yield key, value


def _entry(path: Path, name: Key, text: str, line: int, environment: ImmutableSandboxedEnvironment) -> Entry:
    label = ".".join(name)
    if not text.strip():
        raise TemplateProblem(path, line, f"{label} is blank; leave the line out to keep the built-in text")
    if "{" not in text:
        return Entry(text, None, line)
    try:
        names = meta.find_undeclared_variables(environment.parse(text)) - environment.globals.keys()
        template = environment.from_string(text)
    except TemplateSyntaxError as error:
        raise TemplateProblem(path, line, f"{label}: {error.message}") from error
    unknown = sorted(names - OFFERED.get(name[0], frozenset()))
    if unknown:
        allowed = ", ".join(sorted(OFFERED.get(name[0], frozenset()))) or "nothing"
        raise TemplateProblem(path, line, f"{label} uses {unknown[0]!r}, but only gets: {allowed}")
    return Entry(text, template, line)


def _filled(entry: Entry, values: Mapping[str, object]) -> str:
    return entry.text if entry.template is None else rendered(entry.template, values)


def _one_line(text: str) -> str:
    return " ".join(text.split())
