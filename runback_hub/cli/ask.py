"""`status` and `explain`: ask the running hub."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click
from pydantic import JsonValue

from ..config import Settings
from .link import linked
from .outcome import CommandFailed, Exit
from .replay import parse_moment, readable_status
from .root import config_option
from .settings import plain_errors, settings_for


@click.command()
@click.option("--athlete", metavar="A", help="Whose status; may be left out where there is one person.")
@click.option("--json", "as_json", is_flag=True, help="Print the payload as JSON.")
@config_option
def status(athlete: str | None, config_file: Path | None, *, as_json: bool) -> None:
    """Show the current assessment, with its reasons."""
    _show(_ask(settings_for(config_file), "status", athlete=athlete), as_json=as_json)


@click.command()
@click.option("--athlete", required=True, metavar="A")
@click.option("--at", "at_text", metavar="TIME", help="The moment asked about, ISO 8601 with an offset.")
@click.option("--json", "as_json", is_flag=True, help="Print the payload as JSON.")
@config_option
def explain(athlete: str, at_text: str | None, config_file: Path | None, *, as_json: bool) -> None:
    """Show which rules fired at a moment: inputs, thresholds, sources and policy version."""
    at = None if at_text is None else parse_moment("--at", at_text).isoformat()
    answer = _ask(settings_for(config_file), "explain", athlete=athlete, at=at)
    _show(answer, as_json=as_json)
    reasons = answer.get("reasons")
    if not as_json and isinstance(reasons, list):
        for reason in reasons:
            if isinstance(reason, dict):
                keys = ("rule", "code", "value", "limit", "unit", "evidence", "input")
                click.echo("  " + ", ".join(f"{key} {reason[key]}" for key in keys if reason.get(key) is not None))


def _ask(settings: Settings, verb: str, **fields: JsonValue) -> dict[str, JsonValue]:
    async def ask() -> dict[str, JsonValue]:
        async with linked(settings) as link:
            return await link.ask(verb, **{key: value for key, value in fields.items() if value is not None})

    with plain_errors():
        answer = asyncio.run(ask())
    if not answer.pop("ok", False):
        raise CommandFailed(Exit.FAILED, f"{answer.get('detail')}")
    return answer


def _show(answer: dict[str, JsonValue], *, as_json: bool) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else readable_status(answer))
