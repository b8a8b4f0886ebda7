"""TCX and GPX files made here, one for each trap that FORMATS section 3 names."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runback_hub.activity_files import MadeRun, write_gpx, write_tcx
from runback_hub.formats.base import Context, Rejected, RejectReason
from runback_hub.formats.registry import decode
from runback_hub.model.inputs import ActivityCompleted, RunCompleted, Sport

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<gpx><trk><name>&b;</name></trk></gpx>"""
POINT = "<trkpt lat='0' lon='{lon}'><ele>{ele}</ele><time>{time}</time></trkpt>"
START = datetime(2026, 3, 18, 7, tzinfo=UTC)
METRES_PER_DEGREE = 111_195


def _efforts(format_name: str, content: str | bytes, context: Context) -> list[RunCompleted | ActivityCompleted]:
    payload = content.encode() if isinstance(content, str) else content
    found = [decoded.input for decoded in decode(format_name, payload, context)]
    return [effort for effort in found if isinstance(effort, RunCompleted | ActivityCompleted)]


def _only(format_name: str, content: str | bytes, context: Context) -> RunCompleted | ActivityCompleted:
    (effort,) = _efforts(format_name, content, context)
    return effort


def _refusal(format_name: str, content: str | bytes, context: Context) -> RejectReason:
    with pytest.raises(Rejected) as caught:
        _efforts(format_name, content, context)
    return caught.value.reason


@pytest.mark.parametrize(("format_name", "write"), [("tcx", write_tcx), ("gpx", write_gpx)])
def test_a_made_run_comes_back(
    context: Context, made_run: MadeRun, format_name: str, write: Callable[[MadeRun], bytes]
) -> None:
    content = write(made_run)
    run = _only(format_name, content, context)
    assert isinstance(run, RunCompleted)
    assert run.started_at == made_run.started_at
    assert (run.duration_ms, run.distance_m, run.cadence_spm) == (3_300_000, 9700, 166)
    assert (run.avg_hr, run.max_hr, run.source) == (150, 150, format_name)
    assert _only(format_name, gzip.compress(content), context) == run
    assert _only(format_name, b"\n  " + content, context) == run
    bare = _only(format_name, write(replace(made_run, avg_hr=None, cadence_spm=None)), context)
    assert (bare.avg_hr, bare.cadence_spm) == (None, None)


@pytest.mark.parametrize("format_name", ["tcx", "gpx"])
@pytest.mark.parametrize(
    "content",
    [b"", b"  ", b"junk", b"<a><b></a>", b"<other/>", BOMB, b"<a>" * 5000, b"<?xml version='1.0' encoding='no'?><a/>"],
)
def test_what_is_no_such_file_is_unreadable(context: Context, format_name: str, content: bytes) -> None:
    reason = _refusal(format_name, content, context)
    assert reason is (RejectReason.EMPTY if not content else RejectReason.UNREADABLE)


def _lap(
    seconds: float, metres: float | None, *, heart_rate: int = 0, cadence: int = 0, start: str = "", points: str = ""
) -> str:
    distance = "" if metres is None else f"<DistanceMeters>{metres}</DistanceMeters>"
    beats = f"<AverageHeartRateBpm><Value>{heart_rate}</Value></AverageHeartRateBpm>"
    steps = f"<Extensions><x:LX xmlns:x='x'><x:AvgRunCadence>{cadence}</x:AvgRunCadence></x:LX></Extensions>"
    return (
        f"<Lap StartTime='{start}'><TotalTimeSeconds>{seconds}</TotalTimeSeconds>{distance}{beats}"
        f"<Track>{points}</Track>{steps}</Lap>"
    )


def _tcx(*laps: str, sport: str = "Running", named: str = "2026-03-18T07:00:10Z") -> str:
    return f"<Activity Sport='{sport}'><Id>{named}</Id>{''.join(laps)}</Activity>"


def _database(*activities: str) -> str:
    return f"<TrainingCenterDatabase xmlns='t'><Activities>{''.join(activities)}</Activities></TrainingCenterDatabase>"


def test_laps_are_summed_and_heart_rate_weighted_by_time(context: Context) -> None:
    laps = _lap(300, 1000.25, heart_rate=120, cadence=80), _lap(900, 3000.25, heart_rate=160, cadence=84)
    run = _only("tcx", _database(_tcx(*laps)), context)
    assert (run.duration_ms, run.distance_m, run.avg_hr, run.cadence_spm) == (1_200_000, 4001, 150, 166)


