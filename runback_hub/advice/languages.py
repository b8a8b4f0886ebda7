"""One language: its catalogue and its compiled templates, built-in or from a user's folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from jinja2 import Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ..model.assessment import State
from .catalogue import FIXED_SECTION, Catalogue, Report, read_catalogue
from .problem import TemplateProblem
from .sandbox import fenced_environment, rendered
from .shipped import ADVICE, CATALOGUE
from .wording import UNDER_16, WORD_NAMES, Part, Words

LANGUAGE_NAME = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
TEMPLATE_NAMES = frozenset(
    f"{subject}.{part}.j2" for subject in (*(state.value for state in State), UNDER_16) for part in Part
)
PARTIAL_PREFIX = "_"
"""Files that others include. They may use names set by those, so only the others' names are checked."""


class Language:
    """The texts of one language from one origin."""

    def __init__(self, name: str, catalogue: Catalogue, templates: Mapping[str, Template]) -> None:
        self.name = name
        self.catalogue = catalogue
        self._templates = templates

    def render(self, subject: str, part: Part, values: Words) -> str:
        """One part of the advice. A user's template may raise anything."""
        return rendered(self._templates[f"{subject}.{part}.j2"], values.as_values())

    @staticmethod
    def label(subject: str, part: Part) -> str:
        """The part's file name, for the log."""
        return f"{subject}.{part}.j2"


def shipped_languages(shipped: Path) -> dict[str, Language]:
    """Every built-in language by its name."""
    environment = fenced_environment(shipped)
    return {
        folder.name: Language(
            folder.name,
            read_catalogue(folder / CATALOGUE, environment),
            _compiled(environment, folder.name, folder),
        )
        for folder in _language_folders(shipped)
    }


def own_languages(
    own: Path, shipped: Path, built_in: Mapping[str, Language], default: Language, report: Report
) -> dict[str, Language]:
    """Every language of a user's folder. Raises `TemplateProblem` at the first thing that can not be used.

    A language that is built in may be changed in parts; a new one must be complete.
    """
    if not own.is_dir():
        raise TemplateProblem(own, None, "there is no such folder; give an existing one or leave `templates` out")
    environment = fenced_environment(shipped, own)
    found: dict[str, Language] = {}
    for folder in _language_folders(own):
        if not LANGUAGE_NAME.fullmatch(folder.name):
            raise TemplateProblem(folder, None, "a folder here is named after a language, such as de or pt-BR")
        base = built_in.get(folder.name)
        fallback = (base or default).catalogue
        catalogue = Catalogue(folder / CATALOGUE, {}, fallback=fallback, report=report)
        if (folder / CATALOGUE).is_file():
            catalogue = read_catalogue(folder / CATALOGUE, environment, fallback=fallback, report=report)
        _check_files(folder, environment)
        _check_names(folder, catalogue, fallback, complete=base is None)
        found[folder.name] = Language(folder.name, catalogue, _compiled(environment, folder.name, folder))
    return found


def _language_folders(root: Path) -> Iterator[Path]:
    advice = root / ADVICE
    if advice.is_dir():
        yield from sorted(path for path in advice.iterdir() if path.is_dir() and not path.name.startswith("."))


def _compiled(environment: ImmutableSandboxedEnvironment, language: str, folder: Path) -> dict[str, Template]:
    templates = {}
    for name in sorted(TEMPLATE_NAMES):
        try:
            templates[name] = environment.get_template(f"{ADVICE}/{language}/{name}")
        except TemplateSyntaxError as error:
            raise TemplateProblem(Path(error.filename or folder / name), error.lineno, error.message or "") from error
        except TemplateError as error:
            raise TemplateProblem(
                folder / name, None, "this template is missing, and the language not built in"
            ) from error
    return templates


def _check_files(folder: Path, environment: ImmutableSandboxedEnvironment) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix in {".yaml", ".yml"} and path.name != CATALOGUE:
            raise TemplateProblem(path, None, f"nothing reads this file; the texts are in {CATALOGUE}")
        if path.suffix == ".j2":
            _check_template(path, environment)


def _check_template(path: Path, environment: ImmutableSandboxedEnvironment) -> None:
    partial = path.name.startswith(PARTIAL_PREFIX)
    if not partial and path.name not in TEMPLATE_NAMES:
        raise TemplateProblem(
            path, None, f"nothing reads this template; the names are {', '.join(sorted(TEMPLATE_NAMES))}"
        )
    try:
        source = path.read_text(encoding="utf-8")
        environment.compile(source, path.name, str(path))
        tree = environment.parse(source, path.name, str(path))
    except TemplateSyntaxError as error:
        raise TemplateProblem(path, error.lineno, error.message or "not a template") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateProblem(path, None, f"can not be read: {error}") from error
    unknown = meta.find_undeclared_variables(tree) - WORD_NAMES - environment.globals.keys()
    if partial or not unknown:
        return
    name = min(unknown)
    line = min((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), default=None)
    raise TemplateProblem(path, line, f"{name!r} is not known here; known are {', '.join(sorted(WORD_NAMES))}")


def _check_names(folder: Path, catalogue: Catalogue, fallback: Catalogue, *, complete: bool) -> None:
    path = folder / CATALOGUE
    for name in sorted(catalogue.names - fallback.names):
        raise TemplateProblem(path, catalogue.line_of(name), f"{'.'.join(name)} is not a text of ours; look for a slip")
    if complete:
        for section, key in sorted(fallback.names - catalogue.names):
            raise TemplateProblem(path, None, f"a new language must be complete; {section}.{key} is missing")
        return
    for name in sorted(catalogue.names):
        if name[0] == FIXED_SECTION:
            raise TemplateProblem(
                path, catalogue.line_of(name), "the red-flag questions of this language can not be changed"
            )
