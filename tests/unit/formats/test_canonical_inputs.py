import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from runback_hub.formats.base import Context, Decoded, Rejected, RejectReason
from runback_hub.formats.canonical import parse_log_line
from runback_hub.formats.registry import decode
from runback_hub.formats.wire import schema
from runback_hub.model.inputs import (
    ActivityCompleted,
    Confirmation,
    ConfirmationKind,
    InputKind,
    Location,
    Onset,
    PainReport,
    RunCompleted,
    Sport,
    Surface,
    WellnessReading,
    Withdrawal,
)

START = "2026-03-18T07:00:00Z"
RUN: dict[str, Any] = {"started_at": START, "duration_s": 3300, "distance_m": 9700}
EMERGENCY = {"saddle_numbness": True}


def _one(kind: str, keys: dict[str, Any], context: Context) -> Decoded:
    (decoded,) = decode(kind, json.dumps(keys).encode(), context)
    return decoded


def _run(context: Context, **keys: Any) -> RunCompleted:
    run = _one("run", RUN | keys, context).input
    assert isinstance(run, RunCompleted)
    return run


def _pain(context: Context, **keys: Any) -> PainReport:
    report = _one("pain", keys, context).input
    assert isinstance(report, PainReport)
    return report


def _refusal(kind: str, keys: dict[str, Any], context: Context) -> Rejected:
    with pytest.raises(Rejected) as caught:
        _one(kind, keys, context)
    return caught.value


def test_a_run_has_its_values_and_ends_when_it_ends(context: Context) -> None:
    run = _run(context, cadence_spm=168, avg_hr=150.4, surface="trail", rpe=4, title="Hill", source_id=77)
    assert run.started_at == datetime(2026, 3, 18, 7, tzinfo=UTC)
    assert run.at == run.ended_at == datetime(2026, 3, 18, 7, 55, tzinfo=UTC)
    assert (run.duration_ms, run.distance_m, run.cadence_spm, run.avg_hr) == (3_300_000, 9700, 168, 150)
    assert (run.surface, run.rpe, run.title, run.source_id) == (Surface.TRAIL, 4, "Hill", "77")


def test_numbers_may_come_as_text(context: Context) -> None:
    keys = {"duration_s": "3300", "distance_m": " 9700.0 ", "avg_hr": "150", "steps": "9001"}
    run = _run(context, **keys)
    assert (run.duration_ms, run.distance_m, run.avg_hr, run.steps) == (3_300_000, 9700, 150, 9001)


@pytest.mark.parametrize("nothing", ["unknown", "unavailable", "", "None", None, 0])
def test_a_sensor_without_a_value_is_not_measured(context: Context, nothing: object) -> None:
    assert _run(context, avg_hr=nothing).avg_hr is None


@pytest.mark.parametrize("key", ["duration_s", "distance_m", "avg_hr", "rpe"])
def test_booleans_are_not_numbers(context: Context, key: str) -> None:
    refusal = _refusal("run", RUN | {key: True}, context)
    assert refusal.reason is RejectReason.INVALID
    assert refusal.detail.startswith(f"{key}: not a number, given true, allowed: ")


@pytest.mark.parametrize(
    ("given", "metres"),
    [
        ("1000.5", 1001),
        ("1000.4999999999999999", 1000),
        ("1000.50000000000000001", 1001),
        ("2.5", 3),
        ("999.49", 999),
    ],
)
def test_distance_rounds_half_up_without_binary_error(context: Context, given: str, metres: int) -> None:
    payload = f'{{"started_at": "{START}", "duration_s": 3300, "distance_m": {given}}}'.encode()
    (decoded,) = decode("run", payload, context)
    assert isinstance(decoded.input, RunCompleted)
    assert decoded.input.distance_m == metres
    again = parse_log_line(decoded.body, "alex", context.zone)
    assert again.input == decoded.input


def test_no_distance_on_a_treadmill(context: Context) -> None:
    assert _run(context, distance_m=0, surface="treadmill").distance_m is None
    assert _run(context, distance_m=0, surface="road").distance_m == 0