def test_a_lap_without_heart_rate_does_not_count(context: Context) -> None:
    run = _only("tcx", _database(_tcx(_lap(300, 1000), _lap(300, 1000, heart_rate=140))), context)
    assert run.avg_hr == 140


def test_a_lap_distance_beats_the_points(context: Context) -> None:
    points = "<Trackpoint><Time>2026-03-18T07:05:00Z</Time><DistanceMeters>42000</DistanceMeters></Trackpoint>"
    assert _only("tcx", _database(_tcx(_lap(131, 299.03, points=points))), context).distance_m == 299


def test_a_cadence_of_both_feet_is_not_doubled(context: Context) -> None:
    assert _only("tcx", _database(_tcx(_lap(300, 900, cadence=134))), context).cadence_spm == 134


def test_run_cadence_counts_before_cadence(context: Context) -> None:
    point = (
        "<Trackpoint><Cadence>70</Cadence><Extensions><TPX><RunCadence>85</RunCadence></TPX></Extensions></Trackpoint>"
    )
    assert _only("tcx", _database(_tcx(_lap(300, 900, points=point))), context).cadence_spm == 170


def test_an_activity_within_a_multisport_session_counts(context: Context) -> None:
    swim = _tcx(_lap(600, 800), sport="Other", named="2026-03-18T06:00:00Z")
    run = _tcx(_lap(600, 1800), sport="running")
    sessions = f"<MultiSportSession><FirstSport>{swim}</FirstSport><NextSport>{run}</NextSport></MultiSportSession>"
    first, second = _efforts("tcx", _database(sessions), context)
    assert isinstance(first, ActivityCompleted)
    assert first.sport is Sport.OTHER
    assert isinstance(second, RunCompleted)
    assert second.distance_m == 1800


def test_a_first_point_knows_the_second_that_an_id_lost(context: Context) -> None:
    point = "<Trackpoint><Time>2026-03-18T07:00:23Z</Time></Trackpoint>"
    cut = _only("tcx", _database(_tcx(_lap(600, 1800, points=point), named="2026-03-18T07:00:00Z")), context)
    assert cut.started_at == START + timedelta(seconds=23)
    whole = _only("tcx", _database(_tcx(_lap(600, 1800, points=point), named="2026-03-18T07:00:10Z")), context)
    assert whole.started_at == START + timedelta(seconds=10)


def test_a_lap_knows_the_start_where_the_id_is_a_name(context: Context) -> None:
    lap = _lap(600, 1800, start="2026-03-18T09:00:00+02:00")
    run = _only("tcx", _database(_tcx(lap, named="morning")), context)
    assert (run.started_at, run.tz_offset_min) == (START, 120)


def test_naive_times_are_not_guessed(context: Context) -> None:
    content = _database(_tcx(_lap(600, 1800), named="2026-03-18T07:00:00"))
    assert _refusal("tcx", content, context) is RejectReason.NO_START_TIME


def test_a_course_is_no_activity(context: Context) -> None:
    lap = _lap(600, 1800)
    course = f"<TrainingCenterDatabase><Courses><Course><Name>x</Name>{lap}</Course></Courses></TrainingCenterDatabase>"
    assert _refusal("tcx", course, context) is RejectReason.NOT_AN_ACTIVITY


def _segment(first_s: int, last_s: int, mps: float, *, start_m: float = 0, zone: str = "Z") -> str:
    points = []
    for second in range(first_s, last_s + 1, 10):
        lon = (start_m + mps * (second - first_s)) / METRES_PER_DEGREE
        time = (START + timedelta(seconds=second)).replace(tzinfo=None).isoformat() + zone
        points.append(POINT.format(lon=f"{lon:.9f}", ele=5 if second % 20 else 9, time=time))
    return f"<trkseg>{''.join(points)}</trkseg>"


def _track(*segments: str, kind: str | None = "running", more: str = "") -> str:
    named = "" if kind is None else f"<type>{kind}</type>"
    return f"<trk>{named}{more}{''.join(segments)}</trk>"


def _gpx(*tracks: str) -> str:
    return f"<gpx version='1.1' xmlns='g'>{''.join(tracks)}</gpx>"


