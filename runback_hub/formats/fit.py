"""FIT files of watches and exporters (FORMATS, section 2): one input per session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from ..model.inputs import Sport, Surface
from .base import Context, Decoded, Rejected, RejectReason
from .fields import whole
from .fit_frames import FitFrames, split
from .fit_messages import FIRST_DATE, FitMessage, read_messages
from .found import FoundEffort, both_feet, decode_found
from .sanity import MAX_FOOT_SPEED_MPS, ON_FOOT
from .unpack import unpacked

SOURCE = "fit"
DAMAGED = "damaged"

ARTEFACT_S = 60
ARTEFACT_M = 100
"""A run below either, beside other sessions, is a button pressed too early (FORMATS 2)."""
TIMER_SLACK_S = 1
MAX_OFFSET_S = 14 * 3600
OFFSET_STEP_S = 15 * 60

WRITES_UTC_AS_LOCAL = frozenset({"suunto", "coros", "tomtom", "zwift"})
"""Makers whose local time equals UTC wherever the runner is."""

NOT_A_LEG = frozenset({"transition", "multisport"})
"""Sessions between the legs of a race, or around them."""

_RUNNING = "running"
_SPORTS: Mapping[str, Sport] = MappingProxyType(
    {
        "cycling": Sport.CYCLING,
        "e_biking": Sport.CYCLING,
        "swimming": Sport.SWIMMING,
        "walking": Sport.WALKING,
        "hiking": Sport.HIKING,
        "mountaineering": Sport.HIKING,
        "rowing": Sport.ROWING,
    }
)
_SPORTS_BY_SUB_SPORT: Mapping[str, Sport] = MappingProxyType(
    {
        "elliptical": Sport.ELLIPTICAL,
        "strength_training": Sport.STRENGTH,
        "yoga": Sport.YOGA,
        "pilates": Sport.CORE,
        "indoor_rowing": Sport.ROWING,
        "indoor_cycling": Sport.CYCLING,
        "spin": Sport.CYCLING,
        "indoor_walking": Sport.WALKING,
    }
)
"""For the sports `training` and `fitness_equipment`, which say nothing by themselves."""
_RUNS_BY_SUB_SPORT = frozenset({"treadmill", "indoor_running"})
_UNSPECIFIC = frozenset({"training", "fitness_equipment"})

_SURFACES: Mapping[str, Surface] = MappingProxyType(
    {
        "treadmill": Surface.TREADMILL,
        "indoor_running": Surface.TREADMILL,
        "virtual_activity": Surface.TREADMILL,
        "trail": Surface.TRAIL,
        "track": Surface.TRACK,
        "street": Surface.ROAD,
    }
)
_DEVELOPER_EXTRAS = ("feeling", "recovery_time")
"""What Suunto's app adds; which end of `feeling` is good is not known, so nobody reads it."""


def decode_fit(payload: bytes, context: Context) -> tuple[Decoded, ...]:
    """One input per leg of a finished activity. `Rejected` for everything else."""
    files = list(split(unpacked(payload)))
    if not files:
        raise Rejected(RejectReason.UNREADABLE, "payload: not a FIT file")
    return decode_found((leg for frames in files for leg in _legs(frames)), context)


def _legs(frames: FitFrames) -> Iterator[FoundEffort | Rejected]:
    messages, complete = read_messages(frames.summary)
    recording = _recording(messages, damaged=frames.damaged or not complete)
    if recording is None:
        return
    sessions = [message for message in messages if message.name == "session"]
    if not sessions:
        derived = _session_from_records(frames, messages)
        sessions = [] if derived is None else [derived]
        recording = replace(recording, damaged=True)
    for index, session in enumerate(sessions):
        leg = _leg(session, index, recording)
        if leg is not None and not (len(sessions) > 1 and _is_artefact(leg)):
            yield leg


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording:
    """What a file says about itself."""

    damaged: bool
    maker: str | None
    identity: str | None
    tz_offset_min: int | None


def _recording(messages: Iterable[FitMessage], *, damaged: bool) -> _Recording | None:
    """The file's head, or `None` for settings, weights, courses and the like."""
    heads = {message.name: message for message in messages if message.name in {"file_id", "activity"}}
    file_id, activity = heads.get("file_id"), heads.get("activity")
    if file_id is None:
        return _Recording(damaged=damaged, maker=None, identity=None, tz_offset_min=None)
    if file_id.words.get("type") != "activity":
        return None
    maker = file_id.words.get("manufacturer")
    device = file_id.raw.get("serial_number", maker)
    created = file_id.raw.get("time_created")
    return _Recording(
        damaged=damaged,
        maker=maker,
        identity=None if created is None else f"{device}-{created}",
        tz_offset_min=None if activity is None else _tz_offset_min(activity, maker),
    )


def _tz_offset_min(activity: FitMessage, maker: str | None) -> int | None:
    local, utc = activity.raw.get("local_timestamp"), activity.raw.get("timestamp")
    if local is None or utc is None or utc < FIRST_DATE:
        return None
    offset_s = int(local - utc)
    if abs(offset_s) > MAX_OFFSET_S or offset_s % OFFSET_STEP_S:
        return None
    return None if offset_s == 0 and maker in WRITES_UTC_AS_LOCAL else offset_s // 60


