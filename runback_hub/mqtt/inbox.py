"""Messages that arrived and nobody has taken yet: bounded, with back-pressure."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from .messages import Incoming

_LOG = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024 * 1024


class Inbox:
    """A queue with one reader.

    Receive Maximum should keep unacknowledged messages within `bound`, but it does not govern everything:
    beyond `bound` a QoS 0 message is dropped and counted, and when messages or bytes still pile up (mosquitto
    2.0 forgets to count what it delivers again to a session with a backlog) `pause` asks to stop reading from
    the socket until half is taken. The broker's answers wait meanwhile, so the reader must not wait for them.
    """

    def __init__(
        self, bound: int, *, pause: Callable[[], None], resume: Callable[[], None], max_bytes: int = MAX_BYTES
    ) -> None:
        self._bound = bound
        self._pause = pause
        self._resume = resume
        self._max_bytes = max_bytes
        self._items: deque[Incoming] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._dropping = False
        self._open = asyncio.Event()
        self._open.set()
        self.closed = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Incoming) -> None:
        """Keep `item`; after `close` it is left to the broker, which delivers it again."""
        if self.closed:
            return
        if item.token is None and len(self._items) >= self._bound:
            self._drop()
            return
        self._items.append(item)
        self._bytes += len(item.payload)
        if not self._arrived.is_set():
            self._arrived.set()
        if self._open.is_set() and (len(self._items) >= 2 * self._bound or self._bytes >= self._max_bytes):
            self._open.clear()
            self._pause()

    async def take(self, max_items: int) -> list[Incoming]:
        """At least one and at most `max_items`, in order of arrival; empty once closed."""
        while not self._items:
            if self.closed:
                return []
            self._arrived.clear()
            await self._arrived.wait()
        items = self._items
        taken = [items.popleft() for _ in range(min(max_items, len(items)))]
        self._bytes -= sum(len(item.payload) for item in taken)
        self._dropping = False
        if len(items) <= self._bound and self._bytes <= self._max_bytes // 2:
            self._reopen()
        return taken

    async def wait_open(self) -> None:
        """Return once there is room for messages."""
        await self._open.wait()

    def close(self) -> None:
        """Take no more messages and forget those that nobody took: unacknowledged, they come again."""
        self.closed = True
        self._items.clear()
        self._bytes = 0
        self._arrived.set()
        self._reopen()

    def _reopen(self) -> None:
        if not self._open.is_set():
            self._open.set()
            self._resume()

    def _drop(self) -> None:
        self.dropped += 1
        if not self._dropping:
            self._dropping = True
            _LOG.warning("More messages arrive than can be handled: those sent at QoS 0 are being dropped")
