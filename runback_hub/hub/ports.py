"""What the hub needs of the outside world. Adapters implement these; the hub imports no adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ..model.inputs import InputKind


class StoreError(Exception):
    """The store can not be used. `transient` says whether trying again later may help (full disk, lock)."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class Clock(Protocol):
    """Time as the hub sees it: the machine's, or a scripted one for the demo and the tests."""

    def now(self) -> datetime:
        """This moment, aware, in UTC."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Return once `moment` has come, or earlier: the caller looks at the time again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One accepted input. `body` is the canonical JSON that `replay` reads, unknown keys kept.

    `order` sorts inputs of one `at` (confirmations, runs, reports). `content_key` is set for inputs that came
    without an id and without a time: equal bytes shortly after each other are one input.
    """

    athlete: str
    event_id: str
    kind: InputKind
    at: datetime
    order: int
    arrived_at: datetime
    body: str
    content_key: str | None = None
    historical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """One refused message and why. `excerpt` is `None` where the topic may carry health answers."""

    topic: str
    athlete: str | None
    reason: str
    detail: str
    arrived_at: datetime
    payload_sha256: str
    excerpt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AthleteRow:
    """The newest published assessment of an athlete: its version, its bytes, and when to look again."""

    athlete: str
    version: int
    assessed_at: datetime
    review_at: datetime | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRow:
    """The policy's state after every input up to `at`; `fingerprint` names policy, thresholds and profile."""

    athlete: str
    at: datetime
    fingerprint: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message that must reach the broker. `row_id` rises in the order of publication.

    `athlete` lets `forget` find what is still queued. `correlation` goes back to an MQTT 5 requester.
    """

    row_id: int
    topic: str
    payload: bytes
    retain: bool
    athlete: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedRow:
    """A retained input that the broker still holds: the same message again is the same input."""

    topic: str
    payload_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Everything one batch changes, committed in one transaction or not at all.

    Order within the transaction: snapshots of `stale_snapshots` (athlete, at: that moment and later) go
    first, then every addition. An `AthleteRow` whose version is not higher than the stored one changes
    nothing. `sent` are outbox rows the broker has answered for; `cleared_retained` are topics the broker
    no longer holds.
    """

    inputs: Sequence[LogRow] = ()
    rejected: Sequence[RejectedRow] = ()
    athletes: Sequence[AthleteRow] = ()
    stale_snapshots: Sequence[tuple[str, datetime]] = ()
    snapshots: Sequence[SnapshotRow] = ()
    outbox: Sequence[OutboxRow] = ()
    sent: Sequence[int] = ()
    retained: Sequence[RetainedRow] = ()
    cleared_retained: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInput:
    """What is known of an input asked for by its id."""

    athlete: str
    event_id: str
    kind: InputKind
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCounts:
    """Figures for `health` and `doctor`."""

    inputs: int
    rejected: int
    outbox: int
    athletes: int
    size_bytes: int


class Store(Protocol):
    """Durable memory. Every method raises `StoreError`; `commit` returns only when the data is on disk."""

    async def open(self) -> None:
        """Create or migrate the schema; refuse a store written by a newer version."""
        ...

    async def close(self) -> None:
        """Finish, checkpoint, and release every handle."""
        ...

    async def commit(self, changes: Changes) -> None:
        """Apply `changes` atomically and durably. An input whose (athlete, event id) exists is left as is."""
        ...

    async def known_inputs(self, keys: Sequence[tuple[str, str]]) -> Sequence[KnownInput]:
        """Those of the (athlete, event id) pairs that are stored."""
        ...

    async def same_content(self, athlete: str, content_key: str, since: datetime) -> str | None:
        """The event id of the newest input with this content that arrived at `since` or later."""
        ...

    async def read_log(
        self, athlete: str, *, after: datetime | None = None, until: datetime | None = None
    ) -> Sequence[LogRow]:
        """Inputs with `after` < at <= `until`, ordered by (at, order, event_id)."""
        ...

    async def read_athlete(self, athlete: str) -> AthleteRow | None:
        """The newest assessment row, or nothing."""
        ...

    async def read_athletes(self) -> Sequence[str]:
        """Ids of all athletes with an assessment, sorted."""
        ...

    async def snapshot_before(self, athlete: str, at: datetime, fingerprint: str) -> SnapshotRow | None:
        """The newest snapshot strictly before `at` with this fingerprint."""
        ...

    async def due_athletes(self, now: datetime, limit: int) -> Sequence[str]:
        """Athletes whose review is due at `now`, earliest first. Uses an index; scans nothing."""
        ...

    async def next_review_at(self) -> datetime | None:
        """The earliest review of all athletes."""
        ...

    async def last_outbox_id(self) -> int:
        """The highest outbox id ever used (ids are never used again), 0 for a new store."""
        ...

    async def read_outbox(self, *, after: int, limit: int) -> Sequence[OutboxRow]:
        """Unsent rows with `row_id` > `after`, in order."""
        ...

    async def read_retained(self, topic: str) -> RetainedRow | None:
        """What is known to be retained on an input topic."""
        ...

    async def read_rejected(self, *, limit: int) -> Sequence[RejectedRow]:
        """The newest rejections, newest first."""
        ...

    async def forget(self, athlete: str) -> None:
        """Remove every row of the athlete, rejections included, and leave no byte of it in the files."""
        ...

    async def counts(self) -> StoreCounts:
        """Figures for health; cheap."""
        ...

    async def backup(self, target: Path) -> None:
        """Write a consistent copy to `target` while in use."""
        ...
