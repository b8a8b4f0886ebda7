"""Real brokers for tests: started, killed, frozen and restarted as the test wants."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

READY_S = 10.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mosquitto_path() -> str:
    """The mosquitto program. Without it CI fails; elsewhere the test is skipped, and the summary says why."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        message = "needs mosquitto (apt-get install mosquitto)"
        if os.environ.get("CI"):
            raise FileNotFoundError(message)
        pytest.skip(message)
    return found


class Mosquitto:
    """A mosquitto of the test's own, on one port for its whole life, however often it is restarted."""

    def __init__(self, folder: Path, *, lines: Sequence[str] = (), listener_lines: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.config = folder / "mosquitto.conf"
        has_users = any(line.startswith("password_file") for line in (*lines, *listener_lines))
        self.config.write_text(
            "\n".join(
                (
                    "user root" if os.geteuid() == 0 else "",
                    "set_tcp_nodelay true",
                    "max_queued_messages 200000",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "log_dest stderr",
                    "log_type error",
                    *lines,
                    f"listener {self.port} 127.0.0.1",
                    f"allow_anonymous {'false' if has_users else 'true'}",
                    *listener_lines,
                    "",
                )
            ),
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([mosquitto_path(), "-c", str(self.config)], stderr=log)  # noqa: S603 - our own words
        wait_for_port(self.port, self.process)

    def stop(self) -> None:
        """End it in order: it saves sessions and retained messages."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a chance to save anything."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Keep its connections open and answer nothing, as a machine that lost its network."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
                self.process.send_signal(number)
            self.process.wait(READY_S)
            self.process = None


class Program:
    """Any other server that listens on `port`."""

    def __init__(self, port: int, *command: str) -> None:
        self._port = port
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words
        wait_for_port(self._port, self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(READY_S)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once something accepts connections on `port`; fail if `process` ends before."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        assert process.poll() is None, f"the broker ended with {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    message = f"nothing accepts connections on {port}"
    raise TimeoutError(message)


def password_file(folder: Path, users: Iterable[tuple[str, str]]) -> Path:
    """A mosquitto password file, hashed by mosquitto's own tool."""
    path = folder / "passwords"
    path.touch(mode=0o600)
    for name, password in users:
        run("mosquitto_passwd", "-b", str(path), name, password)
    return path


class Authority:
    """A certificate authority of the test's own, made with the openssl program."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.certificate = folder / f"{name}.crt"
        self._key = folder / f"{name}.key"
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={name}", "-days", "2", "-keyout", str(self._key), "-out", str(self.certificate)),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(self, name: str, *, host: str = "127.0.0.1") -> tuple[Path, Path]:
        """A certificate for `host` and its key."""
        key, request, certificate = (self._folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        extensions = self._folder / f"{name}.ext"
        kind = "IP" if host[:1].isdigit() else "DNS"
        extensions.write_text(f"subjectAltName={kind}:{host}\n", encoding="utf-8")
        run(
            *("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request)),
        )
        run(
            *("openssl", "x509", "-req", "-in", str(request), "-days", "2", "-CAcreateserial"),
            *("-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-extfile", str(extensions), "-out", str(certificate)),
        )
        return certificate, key


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words
