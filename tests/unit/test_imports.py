"""Who may know whom: imports point inwards, libraries stay in their room, and the core has no clock and no I/O."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "runback_hub"

CORE = {"model", "policy", "formats", "hub"}

ROOMS: dict[str, set[str]] = {
    "model": set(),
    "policy": {"model"},
    "formats": {"model"},
    "hub": CORE,
    # Adapters: the core, and each other only where this table says so.
    "store": CORE,
    "mqtt": CORE,
    "advice": CORE,
    "notify": CORE,
    "home_assistant": CORE,
    "web": CORE,
    "activity_files": {"formats", "model"},
    "clock": CORE,
    "narration": CORE | {"advice"},
    "replay": CORE,
    "config": {"model", "mqtt"},  # what a broker's address and a topic filter are, mqtt says
    "daemon": CORE | {"mqtt", "notify", "home_assistant", "web"},
    "compose": CORE | {"config", "daemon", "narration"} | {"store", "mqtt", "notify", "home_assistant", "web"},
    "demo": CORE | {"activity_files", "clock", "mqtt"},
    "cli": CORE | {"activity_files", "advice", "clock", "compose", "config", "demo", "mqtt", "narration", "replay"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Room (a folder or module of the package) -> rooms of ours it may import beside itself."""

LIBRARIES: dict[str, set[str]] = {
    "paho": {"mqtt"},
    "iotcore": {"mqtt"},
    "aiosqlite": {"store"},
    "sqlite3": {"store"},
    "jinja2": {"advice"},
    "fitdecode": {"formats"},
    "defusedxml": {"formats"},
    "click": {"cli", "__main__"},
    "platformdirs": {"config"},
}
"""Library -> the only rooms that import it."""

PURE = {"model", "policy"}

IMPURE_MODULES = {
    *("asyncio", "concurrent", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random"),
    *("secrets", "shutil", "signal", "socket", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid"),
}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}
CLOCK_CALLS = {"now", "utcnow", "today"}
CLOCK_OWNERS = {"datetime", "date"}


@dataclass(frozen=True)
class Import:
    """One imported module; `room` is set for one of ours, and empty for the package itself."""

    place: str
    module: str
    room: str | None
    relative: bool


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path, tree: ast.Module) -> Iterator[Import]:
    folder = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree):
        place = f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(place, alias.name, None, relative=False)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield Import(place, node.module or "", None, relative=False)
        elif isinstance(node, ast.ImportFrom):
            start = folder[: len(folder) - node.level + 1]
            for alias in node.names:
                target = (*start, *(node.module.split(".") if node.module else ()), alias.name)
                is_ours = (PACKAGE / target[0]).is_dir() or (PACKAGE / f"{target[0]}.py").is_file()
                yield Import(place, ".".join(target), target[0] if is_ours else "", relative=True)


ALL_IMPORTS = [(room_of(path), found) for path, tree in sources() for found in imports_of(path, tree)]


def test_the_package_is_read() -> None:
    assert {"model", "policy", "hub", "mqtt", "store", "cli"} <= {room for room, _ in ALL_IMPORTS}
    assert any(found.room == "model" for room, found in ALL_IMPORTS if room == "policy")
    assert any(found.module.startswith("paho") for room, found in ALL_IMPORTS if room == "mqtt")


def test_every_room_has_its_row() -> None:
    assert {room_of(path) for path in PACKAGE.rglob("*.py")} - set(ROOMS) == set()


def test_our_own_modules_are_imported_relatively() -> None:
    assert [found.place for _, found in ALL_IMPORTS if found.module.split(".")[0] == PACKAGE.name] == []


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    allowed = ROOMS[room] | {room, ""}
    wrong = [
        f"{found.place} imports {found.module}"
        for where, found in ALL_IMPORTS
        if where == room and found.relative and found.room not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_library_stays_in_its_room(library: str) -> None:
    wrong = [
        found.place
        for room, found in ALL_IMPORTS
        if found.module.split(".")[0] == library and not found.relative and room not in LIBRARIES[library]
    ]
    assert wrong == []


def test_the_core_imports_nothing_that_acts() -> None:
    wrong = [
        f"{found.place} imports {found.module}"
        for room, found in ALL_IMPORTS
        if room in PURE and not found.relative and found.module.split(".")[0] in IMPURE_MODULES
    ]
    assert wrong == []


def impure_calls(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield node.lineno
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=attr) if (
                owner in CLOCK_OWNERS and attr in CLOCK_CALLS
            ):
                yield node.lineno


def test_the_core_asks_no_clock_and_opens_nothing() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path, tree in sources()
        if room_of(path) in PURE
        for line in impure_calls(tree)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "code", ["open('x')", "datetime.now(UTC)", "f = datetime.datetime.utcnow", "date.today()", "eval('1')"]
)
def test_impure_code_is_seen(code: str) -> None:
    assert list(impure_calls(ast.parse(code))) == [1]
