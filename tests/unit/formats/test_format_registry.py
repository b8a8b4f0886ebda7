import gzip
import json

import pytest

from runback_hub.activity_files import MadeRun, write_fit, write_gpx, write_tcx
from runback_hub.formats.base import MAX_FILE_BYTES, MAX_JSON_BYTES, Context, Rejected, RejectReason
from runback_hub.formats.registry import FORMATS, decode, guess_format
from runback_hub.model.inputs import InputKind

PAIN = b'{"type": "pain", "score": 1, "at": "2026-03-18T07:00:00Z"}'
RUN = b'{"type": "run", "started_at": "2026-03-18T07:00:00Z", "duration_s": 600}'


def _refusal(format_name: str, payload: bytes, context: Context) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(format_name, payload, context)
    return caught.value


def test_every_kind_of_input_and_of_file_has_a_decoder() -> None:
    assert set(FORMATS) >= {*InputKind, "fit", "tcx", "gpx"}


def test_an_unknown_format_is_refused(context: Context) -> None:
    assert _refusal("fax", b"x", context).reason is RejectReason.UNKNOWN_FORMAT


@pytest.mark.parametrize("format_name", [*FORMATS, "json"])
def test_nothing_is_empty(context: Context, format_name: str) -> None:
    assert _refusal(format_name, b"", context).reason is RejectReason.EMPTY


@pytest.mark.parametrize(
    ("format_name", "limit"), [("pain", MAX_JSON_BYTES), ("fit", MAX_FILE_BYTES), ("json", MAX_FILE_BYTES)]
)
def test_the_size_is_looked_at_first(context: Context, format_name: str, limit: int) -> None:
    assert _refusal(format_name, b"x" * (limit + 1), context).reason is RejectReason.TOO_LARGE
    assert _refusal(format_name, b"x" * limit, context).reason is not RejectReason.TOO_LARGE


@pytest.mark.parametrize("format_name", ["fit", "tcx", "gpx", "json"])
def test_a_gzip_bomb_is_refused(context: Context, format_name: str) -> None:
    bomb = gzip.compress(bytes(MAX_FILE_BYTES + 1))
    assert len(bomb) < 20_000
    assert _refusal(format_name, bomb, context).reason is RejectReason.TOO_LARGE
    halves = gzip.compress(bytes(MAX_FILE_BYTES // 2 + 1)) * 2
    assert _refusal(format_name, halves, context).reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize("format_name", ["fit", "tcx", "gpx", "json"])
def test_a_broken_gzip_is_unreadable(context: Context, format_name: str, made_run: MadeRun) -> None:
    packed = gzip.compress(write_fit(made_run))
    assert _refusal(format_name, packed[:-20], context).reason is RejectReason.UNREADABLE
    assert _refusal(format_name, packed[:10] + b"\xff" * 50, context).reason is RejectReason.UNREADABLE


def test_a_json_file_is_an_object_an_array_or_lines(context: Context) -> None:
    one = [decoded.input for decoded in decode("json", PAIN, context)]
    both = [decoded.input for decoded in decode("json", b"[" + PAIN + b"," + RUN + b"]", context)]
    lines = [decoded.input for decoded in decode("json", PAIN + b"\r\n\n" + RUN + b"\n", context)]
    assert len(one) == 1
    assert both == lines
    assert both[0] == one[0]
    pretty = json.dumps(json.loads(RUN), indent=2).encode()
    assert [decoded.input for decoded in decode("json", gzip.compress(pretty), context)] == both[1:]


def test_a_json_file_says_where_it_is_wrong(context: Context) -> None:
    assert _refusal("json", PAIN + b"\n" + b'{"type": "pain"}', context).detail.startswith("line 2: score: ")
    assert _refusal("json", PAIN + b"\n{", context).detail.startswith("line 2: payload: ")
    assert _refusal("json", b"[" + PAIN + b", 3]", context).detail.startswith("[1]: ")
    assert _refusal("json", b'{"score": 1}', context).detail.startswith("type: ")
    assert _refusal("json", b"[]", context).reason is RejectReason.EMPTY
    assert _refusal("json", b"{", context).reason is RejectReason.NOT_JSON


def test_a_format_is_known_by_the_first_bytes(made_run: MadeRun) -> None:
    contents = {"fit": write_fit(made_run), "tcx": write_tcx(made_run), "gpx": write_gpx(made_run), "json": RUN}
    for format_name, content in contents.items():
        assert guess_format("download", content[:1024]) == format_name
        assert guess_format("wrong.zip", gzip.compress(content)[:1024]) == format_name


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("A.FIT", "fit"),
        ("a.fit.gz", "fit"),
        ("a.b.tcx", "tcx"),
        ("x/y.gpx", "gpx"),
        ("log.jsonl", "json"),
        ("run.json", "json"),
        ("a.png", None),
        ("fit", None),
    ],
)
def test_else_by_its_name(name: str, format_name: str | None) -> None:
    assert guess_format(name, b"") == format_name
