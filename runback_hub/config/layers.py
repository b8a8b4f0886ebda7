"""The layers of the configuration as plain trees, weakest first: file, environment, options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from .problems import Problem, Where
from .yaml_text import MAX_TEXT_CHARS, UnreadableTextError, parse_text

Tree: TypeAlias = dict[str, object]

ENVIRONMENT_PREFIX = "RUNBACK_"
LEVEL_SEPARATOR = "__"
COMMAND_LINE = "on the command line"

_ANY = "*"
_PATH_KEYS = (
    ("broker_password_file",),
    ("broker_tls", "ca_file"),
    ("broker_tls", "cert_file"),
    ("broker_tls", "key_file"),
    ("store",),
    ("state_dir",),
    ("templates",),
    ("web", "token_file"),
    ("athletes", _ANY, "notify_file"),
)
"""Relative paths in a file are relative to its folder, those from elsewhere to the working directory."""

_NO_PATHS = frozenset({"", "default"})


@dataclass(slots=True)
class Layers:
    """The merged tree, who gave which key of it (beside the file), and what could not be read."""

    tree: Tree = field(default_factory=dict)
    origins: dict[Where, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add_file(self, path: Path) -> None:
        """Merge a configuration file."""
        try:
            with path.open(encoding="utf-8-sig") as file:
                content = parse_text(file.read(MAX_TEXT_CHARS + 1))
        except OSError as error:
            self._refuse_file(path, f"can not be read ({error.strerror or 'unknown reason'})")
        except UnicodeDecodeError:
            self._refuse_file(path, "is not UTF-8 text")
        except UnreadableTextError as error:
            self._refuse_file(path, f"is not readable: {error}")
        else:
            if isinstance(content, dict):
                _anchor_paths(content, path.absolute().parent)
                self.tree = _merged(self.tree, content)
            elif content is not None:
                self._refuse_file(path, "is not a mapping of keys to values")

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Merge `RUNBACK_...`, outer keys before inner ones; `__` goes one level down, values are YAML."""
        names = [name for name in environ if name.startswith(ENVIRONMENT_PREFIX)]
        for name in sorted(names, key=lambda name: (name.count(LEVEL_SEPARATOR), name)):
            where = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split(LEVEL_SEPARATOR))
            try:
                value = parse_text(environ[name])
            except UnreadableTextError as error:
                self.problems.append(
                    Problem(where=where, wrong=f"is not readable: {error}", given=f"in {name}", allowed="a YAML value")
                )
                continue
            self.origins[where] = f"in {name}"
            self._merge_at(where, value)

    def add_options(self, options: Mapping[str, object]) -> None:
        """Merge command-line options, a tree of keys."""
        self.origins.update(dict.fromkeys(_leaves(options, ()), COMMAND_LINE))
        self.tree = _merged(self.tree, options)

    def _merge_at(self, where: tuple[str, ...], value: object) -> None:
        for key in reversed(where):
            value = {key: value}
        if isinstance(value, dict):
            self.tree = _merged(self.tree, value)

    def _refuse_file(self, path: Path, wrong: str) -> None:
        self.problems.append(Problem(where=(str(path),), wrong=wrong, allowed="a YAML or JSON file"))


def _merged(weak: Mapping[str, object], strong: Mapping[str, object]) -> Tree:
    """`strong` over `weak`: mappings key by key, everything else as a whole."""
    result = dict(weak)
    for key, value in strong.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _leaves(tree: Mapping[str, object], where: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*where, key))
        else:
            yield (*where, key)


def _anchor_paths(tree: Tree, folder: Path) -> None:
    for keys in _PATH_KEYS:
        _anchor(tree, keys, folder)


def _anchor(tree: Tree, keys: tuple[str, ...], folder: Path) -> None:
    first, *below = keys
    for key in tuple(tree) if first == _ANY else (first,):
        value = tree.get(key)
        if below and isinstance(value, dict):
            _anchor(value, tuple(below), folder)
        elif not below and isinstance(value, str) and value not in _NO_PATHS and "://" not in value:
            tree[key] = value if value.startswith("~") else str(folder / value)
