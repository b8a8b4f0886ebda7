"""How the port's rows become SQLite rows and come back. Statements and values stand side by side here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ..hub.ports import (
    AthleteRow,
    Changes,
    KnownInput,
    LogRow,
    OutboxRow,
    RejectedRow,
    RetainedRow,
    SnapshotRow,
)
from ..model.inputs import InputKind
from .sqlite_connection import SqlRow, Step

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Only a repeated key is "left as is"; any other violated constraint fails the whole batch.
_ADD_INPUT = """
INSERT INTO inputs
  (athlete, event_id, kind, at_us, ord, arrived_at_us, body, content_key, historical)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (athlete, event_id) DO NOTHING"""

_ADD_REJECTED = """
INSERT INTO rejected (topic, athlete, reason, detail, arrived_at_us, payload_sha256, excerpt)
VALUES (?, ?, ?, ?, ?, ?, ?)"""

_PUT_ATHLETE = """
INSERT INTO athletes (athlete, version, assessed_at_us, review_at_us, status)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (athlete) DO UPDATE SET
  version = excluded.version, assessed_at_us = excluded.assessed_at_us,
  review_at_us = excluded.review_at_us, status = excluded.status
WHERE excluded.version > athletes.version"""

_DROP_SNAPSHOTS = "DELETE FROM snapshots WHERE athlete = ? AND at_us >= ?"

_PUT_SNAPSHOT = """
INSERT INTO snapshots (athlete, at_us, fingerprint, state) VALUES (?, ?, ?, ?)
ON CONFLICT (athlete, at_us, fingerprint) DO UPDATE SET state = excluded.state"""

_ADD_OUTBOX = """
INSERT INTO outbox (row_id, topic, payload, retain, athlete, correlation) VALUES (?, ?, ?, ?, ?, ?)"""

_DROP_OUTBOX = "DELETE FROM outbox WHERE row_id = ?"

# As long as a higher row waits, the outbox itself remembers the last id, and this writes nothing.
_REMEMBER_LAST_OUTBOX_ID = """
UPDATE meta SET value = ?1
WHERE key = 'last_outbox_id' AND value < ?1 AND ?1 > (SELECT coalesce(max(row_id), 0) FROM outbox)"""

_PUT_RETAINED = """
INSERT INTO retained (topic, payload_sha256) VALUES (?, ?)
ON CONFLICT (topic) DO UPDATE SET payload_sha256 = excluded.payload_sha256"""

_DROP_RETAINED = "DELETE FROM retained WHERE topic = ?"

# In our own topics (<prefix>/<athlete>/in/<format>) only that place counts, so that forgetting an athlete
# named `run` spares the others' runs; a foreign topic may name the athlete in any place.
_TOPIC_NAMES_ATHLETE = """(
  instr('/' || topic, '/' || ?1 || '/in/') > 0
  OR (instr(topic, '/in/') = 0 AND instr('/' || topic || '/', '/' || ?1 || '/') > 0)
)"""

_KEEP_LAST_OUTBOX_ID = """
UPDATE meta SET value = max(value, (SELECT coalesce(max(row_id), 0) FROM outbox))
WHERE key = 'last_outbox_id'"""

_FORGET = (
    "DELETE FROM inputs WHERE athlete = ?1",
    "DELETE FROM athletes WHERE athlete = ?1",
    "DELETE FROM snapshots WHERE athlete = ?1",
    "DELETE FROM outbox WHERE athlete = ?1",
    f"DELETE FROM rejected WHERE athlete = ?1 OR (athlete IS NULL AND {_TOPIC_NAMES_ATHLETE})",  # noqa: S608 - constants
    f"DELETE FROM retained WHERE {_TOPIC_NAMES_ATHLETE}",  # noqa: S608 - constants
)

FIND_CONTENT: Final = """
SELECT event_id FROM inputs
WHERE content_key = ? AND athlete = ? AND arrived_at_us >= ?
ORDER BY arrived_at_us DESC, event_id DESC LIMIT 1"""

READ_LOG: Final = """
SELECT athlete, event_id, kind, at_us, ord, arrived_at_us, body, content_key, historical FROM inputs
WHERE athlete = ? AND at_us > ? AND at_us <= ?
ORDER BY at_us, ord, event_id"""

READ_ATHLETE: Final = """
SELECT athlete, version, assessed_at_us, review_at_us, status FROM athletes WHERE athlete = ?"""

READ_ATHLETES: Final = "SELECT athlete FROM athletes ORDER BY athlete"

SNAPSHOT_BEFORE: Final = """
SELECT athlete, at_us, fingerprint, state FROM snapshots
WHERE athlete = ? AND at_us < ? AND fingerprint = ?
ORDER BY at_us DESC LIMIT 1"""

DUE_ATHLETES: Final = """
SELECT athlete FROM athletes WHERE review_at_us <= ? ORDER BY review_at_us, athlete LIMIT ?"""

NEXT_REVIEW: Final = "SELECT min(review_at_us) FROM athletes WHERE review_at_us IS NOT NULL"

LAST_OUTBOX_ID: Final = """
SELECT max(value, (SELECT coalesce(max(row_id), 0) FROM outbox)) FROM meta WHERE key = 'last_outbox_id'"""

READ_OUTBOX: Final = """
SELECT row_id, topic, payload, retain, athlete, correlation FROM outbox
WHERE row_id > ? ORDER BY row_id LIMIT ?"""

READ_RETAINED: Final = "SELECT topic, payload_sha256 FROM retained WHERE topic = ?"

READ_REJECTED: Final = """
SELECT topic, athlete, reason, detail, arrived_at_us, payload_sha256, excerpt FROM rejected
ORDER BY id DESC LIMIT ?"""

# SQLite counts the entries of the smallest index without reading rows.
COUNTS: Final = """
SELECT (SELECT count(*) FROM inputs), (SELECT count(*) FROM rejected),
       (SELECT count(*) FROM outbox), (SELECT count(*) FROM athletes)"""


def find_known(pairs: int) -> str:
    """The query for `pairs` (athlete, event id) pairs; CROSS JOIN makes them lead, so each is one look-up."""
    wanted = ", ".join(["(?, ?)"] * pairs)
    return (
        f"WITH wanted (athlete, event_id) AS (VALUES {wanted}) "  # noqa: S608 - place holders only
        "SELECT athlete, event_id, kind, at_us FROM wanted CROSS JOIN inputs USING (athlete, event_id)"
    )


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 in UTC: exact, unlike a float timestamp. `moment` must be aware."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(at_us: int) -> datetime:
    """The way back from `micros`."""
    return _EPOCH + at_us * _MICROSECOND


def _optional_micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def steps_of(changes: Changes) -> list[Step]:
    """The statements of one batch in the port's order: stale snapshots, additions, then what is done with."""
    steps = (
        Step(_DROP_SNAPSHOTS, [(athlete, micros(at)) for athlete, at in changes.stale_snapshots]),
        Step(_ADD_INPUT, [_input_values(row) for row in changes.inputs]),
        Step(_ADD_REJECTED, [_rejected_values(row) for row in changes.rejected]),
        Step(_PUT_ATHLETE, [_athlete_values(row) for row in changes.athletes]),
        Step(_PUT_SNAPSHOT, [_snapshot_values(row) for row in changes.snapshots]),
        Step(_ADD_OUTBOX, [_outbox_values(row) for row in changes.outbox]),
        Step(_DROP_OUTBOX, [(row_id,) for row_id in changes.sent]),
        Step(_REMEMBER_LAST_OUTBOX_ID, [(max(changes.sent),)] if changes.sent else []),
        Step(_PUT_RETAINED, [(row.topic, row.payload_sha256) for row in changes.retained]),
        Step(_DROP_RETAINED, [(topic,) for topic in changes.cleared_retained]),
    )
    return [step for step in steps if step.rows]


