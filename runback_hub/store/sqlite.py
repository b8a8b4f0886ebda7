"""The `Store` port on SQLite: one file, one writer, every commit on disk before it returns."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ..hub.ports import (
    AthleteRow,
    Changes,
    KnownInput,
    LogRow,
    OutboxRow,
    RejectedRow,
    RetainedRow,
    SnapshotRow,
    StoreCounts,
    StoreError,
)
from . import sqlite_rows as rows
from .migrations import check_version, migrate, schema_steps
from .sqlite_connection import SqliteConnection, SqlRow
from .sqlite_errors import translated
from .sqlite_files import WriterLock, copy_store, read_only_uri, size_on_disk_bytes

_BUSY_TIMEOUT_S = 5.0
_PAIRS_PER_QUERY = 1000  # SQLite allows 32,766 place holders
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1  # SQLite's integers
_IDENTITY = """
SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id),
       (SELECT count(*) FROM sqlite_schema)"""
_APPLICATION_ID = int.from_bytes(b"RbHB")


class SqliteStore:
    """One hub's memory in the file `path`.

    A transaction is one call on the connection's thread, so readers never see half of one, and a cancelled
    `commit` has happened whole or not at all. A second writer is refused while this one is open; with
    `readonly` any number may read beside it, and nothing is created or migrated.
    """

    def __init__(self, path: Path, *, readonly: bool = False, busy_timeout_s: float = _BUSY_TIMEOUT_S) -> None:
        """`busy_timeout_s` is how long to wait for another program's lock before giving up."""
        self._path = path
        self._readonly = readonly
        self._busy_timeout_s = busy_timeout_s
        self._lock: WriterLock | None = None
        self._connection: SqliteConnection | None = None

    async def open(self) -> None:
        """Open the file, checking that it is ours, whole and not from a newer program; migrate an older one."""
        if self._connection is not None:
            return
        with translated(self._path):
            if not self._readonly:
                self._lock = WriterLock(self._path)
            try:
                self._connection = await self._connect()
            except BaseException:
                self._release()
                raise

    async def _connect(self) -> SqliteConnection:
        address = read_only_uri(self._path) if self._readonly else str(self._path)
        connection = await SqliteConnection.connect(address, busy_timeout_s=self._busy_timeout_s)
        try:
            await self._prepare(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _prepare(self, connection: SqliteConnection) -> None:
        steps = schema_steps()
        known = steps[-1].number
        ((found, application_id, tables),) = await connection.rows(_IDENTITY)
        if tables and application_id != _APPLICATION_ID:
            message = f"{self._path}: this SQLite file belongs to another program: configure another path"
            raise StoreError(message)
        check_version(found, known, str(self._path))
        await self._check_whole(connection)
        if self._readonly:
            if found < known:
                message = f"{self._path}: the store has schema version {found}, not {known}: start the hub once"
                raise StoreError(message)
            return
        # FULL syncs the log at every commit: what is acknowledged survives a power cut.
        await connection.script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        await migrate(connection, found, steps)

    async def _check_whole(self, connection: SqliteConnection) -> None:
        ((verdict,),) = await connection.rows("PRAGMA quick_check(1)")
        if verdict != "ok":
            message = f"{self._path}: the file is damaged: move it aside, or restore a backup ({verdict})"
            raise StoreError(message)

    async def close(self) -> None:
        """Finish, empty the write-ahead log, and release every handle. Closing twice is fine."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            with translated(self._path):
                try:
                    # What can not be moved now (a full disk, a reader) is safe in the log.
                    with suppress(sqlite3.Error):
                        await connection.checkpoint()
                finally:
                    await connection.close()
        finally:
            self._release()

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _opened(self) -> SqliteConnection:
        if self._connection is None:
            message = f"{self._path}: the store is not open"
            raise StoreError(message)
        return self._connection

    async def _rows(self, sql: str, parameters: SqlRow = ()) -> list[tuple[Any, ...]]:
        with translated(self._path):
            return await self._opened().rows(sql, parameters)

    async def _first(self, sql: str, parameters: SqlRow = ()) -> tuple[Any, ...] | None:
        return next(iter(await self._rows(sql, parameters)), None)

    async def commit(self, changes: Changes) -> None:
        """Apply `changes` atomically and durably; without any change it touches nothing."""
        with translated(self._path):
            if steps := rows.steps_of(changes):
                await self._opened().transaction(steps)

    async def known_inputs(self, keys: Sequence[tuple[str, str]]) -> Sequence[KnownInput]:
        """Those of the (athlete, event id) pairs that are stored, each once."""
        pairs = list(dict.fromkeys(keys))
        found: list[KnownInput] = []
        for start in range(0, len(pairs), _PAIRS_PER_QUERY):
            some = pairs[start : start + _PAIRS_PER_QUERY]
            values = tuple(value for pair in some for value in pair)
            found += map(rows.known_input, await self._rows(rows.find_known(len(some)), values))
        return found

    async def same_content(self, athlete: str, content_key: str, since: datetime) -> str | None:
        """The event id of the newest input with this content that arrived at `since` or later."""
        found = await self._first(rows.FIND_CONTENT, (content_key, athlete, rows.micros(since)))
        return None if found is None else str(found[0])

    async def read_log(
        self, athlete: str, *, after: datetime | None = None, until: datetime | None = None
    ) -> Sequence[LogRow]:
        """Inputs with `after` < at <= `until`, ordered by (at, order, event_id)."""
        after_us = _SMALLEST if after is None else rows.micros(after)
        until_us = _LARGEST if until is None else rows.micros(until)
        return [rows.log_row(row) for row in await self._rows(rows.READ_LOG, (athlete, after_us, until_us))]

    async def read_athlete(self, athlete: str) -> AthleteRow | None:
        """The newest assessment row, or nothing."""
        found = await self._first(rows.READ_ATHLETE, (athlete,))
        return None if found is None else rows.athlete_row(found)

    async def read_athletes(self) -> Sequence[str]:
        """Ids of all athletes with an assessment, sorted."""
        return [athlete for (athlete,) in await self._rows(rows.READ_ATHLETES)]

    async def snapshot_before(self, athlete: str, at: datetime, fingerprint: str) -> SnapshotRow | None:
        """The newest snapshot strictly before `at` with this fingerprint."""
        found = await self._first(rows.SNAPSHOT_BEFORE, (athlete, rows.micros(at), fingerprint))
        return None if found is None else rows.snapshot_row(found)

    async def due_athletes(self, now: datetime, limit: int) -> Sequence[str]:
        """Athletes whose review is due at `now`, earliest first."""
        return [athlete for (athlete,) in await self._rows(rows.DUE_ATHLETES, (rows.micros(now), limit))]

    async def next_review_at(self) -> datetime | None:
        """The earliest review of all athletes."""
        ((review_at_us,),) = await self._rows(rows.NEXT_REVIEW)
        return None if review_at_us is None else rows.moment(review_at_us)

    async def last_outbox_id(self) -> int:
        """The highest outbox id ever used, 0 for a new store."""
        ((row_id,),) = await self._rows(rows.LAST_OUTBOX_ID)
        return int(row_id)

    async def read_outbox(self, *, after: int, limit: int) -> Sequence[OutboxRow]:
        """Unsent rows with `row_id` > `after`, in order."""
        return [rows.outbox_row(row) for row in await self._rows(rows.READ_OUTBOX, (after, limit))]

    async def read_retained(self, topic: str) -> RetainedRow | None:
        """What is known to be retained on an input topic."""
        found = await self._first(rows.READ_RETAINED, (topic,))
        return None if found is None else rows.retained_row(found)

    async def read_rejected(self, *, limit: int) -> Sequence[RejectedRow]:
        """The newest rejections by order of arrival here, newest first."""
        return [rows.rejected_row(row) for row in await self._rows(rows.READ_REJECTED, (limit,))]

    async def forget(self, athlete: str) -> None:
        """Remove every row of the athlete, then rebuild the file: freed pages and the log still hold old bytes.

        Takes time and disk in proportion to the store. If it fails half-way, doing it again completes it.
        """
        with translated(self._path):
            connection = self._opened()
            await connection.transaction(rows.forget_steps(athlete))
            await connection.script("VACUUM;")
            emptied = await connection.checkpoint()
        if not emptied:
            message = f"{self._path}: another program is reading the store, which keeps old bytes: try again"
            raise StoreError(message, transient=True)

    async def counts(self) -> StoreCounts:
        """Figures for health, from index entries: about 1 ms for 20,000 inputs."""
        ((inputs, rejected, outbox, athletes),) = await self._rows(rows.COUNTS)
        return StoreCounts(
            inputs=inputs,
            rejected=rejected,
            outbox=outbox,
            athletes=athletes,
            size_bytes=size_on_disk_bytes(self._path),
        )

    async def backup(self, target: Path) -> None:
        """Write a consistent copy of what is committed to `target`, replacing it whole; commits go on meanwhile."""
        self._opened()
        with translated(target):
            await asyncio.to_thread(copy_store, self._path, target)
