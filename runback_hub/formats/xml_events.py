"""XML files read as a stream of elements, in constant memory, with entities and external parts refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Protocol
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from .base import Rejected, RejectReason
from .fields import MIN_YEAR

MAX_DEPTH = 100
MAX_TEXT_CHARS = 10_000
"""Longer texts are notes and thumbnails; their beginning is enough."""
CHUNK_BYTES = 1 << 16
MAX_FILE_YEAR = 2200
_MAX_EXPONENT = 12


class Handler(Protocol):
    """Gets every element by its name without namespace; `path` names its ancestors, outermost first."""

    def opened(self, path: tuple[str, ...], name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        ...

    def closed(self, path: tuple[str, ...], name: str, text: str) -> None:
        """An element ends; `text` is what stands in it after its last child, stripped."""
        ...


class _Target:
    """The parser's callbacks, as `xml.etree` names them."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._path: tuple[str, ...] = ()
        self._text: list[str] = []
        self._chars = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= MAX_DEPTH:
            raise Rejected(RejectReason.UNREADABLE, "payload: XML nested too deeply")
        name = tag.rpartition("}")[2]
        self._handler.opened(self._path, name, attributes)
        self._path = (*self._path, name)
        self._forget_text()

    def data(self, text: str) -> None:
        if self._chars < MAX_TEXT_CHARS:
            self._text.append(text)
            self._chars += len(text)

    def end(self, tag: str) -> None:
        self._path = self._path[:-1]
        self._handler.closed(self._path, tag.rpartition("}")[2], "".join(self._text).strip())
        self._forget_text()

    def close(self) -> None:
        """Nothing is built."""

    def _forget_text(self) -> None:
        self._text.clear()
        self._chars = 0


def walk(content: bytes, handler: Handler) -> None:
    """Hand every element of `content` to `handler`. `Rejected` (unreadable) for what is no XML, or a trap."""
    parser = DefusedXMLParser(target=_Target(handler))
    trimmed = content.lstrip()  # Strava and others begin with blanks, which XML forbids
    try:
        for start in range(0, len(trimmed), CHUNK_BYTES):
            parser.feed(trimmed[start : start + CHUNK_BYTES])
        parser.close()
    except ParseError as error:
        raise Rejected(RejectReason.UNREADABLE, f"payload: broken XML, {error}") from error
    except DefusedXmlException as error:
        raise Rejected(RejectReason.UNREADABLE, "payload: XML with entities, which are refused") from error
    except (LookupError, ValueError) as error:  # an encoding that does not exist or does not fit
        raise Rejected(RejectReason.UNREADABLE, "payload: XML in an unknown encoding") from error


def number(text: str | None) -> Decimal | None:
    """A finite number of sensible size, else nothing."""
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return value if value.is_finite() and value.adjusted() < _MAX_EXPONENT else None


def moment(text: str | None) -> datetime | None:
    """An aware time, else nothing: files with naive times do not say when."""
    try:
        value = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return value if value.tzinfo is not None and MIN_YEAR < value.year < MAX_FILE_YEAR else None


def tz_offset_min(value: datetime | None) -> int | None:
    """The offset a time was written with; zero says UTC, not where."""
    offset = None if value is None else value.utcoffset()
    return int(offset.total_seconds()) // 60 if offset else None
