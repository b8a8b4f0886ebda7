"""`send` and `pain`: publish inputs and print what the hub answers."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from pydantic import JsonValue

from ..config import Settings
from ..formats.base import Context, Rejected
from ..formats.registry import HEAD_BYTES, JSON_FILE, decode, guess_format
from ..model.inputs import ALL_SYMPTOMS, Location, Onset
from .link import Link, linked, read_bytes
from .outcome import CommandFailed, Exit
from .replay import readable_status
from .root import config_option
from .settings import plain_errors, settings_for

athlete_option = click.option("--athlete", required=True, metavar="A", help="Whose input it is.")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@athlete_option
@config_option
def send(files: tuple[Path, ...], athlete: str, config_file: Path | None) -> None:
    """Publish activity files (.fit .tcx .gpx .json, also .gz) and print the hub's answer to each."""
    settings = settings_for(config_file)
    payloads = [(path, door, payload) for path in files for door, payload in _doors(path)]
    with plain_errors():
        refused = asyncio.run(_send(settings, athlete, payloads))
    if refused:
        raise CommandFailed(Exit.FAILED, *refused)


@click.command()
@click.argument("score", type=click.FloatRange(0, 10))
@athlete_option
@config_option
@click.option("--location", type=click.Choice([one.value for one in Location]))
@click.option("--onset", type=click.Choice([one.value for one in Onset]))
@click.option("--symptom", "symptoms", multiple=True, type=click.Choice(sorted(ALL_SYMPTOMS)), help="Present now.")
@click.option("--sharp", is_flag=True, help="Sharp rather than dull.")
@click.option("--limp", is_flag=True, help="The pain changes how you walk.")
def pain(
    score: float,
    athlete: str,
    config_file: Path | None,
    location: str | None,
    onset: str | None,
    symptoms: tuple[str, ...],
    *,
    sharp: bool,
    limp: bool,
) -> None:
    """Publish a pain report (0-10) and print the answer."""
    if not math.isfinite(score):
        raise CommandFailed(Exit.USAGE, f"pain: SCORE: given {score}, allowed is 0 to 10")
    fields: dict[str, JsonValue] = {
        "score": int(score) if score == int(score) else score,
        "at": datetime.now(UTC).isoformat(),
        "source": "command line",
    }
    given = {
        "location": location,
        "onset": onset,
        "quality": "sharp" if sharp else None,
        "limp": True if limp else None,
    }
    fields.update({key: value for key, value in given.items() if value is not None})
    if symptoms:
        fields["symptoms"] = dict.fromkeys(symptoms, True)
    settings = settings_for(config_file)
    with plain_errors():
        refused = asyncio.run(_send(settings, athlete, [(None, "pain", json.dumps(fields).encode())]))
    if refused:
        raise CommandFailed(Exit.FAILED, *refused)


async def _send(settings: Settings, athlete: str, payloads: Sequence[tuple[Path | None, str, bytes]]) -> list[str]:
    refused: list[str] = []
    async with linked(settings) as link:
        for path, door, payload in payloads:
            answer = await link.input(athlete, door, payload)
            if not answer.get("ok"):
                refused.append(f"{path or door}: {answer.get('reason')}: {answer.get('detail')}")
                continue
            again = " (already known)" if answer.get("duplicate") else ""
            click.echo(f"{path or door}: accepted{again}, event id {answer.get('event_id')}")
        if len(refused) < len(payloads):
            await _show_status(link, athlete)
    return refused


async def _show_status(link: Link, athlete: str) -> None:
    status = await link.ask("status", athlete=athlete)
    if status.get("ok"):
        click.echo(readable_status(status))


def _doors(path: Path) -> list[tuple[str, bytes]]:
    """What a file holds: one activity file, or our own JSON inputs, each for the topic of its `type`."""
    payload = read_bytes(path)
    found = guess_format(path.name, payload[:HEAD_BYTES])
    if found is None:
        problem = f"{path}: not a kind of file that is known, allowed are .fit .tcx .gpx .json, also .gz"
        raise CommandFailed(Exit.USAGE, problem)
    if found != JSON_FILE:
        return [(found, payload)]
    context = Context(athlete="athlete", zone=ZoneInfo("UTC"), arrived_at=datetime.now(UTC))
    try:
        inputs = decode(JSON_FILE, payload, context)
    except Rejected as refusal:
        raise CommandFailed(Exit.FAILED, f"{path}: {refusal.detail}") from refusal
    return [_as_message(one.body) for one in inputs]


def _as_message(body: str) -> tuple[str, bytes]:
    """An input's line as the payload of its topic; the athlete is named by the topic."""
    fields = json.loads(body)
    del fields["athlete"]
    return fields.pop("type"), json.dumps(fields, ensure_ascii=False).encode()
