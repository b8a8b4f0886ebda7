"""A small reader of replay log lines (CONTRACT section 5), only as strict as our own examples need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TypedDict, cast

from runback_hub.model.inputs import (
    ActivityCompleted,
    Comparison,
    Confirmation,
    ConfirmationKind,
    Input,
    Location,
    Onset,
    PainQuality,
    PainReport,
    RunCompleted,
    Sport,
    Surface,
    WellnessReading,
    Withdrawal,
)

Json = Mapping[str, object]


class _Common(TypedDict):
    event_id: str
    athlete: str
    at: datetime
    source: str | None


class _Effort(_Common):
    started_at: datetime
    duration_ms: int
    distance_m: int | None
    steps: int | None
    surface: Surface | None
    pain: PainReport | None


def to_inputs(lines: Iterable[str], athlete: str) -> list[Input]:
    """One input per line; every line has its `event_id`, `at` (or is a run) and `type`."""
    return [_input(cast("Json", json.loads(line)), athlete) for line in lines]


def _input(data: Json, athlete: str) -> Input:
    kind = data["type"]
    if kind == "run":
        return RunCompleted(**_effort(data, athlete, Onset.DURING_RUN))
    if kind == "activity":
        return ActivityCompleted(**_effort(data, athlete, Onset.DAILY), sport=Sport(_text(data, "sport")))
    common = _common(data, athlete, _moment(data, "at"))
    if kind == "pain":
        return _pain(data, common, Onset.DAILY, None)
    if kind == "confirm":
        return Confirmation(**common, kind=ConfirmationKind(_text(data, "kind")))
    if kind == "withdraw":
        taken = _text(data, "event_id")
        common["event_id"] = f"withdraw-{taken}-{common['at'].isoformat()}"
        return Withdrawal(**common, target=taken)
    if kind == "wellness":
        return WellnessReading(
            **common,
            date=_text(data, "date"),
            hrv_rmssd_ms=_optional_float(data, "hrv_rmssd_ms"),
            sleep_s=_optional_int(data, "sleep_s"),
            soreness=_optional_int(data, "soreness"),
        )
    message = f"type: {kind!r} is no input"
    raise ValueError(message)


def _common(data: Json, athlete: str, at: datetime) -> _Common:
    source = data.get("source")
    return {
        "event_id": _text(data, "event_id"),
        "athlete": athlete,
        "at": at,
        "source": None if source is None else str(source),
    }


def _effort(data: Json, athlete: str, onset: Onset) -> _Effort:
    started_at = _moment(data, "started_at")
    duration_ms = int(Decimal(str(data["duration_s"])) * 1000)
    at = _moment(data, "at") if "at" in data else started_at + timedelta(milliseconds=duration_ms)
    common = _common(data, athlete, at)
    surface, carried = data.get("surface"), data.get("pain")
    pain = None
    if carried is not None:
        report = cast("Json", carried)
        own: _Common = {
            **common,
            "event_id": f"{common['event_id']}/pain",
            "at": _moment(report, "at") if "at" in report else at,
        }
        pain = _pain(report, own, onset, common["event_id"])
    return {
        **common,
        "started_at": started_at,
        "duration_ms": duration_ms,
        "distance_m": _rounded(data, "distance_m"),
        "steps": _optional_int(data, "steps"),
        "surface": None if surface is None else Surface(str(surface)),
        "pain": pain,
    }


def _pain(data: Json, common: _Common, onset: Onset, carrier: str | None) -> PainReport:
    answers = cast("Mapping[str, bool | None]", data.get("symptoms", {}))
    location, quality, usual = data.get("location"), data.get("quality"), data.get("compared_to_usual")
    return PainReport(
        **common,
        score=_optional_int(data, "score"),
        location=None if location is None else Location(str(location)),
        onset=Onset(str(data.get("onset", onset))),
        compared_to_usual=None if usual is None else Comparison(str(usual)),
        quality=None if quality is None else PainQuality(str(quality)),
        limp=cast("bool | None", data.get("limp")),
        walk_30min_ok=cast("bool | None", data.get("walk_30min_ok")),
        symptoms={name: answer for name, answer in answers.items() if answer is not None},
        carrier=carrier,
    )


def _text(data: Json, key: str) -> str:
    return str(data[key])


def _moment(data: Json, key: str) -> datetime:
    return datetime.fromisoformat(_text(data, key)).astimezone(UTC)


def _optional_int(data: Json, key: str) -> int | None:
    value = data.get(key)
    return None if value is None else int(str(value))


def _optional_float(data: Json, key: str) -> float | None:
    value = data.get(key)
    return None if value is None else float(str(value))


def _rounded(data: Json, key: str) -> int | None:
    """Whole metres, half a metre up."""
    value = data.get(key)
    return None if value is None else int(Decimal(str(value)).quantize(Decimal(1), ROUND_HALF_UP))
