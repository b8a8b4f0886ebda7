"""A real hub for tests: the whole program as a process, or its parts in this process with a scripted clock."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from runback_hub.clock import ScriptedClock
from runback_hub.compose import Composed, composed
from runback_hub.config import load_settings
from runback_hub.mqtt.client import MqttClient
from runback_hub.mqtt.settings import Settings as BrokerSession

WAIT_S = 20.0
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A foreign client beside a hub in this process."""

    parts: Composed
    clock: ScriptedClock
    client: MqttClient

    async def send(self, athlete: str, door: str, payload: bytes) -> dict[str, Any]:
        """Publish an input; the hub's answer."""
        message = await self.client.request(self.parts.topics.input(athlete, door), payload, timeout_s=WAIT_S)
        return json.loads(message.payload)  # type: ignore[no-any-return]

    async def ask(self, verb: str, **fields: object) -> dict[str, Any]:
        """Send a command; the answer."""
        topic = self.parts.topics.request(verb)
        message = await self.client.request(topic, json.dumps(fields).encode(), timeout_s=WAIT_S)
        return json.loads(message.payload)  # type: ignore[no-any-return]


@asynccontextmanager
async def hub_in_process(
    folder: Path, port: int, start: datetime, options: Mapping[str, object] | None = None
) -> AsyncIterator[Peer]:
    """The daemon on a broker at `port`, its clock scripted, with one client connected."""
    tree = {"broker": f"mqtt://127.0.0.1:{port}", "state_dir": str(folder), "web": None, **(options or {})}
    settings = load_settings(None, environ={}, options=tree, folder=folder)
    clock = ScriptedClock(start)
    async with composed(settings, clock) as parts:
        running = asyncio.create_task(parts.daemon.run())
        await asyncio.wait_for(parts.daemon.ready.wait(), WAIT_S)
        try:
            async with MqttClient(BrokerSession(host="127.0.0.1", port=port, client_id="peer")) as client:
                yield Peer(parts=parts, clock=clock, client=client)
        finally:
            parts.daemon.stop()
            await running


class HubProcess:
    """`runback-hub serve` as a process of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = folder / "hub.log"
        self._environment = {**os.environ, "RUNBACK_STATE_DIR": str(folder / "state"), **environment}
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; returns at once."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "runback_hub",
                "serve",
                cwd=self.folder,
                env={**self._environment, "PYTHONPATH": str(REPOSITORY)},
                stdout=log,
                stderr=log,
            )

    async def end(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the exit code."""
        process = self.process
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(sign)
        return await asyncio.wait_for(process.wait(), WAIT_S)