def _leg(session: FitMessage, index: int, recording: _Recording) -> FoundEffort | Rejected | None:
    """The session as an effort; `None` where nothing was done, a refusal where nobody knows when."""
    named = session.words.get("sport")
    distance = session.measured("total_distance", 100)
    if named is None or named in NOT_A_LEG or (named == "generic" and not distance):
        return None
    started_at = session.moment("start_time")
    if started_at is None:
        return Rejected(
            RejectReason.NO_START_TIME, "session.start_time: missing, allowed: a time by a clock that was set"
        )
    sub_sport = session.words.get("sub_sport", "")
    sport = _sport(named, sub_sport)
    duration = _duration_s(session, distance, sport)
    cadence = both_feet(_per_leg_cadence(session)) if sport in ON_FOOT else None
    moving = session.measured("total_moving_time", 1000)
    return FoundEffort(
        sport=sport,
        source=SOURCE,
        source_id=f"{recording.identity or int(started_at.timestamp())}-{index}",
        started_at=started_at,
        duration_s=duration,
        distance_m=distance,
        moving_s=moving,
        elapsed_s=session.measured("total_elapsed_time", 1000),
        steps=_steps(session, cadence, moving or duration) if sport in ON_FOOT else None,
        cadence_spm=cadence,
        avg_hr=session.measured("avg_heart_rate"),
        max_hr=session.measured("max_heart_rate"),
        ascent_m=session.scaled("total_ascent"),
        descent_m=session.scaled("total_descent"),
        surface=_SURFACES.get(sub_sport) if sport is None else None,
        rpe=session.measured("workout_rpe", 10),
        tz_offset_min=recording.tz_offset_min,
        marks=(DAMAGED,) if recording.damaged else (),
        extras=_extras(session, recording),
    )


def _sport(named: str, sub_sport: str) -> Sport | None:
    """`None` for a run."""
    if named == _RUNNING or (named in _UNSPECIFIC and sub_sport in _RUNS_BY_SUB_SPORT):
        return None
    if named in _UNSPECIFIC:
        return _SPORTS_BY_SUB_SPORT.get(sub_sport, Sport.OTHER)
    return _SPORTS.get(named, Sport.OTHER)


def _duration_s(session: FitMessage, distance: Decimal | None, sport: Sport | None) -> Decimal:
    """Timer time; elapsed time where there is no timer or it ran longer than the session did."""
    timer = session.measured("total_timer_time", 1000)
    elapsed = session.measured("total_elapsed_time", 1000)
    if timer is None or elapsed is None or timer <= elapsed + TIMER_SLACK_S:
        return timer or elapsed or Decimal(0)
    too_fast = sport in ON_FOOT and distance is not None and distance > MAX_FOOT_SPEED_MPS * elapsed
    return timer if too_fast else elapsed


def _per_leg_cadence(session: FitMessage) -> Decimal | None:
    base = session.measured("avg_cadence")
    return None if base is None else base + (session.scaled("avg_fractional_cadence", 128) or 0)


def _steps(session: FitMessage, cadence: Decimal | None, moving_s: Decimal) -> int | None:
    """Twice the strides, where the file counts them, else cadence by time."""
    minutes = moving_s / 60
    strides = session.measured("total_cycles")
    per_minute = both_feet(strides / minutes) if strides is not None and minutes else cadence
    return None if per_minute is None else whole(per_minute * minutes)


def _extras(session: FitMessage, recording: _Recording) -> dict[str, str | int | float]:
    found: dict[str, str | int | float | None] = {
        "manufacturer": recording.maker,
        "feel": session.raw.get("workout_feel"),
        "training_effect": _tenth(session.raw.get("total_training_effect")),
        **{name: session.developer.get(name) for name in _DEVELOPER_EXTRAS},
    }
    return {name: value for name, value in found.items() if value is not None}


def _tenth(value: float | None) -> float | None:
    return None if value is None else value / 10


def _is_artefact(leg: FoundEffort | Rejected) -> bool:
    if isinstance(leg, Rejected) or leg.sport is not None:
        return False
    too_short = leg.distance_m is not None and leg.distance_m < ARTEFACT_M
    return leg.duration_s < ARTEFACT_S or (too_short and leg.surface is not Surface.TREADMILL)


def _session_from_records(frames: FitFrames, messages: Iterable[FitMessage]) -> FitMessage | None:
    """What an unfinished recording would have summed up, where its sport and its times are known.

    Its duration includes the pauses. Compressed timestamps mean nothing without the records between.
    """
    sport = next((message for message in messages if message.name == "sport"), None)
    if sport is None or frames.compressed_records:
        return None
    records, _ = read_messages(frames.records)
    times = [record.raw["timestamp"] for record in records if "timestamp" in record.raw]
    if not times:
        return None
    raw: dict[str, int | float] = {"start_time": times[0], "total_elapsed_time": (times[-1] - times[0]) * 1000}
    distances = [record.raw["distance"] for record in records if "distance" in record.raw]
    if distances:
        raw["total_distance"] = distances[-1]
    return FitMessage(name="session", raw=raw, words=sport.words, developer={})
