"""Writes made-up runs as the files that watches and their services make, for the demo and the tests.

Every made-up run goes east along the equator, over open sea: nobody's track is in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import degrees

from .formats.fit_frames import framed
from .formats.fit_messages import FIT_EPOCH_S
from .formats.gpx import EARTH_RADIUS_M

SEA_LATITUDE = 0.0
SEA_LONGITUDE = -10.0

_DEVELOPMENT = 255  # the maker of files that no watch made
_ACTIVITY_FILE = 4
_RUNNING = 1
_TREADMILL, _GENERIC = 1, 0
_NO_POSITION = 0x7FFFFFFF
_NO_BYTE = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRun:
    """A run at an even pace. `cadence_spm` counts both feet; `tz_offset_min` is what the watch shows as local time."""

    started_at: datetime
    duration_s: int
    distance_m: int
    avg_hr: int | None = 150
    cadence_spm: int | None = 168
    tz_offset_min: int = 0
    treadmill: bool = False
    serial_number: int = 1_000_001
    seconds_per_point: int = 10


@dataclass(frozen=True, slots=True)
class _Point:
    at: datetime
    distance_m: float

    @property
    def longitude(self) -> float:
        """Degrees; along the equator a metre is the same everywhere."""
        return SEA_LONGITUDE + degrees(self.distance_m / EARTH_RADIUS_M)


def _points(run: MadeRun) -> Iterator[_Point]:
    for second in (*range(0, run.duration_s, run.seconds_per_point), run.duration_s):
        at = run.started_at.astimezone(UTC) + timedelta(seconds=second)
        yield _Point(at, run.distance_m * second / run.duration_s)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _per_leg(run: MadeRun) -> int | None:
    return None if run.cadence_spm is None else run.cadence_spm // 2


@dataclass(frozen=True, slots=True)
class _Layout:
    """One kind of FIT message: its number, its fields (number, base type), all little-endian."""

    local: int
    number: int
    fields: Sequence[tuple[int, int]]

    def definition(self) -> bytes:
        fields = b"".join(bytes((field, _SIZE[base], base)) for field, base in self.fields)
        return struct.pack("<BBBHB", 0x40 | self.local, 0, 0, self.number, len(self.fields)) + fields

    def message(self, *values: int) -> bytes:
        layout = "<B" + "".join(_CODE[base] for _, base in self.fields)
        return struct.pack(layout, self.local, *values)


_ENUM, _U8, _U16, _S32, _U32, _U32Z = 0x00, 0x02, 0x84, 0x85, 0x86, 0x8C
_CODE = {_ENUM: "B", _U8: "B", _U16: "H", _S32: "i", _U32: "I", _U32Z: "I"}
_SIZE = {base: struct.calcsize(code) for base, code in _CODE.items()}

_FILE_ID = _Layout(0, 0, ((0, _ENUM), (1, _U16), (2, _U16), (3, _U32Z), (4, _U32)))
_RECORD = _Layout(1, 20, ((253, _U32), (0, _S32), (1, _S32), (5, _U32), (3, _U8), (4, _U8)))
_LAP = _Layout(2, 19, ((253, _U32), (2, _U32), (7, _U32), (8, _U32), (9, _U32)))
_SESSION = _Layout(
    3,
    18,
    (
        (253, _U32),
        (2, _U32),
        (5, _ENUM),
        (6, _ENUM),
        (7, _U32),
        (8, _U32),
        (9, _U32),
        (16, _U8),
        (17, _U8),
        (18, _U8),
        (92, _U8),
    ),
)
_ACTIVITY = _Layout(4, 34, ((253, _U32), (5, _U32), (0, _U32), (1, _U16)))


def write_fit(run: MadeRun) -> bytes:
    """A FIT activity: file_id, records, one lap, one session, activity; both checksums right."""
    start = int(run.started_at.timestamp()) - FIT_EPOCH_S
    end = start + run.duration_s
    timer, way = run.duration_s * 1000, run.distance_m * 100
    heart_rate = _NO_BYTE if run.avg_hr is None else run.avg_hr
    per_leg = _per_leg(run)
    cadence = _NO_BYTE if per_leg is None else per_leg
    fraction = _NO_BYTE if run.cadence_spm is None else 64 * (run.cadence_spm % 2)  # in 128ths
    body = [
        _FILE_ID.definition(),
        _FILE_ID.message(_ACTIVITY_FILE, _DEVELOPMENT, 0, run.serial_number, start),
        _RECORD.definition(),
    ]
    for point in _points(run):
        at = int(point.at.timestamp()) - FIT_EPOCH_S
        latitude, longitude = (
            (_NO_POSITION, _NO_POSITION)
            if run.treadmill
            else (_semicircles(SEA_LATITUDE), _semicircles(point.longitude))
        )
        body.append(_RECORD.message(at, latitude, longitude, round(point.distance_m * 100), heart_rate, cadence))
    ground = _TREADMILL if run.treadmill else _GENERIC
    body += [
        _LAP.definition(),
        _LAP.message(end, start, timer, timer, way),
        _SESSION.definition(),
        _SESSION.message(end, start, _RUNNING, ground, timer, timer, way, heart_rate, heart_rate, cadence, fraction),
        _ACTIVITY.definition(),
        _ACTIVITY.message(end, end + run.tz_offset_min * 60, timer, 1),
    ]
    return framed(b"".join(body))


def _semicircles(angle: float) -> int:
    return round(angle * 2**31 / 180)


def write_tcx(run: MadeRun) -> bytes:
    """A TCX activity of one lap, cadence in the extension that running watches use."""
    points = "".join(_tcx_point(run, point) for point in _points(run))
    heart_rate = "" if run.avg_hr is None else _tcx_heart_rates(run.avg_hr)
    start = _utc(run.started_at)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" \
xmlns:ext="http://www.garmin.com/xmlschemas/ActivityExtension/v2">
<Activities><Activity Sport="Running"><Id>{start}</Id>
<Lap StartTime="{start}"><TotalTimeSeconds>{run.duration_s}.0</TotalTimeSeconds>\
<DistanceMeters>{run.distance_m}.0</DistanceMeters><Calories>0</Calories>{heart_rate}\
<Intensity>Active</Intensity><TriggerMethod>Manual</TriggerMethod>
<Track>{points}</Track></Lap>
</Activity></Activities>
</TrainingCenterDatabase>
""".encode()


