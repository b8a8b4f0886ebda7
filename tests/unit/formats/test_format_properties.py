"""Whatever comes in: an input that the log gives back unchanged, or `Rejected`."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_hub.activity_files import MadeRun, write_fit, write_gpx, write_tcx
from runback_hub.formats.base import Context, Decoded, Rejected
from runback_hub.formats.canonical import parse_log_line
from runback_hub.formats.registry import FORMATS, decode, guess_format
from runback_hub.model.inputs import (
    ALL_SYMPTOMS,
    Comparison,
    ConfirmationKind,
    InputKind,
    Location,
    Onset,
    PainQuality,
    Sport,
    Surface,
)

CONTEXT = Context(athlete="alex", zone=ZoneInfo("UTC"), arrived_at=datetime(2026, 3, 18, 12, tzinfo=UTC), salt="s")
MADE = MadeRun(started_at=datetime(2026, 3, 18, 7, tzinfo=UTC), duration_s=600, distance_m=1800, seconds_per_point=60)
FILES = {"fit": write_fit(MADE), "tcx": write_tcx(MADE), "gpx": write_gpx(MADE)}

BRISK = settings(max_examples=120, deadline=None)


def _numbers(low: float, high: float) -> st.SearchStrategy[object]:
    numbers = st.one_of(st.integers(int(low), int(high)), st.floats(low, high, allow_nan=False))
    return st.one_of(numbers, numbers.map(str))


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)
ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2026-03-18"), timezones=ZONES).map(
    datetime.isoformat
)
IDS = st.one_of(st.integers(), st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=40))
COMMON = {"event_id": IDS, "at": MOMENTS, "source": IDS, "source_id": IDS, "extra": ANYTHING}
PAIN_KEYS = {
    "location": st.sampled_from(Location),
    "onset": st.sampled_from(Onset),
    "compared_to_usual": st.sampled_from(Comparison),
    "quality": st.sampled_from(PainQuality),
    "limp": st.sampled_from([True, False, None, "on", "off"]),
    "symptoms": st.dictionaries(st.sampled_from(sorted(ALL_SYMPTOMS)), st.sampled_from([True, False, None])),
}
PAIN = st.fixed_dictionaries({"score": _numbers(0, 10)}, optional=COMMON | PAIN_KEYS)
EFFORT = {
    "distance_m": _numbers(0, 400),
    "cadence_spm": _numbers(0, 300),
    "avg_hr": _numbers(0, 250),
    "steps": _numbers(0, 20_000),
    "surface": st.sampled_from(Surface),
    "rpe": _numbers(0, 10),
    "title": st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    "marks": ANYTHING,
    "pain": PAIN,
}
TIMED: dict[str, st.SearchStrategy[Any]] = {"started_at": MOMENTS, "duration_s": _numbers(60, 90_000)}
INPUTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "run": st.fixed_dictionaries(TIMED, optional=COMMON | EFFORT),
    "activity": st.fixed_dictionaries(TIMED | {"sport": st.sampled_from(Sport)}, optional=COMMON | EFFORT),
    "pain": PAIN,
    "wellness": st.fixed_dictionaries(
        {"date": st.dates().map(str)},
        optional=COMMON | {"hrv_rmssd_ms": _numbers(0, 300), "soreness": st.integers(1, 5), "vendor": ANYTHING},
    ),
    "confirm": st.fixed_dictionaries({"kind": st.sampled_from(ConfirmationKind)}, optional=COMMON),
    "withdraw": st.fixed_dictionaries({"event_id": IDS}, optional={"at": MOMENTS, "extra": ANYTHING}),
}


def _same_from_the_log(decoded: Decoded) -> None:
    again = parse_log_line(decoded.body, "somebody-else", ZoneInfo("UTC"))
    assert again.input == decoded.input
    assert again.body == decoded.body
    assert decoded.body.isascii()


@pytest.mark.parametrize("kind", list(InputKind))
@BRISK
@given(data=st.data())
def test_the_log_gives_back_the_same_input(kind: InputKind, data: st.DataObject) -> None:
    keys = data.draw(INPUTS[kind])
    for decoded in decode(kind, json.dumps(keys).encode(), CONTEXT):
        _same_from_the_log(decoded)


@pytest.mark.parametrize("kind", list(InputKind))
@BRISK
@given(data=st.data())
def test_any_value_anywhere_is_an_input_or_rejected(kind: InputKind, data: st.DataObject) -> None:
    keys = data.draw(INPUTS[kind])
    spoiled = keys | {data.draw(st.sampled_from(sorted(keys))): data.draw(ANYTHING)}
    _only_rejects(kind, json.dumps(spoiled).encode())


@pytest.mark.parametrize("format_name", [*FORMATS, "json"])
@BRISK
@given(payload=st.binary())
def test_any_bytes_are_rejected(format_name: str, payload: bytes) -> None:
    with pytest.raises(Rejected):
        decode(format_name, payload, CONTEXT)


@pytest.mark.parametrize("format_name", sorted(FILES))
@BRISK
@given(data=st.data())
def test_a_damaged_file_is_an_input_or_rejected(format_name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[format_name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    _only_rejects(format_name, bytes(content))


@pytest.mark.parametrize("format_name", sorted(FILES))
@BRISK
@given(data=st.data())
def test_a_cut_file_is_an_input_or_rejected(format_name: str, data: st.DataObject) -> None:
    content = FILES[format_name]
    _only_rejects(format_name, content[: data.draw(st.integers(1, len(content)))])


@BRISK
@given(name=st.text(), head=st.binary(max_size=64))
def test_guessing_never_fails(name: str, head: bytes) -> None:
    assert guess_format(name, head) in {None, "fit", "tcx", "gpx", "json"}


def _only_rejects(format_name: str, payload: bytes) -> None:
    try:
        found = decode(format_name, payload, CONTEXT)
    except Rejected:
        return
    assert found
    for decoded in found:
        _same_from_the_log(decoded)