def test_a_short_run_is_kept_and_marked_unless_on_a_treadmill(context: Context) -> None:
    assert _run(context, distance_m=399).marks == ("gps_short",)
    assert _run(context, distance_m=400).marks == ()
    assert _run(context, distance_m=399, surface="treadmill").marks == ()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"duration_s": 0}, RejectReason.BAD_DURATION),
        ({"duration_s": -5}, RejectReason.BAD_DURATION),
        ({"duration_s": 172_801, "started_at": "2026-03-01T07:00:00Z"}, RejectReason.BAD_DURATION),
        ({"distance_m": -1}, RejectReason.IMPLAUSIBLE),
        ({"distance_m": 26_401}, RejectReason.IMPLAUSIBLE),
        ({"cadence_spm": 301}, RejectReason.IMPLAUSIBLE),
        ({"started_at": "2026-03-18T11:20:01Z"}, RejectReason.IN_FUTURE),
        ({"at": "2026-03-18T12:15:01Z"}, RejectReason.IN_FUTURE),
        ({"rpe": 11}, RejectReason.INVALID),
        ({"surface": "moon"}, RejectReason.INVALID),
        ({"pain": {"score": 11}}, RejectReason.INVALID),
        ({"pain": 3}, RejectReason.INVALID),
        ({"started_at": None}, RejectReason.INVALID),
        ({"started_at": 1_773_817_200}, RejectReason.INVALID),
    ],
)
def test_what_can_not_be_is_rejected(context: Context, keys: dict[str, Any], reason: RejectReason) -> None:
    assert _refusal("run", RUN | keys, context).reason is reason


@pytest.mark.parametrize(
    "keys",
    [
        {"duration_s": 172_800, "started_at": "2026-03-01T07:00:00Z"},
        {"distance_m": 26_400},
        {"cadence_spm": 300},
        {"started_at": "2026-03-18T11:20:00Z"},
        {"at": "2026-03-18T12:15:00Z"},
    ],
)
def test_the_bounds_themselves_are_allowed(context: Context, keys: dict[str, Any]) -> None:
    _run(context, **keys)


def test_a_bicycle_may_be_fast(context: Context) -> None:
    ride = _one("activity", RUN | {"sport": "cycling", "distance_m": 33_000}, context).input
    assert isinstance(ride, ActivityCompleted)
    assert (ride.sport, ride.distance_m, ride.marks) == (Sport.CYCLING, 33_000, ())
    walk = _refusal("activity", RUN | {"sport": "walking", "distance_m": 33_000}, context)
    assert walk.reason is RejectReason.IMPLAUSIBLE


@pytest.mark.parametrize("key", ["started_at", "at"])
def test_a_naive_time_is_refused_by_name(context: Context, key: str) -> None:
    refusal = _refusal("run", RUN | {key: "2026-03-18T07:00:00"}, context)
    assert refusal.detail.startswith(f'{key}: has no offset from UTC, given "2026-03-18T07:00:00", allowed: ISO')


def test_the_offset_of_the_start_is_remembered(context: Context) -> None:
    run = _run(context, started_at="2026-03-18T09:00:00+02:00")
    assert (run.started_at, run.tz_offset_min) == (datetime(2026, 3, 18, 7, tzinfo=UTC), 120)
    assert _run(context).tz_offset_min is None
    assert _run(context, tz_offset_min=-300).tz_offset_min == -300


def test_all_errors_are_told_at_once(context: Context) -> None:
    detail = _refusal("run", {"duration_s": "long", "avg_hr": 999}, context).detail
    assert "started_at: missing" in detail
    assert "duration_s: not a number, given a text" in detail
    assert "avg_hr: out of range, given 999" in detail


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xfe",
        b"{",
        b'{"score": 1, "score": 2}',
        b'{"score": 1, "symptoms": {"fever": false, "fever": true}}',
        b'{"score": NaN}',
        b'{"score": 1, "x": Infinity}',
        b'{"score": 1e999}',
        b"[" * 100_000,
        b'{"score": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_json_is_refused(context: Context, payload: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        decode("pain", payload, context)
    assert caught.value.reason is RejectReason.NOT_JSON


def test_a_payload_must_be_an_object(context: Context) -> None:
    with pytest.raises(Rejected) as caught:
        decode("pain", b"[]", context)
    assert caught.value.reason is RejectReason.INVALID


@pytest.mark.parametrize(("given", "score"), [(0, 0), (0.4, 1), ("3", 3), (9.01, 10), (10, 10), (2.0, 2)])
def test_a_score_between_whole_numbers_rounds_up(context: Context, given: object, score: int) -> None:
    assert _pain(context, score=given).score == score


@pytest.mark.parametrize("given", [None, "bad", True, -0.1, 10.1, 11, [], {}])
def test_an_impossible_score_stands_only_on_a_symptom(context: Context, given: object) -> None:
    assert _refusal("pain", {"score": given}, context).reason is RejectReason.INVALID
    assert _refusal("pain", {"score": given, "symptoms": {"fever": False}}, context).detail.startswith("score: ")
    assert _refusal("pain", {"score": given, "symptoms": {"unheard_of": True}}, context).detail.startswith("score: ")
    report = _pain(context, score=given, symptoms=EMERGENCY)
    assert (report.score, dict(report.symptoms)) == (None, EMERGENCY)


