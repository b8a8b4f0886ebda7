"""Activity files may come gzipped. Unpacking is bounded: a bomb is refused, not swallowed."""

from __future__ import annotations

import zlib

from .base import MAX_FILE_BYTES, Rejected, RejectReason

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = zlib.MAX_WBITS | 16


def unpacked(payload: bytes) -> bytes:
    """The file's own bytes, at most 16 MiB. `Rejected`: too_large, or unreadable for a broken archive."""
    if not payload.startswith(GZIP_MAGIC):
        return payload
    content = bytearray()
    rest = payload
    while rest.startswith(GZIP_MAGIC):
        member = zlib.decompressobj(wbits=_GZIP_WINDOW)
        try:
            content += member.decompress(rest, MAX_FILE_BYTES + 1 - len(content))
        except zlib.error as error:
            raise Rejected(RejectReason.UNREADABLE, "payload: a broken gzip file") from error
        if len(content) > MAX_FILE_BYTES:
            raise Rejected(RejectReason.TOO_LARGE, f"payload: more than {MAX_FILE_BYTES} bytes when unpacked")
        if not member.eof:
            raise Rejected(RejectReason.UNREADABLE, "payload: a gzip file that ends too early")
        rest = member.unused_data
    return bytes(content)


def unpacked_head(head: bytes, size: int) -> bytes:
    """As much as `size` bytes of what begins with `head`; for looking, so errors end it quietly."""
    if not head.startswith(GZIP_MAGIC):
        return head[:size]
    try:
        return zlib.decompressobj(wbits=_GZIP_WINDOW).decompress(head, size)
    except zlib.error:
        return b""
