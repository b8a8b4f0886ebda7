"""Drains the outbox into a session: in order, within the broker's window, each row until it is answered.

Rows that fail with the connection go back to their place. Of a retained topic only the newest waiting row is
sent. What is answered is collected, so that the next commit can strike it out.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import insort
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from ..hub.ports import OutboxRow
from .errors import Disconnected, PublishRefused, WindowFull
from .session import MqttSession

_LOG = logging.getLogger(__name__)

KEEP_ROWS = 5_000
"""Rows held in memory; while the broker is away the rest waits in the store."""
READ_ROWS = 1_000

ReadOutbox = Callable[[int, int], Awaitable[Sequence[OutboxRow]]]
"""(after row id, limit) -> the next unsent rows in the store."""


class Outbound:
    """One session's way out. Of one event loop only."""

    def __init__(self, session: MqttSession, read_outbox: ReadOutbox) -> None:
        self._session = session
        self._read_outbox = read_outbox
        self._waiting: deque[OutboxRow] = deque()
        self._newest: dict[str, int] = {}
        self._sent: list[int] = []
        self._emptied: list[str] = []
        self._in_flight = 0
        self._last_id = 0
        self._behind = True  # what an earlier life left in the store comes first
        self._left_out = False
        """Rows were committed while `_behind`: the store has more than the read under way shows."""
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._work.set()

    @property
    def depth(self) -> int:
        """Rows in memory that the broker has not answered for."""
        return len(self._waiting) + self._in_flight

    @property
    def has_sent(self) -> bool:
        """Whether answered rows wait to be struck out."""
        return bool(self._sent)

    def push(self, rows: Sequence[OutboxRow]) -> None:
        """Queue committed rows."""
        if not rows:
            return
        if not self._behind and len(self._waiting) + len(rows) <= KEEP_ROWS:
            self._append(rows)
        else:
            self._behind = self._left_out = True
        self._idle.clear()
        self._work.set()

    def take_sent(self) -> tuple[Sequence[int], Sequence[str]]:
        """The row ids answered since the last call, and the retained topics emptied by them."""
        sent, emptied = self._sent, self._emptied
        self._sent, self._emptied = [], []
        return sent, emptied

    def give_back(self, sent: Sequence[int], emptied: Sequence[str]) -> None:
        """Take back what `take_sent` gave, for the commit with it failed."""
        self._sent[:0], self._emptied[:0] = sent, emptied

    async def drained(self) -> None:
        """Wait until every row has been answered."""
        await self._idle.wait()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if not self._waiting and self._behind:
                await self._refill()
            if not self._waiting:
                self._note_idle()
                self._work.clear()
                await self._work.wait()
                continue
            await self._session.wait_free()
            self._send_some()

    async def _refill(self) -> None:
        self._left_out = False
        rows = await self._read_outbox(self._last_id, READ_ROWS)
        self._append(rows)
        self._behind = self._left_out or len(rows) == READ_ROWS

    def _append(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            if row.row_id <= self._last_id:
                continue
            self._last_id = row.row_id
            self._waiting.append(row)
            if row.retain:
                self._newest[row.topic] = row.row_id

    def _send_some(self) -> None:
        for _ in range(self._session.free):
            if not self._waiting:
                return
            row = self._waiting.popleft()
            if row.retain and self._newest.get(row.topic, row.row_id) > row.row_id:
                self._strike(row)
                continue
            try:
                self._session.publish(
                    row.topic, row.payload, partial(self._answered, row), retain=row.retain, correlation=row.correlation
                )
            except (Disconnected, WindowFull):
                self._waiting.appendleft(row)
                return
            except PublishRefused as error:
                _LOG.error("The broker will not take a message for %s: %s", row.topic, error)
                self._strike(row)
            else:
                self._in_flight += 1

    def _answered(self, row: OutboxRow, error: Disconnected | PublishRefused | None) -> None:
        self._in_flight -= 1
        if isinstance(error, Disconnected):
            insort(self._waiting, row, key=lambda one: one.row_id)
            self._work.set()
            return
        if error is not None:
            _LOG.error("The broker refuses a message for %s: %s", row.topic, error)
        self._strike(row)
        if not self._waiting:
            self._note_idle()

    def _strike(self, row: OutboxRow) -> None:
        self._sent.append(row.row_id)
        if row.retain and self._newest.get(row.topic) == row.row_id:
            del self._newest[row.topic]
            if not row.payload:
                self._emptied.append(row.topic)

    def _note_idle(self) -> None:
        if not self._waiting and not self._in_flight and not self._behind:
            self._idle.set()
