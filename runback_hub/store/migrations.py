"""The schema as numbered SQL files; `PRAGMA user_version` says which of them a store has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from ..hub.ports import StoreError
from .sqlite_connection import SqliteConnection

_SCHEMA = files(__package__) / "schema"


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """The SQL that lifts a store from version `number` - 1 to `number`."""

    number: int
    sql: str


def schema_steps() -> tuple[SchemaStep, ...]:
    """All steps this program knows, in order, from the package's own files."""
    names = sorted(entry.name for entry in _SCHEMA.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        SchemaStep(int(name.partition("_")[0]), (_SCHEMA / name).read_text(encoding="utf-8")) for name in names
    )


def check_version(found: int, known: int, where: str) -> None:
    """Refuse a store of a newer program: this one can not know what it would damage."""
    if found > known:
        message = (
            f"{where}: the store has schema version {found}, this program knows versions up to {known}: "
            "use the newer program again, or restore an older backup"
        )
        raise StoreError(message)


async def migrate(connection: SqliteConnection, found: int, steps: Sequence[SchemaStep]) -> None:
    """Run every step above version `found`, each in a transaction of its own that sets the new version."""
    for step in steps:
        if step.number > found:
            await connection.script(f"BEGIN IMMEDIATE;\n{step.sql}\n;PRAGMA user_version = {step.number};\nCOMMIT;")
