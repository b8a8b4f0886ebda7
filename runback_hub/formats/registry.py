"""Every format by its name. A new maker is one module and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from ..model.inputs import InputKind
from .base import MAX_FILE_BYTES, MAX_JSON_BYTES, Context, Decoded, Decoder, Rejected, RejectReason
from .canonical import decoder
from .fit import decode_fit
from .fit_frames import MAGIC
from .gpx import decode_gpx
from .json_lines import decode_json_file
from .tcx import decode_tcx
from .unpack import unpacked_head

FORMATS: Mapping[str, Decoder] = MappingProxyType(
    {
        **{str(kind): decoder(kind) for kind in InputKind},
        "fit": decode_fit,
        "tcx": decode_tcx,
        "gpx": decode_gpx,
    }
)
"""What may stand in `<prefix>/<athlete>/in/<format>`."""

JSON_FILE = "json"
"""Files only: our own inputs that name their `type`. Not a topic, where the type is the topic's last word."""

FILE_FORMATS = frozenset({"fit", "tcx", "gpx", JSON_FILE})

_DECODERS: Mapping[str, Decoder] = MappingProxyType({**FORMATS, JSON_FILE: decode_json_file})

HEAD_BYTES = 1024
"""How much of a file tells its format."""


def decode(format_name: str, payload: bytes, context: Context) -> tuple[Decoded, ...]:
    """The inputs in `payload`, at least one. Raises `Rejected` and nothing else."""
    decode_payload = _DECODERS.get(format_name)
    if decode_payload is None:
        known = ", ".join(_DECODERS)
        raise Rejected(RejectReason.UNKNOWN_FORMAT, f"format: not known here, allowed: one of {known}")
    if not payload:
        raise Rejected(RejectReason.EMPTY, "payload: empty")
    limit = MAX_FILE_BYTES if format_name in FILE_FORMATS else MAX_JSON_BYTES
    if len(payload) > limit:
        raise Rejected(RejectReason.TOO_LARGE, f"payload: given {len(payload)} bytes, allowed: up to {limit}")
    try:
        return decode_payload(payload, context)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        # One message of a stranger must not stop the hub; what we know to expect never gets here.
        detail = f"payload: can not be read as {format_name} ({type(error).__name__})"
        raise Rejected(RejectReason.UNREADABLE, detail) from error


@dataclass(frozen=True, slots=True)
class _Signature:
    format_name: str
    suffix: str
    matches: Callable[[bytes], bool]


_SIGNATURES = (
    _Signature("fit", ".fit", lambda head: head[8:12] == MAGIC),
    _Signature("tcx", ".tcx", lambda head: b"<TrainingCenterDatabase" in head),
    _Signature("gpx", ".gpx", lambda head: b"<gpx" in head),
    _Signature(JSON_FILE, ".json", lambda head: head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}),
)
_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {".jsonl": JSON_FILE, **{signature.suffix: signature.format_name for signature in _SIGNATURES}}
)


def guess_format(filename: str, head: bytes) -> str | None:
    """The format of a file from its first bytes (1024 are enough), else from its name; `None` if neither tells."""
    content = unpacked_head(head, HEAD_BYTES)
    for signature in _SIGNATURES:
        if signature.matches(content):
            return signature.format_name
    name = PurePath(filename.lower().removesuffix(".gz"))
    return _SUFFIXES.get(name.suffix)
