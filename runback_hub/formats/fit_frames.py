"""The frame of a FIT file: cuts it into messages and keeps those that tell of a finished activity.

Records are nine tenths of a file and a summary of them is in the session, so they are stepped over here, by
their size alone, before `fitdecode` gives the few remaining messages their meaning. What is damaged is told,
what came before the damage is kept.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

HEADER = struct.Struct("<BBHI4s")
MAGIC = b".FIT"
CRC_BYTES = 2
PROTOCOL_2_0 = 0x20
_PROFILE_VERSION = 2195

RECORD = 20
KEPT = frozenset(
    {
        0,  # file_id
        12,  # sport
        18,  # session
        34,  # activity
        206,  # field_description
        207,  # developer_data_id
    }
)
MAX_KEPT_MESSAGES = 500
"""More summaries than any day has: the rest is not read."""
RECORDS_KEPT = 20
"""At either end: enough for a start, an end and a distance where no session was written."""

_COMPRESSED, _DEFINITION, _DEVELOPER = 0x80, 0x40, 0x20


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes | memoryview) -> int:
    """The checksum of FIT headers and files (CRC-16/ARC)."""
    crc = 0
    table = _CRC_TABLE
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc


def framed(body: bytes) -> bytes:
    """A whole FIT file around `body`: 14-byte header and both checksums."""
    header = HEADER.pack(HEADER.size + CRC_BYTES, PROTOCOL_2_0, _PROFILE_VERSION, len(body), MAGIC)
    whole = header + crc16(header).to_bytes(CRC_BYTES, "little") + body
    return whole + crc16(whole).to_bytes(CRC_BYTES, "little")


@dataclass(slots=True)
class FitFrames:
    """One FIT file of a chain. `summary` and `records` are FIT files again, with the chosen messages only."""

    damaged: bool = False
    compressed_records: bool = False
    messages: list[bytes] = field(default_factory=list)
    first_records: list[bytes] = field(default_factory=list)
    last_records: deque[bytes] = field(default_factory=lambda: deque(maxlen=RECORDS_KEPT))

    @property
    def summary(self) -> bytes:
        """Everything but the records."""
        return framed(b"".join(self.messages))

    @property
    def records(self) -> bytes:
        """The first and the last records."""
        return framed(b"".join(chain(self.first_records, self.last_records)))


@dataclass(frozen=True, slots=True)
class _Definition:
    number: int
    size: int
    text: bytes


def split(data: bytes) -> Iterator[FitFrames]:
    """The FIT files chained in `data`, one after the other; nothing where the first bytes are no FIT header."""
    start = 0
    while (header := _header(data, start)) is not None:
        header_size, body_size = header
        body = start + header_size
        end = body + body_size
        frames = FitFrames()
        if body_size == 0 or end + CRC_BYTES > len(data):  # unfinished, or cut short
            frames.damaged = True
            end = min(end, len(data)) if body_size else len(data)
        else:
            written = int.from_bytes(data[end : end + CRC_BYTES], "little")
            frames.damaged = written not in {0, crc16(memoryview(data)[start:end])}
        _walk(data, body, end, frames)
        yield frames
        start = end + CRC_BYTES


def _header(data: bytes, start: int) -> tuple[int, int] | None:
    if start + HEADER.size > len(data):
        return None
    size, _protocol, _profile, body_size, magic = HEADER.unpack_from(data, start)
    return (size, body_size) if magic == MAGIC and size >= HEADER.size else None


def _walk(data: bytes, position: int, end: int, frames: FitFrames) -> None:
    definitions: dict[int, _Definition] = {}
    while position < end:
        head = data[position]
        if head & _COMPRESSED or not head & _DEFINITION:
            local = (head >> 5) & 0x3 if head & _COMPRESSED else head & 0xF
            definition = definitions.get(local)
            if definition is None or position + definition.size > end:
                break
            _keep(frames, definition, data[position : position + definition.size])
            position += definition.size
        else:
            read = _definition(data, position, end)
            if read is None:
                break
            definitions[head & 0xF] = read
            position += len(read.text)
        if len(frames.messages) > MAX_KEPT_MESSAGES:
            break
    frames.damaged = frames.damaged or position < end


def _definition(data: bytes, position: int, end: int) -> _Definition | None:
    """Record header, reserved byte, byte order, message number, then three bytes for each field."""
    fields_at = position + 6
    if fields_at > end:
        return None
    number = int.from_bytes(data[position + 3 : position + 5], "big" if data[position + 2] else "little")
    stop = fields_at + 3 * data[position + 5]
    sizes = sum(data[fields_at + 1 : stop : 3])
    if data[position] & _DEVELOPER:
        if stop >= end:
            return None
        fields_at, stop = stop + 1, stop + 1 + 3 * data[stop]
        sizes += sum(data[fields_at + 1 : stop : 3])
    if stop > end:
        return None
    return _Definition(number=number, size=1 + sizes, text=data[position:stop])


def _keep(frames: FitFrames, definition: _Definition, message: bytes) -> None:
    if definition.number in KEPT:
        frames.messages.append(definition.text + message)
    elif definition.number == RECORD:
        first = frames.first_records
        (first if len(first) < RECORDS_KEPT else frames.last_records).append(definition.text + message)
        frames.compressed_records = frames.compressed_records or bool(message[0] & _COMPRESSED)
