"""The two programs that can be the embedded broker: how to find, configure and start each."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MAX_QUEUED = 200_000
MAX_INFLIGHT = 1000
AUTOSAVE_S = 30
MAX_PAYLOAD_BYTES = 17 * 1024 * 1024
"""Room for an activity file of 16 MiB and its headers."""
SEGMENT_BYTES = 20 * 1024 * 1024
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

FALLBACK_LIMITS: tuple[tuple[str, str], ...] = (
    ("persistence", "keeps sessions and retained messages in memory only: a restart of the broker forgets them"),
    ("versions", "MQTT 5 and MQTT 3.1.1 have a port each; a client of the other version is cut off"),
    ("receive_maximum", "sends more unacknowledged messages than a client allows"),
    ("dup", "does not mark a message that it delivers again"),
    ("no_local", "sends a client's own messages back to it even when asked not to"),
    ("retain_as_published", "drops the retain flag of new messages even when asked to keep it"),
    ("session_expiry", "keeps sessions for as long as it runs, whatever expiry the client asked for"),
)
"""Promises of a full broker that the fallback does not keep, each measured with iotcore 0.4.0."""


class Kind(StrEnum):
    """The programs we can start."""

    MOSQUITTO = "mosquitto"
    IOTCORE = "iotcore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the broker listens on loopback; equal where one port serves both protocol versions."""

    v5: int
    v311: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One kind of broker. `find` gives the beginning of its command line, or nothing if it is not installed."""

    kind: Kind
    config_name: str
    separate_ports: bool
    find: Callable[[], tuple[str, ...] | None]
    config: Callable[[Path, Ports], str]


def _find_mosquitto() -> tuple[str, ...] | None:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(SYSTEM_FOLDERS))
    return (found, "-c") if found else None


def _mosquitto_config(folder: Path, ports: Ports) -> str:
    lines = [
        f"listener {ports.v5} 127.0.0.1",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        f"max_queued_messages {MAX_QUEUED}",
        f"max_inflight_messages {MAX_INFLIGHT}",
        "persistence true",
        f"persistence_location {folder}/",
        f"autosave_interval {AUTOSAVE_S}",
        "sys_interval 0",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_timestamp false",
    ]
    if (user := _user_name()) is not None:
        # Started by root it would change to the user "mosquitto", who may not write into our folder.
        lines.append(f"user {user}")
    return "\n".join((*lines, ""))


def _user_name() -> str | None:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return None  # a container may run under a number without a name; then mosquitto is not root either


def _find_iotcore() -> tuple[str, ...] | None:
    if importlib.util.find_spec("iotcore") is None:
        return None
    # -P: a folder named iotcore in the working directory must not be taken for the package. Its log level is
    # this high because it logs every packet as an error.
    return (sys.executable, "-P", "-m", "iotcore", "--log-level", "CRITICAL", "--config")


def _iotcore_config(_folder: Path, ports: Ports) -> str:
    listeners = "\n".join(
        f"""
[{version}.1]
name = "{version}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 5000
max_payload_size = {MAX_PAYLOAD_BYTES}
max_inflight_count = {MAX_INFLIGHT}
dynamic_filters = true"""
        for version, port in (("v4", ports.v311), ("v5", ports.v5))
    )
    return f"""id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = {SEGMENT_BYTES}
max_segment_count = 5
{listeners}
"""


PROGRAMS = {
    Kind.MOSQUITTO: Program(
        kind=Kind.MOSQUITTO,
        config_name="mosquitto.conf",
        separate_ports=False,
        find=_find_mosquitto,
        config=_mosquitto_config,
    ),
    Kind.IOTCORE: Program(
        kind=Kind.IOTCORE,
        config_name="rumqttd.toml",
        separate_ports=True,
        find=_find_iotcore,
        config=_iotcore_config,
    ),
}
"""In order of preference."""
