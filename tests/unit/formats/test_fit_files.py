"""FIT files made here, one for each trap that FORMATS section 2 names."""

import gzip
import struct
from dataclasses import replace
from datetime import UTC, datetime

import fitdecode
import pytest

from runback_hub.activity_files import MadeRun, write_fit
from runback_hub.formats.base import Context, Rejected, RejectReason
from runback_hub.formats.fit import decode_fit
from runback_hub.formats.fit_frames import framed
from runback_hub.formats.fit_messages import FIT_EPOCH_S
from runback_hub.model.inputs import ActivityCompleted, RunCompleted, Sport, Surface

START = int(datetime(2026, 3, 18, 7, tzinfo=UTC).timestamp()) - FIT_EPOCH_S
ENUM, U8, U16, U32 = 0x00, 0x02, 0x84, 0x86
CODES = {ENUM: "B", U8: "B", U16: "H", U32: "I"}

RUNNING, CYCLING, TRANSITION, TRAINING = 1, 2, 3, 10
TREADMILL, TRAIL, STRENGTH = 1, 3, 20

Field = tuple[int, int, int]

SESSION_FIELDS = {
    "timestamp": (253, U32),
    "start_time": (2, U32),
    "sport": (5, ENUM),
    "sub_sport": (6, ENUM),
    "elapsed": (7, U32),
    "timer": (8, U32),
    "distance": (9, U32),
    "strides": (10, U32),
    "avg_hr": (16, U8),
    "avg_cadence": (18, U8),
    "fraction": (92, U8),
    "moving": (59, U32),
    "rpe": (193, U8),
    "feel": (192, U8),
}


def _message(number: int, *fields: Field, big_endian: bool = False, compressed_offset: int | None = None) -> bytes:
    order = ">" if big_endian else "<"
    definition = struct.pack(f"{order}BBBHB", 0x40, 0, big_endian, number, len(fields))
    definition += b"".join(bytes((field, struct.calcsize(CODES[base]), base)) for field, base, _ in fields)
    header = 0 if compressed_offset is None else 0x80 | compressed_offset
    values = struct.pack(f"{order}B" + "".join(CODES[base] for _, base, _ in fields), header, *(v for *_, v in fields))
    return definition + values


def _session(*, big_endian: bool = False, **values: int) -> bytes:
    given = {"start_time": START, "sport": RUNNING, "timer": 1_800_000, "elapsed": 1_800_000, "distance": 500_000}
    named = {name: value for name, value in (given | values).items() if value >= 0}
    return _message(18, *((*SESSION_FIELDS[name], value) for name, value in named.items()), big_endian=big_endian)


def _file_id(kind: int = 4, maker: int = 1, created: int = START) -> bytes:
    return _message(0, (0, ENUM, kind), (1, U16, maker), (3, U32, 4242), (4, U32, created))


def _activity(offset_s: int, at: int = START + 1800) -> bytes:
    return _message(34, (253, U32, at), (5, U32, at + offset_s))


def _runs(content: bytes, context: Context) -> list[RunCompleted]:
    found = [decoded.input for decoded in decode_fit(content, context)]
    return [run for run in found if isinstance(run, RunCompleted)]


def _only_run(*messages: bytes, context: Context) -> RunCompleted:
    (run,) = _runs(framed(b"".join(messages)), context)
    return run


def _refusal(content: bytes, context: Context) -> RejectReason:
    with pytest.raises(Rejected) as caught:
        decode_fit(content, context)
    return caught.value.reason


def test_a_made_run_comes_back(context: Context, made_run: MadeRun) -> None:
    (run,) = _runs(write_fit(made_run), context)
    assert run.started_at == made_run.started_at
    assert (run.duration_ms, run.distance_m, run.avg_hr, run.max_hr) == (3_300_000, 9700, 150, 150)
    assert (run.cadence_spm, run.steps, run.tz_offset_min) == (167, 9185, 60)
    assert (run.source, run.marks, run.surface) == ("fit", (), None)


def test_a_made_treadmill_run_without_sensors_comes_back(context: Context, made_run: MadeRun) -> None:
    bare = replace(made_run, treadmill=True, avg_hr=None, cadence_spm=None, distance_m=0)
    (run,) = _runs(write_fit(bare), context)
    assert (run.surface, run.distance_m, run.avg_hr, run.cadence_spm, run.steps) == (
        Surface.TREADMILL,
        None,
        None,
        None,
        None,
    )


def test_the_reference_reader_finds_no_fault_in_a_made_file(made_run: MadeRun) -> None:
    with fitdecode.FitReader(
        write_fit(made_run), check_crc=fitdecode.CrcCheck.RAISE, error_handling=fitdecode.ErrorHandling.RAISE
    ) as reader:
        names = [frame.name for frame in reader if isinstance(frame, fitdecode.FitDataMessage)]
    assert names[0] == "file_id"
    assert names[-3:] == ["lap", "session", "activity"]
    assert names.count("record") == len(names) - 4 == 331


