"""The embedded broker: a child process on loopback that starts, and ends, with the hub."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import socket
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from .backoff import Backoff
from .broker_kinds import FALLBACK_LIMITS, PROGRAMS, Kind, Ports, Program
from .broker_state import BrokerState, end_orphan, forget_process, lock, read_state, write_state
from .errors import BrokerUnavailable

_LOG = logging.getLogger(__name__)

PREFERRED_PORT = 1883
READY_S = 15.0
END_S = 5.0
LOOK_S = 0.02
RESTART_FIRST_S = 0.5
RESTART_CAP_S = 30.0
STEADY_S = 30.0
PORT_TRIES = 5
PORT_WAIT_S = 0.2
WHAT_TO_INSTALL = (
    "no MQTT broker is installed: install mosquitto (the package 'mosquitto' of your system), "
    "or 'pip install runback-hub[broker]' for trying out, or set 'broker' to the URL of one that runs elsewhere"
)
EXPECTED_WORDS = "should not be run as root"


class EmbeddedBroker:
    """Runs mosquitto, or for trying out the one that pip can install, and starts it again when it fails.

    Start it from the thread that lives as long as the hub: the system ends the child with that thread.
    """

    def __init__(self, folder: Path, *, port: int | None = None, prefer: Kind | None = None) -> None:
        self._folder = folder.absolute()
        self._port = port
        self._prefer = prefer
        self._lock: IO[str] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._last_words: deque[str] = deque(maxlen=5)
        self._state: BrokerState | None = None
        self._restarts = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def state(self) -> BrokerState:
        """The running broker: kind, process and URLs. Only after `start`."""
        if self._state is None:
            message = "the embedded broker is not running"
            raise BrokerUnavailable(message)
        return self._state

    @property
    def restarts(self) -> int:
        """How often the broker had to be started again."""
        return self._restarts

    async def start(self) -> str:
        """Start, wait until it accepts connections, and return its URL (MQTT 5); raises `BrokerUnavailable`."""
        program, command = self._choose()
        try:
            self._lock = await asyncio.to_thread(self._prepare)
            self._state = await self._start_on_free_port(program, command)
        except BaseException as error:
            self._release()
            if isinstance(error, OSError):
                message = f"the embedded broker can not use {self._folder}: {error.strerror or error}"
                raise BrokerUnavailable(message) from error
            raise
        self._keeper = asyncio.create_task(self._keep_running(program, command), name="embedded-broker")
        _LOG.info("Started %s as the embedded broker at %s", program.kind, self._state.url)
        if program.kind is Kind.IOTCORE:
            _LOG.warning(
                "This broker is for trying out only (MQTT 5 at %s, MQTT 3.1.1 at %s); mosquitto does more. It %s",
                self._state.url,
                self._state.url_311,
                "; ".join(text for _, text in FALLBACK_LIMITS),
            )
        return self._state.url

    async def stop(self) -> None:
        """End the broker in order, so that it saves what it holds."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
            self._keeper = None
        await self._end_process()
        if self._state is not None:
            await asyncio.to_thread(forget_process, self._folder, self._state)
            self._state = None
        self._release()

    def _choose(self) -> tuple[Program, tuple[str, ...]]:
        for kind, program in PROGRAMS.items():
            if self._prefer in {None, kind} and (command := program.find()) is not None:
                return program, command
        message = WHAT_TO_INSTALL if self._prefer is None else f"{self._prefer} is not installed; {WHAT_TO_INSTALL}"
        raise BrokerUnavailable(message)

    def _prepare(self) -> IO[str]:
        """Own the folder and end what a killed hub left in it. Private: the broker keeps messages on disk."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = lock(self._folder)
        try:
            if end_orphan(self._folder):
                _LOG.info("Ended the broker that the last hub left behind")
        except BaseException:
            handle.close()
            raise
        return handle

    async def _start_on_free_port(self, program: Program, command: tuple[str, ...]) -> BrokerState:
        """Start on the port that was asked for, else on the usual one, the last one, or a free one."""
        previous = await asyncio.to_thread(read_state, self._folder)
        last = Ports(v5=0, v311=0) if previous is None else Ports(v5=previous.port, v311=previous.port_311)
        for attempt in range(PORT_TRIES):
            main = self._port if self._port is not None else free_port(PREFERRED_PORT, last.v311)
            if not _is_free(main):
                # A process that was ended just now closes its sockets a moment after its name is gone.
                await asyncio.sleep(PORT_WAIT_S)
                continue
            v5 = free_port(*{last.v5} - {main}) if program.separate_ports else main
            try:
                return await self._spawn(program, command, Ports(v5=v5, v311=main))
            except BrokerUnavailable:
                # Somebody may have taken the port between looking and starting; anything else stays as it is.
                if _is_free(main) or attempt == PORT_TRIES - 1:
                    raise
        message = f"port {self._port} on 127.0.0.1 is in use; choose another, or leave it out to take a free one"
        raise BrokerUnavailable(message)

    async def _spawn(self, program: Program, command: tuple[str, ...], ports: Ports) -> BrokerState:
        config = self._folder / program.config_name
        await asyncio.to_thread(config.write_text, program.config(self._folder, ports), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *await _ends_with_us(),
            *command,
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C is for us: the broker must still take our leave
        )
        self._process = process
        self._last_words.clear()
        self._reader = asyncio.create_task(self._relay(process, program.kind), name="embedded-broker-log")
        state = BrokerState(kind=program.kind, pid=process.pid, config=str(config), port=ports.v5, port_311=ports.v311)
        try:
            await asyncio.to_thread(write_state, self._folder, state)
            for port in {ports.v5, ports.v311}:
                await self._wait_ready(process, port, program.kind)
        except BaseException:
            await self._end_process()
            raise
        return state

    async def _wait_ready(self, process: asyncio.subprocess.Process, port: int, kind: Kind) -> None:
        """Return once it accepts connections; raises `BrokerUnavailable` with its last words if it ends first."""
        until = time.monotonic() + READY_S
        while process.returncode is None and time.monotonic() < until:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(LOOK_S)
                continue
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            if process.returncode is None:
                return
        if self._reader is not None:
            await asyncio.wait((self._reader,), timeout=1)
        words = "; ".join(self._last_words) or "it said nothing"
        message = f"{kind} did not start: {words}"
        raise BrokerUnavailable(message)

    async def _keep_running(self, program: Program, command: tuple[str, ...]) -> None:
        """Start the broker again when it ends, on the same ports, and say so once each way."""
        backoff = Backoff(RESTART_FIRST_S, RESTART_CAP_S)
        while self._process is not None and self._state is not None:
            began = time.monotonic()
            code = await self._process.wait()
            if time.monotonic() - began >= STEADY_S:
                backoff.reset()
            _LOG.warning("The embedded broker ended by itself (%s); starting it again", code)
            ports = Ports(v5=self._state.port, v311=self._state.port_311)
            while True:
                await asyncio.sleep(backoff.next_s())
                try:
                    self._state = await self._spawn(program, command, ports)
                except (BrokerUnavailable, OSError) as error:
                    _LOG.debug("The embedded broker can not be started: %s", error)
                    continue
                break
            self._restarts += 1
            _LOG.info("The embedded broker is back at %s", self._state.url)

    async def _relay(self, process: asyncio.subprocess.Process, kind: Kind) -> None:
        """Pass the broker's warnings on to our log."""
        if process.stderr is None:
            return
        async for line in process.stderr:
            text = line.decode(errors="replace").strip()
            if text and EXPECTED_WORDS not in text:
                self._last_words.append(text)
                _LOG.warning("%s says: %s", kind, text)

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(END_S):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._reader is not None:
            await asyncio.wait((self._reader,), timeout=1)
            self._reader.cancel()
            self._reader = None

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def free_port(*wishes: int) -> int:
    """The first of `wishes` that is free on 127.0.0.1, else any free port."""
    for port in wishes:
        if port > 0 and _is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        return int(port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as brokers do: TIME_WAIT is no hindrance
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def _ends_with_us() -> tuple[str, ...]:
    """The command that makes a child end when its parent is killed, where the system has one (util-linux)."""
    program = shutil.which("setpriv")
    if program is None:
        return ()
    wrapper = (program, "--pdeathsig", "TERM", "--")
    trial = await asyncio.create_subprocess_exec(
        *wrapper, "true", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return wrapper if await trial.wait() == 0 else ()
