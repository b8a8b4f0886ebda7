"""Renders advice. A user's templates win where they work; an answer is never lost because of one."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import TemplateError

from ..model.assessment import Assessment, Reason, State
from .catalogue import FIXED_SECTION
from .languages import Language, own_languages, shipped_languages
from .places import Helplines, helplines
from .shipped import DEFAULT_LANGUAGE, shipped_templates
from .wording import CROSS_TRAINING, UNDER_16, Part, Words, reason_line, subject, words

_LOGGER = logging.getLogger(__name__)
_LONGEST_NAME = 60
_METRIC = "metric"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a person reads. `text` fits a notification; `items` are single lines; `language` is the one used."""

    title: str
    text: str
    items: tuple[str, ...]
    footer: str
    language: str
    state: State


class AdviceRenderer:
    """All templates and catalogues, compiled once.

    Raises `TemplateProblem` where a file of `user_folder` can not be used at all. What shows only while
    rendering is logged once per file, and the built-in text stands in.
    """

    def __init__(self, user_folder: Path | None = None) -> None:
        shipped = shipped_templates()
        self._warned: set[str] = set()
        self._built_in = shipped_languages(shipped)
        self._default = self._built_in[DEFAULT_LANGUAGE]
        self._own: dict[str, Language] = {}
        if user_folder is not None:
            self._own = own_languages(user_folder, shipped, self._built_in, self._default, self._warn_once)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages on offer, sorted."""
        return tuple(sorted({*self._built_in, *self._own}))

    def reason_text(self, reason: Reason, language: str, *, units: str = _METRIC) -> str:
        """One reason on one line, numbers with units."""
        return reason_line(reason, self._candidates(language)[0].catalogue, units)

    def question(self, kind: str, language: str) -> str:
        """What a check-in asks: `post_run`, `next_morning`, `red_flags` or `walk`; else `ValueError`."""
        catalogue = self._candidates(language)[0].catalogue
        if not catalogue.has("questions", kind):
            message = f"no such check-in: {kind!r}; there are {', '.join(catalogue.keys('questions'))}"
            raise ValueError(message)
        return catalogue.text("questions", kind)

    def red_flag_questions(self, language: str) -> tuple[tuple[str, str], ...]:
        """Symptom names with their questions, for a form on the person's own screen and nowhere else."""
        catalogue = self._candidates(language)[0].catalogue
        return tuple(
            (name, catalogue.text(FIXED_SECTION, name)) for name in self._default.catalogue.keys(FIXED_SECTION)
        )

    def render(
        self,
        assessment: Assessment,
        *,
        name: str | None,
        language: str,
        units: str,
        locale_country: str | None,
        cross_training: Sequence[str] = CROSS_TRAINING,
    ) -> Advice:
        """The advice for one assessment. `cross_training` names the activities that suit this person."""
        candidates = self._candidates(language)
        lines = helplines(locale_country)
        spoken = [
            (candidate, words(assessment, candidate.catalogue, units=units, lines=lines, cross_training=cross_training))
            for candidate in candidates
        ]
        about = subject(assessment)
        speaker, text = self._part(spoken, about, Part.TEXT, assessment.state, lines)
        _, items = self._part(spoken, about, Part.ITEMS, assessment.state, lines)
        catalogue = speaker.catalogue
        title = catalogue.text("titles", _title_key(about, spoken[0][1]))
        called = " ".join(name.split())[:_LONGEST_NAME] if name else ""
        return Advice(
            title=catalogue.text("phrases", "title_for", title=title, name=called) if called else title,
            text=" ".join(text.split()),
            items=tuple(line for raw in items.splitlines() if (line := " ".join(raw.split()))),
            footer=catalogue.text("phrases", "footer"),
            language=speaker.name,
            state=assessment.state,
        )

    def _part(
        self, spoken: Sequence[tuple[Language, Words]], about: str, part: Part, state: State, lines: Helplines
    ) -> tuple[Language, str]:
        *own, (built_in, plain) = spoken
        for candidate, values in own:
            label = f"{candidate.name}/{candidate.label(about, part)}"
            try:
                text = candidate.render(about, part, values)
            except Exception as problem:  # noqa: BLE001 - whatever a user's template raises, the answer must go out
                self._warn_once(label, problem)
                continue
            if _says_enough(text, part, state, lines):
                return candidate, text
            self._warn_once(label, None)
        return built_in, built_in.render(about, part, plain)

    def _candidates(self, language: str) -> list[Language]:
        """Whose words to try, in order; the last one is built in and can be relied upon."""
        for wanted in _spellings(language):
            own, built_in = _find(self._own, wanted), _find(self._built_in, wanted)
            if own is not None:
                return [own, built_in or self._default]
            if built_in is not None:
                return [built_in]
        return self._candidates(DEFAULT_LANGUAGE)

    def _warn_once(self, label: str, problem: Exception | None) -> None:
        if label in self._warned:
            return
        self._warned.add(label)
        _LOGGER.warning("advice_template_failed template=%s reason=%s; the built-in text is used", label, _why(problem))


def _find(languages: dict[str, Language], wanted: str) -> Language | None:
    return next((found for name, found in languages.items() if name.lower().replace("_", "-") == wanted), None)


def _spellings(language: str) -> tuple[str, str]:
    """`de_AT` is asked for as de-at, then as de."""
    full = language.strip().lower().replace("_", "-")
    return full, full.partition("-")[0]


def _title_key(about: str, values: Words) -> str:
    return f"{UNDER_16}_no_pain" if about == UNDER_16 and not values.in_pain else about


def _says_enough(text: str, part: Part, state: State, lines: Helplines) -> bool:
    """A user's text must say something; where help is due at once, it must name whom to call."""
    if state is State.EMERGENCY:
        return lines.emergency_number in text
    if state is State.URGENT:
        return bool(text.strip()) and (lines.urgent_number is None or lines.urgent_number in text)
    return part is Part.ITEMS or bool(text.strip())


def _why(problem: Exception | None) -> str:
    """What went wrong, without any value: an exception of Python's own may quote the person's words."""
    if problem is None:
        return "it is blank or leaves out whom to call"
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [f"line {frame.lineno}: " for frame in frames if frame.filename.endswith(".j2")]
    what = str(problem.message) if isinstance(problem, TemplateError) and problem.message else type(problem).__name__
    return (lines[-1] if lines else "") + what
