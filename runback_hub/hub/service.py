"""The hub: accept a batch, decide, commit once, hand over what is to be published.

Nothing is acknowledged, remembered or announced before `Store.commit` has returned. A store that fails for a
while leaves the hub as it was: the same batch can be accepted again.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import JsonValue, TypeAdapter

from ..formats.base import MAX_JSON_BYTES, Context, Decoded, Rejected, RejectReason
from ..formats.canonical import parse_log_line
from ..formats.registry import FILE_FORMATS, decode
from ..model.assessment import Assessment
from ..model.athlete import is_athlete_id
from ..model.inputs import KIND_OF, Input, Withdrawal
from ..policy import (
    POLICY_2026_1,
    Thresholds,
    arrange,
    assess,
    dump_state,
    fingerprint,
    fold,
    load_state,
    order_key,
    withdrawal_problem,
)
from .announce import Decision, Outbox, announce, moment_text, publish_checkin
from .book import Book
from .checkin import Checkin, next_checkin
from .messages import (
    HISTORICAL_AFTER,
    SAME_BYTES_WITHIN,
    Athletes,
    Delivery,
    Narrator,
    Request,
    Topics,
    asked_moment,
)
from .ports import (
    AthleteRow,
    Changes,
    Clock,
    LogRow,
    OutboxRow,
    RejectedRow,
    RetainedRow,
    SnapshotRow,
    Store,
)
from .status import status_fields, to_json

_LOG = logging.getLogger(__name__)
EXCERPT_CHARS = 200
PRIVATE_DOORS = frozenset({"pain", "confirm"})
PRIVATE_WORDS = (b"pain", b"symptom")
"""A run may carry a pain report: then its payload is not repeated either."""
EMPTIED_DOORS = frozenset({"pain", "confirm"})
REVIEW_AGAIN = timedelta(hours=1)
OVERLAP = timedelta(days=2)
"""A snapshot is read with the inputs of two days before it: an answer may be later than what carried it."""
BOOKS_KEPT = 2000
_ASSESSMENT: TypeAdapter[Assessment] = TypeAdapter(Assessment)
_CHECKIN: TypeAdapter[Checkin | None] = TypeAdapter(Checkin | None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSeen:
    """The newest input of one source, for `health`."""

    at: datetime
    inputs: int


@dataclass(slots=True)
class _Batch:
    """What a batch has gathered so far."""

    outbox: Outbox
    books: dict[str, Book] = field(default_factory=dict)
    inputs: dict[tuple[str, str], LogRow] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    retained: list[RetainedRow] = field(default_factory=list)
    statuses: dict[str, AthleteRow] = field(default_factory=dict)
    stale: dict[str, datetime] = field(default_factory=dict)
    sources: list[tuple[str, datetime]] = field(default_factory=list)


class Hub:
    """One hub over one store. Methods are serialised by the hub itself; call them from one event loop."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        topics: Topics,
        narrator: Narrator,
        athletes: Athletes,
        limits: Thresholds = POLICY_2026_1,
        allow_forget: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._topics = topics
        self._narrator = narrator
        self._athletes = athletes
        self._limits = limits
        self._allow_forget = allow_forget
        self._books: OrderedDict[str, Book] = OrderedDict()
        self._ids = itertools.count(1)
        self._lock = asyncio.Lock()
        self.counters: Counter[str] = Counter()
        self.sources: dict[str, SourceSeen] = {}

    async def start(self) -> None:
        """Take up the numbering of the outbox. Raises `StoreError`."""
        self._ids = itertools.count(await self._store.last_outbox_id() + 1)

    async def accept(
        self, deliveries: Sequence[Delivery], *, sent: Sequence[int] = (), cleared_retained: Sequence[str] = ()
    ) -> Sequence[OutboxRow]:
        """Take a batch in, and commit it with all it changes; the rows to publish are returned.

        Every delivery ends as an input, a duplicate or a rejection with its reason. `sent` are outbox rows
        that the broker has answered for, `cleared_retained` input topics it has emptied. Raises `StoreError`;
        then nothing has changed and the batch can be tried again.
        """
        async with self._lock:
            batch = _Batch(outbox=Outbox(next_id=self._next_id))
            decoded = [(delivery, await self._decode(batch, delivery)) for delivery in deliveries]
            known = await self._known([one for _, found in decoded for one in found])
            for delivery, found in decoded:
                if found:
                    await self._take(batch, delivery, found, known)
            return await self._commit(batch, sent=sent, cleared_retained=cleared_retained)

    async def refuse(self, delivery: Delivery, refusal: Rejected) -> Sequence[OutboxRow]:
        """Store a message as refused without looking into it."""
        async with self._lock:
            batch = _Batch(outbox=Outbox(next_id=self._next_id))
            self._reject(batch, delivery, refusal)
            return await self._commit(batch)

    async def review(self, *, limit: int = 100) -> Sequence[OutboxRow]:
        """Look again at every athlete whose time has come. Raises `StoreError`."""
        async with self._lock:
            now = self._clock.now()
            batch = _Batch(outbox=Outbox(next_id=self._next_id))
            for athlete in await self._store.due_athletes(now, limit):
                book = await self._book(batch, athlete)
                if book is None:
                    row = await self._store.read_athlete(athlete)
                    if row is not None:  # no longer configured: kept, but not looked at again
                        batch.statuses[athlete] = replace(row, version=row.version + 1, review_at=None)
                    continue
                try:
                    self._decide(batch, book, None, historical=False)
                except Exception:  # noqa: BLE001 - one athlete must not stop the reviews of the others
                    _LOG.exception("A review failed; it is tried again later", extra={"event": "internal_error"})
                    row = await self._store.read_athlete(athlete)
                    if row is not None:
                        batch.statuses[athlete] = replace(row, version=row.version + 1, review_at=now + REVIEW_AGAIN)
            return await self._commit(batch)

    async def next_review_at(self) -> datetime | None:
        """When `review` is due next."""
        return await self._store.next_review_at()

    async def answer(self, request: Request) -> Sequence[OutboxRow]:
        """Answer a command; the answer goes through the outbox like everything else."""
        async with self._lock:
            batch = _Batch(outbox=Outbox(next_id=self._next_id))
            fields = await self._answer(batch, request)
            if request.reply_to is not None:
                batch.outbox.answer(request.reply_to, fields)
            else:
                batch.outbox.tell(self._topics.response(request.verb), to_json(fields).encode())
            return await self._commit(batch)

    async def republish(self) -> Sequence[OutboxRow]:
        """Every retained topic again, for a broker that has forgotten them."""
        async with self._lock:
            batch = _Batch(outbox=Outbox(next_id=self._next_id))
            for athlete in await self._store.read_athletes():
                book = await self._book(batch, athlete)
                if book is not None and book.assessment is not None:
                    decision = Decision(
                        before=None,
                        after=book.assessment,
                        version=book.version,
                        cause=None,
                        historical=False,
                        checkin_before=None,
                        checkin_after=book.checkin,
                    )
                    quiet = Outbox(next_id=self._next_id)
                    announce(quiet, self._topics, self._narrator, decision)
                    publish_checkin(quiet, self._topics, athlete, book.checkin)
                    batch.outbox.retained.update(quiet.retained)
            return await self._commit(batch)

    async def mark_sent(self, sent: Sequence[int], cleared_retained: Sequence[str] = ()) -> None:
        """Forget outbox rows that the broker has answered for."""
        await self._store.commit(Changes(sent=sent, cleared_retained=cleared_retained))

    async def explain(self, athlete: str, at: datetime | None) -> dict[str, JsonValue]:
        """The assessment at `at` (now) from the stored log alone, in the shape of `status`."""
        profile = self._athletes.profile(athlete)
        if profile is None:
            return {"ok": False, "reason": RejectReason.UNKNOWN_ATHLETE.value, "detail": f"athlete: got {athlete!r}"}
        moment = at or self._clock.now()
        log = [self._parse_row(row, profile.zone) for row in await self._store.read_log(athlete, until=moment)]
        state = fold(profile, arrange(log, until=moment), limits=self._limits)
        assessment = assess(state, moment, profile, self._limits)
        return {"ok": True, **status_fields(assessment, len(log), self._narrator)}

    # -- taking inputs in ---------------------------------------------------------------------------------

    def _next_id(self) -> int:
        return next(self._ids)

    async def _decode(self, batch: _Batch, delivery: Delivery) -> tuple[Decoded, ...]:
        profile = self._athletes.profile(delivery.athlete) if delivery.refused is None else None
        if profile is None:
            words = delivery.refused or _unknown(delivery.athlete)
            self._reject(batch, delivery, Rejected(RejectReason.UNKNOWN_ATHLETE, words))
            return ()
        try:
            context = Context(
                athlete=delivery.athlete,
                zone=profile.zone,
                arrived_at=delivery.arrived_at,
                salt=f"{delivery.topic}|{delivery.arrived_at.isoformat()}",
            )
            if delivery.door in FILE_FORMATS:  # a large or hostile file takes seconds: not on the loop
                return await asyncio.to_thread(decode, delivery.door, delivery.payload, context)
            return decode(delivery.door, delivery.payload, context)
        except Rejected as refusal:
            self._reject(batch, delivery, refusal)
            return ()

    async def _known(self, found: Sequence[Decoded]) -> dict[tuple[str, str], datetime]:
        keys = {(one.input.athlete, one.input.event_id) for one in found}
        keys |= {(one.input.athlete, one.input.target) for one in found if isinstance(one.input, Withdrawal)}
        rows = await self._store.known_inputs(sorted(keys)) if keys else ()
        return {(row.athlete, row.event_id): row.at for row in rows}

    async def _take(
        self, batch: _Batch, delivery: Delivery, found: tuple[Decoded, ...], known: Mapping[tuple[str, str], datetime]
    ) -> None:
        ids: list[str] = []
        fresh = False
        try:
            for one in found:
                event_id = await self._duplicate_of(batch, delivery, one, known)
                if event_id is None:
                    await self._take_one(batch, delivery, one, known)
                    event_id, fresh = one.input.event_id, True
                ids.append(event_id)
        except Rejected as refusal:
            self._reject(batch, delivery, refusal)
            return
        self.counters["inputs" if fresh else "duplicates"] += 1
        answer: dict[str, JsonValue] = {"ok": True, "event_id": ids[0], "duplicate": not fresh}
        if len(ids) > 1:
            answer["event_ids"] = [*ids]
        book = batch.books.get(delivery.athlete)
        if book is not None and book.assessment is not None:
            answer |= {"assessment_version": book.version, "state": book.assessment.state.value}
        batch.outbox.answer(delivery.reply_to, answer, delivery.athlete)
        self._note_retained(batch, delivery)

    def _note_retained(self, batch: _Batch, delivery: Delivery) -> None:
        if not delivery.retained:
            return
        digest = hashlib.sha256(delivery.payload).hexdigest()
        batch.retained.append(RetainedRow(topic=delivery.topic, payload_sha256=digest))
        if delivery.door in EMPTIED_DOORS:
            batch.outbox.keep(delivery.topic, b"", delivery.athlete)

    async def _duplicate_of(
        self, batch: _Batch, delivery: Delivery, one: Decoded, known: Mapping[tuple[str, str], datetime]
    ) -> str | None:
        """The id under which this input is in the log already, or in this batch."""
        key = (one.input.athlete, one.input.event_id)
        if key in known or key in batch.inputs:
            return one.input.event_id
        if one.content_key is None:
            return None
        for row in batch.inputs.values():
            if row.athlete == one.input.athlete and row.content_key == one.content_key:
                return row.event_id
        since = delivery.arrived_at - SAME_BYTES_WITHIN
        if delivery.retained:
            held = await self._store.read_retained(delivery.topic)
            if held is not None and held.payload_sha256 == hashlib.sha256(delivery.payload).hexdigest():
                since = datetime.min.replace(tzinfo=UTC)
        return await self._store.same_content(one.input.athlete, one.content_key, since)

    async def _take_one(
        self, batch: _Batch, delivery: Delivery, one: Decoded, known: Mapping[tuple[str, str], datetime]
    ) -> None:
        item = one.input
        book = await self._book(batch, item.athlete)
        if book is None:
            raise Rejected(RejectReason.UNKNOWN_ATHLETE, _unknown(item.athlete))
        target_at = None
        if isinstance(item, Withdrawal):
            target_at = await self._check_withdrawal(batch, book, item, known)
        reach = book.reach_of(item, target_at)
        if not book.follows(item):
            if not book.can_take(reach):
                book = await self._earlier(batch, book, reach)
            batch.stale[item.athlete] = min(reach, batch.stale.get(item.athlete, reach))
        historical = delivery.arrived_at - item.at > HISTORICAL_AFTER
        batch.inputs[item.athlete, item.event_id] = LogRow(
            athlete=item.athlete,
            event_id=item.event_id,
            kind=KIND_OF[type(item)],
            at=item.at,
            order=order_key(item)[1],
            arrived_at=delivery.arrived_at,
            body=one.body,
            content_key=one.content_key,
            historical=historical,
        )
        batch.sources.append((item.source or delivery.door, delivery.arrived_at))
        self._decide(batch, book.with_input(item), item, historical=historical)

    async def _check_withdrawal(
        self, batch: _Batch, book: Book, item: Withdrawal, known: Mapping[tuple[str, str], datetime]
    ) -> datetime | None:
        target = (item.athlete, item.target)
        target_at = known.get(target) or (batch.inputs[target].at if target in batch.inputs else None)
        if target_at is None:
            return None  # it may still arrive: the withdrawal waits in the log
        log = {one.event_id: one for one in await self._log(batch, book, after=target_at - OVERLAP)}
        problem = withdrawal_problem(item, log.values())
        if problem is not None:
            raise Rejected(RejectReason.WITHDRAWAL_REFUSED, problem)
        return target_at

    def _reject(self, batch: _Batch, delivery: Delivery, refusal: Rejected) -> None:
        self.counters["rejected"] += 1
        digest = hashlib.sha256(delivery.payload).hexdigest()
        private = delivery.door in PRIVATE_DOORS or any(word in delivery.payload.lower() for word in PRIVATE_WORDS)
        excerpt = None if private else delivery.payload[:EXCERPT_CHARS].decode("utf-8", "replace")
        row = RejectedRow(
            topic=delivery.topic,
            athlete=delivery.athlete or None,
            reason=refusal.reason.value,
            detail=refusal.detail,
            arrived_at=delivery.arrived_at,
            payload_sha256=digest,
            excerpt=excerpt,
        )
        batch.rejected.append(row)
        batch.outbox.tell(
            self._topics.rejected,
            to_json(
                {
                    "topic": row.topic,
                    "reason": row.reason,
                    "detail": row.detail,
                    "at": moment_text(row.arrived_at),
                    "payload_sha256": digest,
                    "payload_excerpt": excerpt,
                }
            ).encode(),
            row.athlete,
        )
        batch.outbox.answer(delivery.reply_to, {"ok": False, "reason": row.reason, "detail": row.detail}, row.athlete)
        self._note_retained(batch, delivery)

    # -- deciding -----------------------------------------------------------------------------------------

    def _decide(self, batch: _Batch, book: Book, cause: Input | None, *, historical: bool) -> None:
        athlete = book.profile.athlete
        now = self._clock.now()
        if book.head.moment is not None:
            now = max(now, book.head.moment)
        after = assess(book.head, now, book.profile, self._limits)
        checkin = next_checkin(book.checkin, after, cause, historical=historical)
        lapses_at = checkin.expires_at if checkin is not None else None
        review = min((moment for moment in (after.review_at, lapses_at) if moment is not None), default=None)
        version = book.version + 1
        if cause is None and book.assessment is not None and _same(book.assessment, after):
            # Only the time of the next look or the open question has changed.
            status: JsonValue = status_fields(after, version, self._narrator)
            if checkin != book.checkin:
                publish_checkin(batch.outbox, self._topics, athlete, checkin)
        else:
            decision = Decision(
                before=book.assessment,
                after=after,
                version=version,
                cause=cause,
                historical=historical,
                checkin_before=book.checkin,
                checkin_after=checkin,
            )
            status = announce(batch.outbox, self._topics, self._narrator, decision)
        batch.books[athlete] = replace(book, version=version, assessment=after, checkin=checkin).trimmed()
        batch.statuses[athlete] = AthleteRow(
            athlete=athlete,
            version=version,
            assessed_at=now,
            review_at=review,
            status=json.dumps(
                {
                    "status": status,
                    "assessment": _ASSESSMENT.dump_python(after, mode="json"),
                    "checkin": _CHECKIN.dump_python(checkin, mode="json"),
                },
                ensure_ascii=False,
            ),
        )

    async def _book(self, batch: _Batch, athlete: str) -> Book | None:
        book = batch.books.get(athlete) or self._books.get(athlete)
        if book is not None:
            return book
        profile = self._athletes.profile(athlete)
        if profile is None:
            return None
        book = await self._open(batch, athlete, before=datetime.max.replace(tzinfo=UTC))
        row = await self._store.read_athlete(athlete)
        if row is None:
            return book
        remembered = json.loads(row.status)
        return replace(
            book,
            version=row.version,
            assessment=_ASSESSMENT.validate_python(remembered["assessment"]),
            checkin=_CHECKIN.validate_python(remembered["checkin"]),
        )

    async def _earlier(self, batch: _Batch, book: Book, before: datetime) -> Book:
        """The book on an older base, so that what changed at `before` can be folded again."""
        older = await self._open(batch, book.profile.athlete, before=before)
        return replace(older, version=book.version, assessment=book.assessment, checkin=book.checkin)

    async def _open(self, batch: _Batch, athlete: str, before: datetime) -> Book:
        profile = self._athletes.profile(athlete)
        if profile is None:
            raise Rejected(RejectReason.UNKNOWN_ATHLETE, _unknown(athlete))
        name = fingerprint(profile, self._limits)
        # Snapshots that this batch has made stale are still stored until it commits.
        before = min(before, batch.stale.get(athlete, before))
        snapshot = await self._store.snapshot_before(athlete, before, name)
        base = None if snapshot is None else load_state(snapshot.state)
        empty = Book.opened(profile, self._limits, base, ())
        after = None if snapshot is None else snapshot.at - OVERLAP
        return Book.opened(profile, self._limits, base, tuple(await self._log(batch, empty, after=after)))

    async def _log(self, batch: _Batch, book: Book, after: datetime | None) -> list[Input]:
        """The stored inputs and those of this batch, in order."""
        athlete, zone = book.profile.athlete, book.profile.zone
        rows = [*await self._store.read_log(athlete, after=after)]
        rows += [
            row for (owner, _), row in batch.inputs.items() if owner == athlete and (after is None or row.at > after)
        ]
        log = {row.event_id: self._parse_row(row, zone) for row in rows}
        return sorted(log.values(), key=lambda item: (*order_key(item), item.event_id))

    @staticmethod
    def _parse_row(row: LogRow, zone: ZoneInfo) -> Input:
        return parse_log_line(row.body, row.athlete, zone).input

    # -- committing ---------------------------------------------------------------------------------------

    async def _commit(
        self, batch: _Batch, *, sent: Sequence[int] = (), cleared_retained: Sequence[str] = ()
    ) -> Sequence[OutboxRow]:
        rows = batch.outbox.rows()
        snapshots = [
            SnapshotRow(
                athlete=athlete,
                at=book.base.moment,
                fingerprint=fingerprint(book.profile, self._limits),
                state=dump_state(book.base),
            )
            for athlete, book in batch.books.items()
            if book.base_moved and book.base.moment is not None
        ]
        await self._store.commit(
            Changes(
                inputs=tuple(batch.inputs.values()),
                rejected=batch.rejected,
                athletes=tuple(batch.statuses.values()),
                stale_snapshots=tuple(batch.stale.items()),
                snapshots=snapshots,
                outbox=rows,
                sent=sent,
                retained=batch.retained,
                cleared_retained=cleared_retained,
            )
        )
        for athlete, book in batch.books.items():
            self._books[athlete] = replace(book, base_moved=False)
            self._books.move_to_end(athlete)
        while len(self._books) > BOOKS_KEPT:
            self._books.popitem(last=False)
        for source, at in batch.sources:
            seen = self.sources.get(source)
            self.sources[source] = SourceSeen(at=at, inputs=1 + (seen.inputs if seen else 0))
        return rows

    # -- commands -----------------------------------------------------------------------------------------

    async def _answer(self, batch: _Batch, request: Request) -> dict[str, JsonValue]:
        try:
            asked = json.loads(request.payload or b"{}") if len(request.payload) <= MAX_JSON_BYTES else None
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            return {"ok": False, "reason": RejectReason.NOT_JSON.value, "detail": "payload: allowed is a JSON object"}
        match request.verb:
            case "status":
                return await self._answer_status(batch, asked.get("athlete"))
            case "explain":
                return await self._answer_explain(asked.get("athlete"), asked.get("at"))
            case "forget":
                return await self._answer_forget(batch, asked)
            case _:
                return {
                    "ok": False,
                    "reason": RejectReason.INVALID.value,
                    "detail": f"verb: got {request.verb[:40]!r}, allowed are status, explain, forget",
                }

    async def _answer_status(self, batch: _Batch, athlete: object) -> dict[str, JsonValue]:
        names = await self._store.read_athletes()
        if athlete is None and len(names) == 1:
            athlete = names[0]
        if not isinstance(athlete, str) or athlete not in names:
            known = ", ".join(names) or "none yet"
            return {
                "ok": False,
                "reason": RejectReason.UNKNOWN_ATHLETE.value,
                "detail": f"athlete: got {athlete!r}, known are: {known}",
            }
        book = await self._book(batch, athlete)
        if book is None:
            return {"ok": False, "reason": RejectReason.UNKNOWN_ATHLETE.value, "detail": _unknown(athlete)}
        now = max(self._clock.now(), book.head.moment or self._clock.now())
        current = assess(book.head, now, book.profile, self._limits)
        return {"ok": True, **status_fields(current, book.version, self._narrator)}

    async def _answer_explain(self, athlete: object, at: object) -> dict[str, JsonValue]:
        if not isinstance(athlete, str) or not is_athlete_id(athlete):
            return {"ok": False, "reason": RejectReason.INVALID.value, "detail": "athlete: allowed is an athlete's id"}
        moment = None
        if at is not None:
            moment = asked_moment(str(at))
            if moment is None:
                detail = "at: not a time, allowed is ISO 8601 with an offset, from 1970 to 2200"
                return {"ok": False, "reason": RejectReason.INVALID.value, "detail": detail}
        return await self.explain(athlete, moment)

    async def _answer_forget(self, batch: _Batch, asked: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        athlete = asked.get("confirm")
        if not self._allow_forget:
            detail = "forget: not allowed over MQTT, set allow_forget_over_mqtt: true"
            return {"ok": False, "reason": RejectReason.INVALID.value, "detail": detail}
        if not isinstance(athlete, str) or not is_athlete_id(athlete):
            detail = "confirm: allowed is an athlete's id"
            return {"ok": False, "reason": RejectReason.UNKNOWN_ATHLETE.value, "detail": detail}
        self._books.pop(athlete, None)
        batch.books.pop(athlete, None)
        for topic in (
            self._topics.status(athlete),
            self._topics.rest(athlete),
            self._topics.advice(athlete),
            self._topics.checkin(athlete),
        ):
            batch.outbox.keep(topic, b"")
        # The emptied topics are committed first: if forgetting is cut short it can be asked for again.
        await self._store.commit(Changes(outbox=batch.outbox.rows()))
        batch.outbox.retained.clear()
        await self._store.forget(athlete)
        return {"ok": True, "forgotten": True}


def _unknown(athlete: str) -> str:
    return f"athlete: got '{athlete[:80]}', allowed are the configured athletes"


def _same(before: Assessment, after: Assessment) -> bool:
    """Whether two assessments say the same, whenever they were made and however much older an episode is."""
    return replace(after, assessed_at=before.assessed_at) == before
