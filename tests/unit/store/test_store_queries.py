"""No query of the running hub scans a table: cost must not grow with history or with the number of people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runback_hub.store import sqlite_rows as rows
from runback_hub.store.migrations import migrate, schema_steps
from runback_hub.store.sqlite_connection import SqliteConnection

TABLES = ("inputs", "rejected", "athletes", "snapshots", "outbox", "retained")


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[SqliteConnection]:
    opened = await SqliteConnection.connect(str(tmp_path / "a.db"), busy_timeout_s=1)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        (rows.find_known(3), 6),
        (rows.FIND_CONTENT, 3),
        (rows.READ_LOG, 3),
        (rows.READ_ATHLETE, 1),
        (rows.SNAPSHOT_BEFORE, 3),
        (rows.DUE_ATHLETES, 2),
        (rows.NEXT_REVIEW, 0),
        (rows.LAST_OUTBOX_ID, 0),
        (rows.READ_OUTBOX, 2),
        (rows.READ_RETAINED, 1),
    ],
)
async def test_query_uses_an_index_and_sorts_nothing(connection: SqliteConnection, sql: str, parameters: int) -> None:
    await migrate(connection, 0, schema_steps())
    plan = [str(step[3]) for step in await connection.rows(f"EXPLAIN QUERY PLAN {sql}", tuple([1] * parameters))]
    assert any(step.startswith("SEARCH") for step in plan)
    assert not [step for step in plan if "TEMP B-TREE" in step]
    assert not [step for step in plan if step.startswith(tuple(f"SCAN {table}" for table in TABLES))]
