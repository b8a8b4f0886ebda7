"""What an embedded broker leaves in its folder: who owns it, which process it is, where it listens.

The lock says that a hub runs the broker of this folder, and ends with that hub however it ends. The state file
names the broker's process, so that one which outlived its hub can be found and ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from .broker_kinds import Kind
from .errors import BrokerUnavailable

STATE_NAME = "broker.json"
LOCK_NAME = "broker.lock"
END_S = 5.0
LOOK_S = 0.02
PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerState:
    """One running broker. `port` speaks MQTT 5; `port_311` MQTT 3.1.1 (the same one, with mosquitto)."""

    kind: Kind
    pid: int
    config: str
    port: int
    port_311: int

    @property
    def url(self) -> str:
        """Where an MQTT 5 client connects to."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def url_311(self) -> str:
        """Where an MQTT 3.1.1 client connects to."""
        return f"mqtt://127.0.0.1:{self.port_311}"


def lock(folder: Path) -> IO[str]:
    """Become the owner of `folder` until the file is closed; raises `BrokerUnavailable` if someone is."""
    handle = (folder / LOCK_NAME).open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        message = f"another hub is running the broker of {folder}; stop it, or give this one another folder"
        raise BrokerUnavailable(message) from None
    return handle


def write_state(folder: Path, state: BrokerState) -> None:
    """Remember `state`, all of it or nothing."""
    fresh = folder / f"{STATE_NAME}.new"
    fresh.write_text(json.dumps(asdict(state)), encoding="utf-8")
    fresh.replace(folder / STATE_NAME)


def read_state(folder: Path) -> BrokerState | None:
    """What the last hub wrote; `None` where there is nothing that can be read."""
    try:
        given = json.loads((folder / STATE_NAME).read_text(encoding="utf-8"))
        return BrokerState(
            kind=Kind(given["kind"]),
            pid=int(given["pid"]),
            config=str(given["config"]),
            port=int(given["port"]),
            port_311=int(given["port_311"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_process(folder: Path, state: BrokerState) -> None:
    """Remember the ports of a broker that was ended in order, and that no process is left."""
    write_state(folder, replace(state, pid=0))


def running_broker(folder: Path) -> BrokerState | None:
    """The embedded broker that runs in `folder` now, for commands that want to reach it."""
    state = read_state(folder)
    return state if state is not None and _is_ours(state) else None


def end_orphan(folder: Path) -> bool:
    """End the broker that a killed hub left behind; returns whether there was one. Blocks for up to 10 s."""
    state = running_broker(folder)
    if state is None:
        return False
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.pid, sign)
        until = time.monotonic() + END_S
        while time.monotonic() < until:
            if not _is_ours(state):
                return True
            time.sleep(LOOK_S)
    message = f"process {state.pid}, a broker left over from before, does not end"
    raise BrokerUnavailable(message)


def _is_ours(state: BrokerState) -> bool:
    """Whether the process is still that broker and no stranger under a number used again."""
    try:
        command = (PROCESSES / str(state.pid) / "cmdline").read_bytes()
    except OSError:
        return False
    return os.fsencode(state.config) in command.split(b"\0")
