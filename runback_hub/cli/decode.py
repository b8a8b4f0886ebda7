"""`decode`: what a foreign file or payload becomes. Pure; nothing is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from ..formats.base import Context, Rejected
from ..formats.registry import HEAD_BYTES, guess_format
from ..formats.registry import decode as decode_payload
from .link import read_bytes
from .outcome import CommandFailed, Exit

UNKNOWN = "unknown"
"""No format's name: the registry refuses it in words, after it has looked for an empty file."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--format", "format_name", metavar="F", help="The format; without it, it is guessed from the file.")
@click.option("--zone", default="UTC", metavar="Z", help="Time zone for formats that write local time.")
@click.option("--athlete", default="athlete", metavar="A", help="Whose inputs they would be.")
def decode(files: tuple[Path, ...], format_name: str | None, zone: str, athlete: str) -> None:
    """Print what files decode to, one JSON input per line; `{"rejected": ...}` and exit 1 where there is none."""
    context = Context(athlete=athlete, zone=_zone(zone), arrived_at=datetime.now(UTC))
    good = [_decode_one(path, format_name, context) for path in files]
    if not all(good):
        raise click.exceptions.Exit(Exit.FAILED)


def _decode_one(path: Path, format_name: str | None, context: Context) -> bool:
    payload = read_bytes(path)
    found = format_name or guess_format(path.name, payload[:HEAD_BYTES])
    try:
        inputs = decode_payload(found or UNKNOWN, payload, context)
    except Rejected as refusal:
        click.echo(json.dumps({"rejected": refusal.reason.value, "detail": refusal.detail}))
        return False
    for one in inputs:
        click.echo(one.body)
    return True


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        problem = f"--zone: not a time zone, given {name!r}, allowed is a name such as Europe/Berlin"
        raise CommandFailed(Exit.USAGE, problem) from error
