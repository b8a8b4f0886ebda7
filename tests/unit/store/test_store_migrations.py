"""Schema steps on real files: each in its own transaction, none twice, a failing one without trace."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runback_hub.store.migrations import SchemaStep, migrate, schema_steps
from runback_hub.store.sqlite_connection import SqliteConnection

ONE = SchemaStep(1, "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);")
TWO = SchemaStep(2, "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;")
BROKEN = SchemaStep(2, "CREATE TABLE b (x INTEGER) STRICT; UPDATE a SET x = 9; INSERT INTO nowhere VALUES (1);")


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[SqliteConnection]:
    opened = await SqliteConnection.connect(str(tmp_path / "a.db"), busy_timeout_s=1)
    yield opened
    await opened.close()


async def version(connection: SqliteConnection) -> int:
    ((number,),) = await connection.rows("PRAGMA user_version")
    return int(number)


def test_shipped_steps_are_numbered_without_a_gap() -> None:
    assert [step.number for step in schema_steps()] == list(range(1, len(schema_steps()) + 1))


async def test_a_fresh_file_takes_every_step(connection: SqliteConnection) -> None:
    await migrate(connection, 0, [ONE, TWO])
    assert await connection.rows("SELECT x, y FROM a") == [(1, 2)]
    assert await version(connection) == 2


async def test_an_older_file_takes_only_the_steps_it_lacks(connection: SqliteConnection) -> None:
    await migrate(connection, 0, [ONE])
    assert await version(connection) == 1
    await migrate(connection, 1, [ONE, TWO])
    assert await connection.rows("SELECT x, y FROM a") == [(1, 2)]
    assert await version(connection) == 2


async def test_a_step_that_fails_leaves_the_version_before_it(connection: SqliteConnection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        await migrate(connection, 0, [ONE, BROKEN])
    assert await version(connection) == 1
    assert await connection.rows("SELECT x FROM a") == [(1,)]
    assert await connection.rows("SELECT name FROM sqlite_schema") == [("a",)]
    await migrate(connection, 1, [ONE, TWO])
    assert await version(connection) == 2