def test_one_file_is_one_input_however_often_and_packed(context: Context, made_run: MadeRun) -> None:
    content = write_fit(made_run)
    ids = {
        run.event_id for again in (content, gzip.compress(content), content + content) for run in _runs(again, context)
    }
    assert len(ids) == 1
    other_watch = write_fit(replace(made_run, serial_number=7))
    assert _runs(other_watch, context)[0].event_id not in ids


def test_summary_first_and_big_endian(context: Context) -> None:
    run = _only_run(_activity(7200), _session(big_endian=True), _file_id(), context=context)
    assert (run.distance_m, run.tz_offset_min) == (5000, 120)


def test_cadence_adds_the_fraction_before_doubling(context: Context) -> None:
    run = _only_run(_file_id(), _session(avg_cadence=83, fraction=86), context=context)
    assert run.cadence_spm == 167.34375
    assert run.steps == 5020


def test_a_low_cadence_is_believed_and_a_doubled_one_is_not_doubled_again(context: Context) -> None:
    assert _only_run(_file_id(), _session(avg_cadence=44), context=context).cadence_spm == 88
    assert _only_run(_file_id(), _session(avg_cadence=134), context=context).cadence_spm == 134


def test_strides_count_before_cadence_and_moving_time_before_timer(context: Context) -> None:
    assert _only_run(_file_id(), _session(avg_cadence=80, strides=2000), context=context).steps == 4000
    assert _only_run(_file_id(), _session(avg_cadence=80, moving=1_500_000), context=context).steps == 4000


def test_zero_is_not_measured(context: Context) -> None:
    run = _only_run(_file_id(), _session(avg_hr=0, avg_cadence=0, rpe=0, distance=0), context=context)
    assert (run.avg_hr, run.cadence_spm, run.rpe, run.distance_m) == (None, None, None, None)


def test_exertion_is_a_tenth(context: Context) -> None:
    assert _only_run(_file_id(), _session(rpe=70, feel=75), context=context).rpe == 7


def test_a_clock_that_was_never_set_gives_no_start(context: Context) -> None:
    content = framed(_file_id() + _session(start_time=0x0FFFFFFF))
    assert _refusal(content, context) is RejectReason.NO_START_TIME


@pytest.mark.parametrize(
    ("timer", "elapsed", "duration_ms"),
    [
        (-1, 1_800_000, 1_800_000),
        (1_700_000, 1_800_000, 1_700_000),
        (9_000_000, 1_800_000, 1_800_000),
        (1_800_000, 10_000, 1_800_000),
        (1_800_000, 0, 1_800_000),
    ],
)
def test_the_likelier_duration_is_chosen(context: Context, timer: int, elapsed: int, duration_ms: int) -> None:
    run = _only_run(_file_id(), _session(timer=timer, elapsed=elapsed), context=context)
    assert run.duration_ms == duration_ms


def test_a_session_without_any_duration_is_refused(context: Context) -> None:
    assert _refusal(framed(_file_id() + _session(timer=0, elapsed=0)), context) is RejectReason.BAD_DURATION


@pytest.mark.parametrize(
    ("maker", "offset_s", "minutes"),
    [(1, 3600, 60), (1, -12600, -210), (1, 0, 0), (23, 0, None), (294, 0, None), (1, 61, None), (1, -576_963, None)],
)
def test_only_a_sensible_offset_is_believed(context: Context, maker: int, offset_s: int, minutes: int | None) -> None:
    run = _only_run(_file_id(maker=maker), _session(), _activity(offset_s), context=context)
    assert run.tz_offset_min == minutes


def test_every_leg_of_a_race_but_the_changes_between(context: Context) -> None:
    legs = (
        _session(sport=CYCLING, distance=4_000_000, timer=4_000_000, elapsed=4_000_000),
        _session(sport=TRANSITION, start_time=START + 4000, timer=100_000),
        _session(start_time=START + 4100, sub_sport=TRAIL),
    )
    found = [decoded.input for decoded in decode_fit(framed(b"".join((_file_id(), *legs))), context)]
    ride, run = found
    assert isinstance(ride, ActivityCompleted)
    assert isinstance(run, RunCompleted)
    assert (ride.sport, run.surface) == (Sport.CYCLING, Surface.TRAIL)
    assert ride.event_id != run.event_id


