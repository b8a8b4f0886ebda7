"""GPX tracks (FORMATS, section 3). The format sums up nothing, so time, way and climb come from the points.

What the sport is, when a track does not say: a run if its average speed is one people run at, else nothing
we dare to count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from types import MappingProxyType

from ..model.inputs import Sport
from .base import Context, Decoded, Rejected, RejectReason
from .found import FoundEffort, both_feet, decode_found
from .unpack import unpacked
from .xml_events import moment, number, tz_offset_min, walk

SOURCE = "gpx"
ASCENT_APPROXIMATE = "ascent_approximate"

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG)."""
RUNNING_MPS = (1.8, 6.5)
"""A slow jog and a world-class 5 km: a track of unknown sport between them is taken for a run."""
SAME_OUTING = timedelta(minutes=30)
"""Tracks of one type with a shorter gap are one effort with a break."""
CLIMB_NOISE_M = 3.0
"""Smaller ups and downs are the receiver's."""

_RUN_TYPES = frozenset({"running", "run", "trail_running", "trail running", "treadmill_running", "jogging", "9"})
_SPORTS: Mapping[str, Sport] = MappingProxyType(
    {
        "cycling": Sport.CYCLING,
        "biking": Sport.CYCLING,
        "ride": Sport.CYCLING,
        "1": Sport.CYCLING,
        "swimming": Sport.SWIMMING,
        "swim": Sport.SWIMMING,
        "16": Sport.SWIMMING,
        "walking": Sport.WALKING,
        "walk": Sport.WALKING,
        "10": Sport.WALKING,
        "hiking": Sport.HIKING,
        "hike": Sport.HIKING,
        "4": Sport.HIKING,
        "rowing": Sport.ROWING,
    }
)
"""Words, and the numbers Strava writes instead."""
_HEART_RATE_NAMES = frozenset({"hr", "heartrate"})
_CADENCE_NAMES = frozenset({"cad", "cadence", "RunCadence"})


@dataclass(slots=True)
class _Point:
    lat: float
    lon: float
    at: datetime | None = None
    ele: float | None = None


@dataclass(slots=True)
class _Track:
    kind: str = ""
    track_id: str | None = None
    segments: list[list[_Point]] = field(default_factory=list)
    heart_rates: list[Decimal] = field(default_factory=list)
    cadences: list[Decimal] = field(default_factory=list)


class _Reader:
    """Collects tracks; routes and waypoints are plans and places."""

    def __init__(self) -> None:
        self.is_gpx = False
        self.tracks: list[_Track] = []
        self._point: _Point | None = None

    def opened(self, path: tuple[str, ...], name: str, attributes: Mapping[str, str]) -> None:
        if not path:
            self.is_gpx = name == "gpx"
        elif name == "trk":
            self.tracks.append(_Track())
        elif name == "trkseg" and path[-1] == "trk":
            self.tracks[-1].segments.append([])
        elif name == "trkpt":
            lat, lon = number(attributes.get("lat")), number(attributes.get("lon"))
            known = lat is not None and lon is not None
            self._point = _Point(float(lat or 0), float(lon or 0)) if known else None

    def closed(self, path: tuple[str, ...], name: str, text: str) -> None:
        if "trkpt" in path:
            self._close_in_point(name, text)
        elif name == "trkpt" and self._point is not None and path[-1] == "trkseg":
            self.tracks[-1].segments[-1].append(self._point)
            self._point = None
        elif name == "type" and path[-1] == "trk":
            self.tracks[-1].kind = text.lower()
        elif name == "trackid" and "trk" in path:
            self.tracks[-1].track_id = text or None

    def _close_in_point(self, name: str, text: str) -> None:
        track = self.tracks[-1]
        if name in _HEART_RATE_NAMES:
            track.heart_rates += [value for value in _measured(text) if value]
        elif name in _CADENCE_NAMES:
            track.cadences += _measured(text)  # 0 is a step not taken
        elif self._point is not None and name == "time":
            self._point.at = moment(text)
        elif self._point is not None and name == "ele":
            height = number(text)
            self._point.ele = None if height is None else float(height)


def _measured(text: str) -> list[Decimal]:
    value = number(text)
    return [value] if value is not None and value >= 0 else []


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One segment's timed points in the order of time: a pause lies between two segments."""

    started_at: datetime
    ended_at: datetime
    distance_m: float
    ascent_m: float | None


def decode_gpx(payload: bytes, context: Context) -> tuple[Decoded, ...]:
    """One input per outing. `Rejected` for routes, for tracks without times, and for what is not surely a run."""
    reader = _Reader()
    walk(unpacked(payload), reader)
    if not reader.is_gpx:
        raise Rejected(RejectReason.UNREADABLE, "payload: not a GPX file")
    outings = [outing for outing in _outings(reader.tracks) if outing.stretches]
    if reader.tracks and not outings:
        raise Rejected(RejectReason.NO_START_TIME, "trkpt.time: no time with an offset; a route is not a run")
    return decode_found((_effort(outing) for outing in outings), context)


