"""SQLite's errors in plain words, translated once, at the border of the store."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..hub.ports import StoreError


class Trouble(NamedTuple):
    """What is wrong and what to do, and whether it may pass by itself."""

    words: str
    transient: bool


_LOCKED = Trouble("another program holds the store locked", transient=True)
_TROUBLES = {
    sqlite3.SQLITE_FULL: Trouble("the disk is full: free some space", transient=True),
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_IOERR: Trouble("the disk can not be read or written", transient=True),
    sqlite3.SQLITE_NOTADB: Trouble(
        "the file is not an SQLite database: move it aside, or restore a backup", transient=False
    ),
    sqlite3.SQLITE_CORRUPT: Trouble("the file is damaged: move it aside, or restore a backup", transient=False),
    sqlite3.SQLITE_CANTOPEN: Trouble(
        "the file can not be opened: check that it exists and who may use its folder", transient=False
    ),
    sqlite3.SQLITE_READONLY: Trouble(
        "the store is open for reading only, or its file may not be written", transient=False
    ),
}
_PRIMARY_CODE = 0xFF
_PASSING_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE})


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite, its binding and the file system raise into `StoreError`s that name `path`."""
    try:
        yield
    except sqlite3.Error as error:
        # Errors that the binding itself raises carry no code.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        trouble = _TROUBLES.get(code & _PRIMARY_CODE, Trouble("the store refused the work", transient=False))
        message = f"{path}: {trouble.words} (SQLite: {error})"
        raise StoreError(message, transient=trouble.transient) from error
    except (UnicodeError, OverflowError) as error:
        message = f"{path}: a value can not be stored: no valid Unicode, or too large a number"
        raise StoreError(message) from error
    except OSError as error:
        message = f"{path}: {error.strerror or error}: check the folder and who may use it"
        raise StoreError(message, transient=error.errno in _PASSING_ERRNOS) from error
