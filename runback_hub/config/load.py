"""From files, environment and options to one checked `Settings`, or to every reason why not."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import platformdirs
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .checks import Known, find_problems
from .layers import Layers, Tree
from .problems import ConfigError, Problem, Where, place_of, problem_of
from .settings import APP_NAME, Athlete, BrokerTls, HomeAssistant, Section, Settings, Source, Web

DEFAULT_FILE_NAME = "runback.yaml"

_SECTIONS: Mapping[tuple[str, int], type[Section]] = {
    ("", 1): Settings,
    ("broker_tls", 2): BrokerTls,
    ("home_assistant", 2): HomeAssistant,
    ("web", 2): Web,
    ("athletes", 3): Athlete,
    ("sources", 3): Source,
}
"""Which keys stand where, by the first key and the depth."""

_ANY_SOURCE = {"topic": "any", "format": "any", "athlete": "any"}

_KEYS_AT = {place: tuple(section.model_fields) for place, section in _SECTIONS.items()}


def find_config_file(folder: Path | None = None) -> Path | None:
    """`runback.yaml` in `folder` (the working directory), else in the user's configuration folder."""
    folders = (folder or Path.cwd(), Path(platformdirs.user_config_dir(APP_NAME, appauthor=False)))
    return next((path for path in (one / DEFAULT_FILE_NAME for one in folders) if path.exists()), None)


def load_settings(
    config_file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
    folder: Path | None = None,
    policy_names: Collection[str] = (),
    formats: Collection[str] | None = None,
) -> Settings:
    """Read and check every layer; `ConfigError` names all problems at once.

    `options` is a tree of keys that were given on the command line. `policy_names` are the thresholds that
    may be tuned, `formats` the known input formats (`None`: any name will do).
    """
    layers = Layers()
    path = config_file or find_config_file(folder)
    if path is not None:
        layers.add_file(path)
    layers.add_environment(os.environ if environ is None else environ)
    layers.add_options(options or {})
    settings, found = _validate(layers.tree, Known(policy_names=policy_names, formats=formats))
    problems = [*layers.problems, *found]
    if problems:
        raise ConfigError(tuple(dict.fromkeys(problem.line(layers.origins) for problem in problems)))
    return settings


def _validate(tree: Tree, known: Known) -> tuple[Settings, list[Problem]]:
    """The settings of `tree`, with what is wrong left out so that the rest can be checked as a whole."""
    errors = _errors(tree)
    problems = [problem_of(error, _KEYS_AT) for error in errors]
    judged = [_judged_as_one(problem.where) for problem in problems]
    if errors:
        tree = _without_values(tree, [place_of(error) for error in errors])
        tree = _without_sections(tree, (error["loc"] for error in _errors(tree)))
    settings = Settings.model_validate(tree)
    others = (one for one in find_problems(settings, known) if not _touches(one.where, judged))
    return settings, [*problems, *others]


def _errors(tree: Tree) -> Sequence[ErrorDetails]:
    try:
        Settings.model_validate(tree)
    except ValidationError as error:
        return error.errors(include_url=False)
    return ()


def _judged_as_one(where: Where) -> Where:
    """Where a problem leaves nothing more to say: a source with one wrong key is not looked at further."""
    return where[:2] if where[:1] == ("sources",) else where


def _touches(where: Where, places: Iterable[Where]) -> bool:
    """Whether `where` is one of `places`, around one or in one."""
    return any(place[: len(where)] == where[: len(place)] for place in places)


def _without_values(tree: Tree, places: Iterable[tuple[Where, bool]]) -> Tree:
    """A copy without the values at `places`; an athlete stays one with the defaults, a source keeps its index."""
    copy = deepcopy(tree)
    for place, is_key in places:
        if place[:1] == ("sources",) and len(place) > 1:
            _replace_source(copy, place[1])
            continue
        *path, last = place
        parent = _descend(copy, path)
        if not isinstance(parent, dict):
            continue
        if path == ["athletes"] and not is_key:
            parent[last] = None
        else:
            parent.pop(last, None)
    return copy


def _replace_source(tree: Tree, index: str | int) -> None:
    sources = tree.get("sources")
    if isinstance(sources, list) and isinstance(index, int):
        sources[index] = dict(_ANY_SOURCE)


def _descend(tree: object, path: Iterable[str | int]) -> object:
    """What stands at `path`, or nothing."""
    for key in path:
        if isinstance(tree, dict):
            tree = tree.get(key)
        elif isinstance(tree, list) and isinstance(key, int):
            tree = tree[key]
    return tree


def _without_sections(tree: Tree, places: Iterable[Where]) -> Tree:
    """A copy without the outermost keys of `places`."""
    gone = {place[0] for place in places if place}
    return {key: value for key, value in tree.items() if key not in gone}
