"""Secrets that stand in files of their own."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from .problems import ConfigError, Problem, Where, shown

MAX_SECRET_BYTES = 64 * 1024


class _UnusableError(Exception):
    """Why a file holds no secret."""


def read_secret(path: Path, where: Where) -> SecretStr:
    """The content of `path` without the line end; `ConfigError` names `where`, the key of the configuration."""
    try:
        return _content(path)
    except _UnusableError as error:
        raise ConfigError((_problem(path, where, error).line({}),)) from error


def secret_problem(path: Path, where: Where) -> Problem | None:
    """What `read_secret` would complain about, or nothing."""
    try:
        _content(path)
    except _UnusableError as error:
        return _problem(path, where, error)
    return None


def _problem(path: Path, where: Where, error: _UnusableError) -> Problem:
    return Problem(
        where=where, wrong=f"the file {error}", given=shown(str(path)), allowed="a readable text file that is not empty"
    )


def _content(path: Path) -> SecretStr:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        message = f"can not be read ({error.strerror or 'unknown reason'})"
        raise _UnusableError(message) from error
    if len(content) > MAX_SECRET_BYTES:
        message = f"is larger than {MAX_SECRET_BYTES} bytes"
        raise _UnusableError(message)
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        message = "holds no UTF-8 text"
        raise _UnusableError(message) from None  # the error object holds the bytes
    if not text:
        message = "is empty"
        raise _UnusableError(message)
    return SecretStr(text)