def _tcx_heart_rates(beats: int) -> str:
    return "".join(
        f"<{which}HeartRateBpm><Value>{beats}</Value></{which}HeartRateBpm>" for which in ("Average", "Maximum")
    )


def _tcx_point(run: MadeRun, point: _Point) -> str:
    position = (
        ""
        if run.treadmill
        else f"<Position><LatitudeDegrees>{SEA_LATITUDE}</LatitudeDegrees>"
        f"<LongitudeDegrees>{point.longitude:.8f}</LongitudeDegrees></Position>"
    )
    heart_rate = "" if run.avg_hr is None else f"<HeartRateBpm><Value>{run.avg_hr}</Value></HeartRateBpm>"
    cadence = (
        ""
        if run.cadence_spm is None
        else f"<Extensions><ext:TPX><ext:RunCadence>{_per_leg(run)}</ext:RunCadence></ext:TPX></Extensions>"
    )
    return (
        f"<Trackpoint><Time>{_utc(point.at)}</Time>{position}"
        f"<DistanceMeters>{point.distance_m:.2f}</DistanceMeters>{heart_rate}{cadence}</Trackpoint>\n"
    )


def write_gpx(run: MadeRun) -> bytes:
    """A GPX 1.1 track of type running, with Garmin's track point extension."""
    points = "".join(_gpx_point(run, point) for point in _points(run))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="RunBack Hub" xmlns="http://www.topografix.com/GPX/1/1" \
xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">
<metadata><time>{_utc(run.started_at)}</time></metadata>
<trk><name>A made-up run</name><type>running</type><trkseg>
{points}</trkseg></trk>
</gpx>
""".encode()


def _gpx_point(run: MadeRun, point: _Point) -> str:
    heart_rate = "" if run.avg_hr is None else f"<gpxtpx:hr>{run.avg_hr}</gpxtpx:hr>"
    cadence = "" if run.cadence_spm is None else f"<gpxtpx:cad>{_per_leg(run)}</gpxtpx:cad>"
    return (
        f'<trkpt lat="{SEA_LATITUDE}" lon="{point.longitude:.8f}"><ele>0</ele><time>{_utc(point.at)}</time>'
        f"<extensions><gpxtpx:TrackPointExtension>{heart_rate}{cadence}</gpxtpx:TrackPointExtension></extensions>"
        "</trkpt>\n"
    )
