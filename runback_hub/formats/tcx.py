"""TCX files (FORMATS, section 3): sums over laps, because trackpoint distances jump."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from ..model.inputs import Sport
from .base import Context, Decoded, Rejected, RejectReason
from .found import FoundEffort, both_feet, decode_found
from .unpack import unpacked
from .xml_events import moment, number, tz_offset_min, walk

SOURCE = "tcx"
ID_CUT_TO = timedelta(minutes=1)

_RUNNING = "running"
_SPORTS: Mapping[str, Sport] = MappingProxyType(
    {
        "biking": Sport.CYCLING,
        "cycling": Sport.CYCLING,
        "swimming": Sport.SWIMMING,
        "walking": Sport.WALKING,
        "hiking": Sport.HIKING,
        "rowing": Sport.ROWING,
    }
)


@dataclass(slots=True)
class _Lap:
    started_at: datetime | None
    time_s: Decimal = Decimal(0)
    distance_m: Decimal | None = None
    avg_hr: Decimal | None = None
    max_hr: Decimal | None = None
    avg_cadence: Decimal | None = None
    """As the lap itself has it."""
    run_cadences: list[Decimal] = field(default_factory=list)
    cadences: list[Decimal] = field(default_factory=list)

    @property
    def cadence(self) -> Decimal | None:
        points = self.run_cadences or self.cadences
        return self.avg_cadence or (sum(points, Decimal(0)) / len(points) if points else None)


@dataclass(slots=True)
class _Activity:
    sport: str
    id_text: str = ""
    first_point_at: datetime | None = None
    laps: list[_Lap] = field(default_factory=list)

    def weighted(self, value_of: Callable[[_Lap], Decimal | None]) -> Decimal | None:
        """Mean by lap time over the laps that have the value; 0 is not measured."""
        pairs = [(value, lap.time_s) for lap in self.laps if (value := value_of(lap))]
        time_s = sum((weight for _, weight in pairs), Decimal(0))
        return sum((value * weight for value, weight in pairs), Decimal(0)) / time_s if time_s else None


class _Reader:
    """Collects activities, wherever they stand; courses hold none."""

    def __init__(self) -> None:
        self.activities: list[_Activity] = []
        self.is_tcx = False

    def opened(self, path: tuple[str, ...], name: str, attributes: Mapping[str, str]) -> None:
        if not path:
            self.is_tcx = name == "TrainingCenterDatabase"
        elif name == "Activity":
            self.activities.append(_Activity(sport=attributes.get("Sport", "").strip().lower()))
        elif name == "Lap" and "Activity" in path:
            self.activities[-1].laps.append(_Lap(started_at=moment(attributes.get("StartTime"))))

    def closed(self, path: tuple[str, ...], name: str, text: str) -> None:
        if "Activity" not in path:
            return
        activity = self.activities[-1]
        if name == "Id" and path[-1] == "Activity":
            activity.id_text = text
        elif activity.laps:
            read = _READERS.get((path[-1], name))
            if read is not None:
                read(activity.laps[-1], number(text) or Decimal(0))
            elif (path[-1], name) == ("Trackpoint", "Time") and activity.first_point_at is None:
                activity.first_point_at = moment(text)


def _set_time(lap: _Lap, value: Decimal) -> None:
    lap.time_s = max(value, Decimal(0))


def _set_distance(lap: _Lap, value: Decimal) -> None:
    lap.distance_m = value


def _set_avg_hr(lap: _Lap, value: Decimal) -> None:
    lap.avg_hr = value


def _set_max_hr(lap: _Lap, value: Decimal) -> None:
    lap.max_hr = value


def _set_avg_cadence(lap: _Lap, value: Decimal) -> None:
    lap.avg_cadence = value


def _add_cadence(lap: _Lap, value: Decimal) -> None:
    if value:
        lap.cadences.append(value)


def _add_run_cadence(lap: _Lap, value: Decimal) -> None:
    if value:
        lap.run_cadences.append(value)


_READERS: Mapping[tuple[str, str], Callable[[_Lap, Decimal], None]] = MappingProxyType(
    {
        ("Lap", "TotalTimeSeconds"): _set_time,
        ("Lap", "DistanceMeters"): _set_distance,
        ("AverageHeartRateBpm", "Value"): _set_avg_hr,
        ("MaximumHeartRateBpm", "Value"): _set_max_hr,
        ("LX", "AvgRunCadence"): _set_avg_cadence,
        ("Trackpoint", "Cadence"): _add_cadence,
        ("TPX", "RunCadence"): _add_run_cadence,
    }
)
"""By parent and name: what an element says about the lap it stands in."""


def decode_tcx(payload: bytes, context: Context) -> tuple[Decoded, ...]:
    """One input per activity. `Rejected` for courses and workouts."""
    reader = _Reader()
    walk(unpacked(payload), reader)
    if not reader.is_tcx:
        raise Rejected(RejectReason.UNREADABLE, "payload: not a TCX file")
    return decode_found((_effort(found, leg) for leg, found in enumerate(reader.activities)), context)


def _effort(activity: _Activity, leg: int) -> FoundEffort | Rejected:
    started_at = _started_at(activity)
    if started_at is None:
        return Rejected(RejectReason.NO_START_TIME, "Activity.Id: no time with an offset, nor any lap's start")
    sport = None if activity.sport == _RUNNING else _SPORTS.get(activity.sport, Sport.OTHER)
    distances = [lap.distance_m for lap in activity.laps if lap.distance_m is not None]
    return FoundEffort(
        sport=sport,
        source=SOURCE,
        source_id=f"{started_at.astimezone(UTC).isoformat()}-{leg}",
        started_at=started_at,
        duration_s=sum((lap.time_s for lap in activity.laps), Decimal(0)),
        distance_m=sum(distances, Decimal(0)) or None,  # 0 m is not measured
        cadence_spm=both_feet(activity.weighted(lambda lap: lap.cadence)) if sport is None else None,
        avg_hr=activity.weighted(lambda lap: lap.avg_hr),
        max_hr=max((lap.max_hr for lap in activity.laps if lap.max_hr), default=None),
        tz_offset_min=tz_offset_min(started_at),
    )


def _started_at(activity: _Activity) -> datetime | None:
    """The id, unless some export cut it to the minute and the first point knows the second."""
    first_lap_at = next((lap.started_at for lap in activity.laps if lap.started_at), None)
    named = moment(activity.id_text) or first_lap_at or activity.first_point_at
    point = activity.first_point_at
    if named is None or point is None or named.second or named.microsecond:
        return named
    return point if timedelta(0) < point - named < ID_CUT_TO else named
