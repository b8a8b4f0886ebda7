"""The six inputs of CONTRACT section 5 as they come over the wire.

Unknown keys are allowed; the log keeps them with the rest of the payload (`Decoded.body`). The description
of a field says what is allowed there: for the JSON Schema and for the words of a rejection.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from ..model.inputs import (
    Comparison,
    ConfirmationKind,
    InputKind,
    Location,
    Onset,
    PainQuality,
    Sport,
    Surface,
)
from . import fields as f

TIME = "ISO 8601 with an offset, as in 2026-03-01T07:00:00Z"
TEXT = "a text"
ID = "a text of at most 200 characters"
SWITCH = "true or false"
RATING = "a whole number from 1 to 5"


def _one_of(words: type[StrEnum]) -> str:
    return "one of " + ", ".join(words)


class WireInput(BaseModel):
    """What every input may carry."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: f.Identifier = Field(None, description=ID)
    at: f.Moment = Field(None, description=TIME)
    source: f.Identifier = Field(None, description=ID)
    source_id: f.Identifier = Field(None, description=ID)


class WirePain(WireInput):
    """One answer to how it feels. Without a usable score it stands only if a symptom is true."""

    model_config = ConfigDict(title="pain", json_schema_extra={"required": ["score"]})

    score: f.AnyScore = Field(None, description="a number from 0 to 10")
    location: Location | None = Field(None, description=_one_of(Location))
    onset: Onset | None = Field(None, description=_one_of(Onset))
    compared_to_usual: Comparison | None = Field(None, description=_one_of(Comparison))
    in_reply_to: f.Identifier = Field(None, description="the id of a check-in")
    quality: PainQuality | None = Field(None, description=_one_of(PainQuality))
    limp: f.Switch = Field(None, description=SWITCH)
    walk_30min_ok: f.Switch = Field(None, description=SWITCH)
    symptoms: f.Symptoms = Field({}, description="an object of names to true, false or null")


class WireEffort(WireInput):
    """What runs and other activities share."""

    started_at: f.NeededMoment = Field(description=TIME)
    duration_s: f.NeededExact = Field(description="seconds, more than 0 and at most 172800 (48 h)")
    distance_m: f.Exact = Field(None, description="metres, 0 or more")
    moving_s: f.Seconds = Field(None, description="seconds, 0 or more")
    steps: f.Steps = Field(None, description="a count, 0 to 1000000")
    cadence_spm: f.Cadence = Field(None, description="steps a minute of both feet, 0 to 300")
    avg_hr: f.HeartRate = Field(None, description="beats a minute, 0 to 300")
    max_hr: f.HeartRate = Field(None, description="beats a minute, 0 to 300")
    ascent_m: f.Metres = Field(None, description="metres, 0 or more")
    descent_m: f.Metres = Field(None, description="metres, 0 or more")
    surface: Surface | None = Field(None, description=_one_of(Surface))
    rpe: f.Exertion = Field(None, description="a number from 0 to 10")
    title: f.Text = Field(None, description=TEXT)
    tz_offset_min: f.OffsetMinutes = Field(None, description="whole minutes from -840 to 840")
    marks: f.Marks = Field((), description="doubts found on decoding")
    pain: WirePain | None = Field(None, description="a pain report")


class WireRun(WireEffort):
    """A finished run."""

    model_config = ConfigDict(title="run")


class WireActivity(WireEffort):
    """A finished activity that is not a run."""

    model_config = ConfigDict(title="activity")

    sport: Sport = Field(description=_one_of(Sport))


class WireWellness(WireInput):
    """One morning's numbers."""

    model_config = ConfigDict(title="wellness")

    date: f.Day = Field(description="a local date, as in 2026-03-01")
    hrv_rmssd_ms: f.Milliseconds = Field(None, description="milliseconds, 0 to 10000")
    resting_hr: f.RestingHeartRate = Field(None, description="beats a minute, 0 to 300")
    sleep_s: f.SleepSeconds = Field(None, description="seconds, 0 to 172800")
    soreness: f.FivePoints = Field(None, description=RATING)
    fatigue: f.FivePoints = Field(None, description=RATING)
    stress: f.FivePoints = Field(None, description=RATING)
    readiness: f.Percent = Field(None, description="a number from 0 to 100")


class WireConfirm(WireInput):
    """Something only the person can confirm."""

    model_config = ConfigDict(title="confirm")

    kind: ConfirmationKind = Field(description=_one_of(ConfirmationKind))
    note: f.Text = Field(None, description=TEXT)


class WireWithdraw(WireInput):
    """Takes an input back; `event_id` is the id of that input."""

    model_config = ConfigDict(title="withdraw")

    event_id: f.NeededIdentifier = Field(description="the id of the input to take back")


MODELS: Mapping[InputKind, type[WireInput]] = MappingProxyType(
    {
        InputKind.RUN: WireRun,
        InputKind.ACTIVITY: WireActivity,
        InputKind.PAIN: WirePain,
        InputKind.WELLNESS: WireWellness,
        InputKind.CONFIRM: WireConfirm,
        InputKind.WITHDRAW: WireWithdraw,
    }
)


def schema(name: str) -> dict[str, object]:
    """JSON Schema of one input by its kind's name. `ValueError` for any other name."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MODELS[InputKind(name)].model_json_schema(mode="validation"),
    }
