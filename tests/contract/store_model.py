"""The store port in its plainest form: lists and dictionaries, to compare the real ones with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from runback_hub.hub.ports import (
    AthleteRow,
    Changes,
    KnownInput,
    LogRow,
    OutboxRow,
    RejectedRow,
    RetainedRow,
    SnapshotRow,
)


class ModelStore:
    """What a store means. It knows no failure, no file and no time."""

    def __init__(self) -> None:
        self.inputs: dict[tuple[str, str], LogRow] = {}
        self.rejected: list[RejectedRow] = []
        self.athletes: dict[str, AthleteRow] = {}
        self.snapshots: dict[tuple[str, datetime, str], SnapshotRow] = {}
        self.outbox: dict[int, OutboxRow] = {}
        self.last_id = 0
        self.retained: dict[str, RetainedRow] = {}

    def commit(self, changes: Changes) -> None:
        for athlete, at in changes.stale_snapshots:
            self.snapshots = {
                key: row for key, row in self.snapshots.items() if not (row.athlete == athlete and row.at >= at)
            }
        for row in changes.inputs:
            self.inputs.setdefault((row.athlete, row.event_id), row)
        self.rejected += changes.rejected
        for assessed in changes.athletes:
            known = self.athletes.get(assessed.athlete)
            if known is None or assessed.version > known.version:
                self.athletes[assessed.athlete] = assessed
        for snapshot in changes.snapshots:
            self.snapshots[snapshot.athlete, snapshot.at, snapshot.fingerprint] = snapshot
        for message in changes.outbox:
            self.outbox[message.row_id] = message
            self.last_id = max(self.last_id, message.row_id)
        for row_id in changes.sent:
            self.outbox.pop(row_id, None)
        for retained in changes.retained:
            self.retained[retained.topic] = retained
        for topic in changes.cleared_retained:
            self.retained.pop(topic, None)

    def forget(self, athlete: str) -> None:
        self.inputs = {key: row for key, row in self.inputs.items() if row.athlete != athlete}
        self.rejected = [row for row in self.rejected if row.athlete != athlete]
        self.athletes.pop(athlete, None)
        self.snapshots = {key: row for key, row in self.snapshots.items() if row.athlete != athlete}
        self.outbox = {key: row for key, row in self.outbox.items() if row.athlete != athlete}
        self.retained = {topic: row for topic, row in self.retained.items() if f"/{athlete}/in/" not in f"/{topic}"}

    def known_inputs(self, keys: Sequence[tuple[str, str]]) -> set[KnownInput]:
        return {
            KnownInput(athlete=row.athlete, event_id=row.event_id, kind=row.kind, at=row.at)
            for key in keys
            if (row := self.inputs.get(key)) is not None
        }

    def same_content(self, athlete: str, content_key: str, since: datetime) -> str | None:
        same = [
            (row.arrived_at, row.event_id)
            for row in self.inputs.values()
            if row.athlete == athlete and row.content_key == content_key and row.arrived_at >= since
        ]
        return max(same)[1] if same else None

    def read_log(self, athlete: str, after: datetime | None, until: datetime | None) -> list[LogRow]:
        wanted = [
            row
            for row in self.inputs.values()
            if row.athlete == athlete and (after is None or row.at > after) and (until is None or row.at <= until)
        ]
        return sorted(wanted, key=lambda row: (row.at, row.order, row.event_id))

    def snapshot_before(self, athlete: str, at: datetime, fingerprint: str) -> SnapshotRow | None:
        earlier = [
            row
            for row in self.snapshots.values()
            if row.athlete == athlete and row.at < at and row.fingerprint == fingerprint
        ]
        return max(earlier, key=lambda row: row.at, default=None)

    def due_athletes(self, now: datetime, limit: int) -> list[str]:
        due = [
            (row.review_at, row.athlete)
            for row in self.athletes.values()
            if row.review_at is not None and row.review_at <= now
        ]
        return [athlete for _, athlete in sorted(due)][:limit]

    def next_review_at(self) -> datetime | None:
        reviews = [row.review_at for row in self.athletes.values() if row.review_at is not None]
        return min(reviews, default=None)

    def read_outbox(self, after: int, limit: int) -> list[OutboxRow]:
        return [self.outbox[row_id] for row_id in sorted(self.outbox) if row_id > after][:limit]
