"""Recordings of strangers against the values listed beside them; both stay outside the repository."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from runback_hub.formats.base import Context, Rejected, RejectReason
from runback_hub.formats.canonical import parse_log_line
from runback_hub.formats.registry import decode, guess_format
from runback_hub.model.inputs import ActivityCompleted, RunCompleted, Sport

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"
ABSENT = {"None", "-", "?", ""}
MAX_DOUBLED_SPM = 240
RUNNING_MPS = (1.8, 6.5)

Effort = RunCompleted | ActivityCompleted


@dataclass(frozen=True)
class Listed:
    """The rows of one file; a leg is its cells by column."""

    path: Path
    legs: list[dict[str, str]] = field(default_factory=list)


def _listed(section: str, folder: str) -> Iterator[Listed]:
    text = (SAMPLES / "SOURCES.md").read_text(encoding="utf-8")
    table = text.split(f"\n## {section}", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip().strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    columns = [cell.strip() for cell in lines[0]]
    current: Listed | None = None
    for cells in lines[2:]:
        leg = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        if leg["file"]:
            if current is not None:
                yield current
            current = Listed(SAMPLES / folder / leg["file"])
        assert current is not None
        current.legs.append(leg)
    if current is not None:
        yield current


FIT, TCX, GPX = (list(_listed(name, name.lower())) for name in ("FIT", "TCX", "GPX"))


def _decoded(listed: Listed, context: Context) -> list[Effort]:
    content = listed.path.read_bytes()
    format_name = listed.path.suffix[1:]
    assert guess_format("unnamed", content[:1024]) == format_name
    found: list[Effort] = []
    for decoded in decode(format_name, content, context):
        assert isinstance(decoded.input, RunCompleted | ActivityCompleted)
        assert parse_log_line(decoded.body, "alex", context.zone).input == decoded.input
        found.append(decoded.input)
    return found


def _refusal(listed: Listed, context: Context) -> RejectReason:
    with pytest.raises(Rejected) as caught:
        _decoded(listed, context)
    return caught.value.reason


def _number(cell: str) -> Decimal | None:
    return None if cell in ABSENT else Decimal(cell)


def _whole(cell: str) -> int | None:
    value = _number(cell)
    return None if not value else int(value.to_integral_value(ROUND_HALF_UP))


def _names(listed: list[Listed]) -> list[str]:
    return [one.path.name for one in listed]


def _fit_legs(listed: Listed) -> list[dict[str, str]]:
    """What should come of the rows: no changes between legs, no runs of seconds beside others, nothing twice."""
    legs: list[dict[str, str]] = []
    for leg in listed.legs:
        sport = leg["sport / sub-sport"].split(" / ")[0]
        metres, seconds = _number(leg["distance m"]), _number(leg["timer s"])
        nothing = sport == "transition" or (sport == "generic" and not metres)
        slip = len(listed.legs) > 1 and sport == "running" and seconds is not None and seconds < 60
        twice = len({row["start UTC (tz min)"] for row in listed.legs}) == 1 and len(listed.legs) > 1
        if not nothing and (twice or not slip) and not (twice and legs):
            legs.append(leg | {"sport": sport})
    return legs


@pytest.mark.parametrize("listed", FIT, ids=_names(FIT))
def test_a_fit_file_says_what_is_listed(listed: Listed, context: Context) -> None:
    expected = _fit_legs(listed)
    if not expected or expected[0]["sport"].startswith("file type"):
        assert _refusal(listed, context) is RejectReason.NOT_AN_ACTIVITY
        return
    if expected[0]["start UTC (tz min)"].startswith("unknown"):
        assert _refusal(listed, context) is RejectReason.NO_START_TIME
        return
    for effort, leg in zip(_decoded(listed, context), expected, strict=True):
        start, _, tz = leg["start UTC (tz min)"].partition(" ")
        assert effort.started_at == datetime.fromisoformat(start)
        offset = _number(tz.strip("()"))
        assert effort.tz_offset_min in ({None, 0} if not offset else {int(offset)})
        assert isinstance(effort, RunCompleted) is (leg["sport"] == "running")
        seconds = _number(leg["timer s"])
        assert seconds is None or effort.duration_ms == seconds * 1000
        assert effort.distance_m == _whole(leg["distance m"])
        cadence = _number(leg["cadence spm"])
        assert effort.cadence_spm == (None if cadence is None else pytest.approx(float(cadence), abs=0.006))
        assert effort.avg_hr == _whole(leg["avg HR"])
        ascent = _number(leg["ascent m"])
        assert effort.ascent_m == (None if ascent is None else float(ascent))


@pytest.mark.parametrize("listed", FIT, ids=_names(FIT))
def test_damage_is_marked_where_it_is_listed(listed: Listed, context: Context) -> None:
    hurt = any(word in listed.legs[0]["note"] for word in ("bad file CRC", "cut three bytes"))
    try:
        efforts = _decoded(listed, context)
    except Rejected:
        assert not hurt
        return
    assert all(("damaged" in effort.marks) is hurt for effort in efforts)


@pytest.mark.parametrize("listed", TCX, ids=_names(TCX))
def test_a_tcx_file_says_what_is_listed(listed: Listed, context: Context) -> None:
    (leg,) = listed.legs
    if leg["sport"] in ABSENT:
        assert _refusal(listed, context) is RejectReason.NOT_AN_ACTIVITY
        return
    (effort,) = _decoded(listed, context)
    assert effort.started_at == datetime.fromisoformat(leg["start"])
    assert effort.duration_ms == Decimal(leg["time s"]) * 1000
    assert effort.distance_m == _whole(leg["distance m"])
    assert isinstance(effort, RunCompleted) is (leg["sport"].lower() == "running")
    assert isinstance(effort, RunCompleted) or (effort.sport is Sport.CYCLING) is (leg["sport"] == "Biking")
    cadence = _number(leg["raw cadence"])
    if cadence is not None:
        both_feet = cadence if 2 * cadence > MAX_DOUBLED_SPM else 2 * cadence
        assert effort.cadence_spm == pytest.approx(float(both_feet), rel=0.002)
    heart_rate = _number(leg["lap HR"])
    assert effort.avg_hr == (None if heart_rate is None else pytest.approx(float(heart_rate), abs=0.6))


@pytest.mark.parametrize("listed", GPX, ids=_names(GPX))
def test_a_gpx_file_says_what_is_listed(listed: Listed, context: Context) -> None:
    (leg,) = listed.legs
    metres, seconds = float(leg["2D length m"]), float(leg["elapsed s"])
    if "no times" in leg["note"] or "naive" in leg["note"]:
        assert _refusal(listed, context) in {RejectReason.NO_START_TIME, RejectReason.NOT_AN_ACTIVITY}
        return
    slowest, fastest = RUNNING_MPS
    if leg["type"] in ABSENT and not slowest <= metres / seconds <= fastest:
        assert _refusal(listed, context) is RejectReason.NOT_AN_ACTIVITY
        return
    (effort,) = _decoded(listed, context)
    assert isinstance(effort, RunCompleted)
    assert effort.started_at.replace(microsecond=0) == datetime.fromisoformat(leg["start UTC"])
    assert effort.duration_ms == pytest.approx(seconds * 1000)
    assert effort.distance_m == pytest.approx(metres, rel=0.005, abs=0.6)
    cadence, heart_rate = _number(leg["raw cad (single-leg)"]), _number(leg["avg HR"])
    assert cadence is None or effort.cadence_spm == pytest.approx(float(2 * cadence), rel=0.001)
    assert heart_rate is None or effort.avg_hr == pytest.approx(float(heart_rate), abs=0.6)


def test_no_other_file_brings_anything_down(context: Context) -> None:
    files = [path for path in SAMPLES.rglob("*") if path.is_file()]
    assert files
    late = replace(context, salt="other")
    for path in files:
        for format_name in ("run", "pain", "json", "fit", "tcx", "gpx"):
            with suppress(Rejected):
                assert decode(format_name, path.read_bytes(), late)