def test_time_and_way_are_counted_within_segments(context: Context) -> None:
    run = _only("gpx", _gpx(_track(_segment(0, 300, 3), "<trkseg/>", _segment(600, 900, 3, start_m=5000))), context)
    assert (run.duration_ms, run.distance_m) == (600_000, 1800)
    assert run.marks == ("ascent_approximate",)
    assert run.ascent_m is not None
    assert run.ascent_m > 0


@pytest.mark.parametrize(("mps", "is_run"), [(1.7, False), (1.9, True), (6.4, True), (6.6, False)])
def test_without_a_type_the_speed_decides(context: Context, mps: float, is_run: bool) -> None:  # noqa: FBT001  # a table
    content = _gpx(_track(_segment(0, 600, mps), kind=None))
    if is_run:
        assert isinstance(_only("gpx", content, context), RunCompleted)
    else:
        assert _refusal("gpx", content, context) is RejectReason.NOT_AN_ACTIVITY


@pytest.mark.parametrize(
    ("kind", "sport"),
    [("9", None), ("Run", None), ("16", Sport.SWIMMING), ("Cycling", Sport.CYCLING), ("kite", Sport.OTHER)],
)
def test_a_type_is_a_word_or_a_number(context: Context, kind: str, sport: Sport | None) -> None:
    effort = _only("gpx", _gpx(_track(_segment(0, 600, 3), kind=kind)), context)
    assert (effort.sport if isinstance(effort, ActivityCompleted) else None) is sport


def test_a_track_shortly_after_another_belongs_to_it(context: Context) -> None:
    tracks = (_segment(0, 300, 3), _segment(900, 1200, 3), _segment(5000, 5300, 3))
    first, second = _efforts("gpx", _gpx(*(_track(segment) for segment in tracks)), context)
    assert (first.duration_ms, second.duration_ms) == (600_000, 300_000)


def test_heart_rate_and_cadence_in_any_namespace(context: Context) -> None:
    extension = "<extensions><q:T xmlns:q='q'><q:hr>{hr}</q:hr><q:cad>{cad}</q:cad></q:T></extensions></trkpt>"
    segment = _segment(0, 600, 3).replace("</trkpt>", extension.format(hr=0, cad=80), 1)
    segment = segment.replace("</time></trkpt>", "</time>" + extension.format(hr=150, cad=84), 1)
    run = _only("gpx", _gpx(_track(segment)), context)
    assert (run.avg_hr, run.cadence_spm) == (150, 164)


def test_a_track_id_is_the_id(context: Context) -> None:
    more = "<extensions><o:trackid xmlns:o='o'>abc</o:trackid></extensions>"
    assert _only("gpx", _gpx(_track(_segment(0, 600, 3), more=more)), context).source_id == "abc"


def test_points_that_can_not_be_are_left_out(context: Context) -> None:
    broken = "<trkpt lon='0'><time>2026-03-18T07:00:00Z</time></trkpt>"
    back_in_time = POINT.format(lon=9, ele="x", time="2026-03-18T06:00:00Z")
    segment = _segment(0, 600, 3).replace("</trkseg>", f"{broken}{back_in_time}</trkseg>")
    run = _only("gpx", _gpx(_track(segment)), context)
    assert (run.duration_ms, run.distance_m) == (600_000, 1800)


@pytest.mark.parametrize("beats", ["1e99999999", "-5", "NaN", "sNaN", "Infinity", "x", ""])
def test_a_heart_rate_that_is_no_number_is_not_measured(context: Context, beats: str) -> None:
    segment = _segment(0, 600, 3).replace("</trkpt>", f"<hr>{beats}</hr></trkpt>")
    assert _only("gpx", _gpx(_track(segment)), context).avg_hr is None


@pytest.mark.parametrize("zone", ["", "?"])
def test_a_track_without_times_is_no_run(context: Context, zone: str) -> None:
    content = _gpx(_track(_segment(0, 600, 3, zone=zone)))
    assert _refusal("gpx", content, context) is RejectReason.NO_START_TIME


def test_a_route_is_no_activity(context: Context) -> None:
    assert _refusal("gpx", "<gpx><rte><rtept lat='0' lon='0'/></rte></gpx>", context) is RejectReason.NOT_AN_ACTIVITY
