"""What only a store in files can do or suffer: files, locks, a full disk, damage, and a killed process."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runback_hub.hub.ports import Changes, RetainedRow, StoreError
from runback_hub.store.sqlite import SqliteStore

from .store_rows import athlete_row, log_row, minute, opened, outbox_row, rejected_row, snapshot_row

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(SqliteStore(path, busy_timeout_s=0.05)) as open_store:
        yield open_store


@contextmanager
def other_program(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else's connection to the same file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def files_beside(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def put(path: Path, content: bytes | bytearray) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


async def refusal(store: SqliteStore) -> StoreError:
    with pytest.raises(StoreError) as failure:
        async with opened(store):
            pass
    return failure.value


async def make_empty_store(path: Path) -> None:
    async with opened(SqliteStore(path)):
        pass


async def test_files_are_private(store: SqliteStore, path: Path) -> None:
    await store.commit(Changes(inputs=[log_row("e1")]))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm", "store.db.lock"), 0o600)


async def test_every_commit_is_synced_to_a_write_ahead_log(store: SqliteStore) -> None:
    connection = store._opened()
    assert await connection.rows("PRAGMA journal_mode") == [("wal",)]
    assert await connection.rows("PRAGMA synchronous") == [(2,)]
    assert await connection.rows("PRAGMA foreign_keys") == [(1,)]


async def test_close_leaves_one_file_and_no_thread(path: Path) -> None:
    before = set(threading.enumerate())
    async with opened(SqliteStore(path)) as store:
        await store.commit(Changes(inputs=[log_row("e1")]))
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) == before
    assert names_in(path.parent) == {"store.db", "store.db.lock"}


async def test_a_refused_file_leaves_no_thread_and_no_lock(path: Path) -> None:
    put(path, b"not a database, " * 100)
    before = set(threading.enumerate())
    await refusal(SqliteStore(path))
    assert set(threading.enumerate()) == before
    put(path, b"")
    await make_empty_store(path)


@pytest.mark.parametrize("content", [b"hello", b"not a database, " * 1000], ids=["short", "long"])
async def test_a_file_that_is_no_database_is_refused_and_kept(path: Path, content: bytes) -> None:
    put(path, content)
    error = await refusal(SqliteStore(path))
    assert str(error).startswith(f"{path}: the file is not an SQLite database: move it aside")
    assert not error.transient
    assert files_beside(path)[path.name] == content


async def test_a_damaged_store_is_refused_and_kept(path: Path) -> None:
    async with opened(SqliteStore(path)) as store:
        await store.commit(Changes(inputs=[log_row(f"e{n}", body="x" * 500) for n in range(200)]))
    content = bytearray(files_beside(path)[path.name])
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    put(path, content)
    error = await refusal(SqliteStore(path))
    assert f"{path}: the file is damaged: move it aside, or restore a backup" in str(error)
    assert not error.transient
    assert files_beside(path)[path.name] == content


async def test_another_programs_database_is_refused_and_kept(path: Path) -> None:
    path.parent.mkdir()
    with other_program(path) as other:
        other.execute("CREATE TABLE states (entity_id TEXT)")
    content = files_beside(path)[path.name]
    error = await refusal(SqliteStore(path))
    assert "belongs to another program" in str(error)
    assert files_beside(path)[path.name] == content


@pytest.mark.parametrize("readonly", [False, True])
async def test_a_newer_store_is_refused_naming_both_versions(path: Path, *, readonly: bool) -> None:
    await make_empty_store(path)
    with other_program(path) as other:
        other.execute("PRAGMA user_version = 999")
    error = await refusal(SqliteStore(path, readonly=readonly))
    assert "schema version 999" in str(error)
    assert "versions up to 1:" in str(error)
    assert not error.transient
    with other_program(path) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (999,)


async def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "store.db"
    error = await refusal(SqliteStore(path))
    assert str(error).startswith(f"{path}: ")
    assert "check the folder and who may use it" in str(error)


async def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    error = await refusal(SqliteStore(tmp_path))
    assert str(error).startswith(f"{tmp_path}: ")


async def test_a_second_writer_is_refused_until_the_first_closes(store: SqliteStore, path: Path) -> None:
    second = SqliteStore(path)
    error = await refusal(second)
    assert f"{path}: another hub uses this store" in str(error)
    await store.commit(Changes(inputs=[log_row("e1")]))
    await store.close()
    async with opened(second):
        assert len(await second.read_log("alex")) == 1


async def test_a_reader_sees_commits_and_changes_nothing(store: SqliteStore, path: Path) -> None:
    async with opened(SqliteStore(path, readonly=True)) as reader:
        await store.commit(Changes(inputs=[log_row("e1")]))
        assert len(await reader.read_log("alex")) == 1
        with pytest.raises(StoreError, match="reading only"):
            await reader.commit(Changes(inputs=[log_row("e2")]))
        with pytest.raises(StoreError, match="reading only"):
            await reader.forget("alex")
    assert len(await store.read_log("alex")) == 1


async def test_a_reader_opens_a_store_that_was_closed(path: Path) -> None:
    await make_empty_store(path)
    async with opened(SqliteStore(path, readonly=True)) as reader:
        assert (await reader.counts()).inputs == 0


async def test_a_reader_creates_nothing(path: Path) -> None:
    error = await refusal(SqliteStore(path, readonly=True))
    assert "can not be opened" in str(error)
    assert not path.parent.exists()


async def test_a_reader_does_not_migrate(path: Path) -> None:
    await make_empty_store(path)
    with other_program(path) as other:
        other.execute("PRAGMA user_version = 0")
    error = await refusal(SqliteStore(path, readonly=True))
    assert "start the hub once" in str(error)


async def test_a_full_disk_is_transient_and_passes(store: SqliteStore) -> None:
    await store.commit(Changes(inputs=[log_row("e1")]))
    connection = store._opened()
    ((pages,),) = await connection.rows("PRAGMA page_count")
    await connection.rows(f"PRAGMA max_page_count = {pages}")
    big = Changes(
        inputs=[log_row("e2"), log_row("e3", body="x" * 100_000)], outbox=[outbox_row(1)], athletes=[athlete_row()]
    )
    for _ in range(2):
        with pytest.raises(StoreError, match="the disk is full") as failure:
            await store.commit(big)
        assert failure.value.transient
        assert isinstance(failure.value.__cause__, sqlite3.OperationalError)
    assert [row.event_id for row in await store.read_log("alex")] == ["e1"]
    assert await store.last_outbox_id() == 0
    await connection.rows("PRAGMA max_page_count = 1000000")
    await store.commit(big)
    assert [row.event_id for row in await store.read_log("alex")] == ["e1", "e2", "e3"]


async def test_a_locked_store_is_transient_and_passes(store: SqliteStore, path: Path) -> None:
    with other_program(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as failure:
            await store.commit(Changes(inputs=[log_row("e1")]))
        assert failure.value.transient
        assert list(await store.read_log("alex")) == []
        other.execute("ROLLBACK")
        await store.commit(Changes(inputs=[log_row("e1")]))
    assert len(await store.read_log("alex")) == 1


async def test_a_cancelled_commit_happens_whole_and_leaves_nothing_open(path: Path) -> None:
    async with opened(SqliteStore(path, busy_timeout_s=PATIENCE_S)) as store:
        with other_program(path) as other:
            other.execute("BEGIN IMMEDIATE")  # holds the commit where it can be cancelled
            commit = asyncio.create_task(store.commit(Changes(inputs=[log_row("e1")], outbox=[outbox_row(1)])))
            await asyncio.sleep(0)  # lets the task hand its transaction over
            commit.cancel()
            with pytest.raises(asyncio.CancelledError):
                await commit
            other.execute("ROLLBACK")
        await store.commit(Changes(inputs=[log_row("e2")], outbox=[outbox_row(2)]))
        assert [row.event_id for row in await store.read_log("alex")] == ["e1", "e2"]
        assert [row.row_id for row in await store.read_outbox(after=0, limit=9)] == [1, 2]
        with other_program(path) as other:
            other.execute("BEGIN IMMEDIATE")  # nobody holds a lock
            other.execute("ROLLBACK")


async def test_tasks_may_commit_at_the_same_time(store: SqliteStore) -> None:
    async with asyncio.TaskGroup() as tasks:
        for n in range(1, 31):
            # Every third batch fails half-way; the others must not lose or gain anything by it.
            twice = [outbox_row(n), outbox_row(n)] if n % 3 == 0 else [outbox_row(n)]
            changes = Changes(inputs=[log_row(f"e{n:02}")], outbox=twice)
            tasks.create_task(failed(store, changes) if n % 3 == 0 else store.commit(changes))
    wanted = [n for n in range(1, 31) if n % 3]
    assert [row.row_id for row in await store.read_outbox(after=0, limit=99)] == wanted
    assert [row.event_id for row in await store.read_log("alex")] == [f"e{n:02}" for n in wanted]


async def failed(store: SqliteStore, changes: Changes) -> None:
    with pytest.raises(StoreError):
        await store.commit(changes)


def commits_named_before_kill(path: Path) -> list[int]:
    """Let another process commit, kill it in the middle, and return the batches it said were on disk."""
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "tests.contract.store_child", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        try:
            named = [int(child.stdout.readline()) for _ in range(40)]
        finally:
            child.kill()  # SIGKILL: it can not prepare for this
        # What it had named before it died is still in the pipe; its last line may be cut.
        named += [int(line) for line in child.stdout if line.endswith("\n")]
    return named


async def test_a_killed_process_loses_nothing_it_had_committed(path: Path) -> None:
    named = commits_named_before_kill(path)
    async with opened(SqliteStore(path, readonly=True)) as reader:
        assert (await reader.counts()).inputs >= len(named)
    async with opened(SqliteStore(path)) as store:
        stored = sorted(int(row.event_id[1:]) for row in await store.read_log("alex"))
        assert stored in (named, [*named, len(named) + 1])  # the last may have died before it could be named
        assert [row.row_id for row in await store.read_outbox(after=0, limit=10**6)] == stored
        assessed = await store.read_athlete("alex")
        assert assessed is not None
        assert assessed.version == stored[-1]


async def test_forget_leaves_no_byte_in_any_file(store: SqliteStore, path: Path) -> None:
    marker = "MARKER-of-a-private-note"

    def filled(athlete: str, first: int, text: str) -> Changes:
        return Changes(
            inputs=[log_row(f"{athlete}-{n}", athlete=athlete, body=f"{text} {n} " * 50) for n in range(60)],
            rejected=[rejected_row(text, athlete=athlete, topic=f"runback/{athlete}/in/run")],
            athletes=[athlete_row(athlete, status=text * 200, review_at=minute(1))],
            snapshots=[snapshot_row(minute(n), athlete=athlete, state=text * 99) for n in range(9)],
            outbox=[outbox_row(first + n, athlete=athlete, payload=text.encode() * 60) for n in range(9)],
            retained=[RetainedRow(topic=f"runback/{athlete}/in/run", payload_sha256="ab")],
        )

    # Some builds of SQLite overwrite what they delete; the store must not depend on that.
    await store._opened().rows("PRAGMA secure_delete = OFF")
    await store.commit(filled("forgettable", 1, marker))
    await store.commit(filled("kim", 50, "kept"))
    await store.commit(
        Changes(
            stale_snapshots=[("forgettable", minute(4))],
            athletes=[athlete_row("forgettable", version=2, status=marker)],
            sent=[1, 2, 3],
        )
    )
    await store._opened().checkpoint()
    before = files_beside(path)
    assert marker.encode() in before["store.db"]
    await store.forget("forgettable")
    for name, content in files_beside(path).items():
        assert b"forgettable" not in content, name
        assert marker.encode() not in content, name
    assert len(await store.read_log("kim")) == 60
    assert await store._opened().rows("PRAGMA integrity_check") == [("ok",)]


async def test_forget_says_so_while_a_reader_keeps_old_bytes(store: SqliteStore, path: Path) -> None:
    await store.commit(Changes(inputs=[log_row("e1")]))
    with other_program(path) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM inputs").fetchall()
        with pytest.raises(StoreError, match="try again") as failure:
            await store.forget("alex")
        assert failure.value.transient
        other.execute("COMMIT")
    await store.forget("alex")
    assert all(b"alex" not in content for content in files_beside(path).values())


async def test_a_backup_taken_while_writing_is_one_moment_of_the_store(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copies" / "backup.db"
    target.parent.mkdir()
    target.write_bytes(b"an older backup")
    enough = asyncio.Event()
    stop = asyncio.Event()

    async def write() -> int:
        n = 0
        while not stop.is_set():
            n += 1
            await store.commit(Changes(inputs=[log_row(f"e{n}", body="x" * 5000)], outbox=[outbox_row(n)]))
            if n == 50:
                enough.set()
        return n

    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(write())
        await enough.wait()
        async with opened(SqliteStore(path, readonly=True)) as reader:
            for backup in (store.backup, reader.backup):
                await backup(target)
        stop.set()
    assert names_in(target.parent) == {"backup.db"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    async with opened(SqliteStore(target)) as copy:
        ids = sorted(int(row.event_id[1:]) for row in await copy.read_log("alex"))
        assert 50 <= len(ids) <= writing.result()
        assert ids == list(range(1, len(ids) + 1))
        assert [row.row_id for row in await copy.read_outbox(after=0, limit=10**6)] == ids


async def test_a_backup_that_can_not_be_written_leaves_nothing(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        await store.backup(tmp_path / "nowhere" / "backup.db")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(StoreError, match="check the folder"):
        await store.backup(folder)
    assert names_in(tmp_path) == {"folder", "made"}


async def test_a_backup_never_replaces_the_store_itself(store: SqliteStore, path: Path) -> None:
    with pytest.raises(StoreError, match="the store itself"):
        await store.backup(path)
    assert (await store.counts()).inputs == 0


async def test_no_value_reaches_a_log(store: SqliteStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await store.commit(Changes(inputs=[log_row("e1", body="private answer")]))
    assert "private answer" not in caplog.text
