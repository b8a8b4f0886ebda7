"""The stores under test, and rows to put into them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from runback_hub.hub.ports import (
    AthleteRow,
    LogRow,
    OutboxRow,
    RejectedRow,
    SnapshotRow,
    Store,
)
from runback_hub.model.inputs import InputKind
from runback_hub.store.sqlite import SqliteStore

Place = Callable[[Path], Callable[[], Store]]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sqlite_place(folder: Path) -> Callable[[], Store]:
    """Every store made here uses the same file, so that making another one is opening it again."""
    return lambda: SqliteStore(folder / "store.db", busy_timeout_s=0.05)


PLACES: dict[str, Place] = {"sqlite": sqlite_place}
"""A new adapter joins the suite with one line here."""


AnyStore = TypeVar("AnyStore", bound=Store)


@asynccontextmanager
async def opened(store: AnyStore) -> AsyncIterator[AnyStore]:
    """An open store, closed even when the test fails: its thread would keep the process alive."""
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def minute(number: float) -> datetime:
    """Minutes after noon."""
    return NOON + timedelta(minutes=number)


def log_row(
    event_id: str,
    *,
    athlete: str = "alex",
    at: datetime = NOON,
    order: int = 1,
    body: str = '{"type": "run"}',
    arrived_at: datetime | None = None,
    content_key: str | None = None,
) -> LogRow:
    """An input."""
    return LogRow(
        athlete=athlete,
        event_id=event_id,
        kind=InputKind.RUN,
        at=at,
        order=order,
        arrived_at=at if arrived_at is None else arrived_at,
        body=body,
        content_key=content_key,
    )


def outbox_row(row_id: int, *, athlete: str | None = "alex", payload: bytes = b"{}") -> OutboxRow:
    """A message that waits."""
    return OutboxRow(row_id=row_id, topic=f"runback/{athlete}/status", payload=payload, retain=True, athlete=athlete)


def athlete_row(
    athlete: str = "alex", *, version: int = 1, review_at: datetime | None = None, status: str = "{}"
) -> AthleteRow:
    """An assessment."""
    return AthleteRow(athlete=athlete, version=version, assessed_at=NOON, review_at=review_at, status=status)


def snapshot_row(at: datetime, *, athlete: str = "alex", fingerprint: str = "f1", state: str = "s") -> SnapshotRow:
    """A state of the policy."""
    return SnapshotRow(athlete=athlete, at=at, fingerprint=fingerprint, state=state)


def rejected_row(detail: str, *, athlete: str | None = "alex", topic: str = "runback/alex/in/run") -> RejectedRow:
    """A refused message."""
    return RejectedRow(
        topic=topic,
        athlete=athlete,
        reason="invalid",
        detail=detail,
        arrived_at=NOON,
        payload_sha256="00" * 32,
        excerpt=None,
    )
