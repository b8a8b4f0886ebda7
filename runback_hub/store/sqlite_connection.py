"""One connection on one worker thread: whole transactions in one hop, and a close that waits for the thread."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import aiosqlite

SqlValue = str | int | bytes | None
SqlRow = tuple[SqlValue, ...]


class Step(NamedTuple):
    """One statement and every row it runs for."""

    sql: str
    rows: Sequence[SqlRow]


_TRANSACTION = "-- every step, in one transaction"


class _TransactionConnection(sqlite3.Connection):
    """`executemany(_TRANSACTION, steps)` runs all steps in one transaction, in one call.

    aiosqlite hands each call to its thread and back, which costs more than most statements. Its
    `executemany` passes the arguments on untouched, and that makes a transaction one such hop: other calls
    can not come between its statements, and cancelling whoever waits for it can not leave it half done.
    """

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        if sql != _TRANSACTION:
            return super().executemany(sql, parameters)
        self.execute("BEGIN IMMEDIATE")
        try:
            for statement, rows in parameters:
                super().executemany(statement, rows)
            return self.execute("COMMIT")
        except BaseException:
            # Some errors (a full disk) have rolled back already; this does nothing then.
            self.rollback()
            raise


class SqliteConnection:
    """An open database. Raises `sqlite3.Error`; the store translates."""

    def __init__(self, database: aiosqlite.Connection, thread: threading.Thread) -> None:
        self._database = database
        self._thread = thread

    @classmethod
    async def connect(cls, address: str, *, busy_timeout_s: float) -> SqliteConnection:
        """Open `address`, a path or a `file:` URI, waiting up to `busy_timeout_s` for other programs' locks."""
        # At DEBUG aiosqlite logs every statement with its values, and those are health answers.
        logging.getLogger("aiosqlite").setLevel(logging.INFO)
        threads: list[threading.Thread] = []

        def connection(*arguments: Any, **options: Any) -> _TransactionConnection:
            threads.append(threading.current_thread())
            return _TransactionConnection(*arguments, **options)

        try:
            database = await aiosqlite.connect(
                address,
                uri=address.startswith("file:"),
                timeout=busy_timeout_s,
                isolation_level=None,  # transactions begin and end where we say so
                factory=connection,
            )
        except BaseException:
            for thread in threads:
                thread.join()
            raise
        return cls(database, threads[0])

    async def transaction(self, steps: Iterable[Step]) -> None:
        """Run every step, or none of them. Returns when the commit is on disk."""
        await self._database.executemany(_TRANSACTION, steps)

    async def rows(self, sql: str, parameters: SqlRow = ()) -> list[tuple[Any, ...]]:
        """Everything a query finds."""
        return [tuple(row) for row in await self._database.execute_fetchall(sql, parameters)]

    async def script(self, sql: str) -> None:
        """Run several statements; a transaction they leave open by failing is rolled back."""
        try:
            await self._database.executescript(sql)
        except BaseException:
            await self._database.rollback()
            raise

    async def close(self) -> None:
        """Close, and wait until the worker thread has ended: aiosqlite returns a moment before it has."""
        try:
            await self._database.close()
        finally:
            self._thread.join()

    async def checkpoint(self) -> bool:
        """Move the write-ahead log into the main file and empty it; False while readers hold it back."""
        ((busy, _, _),) = await self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        return not busy
