"""The files of an SQLite store: made private, held by one writer, copied while in use."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from ..hub.ports import StoreError

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


class WriterLock:
    """An advisory lock beside the store. The system releases it when the process ends, however it ends.

    The lock file stays: removing it would let a third process lock a file that nobody else sees.
    """

    def __init__(self, store: Path) -> None:
        """Take the lock, making a private folder and file where there are none."""
        store.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        self._descriptor = os.open(f"{store}.lock", os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # SQLite gives its side files the mode of the main one.
            os.close(os.open(store, os.O_RDWR | os.O_CREAT, _FILE_MODE))
        except BlockingIOError as error:
            self.release()
            message = f"{store}: another hub uses this store: stop it, or configure another path"
            raise StoreError(message, transient=True) from error
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let another process have the store."""
        os.close(self._descriptor)


def read_only_uri(store: Path) -> str:
    """The address under which SQLite opens `store` without ever writing to it or creating it."""
    return f"{store.absolute().as_uri()}?mode=ro"


def size_on_disk_bytes(store: Path) -> int:
    """The main file and the write-ahead log; the shared-memory file is no data."""
    total = 0
    for file in (store, Path(f"{store}-wal")):
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def copy_store(store: Path, target: Path) -> None:
    """Copy what is committed into `target`, which is replaced whole or not at all.

    Blocking. Reads through a connection of its own, so that writers go on meanwhile.
    """
    if target.exists() and target.samefile(store):
        message = f"{target}: this is the store itself: name another file for the backup"
        raise StoreError(message)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(descriptor)
    part = Path(name)
    try:
        with (
            closing(sqlite3.connect(read_only_uri(store), uri=True)) as source,
            closing(sqlite3.connect(part)) as copy,
        ):
            # A torn copy is thrown away, so a journal for it would only cost time.
            copy.execute("PRAGMA journal_mode = OFF")
            source.backup(copy)
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