def test_null_is_not_answered_and_unknown_symptoms_are_ignored(context: Context) -> None:
    report = _pain(context, score=1, symptoms={"fever": None, "lump": False, "unheard_of": "x"})
    assert dict(report.symptoms) == {"lump": False}


@pytest.mark.parametrize("answer", ["true", 1, 0, "no", []])
def test_a_symptom_answered_with_anything_else_is_refused_without_its_name(context: Context, answer: object) -> None:
    detail = _refusal("pain", {"score": 1, "symptoms": {"saddle_numbness": answer}}, context).detail
    assert detail.startswith("symptoms: ")
    assert "saddle" not in detail


def test_a_rejection_repeats_no_text_of_the_sender(context: Context) -> None:
    keys = {"score": "saddle_numbness", "location": "saddle_numbness", "limp": "my private words"}
    detail = _refusal("pain", keys, context).detail
    assert "saddle" not in detail
    assert "private" not in detail


def test_a_pain_report_has_its_values(context: Context) -> None:
    report = _pain(
        context,
        score=2,
        location="knee",
        onset="next_morning",
        compared_to_usual="worse",
        limp="on",
        walk_30min_ok=False,
        quality="sharp",
        in_reply_to="c1",
    )
    assert (report.location, report.onset, report.limp, report.walk_30min_ok) == (
        Location.KNEE,
        Onset.NEXT_MORNING,
        True,
        False,
    )
    assert report.at == context.arrived_at
    assert _pain(context, score=2).onset is Onset.DAILY


def test_pain_in_a_run_takes_from_it_what_it_does_not_say(context: Context) -> None:
    run = _run(context, event_id="r1", at="2026-03-18T08:00:00Z", source="me", pain={"score": 0})
    assert run.pain is not None
    assert (run.pain.event_id, run.pain.carrier, run.pain.at) == ("r1", "r1", run.at)
    assert (run.pain.onset, run.pain.source) == (Onset.DURING_RUN, "me")
    own = _run(context, event_id="r1", pain={"score": 1, "event_id": "p1", "at": START, "onset": "after_run"}).pain
    assert own is not None
    assert (own.event_id, own.carrier, own.onset) == ("p1", "r1", Onset.AFTER_RUN)
    assert own.at == datetime(2026, 3, 18, 7, tzinfo=UTC)


def test_pain_in_an_activity_is_a_daily_one(context: Context) -> None:
    walk = _one("activity", RUN | {"sport": "walking", "pain": {"score": 1}}, context).input
    assert isinstance(walk, ActivityCompleted)
    assert walk.pain is not None
    assert walk.pain.onset is Onset.DAILY


def test_pain_in_a_run_can_not_be_ahead_either(context: Context) -> None:
    refusal = _refusal("run", RUN | {"pain": {"score": 1, "at": "2026-03-18T12:16:00Z"}}, context)
    assert refusal.reason is RejectReason.IN_FUTURE
    assert refusal.detail.startswith("pain.at: ")


def test_a_wellness_reading_has_its_values(context: Context) -> None:
    keys = {"date": "2026-03-18", "hrv_rmssd_ms": "61.5", "resting_hr": 48, "sleep_s": 27000.4, "soreness": "4"}
    reading = _one("wellness", keys, context).input
    assert isinstance(reading, WellnessReading)
    assert (reading.hrv_rmssd_ms, reading.resting_hr, reading.sleep_s, reading.soreness) == (61.5, 48, 27000, 4)
    assert (reading.date, reading.at) == ("2026-03-18", context.arrived_at)


@pytest.mark.parametrize(
    "keys",
    [
        {"date": "18.03.2026"},
        {"date": "20260318"},
        {"date": None},
        {},
        {"date": "2026-03-18", "soreness": 6},
        {"date": "2026-03-18", "soreness": 2.5},
        {"date": "2026-03-18", "readiness": 101},
    ],
)
def test_a_wrong_wellness_reading_is_refused(context: Context, keys: dict[str, Any]) -> None:
    assert _refusal("wellness", keys, context).reason is RejectReason.INVALID


@pytest.mark.parametrize("kind", list(ConfirmationKind))
def test_every_confirmation_is_understood(context: Context, kind: ConfirmationKind) -> None:
    confirmation = _one("confirm", {"kind": kind, "note": "fine"}, context).input
    assert isinstance(confirmation, Confirmation)
    assert (confirmation.kind, confirmation.note) == (kind, "fine")


def test_an_unknown_confirmation_is_refused(context: Context) -> None:
    assert "assessed_by_clinician" in _refusal("confirm", {"kind": "cured"}, context).detail


