"""Our own JSON inputs (CONTRACT, section 5): from a topic, from a replay log, from another format's decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from ..model.athlete import is_athlete_id
from ..model.inputs import (
    ActivityCompleted,
    Confirmation,
    Input,
    InputKind,
    Onset,
    PainReport,
    RunCompleted,
    Sport,
    WellnessReading,
    Withdrawal,
)
from . import sanity
from .base import Context, Decoded, Decoder, Rejected, RejectReason
from .fields import Wrong, decimal_of, whole_up
from .identity import identify, identify_withdrawal
from .json_text import Json, JsonObject, as_object, dump_line, load
from .refusal import from_validation, refused
from .wire import (
    TIME,
    WireActivity,
    WireConfirm,
    WireEffort,
    WireInput,
    WirePain,
    WireRun,
    WireWellness,
    WireWithdraw,
)

KINDS = "one of " + ", ".join(InputKind)
ATHLETE_IDS = "[a-z0-9][a-z0-9_-]{0,62}, but not hub"
MAX_SCORE = 10
GPS_SHORT = "gps_short"
MAX_OFFSET_S = 14 * 3600
_NO_ARRIVAL = datetime(1970, 1, 1, tzinfo=UTC)

_W = TypeVar("_W", bound=WireInput)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One payload on its way to an input. `latest` is `None` where nothing counts as the future."""

    kind: InputKind
    keys: JsonObject
    context: Context
    latest: datetime | None

    def wire(self, model: type[_W]) -> _W:
        try:
            return model.model_validate(self.keys)
        except ValidationError as error:
            raise from_validation(error, model) from error

    def moment(self, given: datetime | None, default: datetime | None, path: str = "at") -> datetime:
        if given is None:
            if default is None:
                raise Rejected(RejectReason.INVALID, f"{path}: missing, allowed: {TIME}")
            return default
        at = given.astimezone(UTC)
        sanity.check_not_ahead(path, at, self.latest)
        return at

    def decoded(self, found: Input, named: str, content_key: str | None) -> Decoded:
        """`named` is what the log line has as `event_id`: for a withdrawal its target."""
        head: JsonObject = {"type": self.kind, "event_id": named, "athlete": self.context.athlete, "at": None}
        body = head | self.keys | head
        body["at"] = self.keys.get("at") or _iso(found.at)
        return Decoded(input=found, body=dump_line(body), content_key=content_key)


def _iso(moment: datetime) -> str:
    return moment.isoformat().removesuffix("+00:00") + "Z"


def _score(wire: WirePain, path: str) -> int | None:
    """0-10, fractions up. Without a usable one the report stands only on a symptom that is true."""
    try:
        score = decimal_of(wire.score)
    except ValueError:
        score = None
    if score is not None and 0 <= score <= MAX_SCORE:
        return whole_up(score)
    if any(wire.symptoms.values()):
        return None
    raise refused(path=path, wrong=Wrong.NO_SCORE, given=wire.score, allowed="a number from 0 to 10")


def _pain(arrival: _Arrival) -> Decoded:
    wire = arrival.wire(WirePain)
    event_id, content_key = identify(arrival.kind, wire, arrival.keys, arrival.context)
    report = PainReport(
        event_id=event_id,
        athlete=arrival.context.athlete,
        at=arrival.moment(wire.at, arrival.latest),
        source=wire.source,
        source_id=wire.source_id,
        score=_score(wire, "score"),
        location=wire.location,
        onset=wire.onset or Onset.DAILY,
        compared_to_usual=wire.compared_to_usual,
        in_reply_to=wire.in_reply_to,
        quality=wire.quality,
        limp=wire.limp,
        walk_30min_ok=wire.walk_30min_ok,
        symptoms=MappingProxyType(wire.symptoms),
    )
    return arrival.decoded(report, event_id, content_key)


def _carried_pain(arrival: _Arrival, wire: WirePain, carrier: WireEffort, event_id: str, at: datetime) -> PainReport:
    """The report inside a run or an activity: what it does not say itself, its carrier says."""
    in_a_run = arrival.kind is InputKind.RUN
    return PainReport(
        event_id=wire.event_id or event_id,
        athlete=arrival.context.athlete,
        at=arrival.moment(wire.at, at, "pain.at"),
        source=wire.source or carrier.source,
        source_id=wire.source_id or carrier.source_id,
        score=_score(wire, "pain.score"),
        location=wire.location,
        onset=wire.onset or (Onset.DURING_RUN if in_a_run else Onset.DAILY),
        compared_to_usual=wire.compared_to_usual,
        in_reply_to=wire.in_reply_to,
        quality=wire.quality,
        limp=wire.limp,
        walk_30min_ok=wire.walk_30min_ok,
        symptoms=MappingProxyType(wire.symptoms),
        carrier=event_id,
    )


def _effort(arrival: _Arrival, wire: WireEffort, sport: Sport | None) -> Decoded:
    milliseconds = sanity.duration_ms(wire.duration_s)
    metres = sanity.distance_m(wire.distance_m, wire.surface)
    sanity.check_speed(metres, milliseconds, sport)
    sanity.check_cadence(wire.cadence_spm)
    started_at = wire.started_at.astimezone(UTC)
    ended_at = started_at + timedelta(milliseconds=milliseconds)
    sanity.check_not_ahead("started_at plus duration_s", ended_at, arrival.latest)
    event_id, content_key = identify(arrival.kind, wire, arrival.keys, arrival.context)
    at = arrival.moment(wire.at, ended_at)
    make = RunCompleted if sport is None else partial(ActivityCompleted, sport=sport)
    found = make(
        event_id=event_id,
        athlete=arrival.context.athlete,
        at=at,
        source=wire.source,
        source_id=wire.source_id,
        started_at=started_at,
        duration_ms=milliseconds,
        distance_m=metres,
        moving_s=wire.moving_s,
        steps=wire.steps,
        cadence_spm=wire.cadence_spm,
        avg_hr=wire.avg_hr,
        max_hr=wire.max_hr,
        ascent_m=wire.ascent_m,
        descent_m=wire.descent_m,
        surface=wire.surface,
        rpe=wire.rpe,
        title=wire.title,
        tz_offset_min=_tz_offset_min(wire),
        marks=_marks(wire, metres, sport),
        pain=None if wire.pain is None else _carried_pain(arrival, wire.pain, wire, event_id, at),
    )
    return arrival.decoded(found, event_id, content_key)


