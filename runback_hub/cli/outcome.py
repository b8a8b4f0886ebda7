"""How a command ends: exit codes of the contract, and errors as one plain line each."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """CONTRACT section 2."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    NO_BROKER = 3
    NO_STORE = 4


class CommandFailed(Exception):  # noqa: N818 - named by what happened
    """Ends a command: each line is printed as `error: ...`."""

    def __init__(self, code: Exit, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.code = code
        self.lines = lines
