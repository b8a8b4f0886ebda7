"""A file of our own inputs, each with its `type`: one object, an array of them, or one on each line."""

from __future__ import annotations

from collections.abc import Iterator

from .base import Context, Decoded, Rejected, RejectReason
from .canonical import accept_typed
from .json_text import Json, as_object, load
from .unpack import unpacked


def decode_json_file(payload: bytes, context: Context) -> tuple[Decoded, ...]:
    """All inputs of the file, or `Rejected` with the number of the first that can not stand."""
    found = []
    for place, value in _values(unpacked(payload)):
        try:
            found.append(accept_typed(as_object(value), context))
        except Rejected as refusal:
            raise Rejected(refusal.reason, f"{place}{refusal.detail}") from refusal
    if not found:
        raise Rejected(RejectReason.EMPTY, "payload: no input in it")
    return tuple(found)


def _values(content: bytes) -> Iterator[tuple[str, Json]]:
    """Each value with the words that say where it stands."""
    lines = [(number, line) for number, line in enumerate(content.splitlines(), start=1) if line.strip()]
    try:
        whole = load(content)
    except Rejected:
        if len(lines) < 2:  # noqa: PLR2004  # one line that is no JSON is not a file of lines
            raise
        for number, line in lines:
            yield f"line {number}: ", _load_line(number, line)
        return
    if isinstance(whole, list):
        yield from ((f"[{index}]: ", value) for index, value in enumerate(whole))
    else:
        yield "", whole


def _load_line(number: int, line: bytes) -> Json:
    try:
        return load(line)
    except Rejected as refusal:
        raise Rejected(refusal.reason, f"line {number}: {refusal.detail}") from refusal
