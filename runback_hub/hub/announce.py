"""What is published after a decision: retained topics, events, answers. Rows for the outbox, nothing sent here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from ..model.assessment import Assessment
from ..model.inputs import KIND_OF, Input, InputKind
from .checkin import Checkin
from .messages import Narrator, ReplyTo, Topics
from .ports import OutboxRow
from .status import status_fields, to_json

EVALUATED: Mapping[InputKind, str] = {
    InputKind.RUN: "run_evaluated",
    InputKind.ACTIVITY: "activity_evaluated",
    InputKind.PAIN: "pain_evaluated",
    InputKind.WELLNESS: "wellness_evaluated",
    InputKind.CONFIRM: "confirmed",
    InputKind.WITHDRAW: "withdrawn",
}
FLAG_RULES = frozenset({"E1", "U1", "C1", "C2"})
ON, OFF = b"ON", b"OFF"


def moment_text(moment: datetime) -> str:
    """ISO 8601 in UTC."""
    return moment.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One new assessment beside the one before it, and what caused it (nothing: time passed)."""

    before: Assessment | None
    after: Assessment
    version: int
    cause: Input | None
    historical: bool
    checkin_before: Checkin | None
    checkin_after: Checkin | None


@dataclass(slots=True)
class Outbox:
    """Collects the rows of one batch. Of a retained topic only the newest row stays; events all stay."""

    next_id: Callable[[], int]
    events: list[OutboxRow] = field(default_factory=list)
    retained: dict[str, OutboxRow] = field(default_factory=dict)

    def keep(self, topic: str, payload: bytes, athlete: str | None = None) -> None:
        """Publish retained."""
        self.retained[topic] = OutboxRow(
            row_id=self.next_id(), topic=topic, payload=payload, retain=True, athlete=athlete
        )

    def tell(self, topic: str, payload: bytes, athlete: str | None = None, correlation: bytes | None = None) -> None:
        """Publish once."""
        self.events.append(
            OutboxRow(
                row_id=self.next_id(),
                topic=topic,
                payload=payload,
                retain=False,
                athlete=athlete,
                correlation=correlation,
            )
        )

    def answer(self, reply_to: ReplyTo | None, fields: Mapping[str, JsonValue], athlete: str | None = None) -> None:
        """Answer an MQTT 5 publisher, if it asked for one."""
        if reply_to is not None:
            self.tell(reply_to.topic, to_json(fields).encode(), athlete, reply_to.correlation)

    def rows(self) -> Sequence[OutboxRow]:
        """Everything collected, in the order of publication."""
        return sorted((*self.events, *self.retained.values()), key=lambda row: row.row_id)


def announce(outbox: Outbox, topics: Topics, narrator: Narrator, decision: Decision) -> dict[str, JsonValue]:
    """Add everything a decision publishes; the status fields are returned for the store."""
    after, athlete = decision.after, decision.after.athlete
    status = status_fields(after, decision.version, narrator)
    before = decision.before
    outbox.keep(topics.status(athlete), to_json(status).encode(), athlete)
    if before is None or before.rest != after.rest:
        outbox.keep(topics.rest(athlete), ON if after.rest else OFF, athlete)
    words = narrator.advice(after)
    outbox.keep(
        topics.advice(athlete),
        to_json(
            {
                "title": words.title,
                "text": words.text,
                "items": list(words.items),
                "footer": words.footer,
                "language": words.language,
                "state": after.state.value,
                "at": moment_text(after.assessed_at),
            }
        ).encode(),
        athlete,
    )
    if decision.checkin_before != decision.checkin_after:
        publish_checkin(outbox, topics, athlete, decision.checkin_after)
    for event in _events(decision):
        outbox.tell(topics.event(athlete), to_json(event).encode(), athlete)
    return status


def publish_checkin(outbox: Outbox, topics: Topics, athlete: str, checkin: Checkin | None) -> None:
    """The open question, or the emptied topic."""
    payload = b"" if checkin is None else to_json(checkin.fields()).encode()
    outbox.keep(topics.checkin(athlete), payload, athlete)


def _events(decision: Decision) -> Iterator[dict[str, JsonValue]]:
    cause, after, before = decision.cause, decision.after, decision.before
    if cause is not None:
        event_type = EVALUATED[KIND_OF[type(cause)]]
        yield _event(decision, event_type, event_id=cause.event_id, at=cause.at)
    changed = cause is not None if before is None else before.state is not after.state
    if changed:
        yield _own(decision, "state_changed", {"from": before.state.value if before else None, "to": after.state.value})
    rested = before is not None and before.rest
    if after.rest and not rested:
        yield _own(decision, "rest_started", {})
    if rested and not after.rest:
        yield _own(decision, "rest_ended", {})
    raised = {r.rule for r in after.reasons} & FLAG_RULES - {r.rule for r in (before.reasons if before else ())}
    if raised:
        yield _own(decision, "red_flag", {"level": after.state.value})
    yield from _plan_events(decision)
    checkin = decision.checkin_after
    if checkin is not None and checkin != decision.checkin_before:
        yield _own(decision, "checkin_due", {"checkin": checkin.fields()})


def _plan_events(decision: Decision) -> Iterator[dict[str, JsonValue]]:
    old = decision.before.plan if decision.before else None
    new = decision.after.plan
    if old is None or new is None or old.stage == new.stage:
        return
    name = "plan_advanced" if new.stage > old.stage else "plan_stepped_back"
    yield _own(decision, name, {"stage": new.stage, "of": new.of, "session": new.session})


def _own(decision: Decision, event_type: str, more: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """An event of ours: its id follows from athlete, type and version, so a repeat has the same one."""
    seed = f"{decision.after.athlete}|{event_type}|{decision.version}|{moment_text(decision.after.assessed_at)}"
    event_id = hashlib.sha256(seed.encode()).hexdigest()[:32]
    cause = decision.cause.event_id if decision.cause is not None else None
    event = _event(decision, event_type, event_id=event_id, at=decision.after.assessed_at)
    return {**event, "cause": cause, **more}


def _event(decision: Decision, event_type: str, *, event_id: str, at: datetime) -> dict[str, JsonValue]:
    after = decision.after
    return {
        "type": event_type,
        "event_id": event_id,
        "athlete": after.athlete,
        "at": moment_text(at),
        "assessment_version": decision.version,
        "state": after.state.value,
        "rest": after.rest,
        "historical": decision.historical,
    }