def test_a_run_of_seconds_beside_another_is_an_artefact(context: Context) -> None:
    slip = _session(start_time=START + 4000, timer=20_000, elapsed=20_000, distance=4_000)
    near = _session(start_time=START + 5000, distance=9_000)
    assert _only_run(_file_id(), _session(), slip, near, context=context).distance_m == 5000
    assert _only_run(_file_id(), slip, context=context).distance_m == 40


def test_a_bad_leg_does_not_take_the_good_one_with_it(context: Context) -> None:
    impossible = _session(start_time=START + 4000, distance=9_000_000)
    assert _only_run(_file_id(), impossible, _session(), context=context).distance_m == 5000


def test_strength_training_is_an_activity(context: Context) -> None:
    content = framed(_file_id() + _session(sport=TRAINING, sub_sport=STRENGTH, distance=-1))
    (decoded,) = decode_fit(content, context)
    assert isinstance(decoded.input, ActivityCompleted)
    assert decoded.input.sport is Sport.STRENGTH


def test_a_session_of_nothing_is_no_activity(context: Context) -> None:
    assert _refusal(framed(_file_id() + _session(sport=0, distance=0)), context) is RejectReason.NOT_AN_ACTIVITY


@pytest.mark.parametrize("kind", [2, 5, 6, 9, 32])
def test_settings_workouts_courses_weights_and_monitoring_are_no_activity(context: Context, kind: int) -> None:
    assert _refusal(framed(_file_id(kind=kind) + _session()), context) is RejectReason.NOT_AN_ACTIVITY


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(200), b"junk", b"\x0e\x20"])
def test_what_is_no_fit_file_is_unreadable(context: Context, content: bytes) -> None:
    assert _refusal(content, context) is RejectReason.UNREADABLE


def test_a_cut_tail_is_used_and_marked(context: Context, made_run: MadeRun) -> None:
    whole = write_fit(made_run)
    (run,) = _runs(whole[:-3], context)
    assert (run.distance_m, run.marks) == (9700, ("damaged",))


def test_a_wrong_checksum_is_marked_and_no_checksum_is_not(context: Context, made_run: MadeRun) -> None:
    whole = write_fit(made_run)
    assert _runs(whole[:-2] + b"\x01\x02", context)[0].marks == ("damaged",)
    assert _runs(whole[:-2] + b"\x00\x00", context)[0].marks == ()
    no_header_checksum = whole[:12] + b"\x00\x00" + whole[14:-2] + b"\x00\x00"
    assert _runs(no_header_checksum, context)[0].marks == ()


def test_a_recording_whose_size_was_never_written_is_read_and_marked(context: Context, made_run: MadeRun) -> None:
    whole = write_fit(made_run)
    unfinished = whole[:4] + bytes(4) + whole[8:-2]
    (run,) = _runs(unfinished, context)
    assert (run.distance_m, run.marks) == (9700, ("damaged",))


def test_an_activity_and_settings_in_one_stream(context: Context, made_run: MadeRun) -> None:
    (run,) = _runs(write_fit(made_run) + framed(_file_id(kind=2)) + bytes(7), context)
    assert run.marks == ()


def test_what_was_read_before_a_senseless_message_is_used_and_marked(context: Context) -> None:
    field_of_no_app = _message(206, (0, U8, 5), (1, U8, 0))
    run = _only_run(_file_id(), _session(), field_of_no_app, context=context)
    assert (run.distance_m, run.marks) == (5000, ("damaged",))


def test_compressed_timestamps_are_stepped_over(context: Context) -> None:
    records = b"".join(_message(20, (5, U32, second * 300), compressed_offset=second) for second in range(10))
    run = _only_run(_file_id(), records, _session(), context=context)
    assert (run.distance_m, run.marks) == (5000, ())


def _records(*at_and_metres: tuple[int, int]) -> bytes:
    return b"".join(_message(20, (253, U32, START + at), (5, U32, metres * 100)) for at, metres in at_and_metres)


def test_without_a_session_the_records_tell_where_the_sport_is_known(context: Context) -> None:
    ran = _records(*((second, 3 * second) for second in range(0, 900, 10)), (900, 2700))
    sport = _message(12, (0, ENUM, RUNNING), (1, ENUM, TRAIL))
    run = _only_run(_file_id(), sport, ran, context=context)
    assert (run.duration_ms, run.distance_m, run.surface, run.marks) == (900_000, 2700, Surface.TRAIL, ("damaged",))
    assert _refusal(framed(_file_id() + ran), context) is RejectReason.NOT_AN_ACTIVITY


def test_a_flood_of_sessions_ends(context: Context) -> None:
    flood = b"".join(_session(start_time=START - 3600 * index) for index in range(2000))
    runs = _runs(framed(_file_id() + flood), context)
    assert len(runs) == 500
    assert runs[0].marks == ("damaged",)
