"""Time for the hub: the machine's clock, and one that a script moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

LONGEST_SLEEP_S = 30.0
"""The wall clock may jump: nobody sleeps longer than this without looking again."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This moment in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        """Sleep until `moment`, or for a while."""
        await asyncio.sleep(min(max((moment - self.now()).total_seconds(), 0.0), LONGEST_SLEEP_S))


class ScriptedClock:
    """A clock that stands until it is moved, and can be let go to follow the machine's."""

    def __init__(self, moment: datetime) -> None:
        self._moment: datetime | None = moment
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The scripted moment, or the machine's once let go."""
        return self._moment or datetime.now(UTC)

    def move(self, moment: datetime) -> None:
        """Jump to `moment`; everyone who sleeps looks at the time again."""
        self._moment = moment
        self._wake()

    def let_go(self) -> None:
        """Follow the machine's clock from now on."""
        self._moment = None
        self._wake()

    async def sleep_until(self, moment: datetime) -> None:
        """Wait until the clock is moved, or is let go and `moment` has come."""
        if self._moment is None:
            await SystemClock().sleep_until(moment)
        elif self._moment < moment:
            await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