@dataclass(slots=True)
class _Outing:
    track: _Track
    stretches: list[_Stretch]


def _outings(tracks: Iterable[_Track]) -> Iterator[_Outing]:
    """Tracks, joined where one goes on shortly after the other."""
    open_outing: _Outing | None = None
    for track in tracks:
        points = [stretch for segment in track.segments if (stretch := _stretch(segment)) is not None]
        outing = _Outing(track=track, stretches=points)
        if open_outing is not None and _goes_on(open_outing, outing):
            open_outing.stretches += outing.stretches
            open_outing.track.heart_rates += track.heart_rates
            open_outing.track.cadences += track.cadences
            continue
        if open_outing is not None:
            yield open_outing
        open_outing = outing
    if open_outing is not None:
        yield open_outing


def _goes_on(before: _Outing, after: _Outing) -> bool:
    if before.track.kind != after.track.kind or not before.stretches or not after.stretches:
        return False
    return timedelta(0) <= after.stretches[0].started_at - before.stretches[-1].ended_at <= SAME_OUTING


def _stretch(points: Iterable[_Point]) -> _Stretch | None:
    first: _Point | None = None
    last: _Point | None = None
    started_at = ended_at = None
    distance_m = 0.0
    climb = _Climb()
    for point in points:
        if point.at is None or (ended_at is not None and point.at < ended_at):
            continue
        if first is None:
            first, started_at = point, point.at
        if last is not None:
            distance_m += great_circle_m(last.lat, last.lon, point.lat, point.lon)
        if point.ele is not None:
            climb.add(point.ele)
        last, ended_at = point, point.at
    if started_at is None or ended_at is None:
        return None
    return _Stretch(started_at, ended_at, distance_m, climb.total_m)


class _Climb:
    """Adds up rises that are larger than the receiver's noise."""

    def __init__(self) -> None:
        self._low: float | None = None
        self.total_m: float | None = None

    def add(self, height: float) -> None:
        if self._low is None:
            self._low, self.total_m = height, 0.0
        elif height - self._low >= CLIMB_NOISE_M:
            self.total_m = (self.total_m or 0.0) + height - self._low
            self._low = height
        else:
            self._low = min(self._low, height)


def great_circle_m(lat_1: float, lon_1: float, lat_2: float, lon_2: float) -> float:
    """Metres along the surface between two places in degrees (haversine)."""
    half_lat, half_lon = radians(lat_2 - lat_1) / 2, radians(lon_2 - lon_1) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat_1)) * cos(radians(lat_2)) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, max(0.0, chord))))


def _effort(outing: _Outing) -> FoundEffort | Rejected:
    track, stretches = outing.track, outing.stretches
    seconds = sum((stretch.ended_at - stretch.started_at for stretch in stretches), timedelta()).total_seconds()
    metres = sum(stretch.distance_m for stretch in stretches)
    is_run = track.kind in _RUN_TYPES or (not track.kind and _looks_like_a_run(metres, seconds))
    if not is_run and not track.kind:
        return Rejected(
            RejectReason.NOT_AN_ACTIVITY,
            f"trk.type: missing, and {metres:.0f} m in {seconds:.0f} s is not surely a run, "
            f"allowed without a type: {RUNNING_MPS[0]} to {RUNNING_MPS[1]} m/s",
        )
    climbs = [stretch.ascent_m for stretch in stretches if stretch.ascent_m is not None]
    started_at = stretches[0].started_at
    elapsed_s = (stretches[-1].ended_at - started_at).total_seconds()
    return FoundEffort(
        sport=None if is_run else _SPORTS.get(track.kind, Sport.OTHER),
        source=SOURCE,
        source_id=track.track_id or started_at.astimezone(UTC).isoformat(),
        started_at=started_at,
        duration_s=_rounded(seconds),
        distance_m=_rounded(metres),
        elapsed_s=_rounded(elapsed_s),
        cadence_spm=both_feet(_mean(track.cadences)) if is_run else None,
        avg_hr=_mean(track.heart_rates),
        max_hr=max(track.heart_rates, default=None),
        ascent_m=_rounded(sum(climbs)) if climbs else None,
        tz_offset_min=tz_offset_min(started_at),
        marks=(ASCENT_APPROXIMATE,) if climbs else (),
    )


def _looks_like_a_run(metres: float, seconds: float) -> bool:
    slowest, fastest = RUNNING_MPS
    return seconds > 0 and slowest <= metres / seconds <= fastest


def _mean(values: list[Decimal]) -> Decimal | None:
    return sum(values, Decimal(0)) / len(values) if values else None


def _rounded(value: float) -> Decimal:
    """To millimetres and milliseconds."""
    return Decimal(f"{value:.3f}")
