"""Settings and small helpers with which tests talk to a real broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Self

from runback_hub.mqtt.client import MqttClient, command_client_id
from runback_hub.mqtt.errors import Disconnected, PublishRefused
from runback_hub.mqtt.messages import Incoming
from runback_hub.mqtt.session import Connected, MqttSession
from runback_hub.mqtt.settings import Availability, Settings

PATIENCE_S = 10.0
HERE = "runback/hub/availability"


def hub_settings(port: int, **changes: Any) -> Settings:
    """A hub's settings with short delays."""
    usual = Settings(host="127.0.0.1", port=port, client_id="hub", retry_first_s=0.02, retry_cap_s=0.2)
    return replace(usual, **changes)


@contextlib.asynccontextmanager
async def other_client(port: int, **changes: Any) -> AsyncIterator[MqttClient]:
    """Somebody else on the same broker."""
    settings = replace(Settings(host="127.0.0.1", port=port, client_id=command_client_id()), **changes)
    async with MqttClient(settings) as client:
        yield client


class Hub:
    """A running session that remembers every time it connected."""

    def __init__(self, settings: Settings, *filters: str, availability: Availability | None = None) -> None:
        self.arrivals: asyncio.Queue[Connected] = asyncio.Queue()
        self.session = MqttSession(
            settings, filters=filters, availability=availability, on_connected=self.arrivals.put_nowait
        )
        self.running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.running = asyncio.create_task(self.session.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.stop()
        assert self.running is not None
        with contextlib.suppress(asyncio.CancelledError):
            await self.running

    async def connected(self) -> Connected:
        """The next time the session stands."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.arrivals.get()

    async def take(self, count: int) -> list[Incoming]:
        """The next `count` messages."""
        taken: list[Incoming] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(taken) < count:
                taken += await self.session.next_batch(count - len(taken))
        return taken

    async def cut(self) -> None:
        """End as a killed process does: no DISCONNECT, nothing acknowledged, nothing said."""
        assert self.running is not None
        self.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.running


class Outcomes:
    """Collects what became of publications."""

    def __init__(self) -> None:
        self.seen: list[Disconnected | PublishRefused | None] = []
        self._more = asyncio.Event()

    def __call__(self, outcome: Disconnected | PublishRefused | None) -> None:
        self.seen.append(outcome)
        self._more.set()

    async def wait(self, count: int) -> list[Disconnected | PublishRefused | None]:
        """The first `count` outcomes, once they are there."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.seen) < count:
                self._more.clear()
                await self._more.wait()
        return self.seen


async def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds; fail if it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the condition belongs to others, who set no event
            await asyncio.sleep(0.005)