def _tz_offset_min(wire: WireEffort) -> int | None:
    """As given, else the offset the start was written with; an offset of zero says UTC, not where."""
    if wire.tz_offset_min is not None:
        return wire.tz_offset_min
    seconds = int((wire.started_at.utcoffset() or timedelta()).total_seconds())
    return seconds // 60 if seconds and abs(seconds) <= MAX_OFFSET_S and seconds % 60 == 0 else None


def _marks(wire: WireEffort, metres: int | None, sport: Sport | None) -> tuple[str, ...]:
    short = sport is None and GPS_SHORT not in wire.marks and sanity.is_gps_short(metres, wire.surface)
    return (*wire.marks, GPS_SHORT) if short else wire.marks


def _run(arrival: _Arrival) -> Decoded:
    return _effort(arrival, arrival.wire(WireRun), None)


def _activity(arrival: _Arrival) -> Decoded:
    wire = arrival.wire(WireActivity)
    return _effort(arrival, wire, wire.sport)


def _wellness(arrival: _Arrival) -> Decoded:
    wire = arrival.wire(WireWellness)
    event_id, content_key = identify(arrival.kind, wire, arrival.keys, arrival.context)
    reading = WellnessReading(
        event_id=event_id,
        athlete=arrival.context.athlete,
        at=arrival.moment(wire.at, arrival.latest),
        source=wire.source,
        source_id=wire.source_id,
        date=wire.date,
        hrv_rmssd_ms=wire.hrv_rmssd_ms,
        resting_hr=wire.resting_hr,
        sleep_s=wire.sleep_s,
        soreness=wire.soreness,
        fatigue=wire.fatigue,
        stress=wire.stress,
        readiness=wire.readiness,
    )
    return arrival.decoded(reading, event_id, content_key)


def _confirm(arrival: _Arrival) -> Decoded:
    wire = arrival.wire(WireConfirm)
    event_id, content_key = identify(arrival.kind, wire, arrival.keys, arrival.context)
    confirmation = Confirmation(
        event_id=event_id,
        athlete=arrival.context.athlete,
        at=arrival.moment(wire.at, arrival.latest),
        source=wire.source,
        source_id=wire.source_id,
        kind=wire.kind,
        note=wire.note,
    )
    return arrival.decoded(confirmation, event_id, content_key)


def _withdraw(arrival: _Arrival) -> Decoded:
    wire = arrival.wire(WireWithdraw)
    at = arrival.moment(wire.at, arrival.latest)
    own_id, content_key = identify_withdrawal(wire.event_id, at, arrival.keys, arrival.context)
    withdrawal = Withdrawal(
        event_id=own_id,
        athlete=arrival.context.athlete,
        at=at,
        source=wire.source,
        source_id=wire.source_id,
        target=wire.event_id,
    )
    return arrival.decoded(withdrawal, wire.event_id, content_key)


_BUILDERS: Mapping[InputKind, Callable[[_Arrival], Decoded]] = MappingProxyType(
    {
        InputKind.RUN: _run,
        InputKind.ACTIVITY: _activity,
        InputKind.PAIN: _pain,
        InputKind.WELLNESS: _wellness,
        InputKind.CONFIRM: _confirm,
        InputKind.WITHDRAW: _withdraw,
    }
)


def accept(kind: InputKind, keys: JsonObject, context: Context) -> Decoded:
    """The input that `keys` describe, as any door hands them over. `Rejected` when they describe none."""
    return _BUILDERS[kind](_Arrival(kind, keys, context, context.arrived_at))


def decoder(kind: InputKind) -> Decoder:
    """The decoder of one input topic."""

    def decode(payload: bytes, context: Context) -> tuple[Decoded, ...]:
        return (accept(kind, as_object(load(payload)), context),)

    return decode


def accept_typed(keys: JsonObject, context: Context) -> Decoded:
    """An input that names its own kind as `type`."""
    return accept(_kind(keys), keys, context)


def parse_log_line(text: str, athlete_default: str, zone: ZoneInfo) -> Decoded:
    """One line of a replay log. Its own time is all the time there is: nothing in it is late or ahead."""
    keys = as_object(load(text))
    named = keys.get("athlete")
    athlete = athlete_default if named is None else named
    if not isinstance(athlete, str) or not is_athlete_id(athlete):
        raise refused(path="athlete", wrong=Wrong.NOT_AN_ID, given=athlete, allowed=ATHLETE_IDS)
    context = Context(athlete=athlete, zone=zone, arrived_at=_NO_ARRIVAL)
    kind = _kind(keys)
    return _BUILDERS[kind](_Arrival(kind, keys, context, None))


def _kind(keys: Mapping[str, Json]) -> InputKind:
    try:
        return InputKind(str(keys.get("type")))
    except ValueError as error:
        raise refused(path="type", wrong=Wrong.NOT_A_WORD, given=keys.get("type"), allowed=KINDS) from error
