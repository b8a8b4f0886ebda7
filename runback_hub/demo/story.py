"""The story: made-up runs and check-ins of four weeks, told in days and clock times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from ..activity_files import MadeRun, write_fit, write_gpx, write_tcx
from ..model.inputs import EMERGENCY_SYMPTOMS

DAYS = 28
ARRIVES_AFTER = timedelta(minutes=1)
WRITERS = {"fit": write_fit, "tcx": write_tcx, "gpx": write_gpx}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One message: when it arrives, by which door, and how to describe it."""

    at: datetime
    door: str
    payload: bytes
    says: str


def story(first_day: datetime) -> Iterator[Step]:
    """Every step in order; `first_day` is the first local midnight."""
    for day, door in ((0, "fit"), (3, "tcx"), (6, "gpx"), (9, "run"), (12, "fit"), (15, "run")):
        yield _run(first_day, day, "07:00", minutes=45, distance_m=8000, door=door, says="an 8 km run")
    yield _run(first_day, 18, "07:00", minutes=63, distance_m=11200, door="fit", says="a much longer run, 11.2 km")
    yield _run(first_day, 21, "07:00", minutes=34, distance_m=6000, door="run", says="a 6 km run")
    yield _pain(
        first_day, 21, "07:40", 2, "the back began to hurt on the way", onset="during_run", location="lower_back"
    )
    yield _pain(
        first_day, 21, "07:45", 2, "the emergency questions, all answered no", location="lower_back",
        symptoms=dict.fromkeys(sorted(EMERGENCY_SYMPTOMS), False),
    )  # fmt: skip
    yield _pain(first_day, 22, "08:00", 0, "a quiet morning")
    yield _pain(first_day, 23, "08:00", 0, "another quiet morning")
    yield _confirm(first_day, 23, "18:00", "walk_30min_ok", "30 minutes of brisk walking, no pain, no limp")
    for day in (24, 26):
        yield _run(first_day, day, "07:00", minutes=20, distance_m=2300, door="run", says="a walk and jog session")
        yield _pain(first_day, day, "07:25", 0, "no pain on the way", onset="after_run")
        yield _pain(
            first_day,
            day + 1,
            "07:30",
            0,
            "the morning after: as usual",
            onset="next_morning",
            compared_to_usual="same",
        )
    yield Step(
        at=_moment(first_day, 27, "07:40"), door="fit", payload=b"\x89PNG\r\n\x1a\n" + bytes(64),
        says="a picture, sent as an activity file by mistake",
    )  # fmt: skip


def _moment(first_day: datetime, day: int, clock: str) -> datetime:
    hour, minute = (int(part) for part in clock.split(":"))
    return first_day + timedelta(days=day, hours=hour, minutes=minute)


def _run(first_day: datetime, day: int, clock: str, *, minutes: int, distance_m: int, door: str, says: str) -> Step:
    start = _moment(first_day, day, clock)
    at = start + timedelta(minutes=minutes) + ARRIVES_AFTER
    writer = WRITERS.get(door)
    if writer is not None:
        made = MadeRun(started_at=start, duration_s=minutes * 60, distance_m=distance_m)
        return Step(at=at, door=door, payload=writer(made), says=f"{says} (file of a watch)")
    return _json(
        at, "run", says, started_at=start.isoformat(), duration_s=minutes * 60, distance_m=distance_m, source="demo"
    )


def _pain(first_day: datetime, day: int, clock: str, score: int, says: str, **more: JsonValue) -> Step:
    at = _moment(first_day, day, clock)
    return _json(at, "pain", f"{says}: pain {score} of 10", score=score, at=at.isoformat(), **more)


def _confirm(first_day: datetime, day: int, clock: str, kind: str, says: str) -> Step:
    at = _moment(first_day, day, clock)
    return _json(at, "confirm", says, kind=kind, at=at.isoformat())


def _json(when: datetime, door: str, says: str, **fields: JsonValue) -> Step:
    return Step(at=when, door=door, payload=json.dumps(fields).encode(), says=says)