def forget_steps(athlete: str) -> list[Step]:
    """The statements that remove every row of an athlete."""
    return [Step(_KEEP_LAST_OUTBOX_ID, [()]), *(Step(sql, [(athlete,)]) for sql in _FORGET)]


def _input_values(row: LogRow) -> SqlRow:
    return (
        row.athlete,
        row.event_id,
        row.kind.value,
        micros(row.at),
        row.order,
        micros(row.arrived_at),
        row.body,
        row.content_key,
        int(row.historical),
    )


def _rejected_values(row: RejectedRow) -> SqlRow:
    return (
        row.topic,
        row.athlete,
        row.reason,
        row.detail,
        micros(row.arrived_at),
        row.payload_sha256,
        row.excerpt,
    )


def _athlete_values(row: AthleteRow) -> SqlRow:
    return row.athlete, row.version, micros(row.assessed_at), _optional_micros(row.review_at), row.status


def _snapshot_values(row: SnapshotRow) -> SqlRow:
    return row.athlete, micros(row.at), row.fingerprint, row.state


def _outbox_values(row: OutboxRow) -> SqlRow:
    return row.row_id, row.topic, row.payload, int(row.retain), row.athlete, row.correlation


def log_row(values: tuple[Any, ...]) -> LogRow:
    """A row of `READ_LOG`."""
    athlete, event_id, kind, at_us, order, arrived_at_us, body, content_key, historical = values
    return LogRow(
        athlete=athlete,
        event_id=event_id,
        kind=InputKind(kind),
        at=moment(at_us),
        order=order,
        arrived_at=moment(arrived_at_us),
        body=body,
        content_key=content_key,
        historical=bool(historical),
    )


def known_input(values: tuple[Any, ...]) -> KnownInput:
    """A row of `find_known`."""
    athlete, event_id, kind, at_us = values
    return KnownInput(athlete=athlete, event_id=event_id, kind=InputKind(kind), at=moment(at_us))


def athlete_row(values: tuple[Any, ...]) -> AthleteRow:
    """A row of `READ_ATHLETE`."""
    athlete, version, assessed_at_us, review_at_us, status = values
    return AthleteRow(
        athlete=athlete,
        version=version,
        assessed_at=moment(assessed_at_us),
        review_at=None if review_at_us is None else moment(review_at_us),
        status=status,
    )


def snapshot_row(values: tuple[Any, ...]) -> SnapshotRow:
    """A row of `SNAPSHOT_BEFORE`."""
    athlete, at_us, fingerprint, state = values
    return SnapshotRow(athlete=athlete, at=moment(at_us), fingerprint=fingerprint, state=state)


def outbox_row(values: tuple[Any, ...]) -> OutboxRow:
    """A row of `READ_OUTBOX`."""
    row_id, topic, payload, retain, athlete, correlation = values
    return OutboxRow(
        row_id=row_id,
        topic=topic,
        payload=payload,
        retain=bool(retain),
        athlete=athlete,
        correlation=correlation,
    )


def retained_row(values: tuple[Any, ...]) -> RetainedRow:
    """A row of `READ_RETAINED`."""
    topic, payload_sha256 = values
    return RetainedRow(topic=topic, payload_sha256=payload_sha256)


def rejected_row(values: tuple[Any, ...]) -> RejectedRow:
    """A row of `READ_REJECTED`."""
    topic, athlete, reason, detail, arrived_at_us, payload_sha256, excerpt = values
    return RejectedRow(
        topic=topic,
        athlete=athlete,
        reason=reason,
        detail=detail,
        arrived_at=moment(arrived_at_us),
        payload_sha256=payload_sha256,
        excerpt=excerpt,
    )
