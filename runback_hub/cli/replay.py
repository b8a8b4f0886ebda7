"""`replay` and `decode`: pure, no broker and no store."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from pydantic import BaseModel, ConfigDict, ValidationError

from ..hub.messages import asked_moment
from ..model.athlete import Experience, PainProfile, Profile
from ..narration import plain_narrator
from ..replay import BadLog, read_log, replay_every
from ..replay import replay as replay_log
from .outcome import CommandFailed, Exit

DEFAULT_ATHLETE = "athlete"


class _ProfileFile(BaseModel):
    """The keys of `--profile`; those of an athlete in the configuration, what the policy does not need ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    athlete: str = DEFAULT_ATHLETE
    timezone: str = "UTC"
    birth_year: int | None = None
    experience: Experience = Experience.REGULAR
    pain_profile: PainProfile = PainProfile.SEED_STRICT


@click.command()
@click.argument("log", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--profile", "profile_file", type=click.Path(path_type=Path), help="JSON: timezone, birth_year, ...")
@click.option("--at", "at_text", metavar="TIME", help="The moment asked about, ISO 8601 with an offset.")
@click.option("--json", "as_json", is_flag=True, help="Print the status payload as JSON.")
@click.option("--every-input", is_flag=True, help="Print one JSON line after each input.")
def replay(log: Path, profile_file: Path | None, at_text: str | None, *, as_json: bool, every_input: bool) -> None:
    """Feed a log of inputs (JSON Lines, any order) to the policy and print the assessment."""
    profile = _read_profile(profile_file)
    moment = None if at_text is None else parse_moment("--at", at_text)
    narrator = plain_narrator()
    try:
        inputs = read_log(_read_text(log).split("\n"), profile)
        if every_input:
            until = [item for item in inputs if moment is None or item.at <= moment]
            for line in replay_every(until, profile, narrator):
                click.echo(line)
            return
        status = replay_log(inputs, profile, narrator, at=moment)
    except BadLog as problem:
        raise CommandFailed(Exit.FAILED, f"{log}: {problem}") from problem
    click.echo(status if as_json else readable_status(json.loads(status)))


def parse_moment(name: str, text: str) -> datetime:
    """An aware moment in UTC, or a usage error that names the option."""
    moment = asked_moment(text)
    if moment is None:
        problem = f"{name}: not a time, given {text!r}, allowed is ISO 8601 with an offset, as 2026-03-18T12:00:00Z"
        raise CommandFailed(Exit.USAGE, problem)
    return moment


def readable_status(status: Mapping[str, object]) -> str:
    """An assessment as a few lines for a person."""
    lines = [f"{status['athlete']}: {status['state']}  (at {status['assessed_at']}, policy {status['policy']})"]
    lines.append(f"  rest from running: {'yes' if status['rest'] else 'no'}")
    limits = (("max_distance_m", "m"), ("max_duration_s", "s"), ("max_rpe", "of 10 effort"))
    allowed = [f"{status[key]} {unit}" for key, unit in limits if status.get(key)]
    if allowed:
        lines.append(f"  at most: {', '.join(allowed)}")
    reasons = status.get("reasons")
    if isinstance(reasons, list):
        lines.extend(f"  {reason['rule']:3} {reason['text']}" for reason in reasons)
    plan = status.get("plan")
    if isinstance(plan, dict):
        lines.append(f"  plan: stage {plan['stage']} of {plan['of']}, {plan['session']}")
    for key, words in (("to_leave", "to leave rest"), ("missing", "missing")):
        names = status.get(key)
        if isinstance(names, list) and names:
            lines.append(f"  {words}: {', '.join(str(name) for name in names)}")
    if status.get("review_at"):
        lines.append(f"  next look: {status['review_at']}")
    return "\n".join(lines)


def _read_text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8 text"
        raise CommandFailed(Exit.USAGE, f"{path}: {reason}") from problem


def _read_profile(path: Path | None) -> Profile:
    if path is None:
        return Profile(athlete=DEFAULT_ATHLETE)
    try:
        found = _ProfileFile.model_validate_json(_read_text(path))
        zone = ZoneInfo(found.timezone)
    except ValidationError as problem:
        lines = [f"{path}: {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in problem.errors()]
        raise CommandFailed(Exit.USAGE, *lines) from problem
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        line = f"{path}: timezone: not a time zone, allowed is a name such as Europe/Berlin"
        raise CommandFailed(Exit.USAGE, line) from problem
    return Profile(
        athlete=found.athlete,
        zone=zone,
        birth_year=found.birth_year,
        experience=found.experience,
        pain_profile=found.pain_profile,
    )