def test_a_withdrawal_names_its_target_and_has_an_id_of_its_own(context: Context) -> None:
    decoded = _one("withdraw", {"event_id": "r1", "at": START}, context)
    assert isinstance(decoded.input, Withdrawal)
    assert decoded.input.target == "r1"
    assert decoded.input.event_id != "r1"
    assert json.loads(decoded.body)["event_id"] == "r1"
    assert _refusal("withdraw", {}, context).detail.startswith("event_id: missing")


def test_an_id_comes_from_the_source_id_before_the_content(context: Context) -> None:
    first = _one("run", RUN | {"source": "garmin", "source_id": "9"}, context)
    other = _one("run", RUN | {"source": "garmin", "source_id": 9, "title": "renamed"}, context)
    strava = _one("run", RUN | {"source": "strava", "source_id": "9"}, context)
    assert first.input.event_id == other.input.event_id != strava.input.event_id
    assert len(first.input.event_id) == 32
    assert first.content_key is None


def test_an_id_comes_from_the_content_where_a_time_is_given(context: Context) -> None:
    later = replace(context, arrived_at=context.arrived_at + timedelta(days=1), salt="second")
    shuffled = dict(reversed(RUN.items()))
    assert _one("run", RUN, context).input.event_id == _one("run", shuffled, later).input.event_id
    timed = {"score": 0, "at": START}
    assert _one("pain", timed, context).input.event_id == _one("pain", timed, later).input.event_id
    assert _one("pain", timed, context).content_key is None
    bob = replace(context, athlete="bob")
    assert _one("run", RUN, context).input.event_id != _one("run", RUN, bob).input.event_id


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("pain", {"score": 0}),
        ("confirm", {"kind": "pain_free_day"}),
        ("wellness", {"date": "2026-03-18"}),
    ],
)
def test_the_same_button_counts_every_morning(context: Context, kind: str, keys: dict[str, Any]) -> None:
    later = replace(context, arrived_at=context.arrived_at + timedelta(days=1), salt="second")
    today, tomorrow = _one(kind, keys, context), _one(kind, keys, later)
    assert today.input.event_id != tomorrow.input.event_id
    assert today.content_key is not None
    assert today.content_key == tomorrow.content_key
    assert _one(kind, keys | {"event_id": "e"}, context).content_key is None


def test_a_given_id_is_kept(context: Context) -> None:
    decoded = _one("pain", {"score": 0, "event_id": "mine"}, context)
    assert decoded.input.event_id == "mine"
    assert json.loads(decoded.body)["event_id"] == "mine"


def test_the_log_line_keeps_what_we_do_not_know(context: Context) -> None:
    decoded = _one("run", RUN | {"shoes": {"name": "blue \u2028", "km": 12.5}, "distance_m": "9700.4"}, context)
    body = json.loads(decoded.body)
    assert body["shoes"] == {"name": "blue \u2028", "km": 12.5}
    assert (body["type"], body["athlete"], body["distance_m"]) == ("run", "alex", "9700.4")
    assert body["event_id"] == decoded.input.event_id
    assert len(decoded.body.splitlines()) == 1


def test_half_a_character_is_kept_where_nobody_reads_it_and_refused_where_somebody_does(context: Context) -> None:
    (decoded,) = decode("pain", b'{"score": 1, "x": "\\ud800", "\\udfff": 1}', context)
    assert parse_log_line(decoded.body, "alex", context.zone).input == decoded.input
    assert _refusal("run", RUN | {"title": "\ud800"}, context).detail.startswith("title: ")


def test_a_log_line_needs_no_arrival(context: Context) -> None:
    zone = ZoneInfo("UTC")
    line = '{"type": "pain", "score": 1, "at": "2099-01-01T00:00:00Z"}'
    assert parse_log_line(line, "alex", zone).input.athlete == "alex"
    run = json.dumps(RUN | {"type": "run", "athlete": "bob", "at": START})
    named = parse_log_line(run, "alex", zone)
    assert named.input.athlete == "bob"
    for wrong in ('{"type": "pain", "score": 1}', '{"score": 1}', '{"type": "nap"}', '{"type":"pain","athlete":"hub"}'):
        with pytest.raises(Rejected):
            parse_log_line(wrong, "alex", context.zone)


@pytest.mark.parametrize("kind", list(InputKind))
def test_every_input_has_a_schema_that_says_what_is_allowed(kind: InputKind) -> None:
    described = schema(kind)
    assert described["title"] == kind
    properties = described["properties"]
    assert isinstance(properties, dict)
    assert all("description" in field or "$ref" in field for field in properties.values())
    assert json.loads(json.dumps(described)) == described


def test_the_schema_names_the_required_keys() -> None:
    assert schema("run")["required"] == ["started_at", "duration_s"]
    assert schema("pain")["required"] == ["score"]
    assert schema("wellness")["required"] == ["date"]
    with pytest.raises(ValueError, match="nap"):
        schema("nap")
