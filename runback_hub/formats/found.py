"""What a decoder of activity files found: the same few facts from every format, on their way to inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from ..model.inputs import InputKind, Sport, Surface
from .base import Context, Decoded, Rejected, RejectReason
from .canonical import accept
from .json_text import JsonObject, as_number

MAX_PER_LEG_DOUBLED_SPM = 240
"""Nobody runs faster steps; a number that doubles to more counted both feet already (FORMATS 1)."""

NO_EXTRAS: Mapping[str, str | int | float] = MappingProxyType({})


def both_feet(per_leg: Decimal | None) -> Decimal | None:
    """Steps a minute from a per-leg cadence; 0 is not measured."""
    if not per_leg:
        return None
    doubled = 2 * per_leg
    return per_leg if doubled > MAX_PER_LEG_DOUBLED_SPM else doubled


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEffort:
    """One leg of a file. `sport` is `None` for a run; `extras` are keys that the log keeps and nobody reads yet."""

    sport: Sport | None
    source: str
    source_id: str
    started_at: datetime
    duration_s: Decimal
    distance_m: Decimal | None = None
    moving_s: Decimal | None = None
    elapsed_s: Decimal | None = None
    steps: int | None = None
    cadence_spm: Decimal | None = None
    avg_hr: Decimal | None = None
    max_hr: Decimal | None = None
    ascent_m: Decimal | None = None
    descent_m: Decimal | None = None
    surface: Surface | None = None
    rpe: Decimal | None = None
    title: str | None = None
    tz_offset_min: int | None = None
    marks: tuple[str, ...] = ()
    extras: Mapping[str, str | int | float] = field(default_factory=lambda: NO_EXTRAS)

    @property
    def kind(self) -> InputKind:
        """The topic this effort would have come on as JSON."""
        return InputKind.RUN if self.sport is None else InputKind.ACTIVITY

    def keys(self) -> JsonObject:
        """The effort as one of our own JSON inputs."""
        numbers = {
            "duration_s": self.duration_s,
            "distance_m": self.distance_m,
            "moving_s": self.moving_s,
            "elapsed_s": self.elapsed_s,
            "cadence_spm": self.cadence_spm,
            "avg_hr": self.avg_hr,
            "max_hr": self.max_hr,
            "ascent_m": self.ascent_m,
            "descent_m": self.descent_m,
            "rpe": self.rpe,
        }
        found: JsonObject = {
            "sport": self.sport,
            "source": self.source,
            "source_id": self.source_id,
            "started_at": self.started_at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z",
            **{name: as_number(value) for name, value in numbers.items() if value is not None},
            "steps": self.steps,
            "surface": self.surface,
            "title": self.title,
            "tz_offset_min": self.tz_offset_min,
            "marks": list(self.marks) or None,
            **self.extras,
        }
        return {name: value for name, value in found.items() if value is not None}


def decode_found(legs: Iterable[FoundEffort | Rejected], context: Context) -> tuple[Decoded, ...]:
    """The inputs of one file, each once. A leg that can not stand does not take the others with it."""
    inputs: dict[str, Decoded] = {}
    refusals: list[Rejected] = []
    for leg in legs:
        if isinstance(leg, Rejected):
            refusals.append(leg)
            continue
        try:
            decoded = accept(leg.kind, leg.keys(), context)
        except Rejected as refusal:
            refusals.append(refusal)
        else:
            inputs.setdefault(decoded.input.event_id, decoded)
    if inputs:
        return tuple(inputs.values())
    if refusals:
        raise refusals[0]
    raise Rejected(RejectReason.NOT_AN_ACTIVITY, "payload: holds no finished activity")
