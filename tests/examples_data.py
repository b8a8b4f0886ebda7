"""The worked examples of POLICY.md as replay logs: the lines, the moment asked about, and what must hold.

Every line is the canonical JSON of one input (CONTRACT section 5) with its `type`, `at` and `event_id`.
An example that asks twice, or of two logs, has two entries of one number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import Final

from runback_hub.model.assessment import State
from runback_hub.model.athlete import Profile
from runback_hub.model.inputs import EMERGENCY_SYMPTOMS

ATHLETE: Final = "alex"
YEAR: Final = 2026


class Unsaid(Enum):
    """Stands where an example says nothing; `None` says "null"."""

    UNSAID = "unsaid"


UNSAID: Final = Unsaid.UNSAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What must hold. `rules` must all be among the reasons; `value` belongs to the first of them."""

    state: State
    rules: frozenset[str] = frozenset()
    code: str | Unsaid = UNSAID
    value: Fraction | Unsaid = UNSAID
    rest: bool | Unsaid = UNSAID
    run_ok_today: bool | Unsaid = UNSAID
    max_distance_m: int | Unsaid | None = UNSAID
    max_duration_s: int | Unsaid | None = UNSAID
    max_rpe: int | Unsaid | None = UNSAID
    spike_ratio: Fraction | Unsaid | None = UNSAID
    review_at: datetime | Unsaid | None = UNSAID
    episode_open: bool | Unsaid = UNSAID
    stage: int | Unsaid | None = UNSAID
    session: str | Unsaid = UNSAID
    sessions_needed: int | Unsaid = UNSAID
    to_leave_is_empty: bool | Unsaid = UNSAID
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row of the table: `lines` is the whole log, in order."""

    number: int
    part: str = ""
    lines: tuple[str, ...]
    asked_at: datetime
    expect: Expect
    profile: Profile = field(default_factory=lambda: Profile(athlete=ATHLETE))

    @property
    def name(self) -> str:
        """Number and part, as test ids show it."""
        return f"{self.number}{self.part}"


def moment(month: int, day: int, clock: str) -> datetime:
    """A moment of the examples' year, UTC."""
    hour, minute = clock.split(":")
    return datetime(YEAR, month, day, int(hour), int(minute), tzinfo=UTC)


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _line(kind: str, at: datetime, /, **fields: object) -> str:
    event_id = f"{kind}-{at:%m%d-%H%M}"
    return json.dumps({"type": kind, "event_id": event_id, "at": _text(at), **fields})


def run(start: datetime, minutes: int, distance_m: int) -> str:
    """A run that is reported at its end."""
    end = start + timedelta(minutes=minutes)
    return _line("run", end, started_at=_text(start), duration_s=minutes * 60, distance_m=distance_m)


def pain(at: datetime, score: int, **fields: object) -> str:
    """A pain report."""
    return _line("pain", at, score=score, **fields)


def assessed(at: datetime) -> str:
    """A clinician has seen the person."""
    return _line("confirm", at, kind="assessed_by_clinician")


def all_no() -> dict[str, bool | None]:
    """Every emergency symptom answered `false`."""
    return dict.fromkeys(sorted(EMERGENCY_SYMPTOMS), False)


def one_unanswered() -> dict[str, bool | None]:
    """As `all_no`, but the last symptom is not answered."""
    return {**all_no(), max(EMERGENCY_SYMPTOMS): None}


def _eight_km(month: int, day: int) -> str:
    return run(moment(month, day, "07:00"), 45, 8000)


def _usual() -> tuple[str, ...]:
    return tuple(_eight_km(3, day) for day in (1, 4, 7, 10, 13, 16))


def _stopped() -> tuple[str, ...]:
    """Example 5: pain that began during a run on 18 March."""
    return (
        *_usual(),
        run(moment(3, 18, "07:00"), 30, 5000),
        pain(moment(3, 18, "07:35"), 1, location="lower_back", onset="during_run"),
    )


def _zeros(days: tuple[int, int, int], symptoms: dict[str, bool | None]) -> tuple[str, ...]:
    """Three mornings of 0, the last with the walk and the answers."""
    first, second, last = (moment(3, day, "08:00") for day in days)
    return (pain(first, 0), pain(second, 0), pain(last, 0, walk_30min_ok=True, symptoms=symptoms))


def _first_session() -> tuple[str, ...]:
    """Example 19: the first session of the plan that example 10 opened, with its next morning."""
    return (
        *_stopped(),
        *_zeros((19, 20, 21), all_no()),
        run(moment(3, 21, "13:00"), 20, 2200),
        pain(moment(3, 21, "13:25"), 0, onset="after_run"),
        pain(moment(3, 22, "08:00"), 0, onset="next_morning", compared_to_usual="same"),
    )


def _load_examples() -> tuple[Example, ...]:
    spike = (*_usual(), run(moment(3, 18, "07:00"), 55, 9700))
    return (
        Example(
            number=1,
            lines=_usual(),
            asked_at=moment(3, 16, "12:00"),
            expect=Expect(
                state=State.CLEAR,
                rest=False,
                run_ok_today=True,
                max_distance_m=8800,
                max_duration_s=None,
                max_rpe=None,
                spike_ratio=Fraction(1),
            ),
        ),
        Example(
            number=2,
            lines=spike,
            asked_at=moment(3, 18, "12:00"),
            expect=Expect(
                state=State.EASY,
                rules=frozenset({"L1"}),
                code="session_spike",
                value=Fraction(9700, 8000),
                spike_ratio=Fraction(9700, 8000),
                max_distance_m=5600,
                max_rpe=4,
                review_at=moment(3, 20, "07:55"),
            ),
        ),
        Example(
            number=3,
            lines=spike,
            asked_at=moment(3, 20, "08:00"),
            expect=Expect(state=State.CLEAR, max_distance_m=10670),
        ),
        Example(
            number=4,
            lines=(*_usual(), run(moment(3, 18, "07:00"), 100, 16100)),
            asked_at=moment(3, 18, "12:00"),
            expect=Expect(state=State.EASY, rules=frozenset({"L2"}), value=Fraction(16100, 8000)),
        ),
    )


def _pain_examples() -> tuple[Example, ...]:
    return (
        Example(
            number=5,
            lines=_stopped(),
            asked_at=moment(3, 18, "12:00"),
            expect=Expect(
                state=State.REST,
                rules=frozenset({"P1"}),
                rest=True,
                run_ok_today=False,
                max_distance_m=0,
                max_duration_s=0,
                max_rpe=0,
                to_leave_is_empty=False,
            ),
        ),
        Example(
            number=6,
            lines=(*_usual(), pain(moment(3, 18, "20:00"), 2, location="lower_back", onset="daily")),
            asked_at=moment(3, 18, "21:00"),
            expect=Expect(state=State.EASY, rules=frozenset({"P4"}), episode_open=True),
        ),
        Example(
            number=7,
            lines=(*_usual(), pain(moment(3, 16, "08:00"), 3, location="knee", onset="after_run")),
            asked_at=moment(3, 16, "09:00"),
            expect=Expect(state=State.REST, rules=frozenset({"P5"}), rest=True),
        ),
    )


def _flag_examples() -> tuple[Example, ...]:
    flagged = (*_usual(), pain(moment(3, 18, "08:00"), 0, symptoms={"saddle_numbness": True}))
    later_runs = tuple(_eight_km(month, day) for month, day in ((4, 20), (4, 23), (4, 26), (4, 29)))
    nights = tuple(
        _line("wellness", at, date=f"{at:%Y-%m-%d}", hrv_rmssd_ms=hrv)
        for back in range(40)
        for at in (moment(4, 30, "06:30") - timedelta(days=39 - back),)
        for hrv in (90 if back >= 33 else 58 + back % 5,)
    )
    return (
        Example(
            number=8,
            lines=(*flagged, *later_runs, *nights),
            asked_at=moment(4, 30, "12:00"),
            expect=Expect(
                state=State.EMERGENCY, rules=frozenset({"E1"}), rest=True, run_ok_today=False, max_distance_m=0
            ),
        ),
        Example(
            number=9,
            lines=(*flagged, assessed(moment(3, 20, "09:00"))),
            asked_at=moment(3, 20, "12:00"),
            expect=Expect(state=State.REST, rules=frozenset({"R4"}), rest=True),
        ),
    )


def _return_examples() -> tuple[Example, ...]:
    relapse = (
        *_first_session(),
        run(moment(3, 23, "13:00"), 20, 2400),
        pain(moment(3, 23, "13:25"), 2, onset="during_run"),
        *_zeros((24, 25, 26), all_no()),
    )
    return (
        Example(
            number=10,
            lines=(*_stopped(), *_zeros((19, 20, 21), all_no())),
            asked_at=moment(3, 21, "12:00"),
            expect=Expect(
                state=State.RETURNING,
                rules=frozenset({"R1"}),
                rest=False,
                stage=5,
                session="4 x (2.5 min walk, 2.5 min jog)",
                sessions_needed=1,
            ),
        ),
        Example(
            number=11,
            lines=(*_stopped(), *_zeros((19, 20, 21), one_unanswered())),
            asked_at=moment(3, 21, "12:00"),
            expect=Expect(state=State.REST, rest=True, missing=frozenset({"red_flag_questions"})),
        ),
        Example(
            number=17,
            lines=_stopped(),
            asked_at=moment(3, 28, "12:00"),
            expect=Expect(state=State.REST, rules=frozenset({"P1"}), rest=True),
        ),
        Example(
            number=19,
            part="a",
            lines=_first_session(),
            asked_at=moment(3, 22, "12:00"),
            expect=Expect(state=State.RETURNING, stage=6, rest=True, run_ok_today=False),
        ),
        Example(
            number=19,
            part="b",
            lines=_first_session(),
            asked_at=moment(3, 23, "00:00"),
            expect=Expect(state=State.RETURNING, stage=6, rest=False, run_ok_today=True),
        ),
        Example(
            number=20,
            lines=relapse,
            asked_at=moment(3, 26, "12:00"),
            expect=Expect(state=State.RETURNING, rules=frozenset({"R1"}), stage=5, sessions_needed=1),
        ),
    )


def _break_examples() -> tuple[Example, ...]:
    return (
        Example(
            number=12,
            lines=_usual(),
            asked_at=moment(4, 2, "08:00"),
            expect=Expect(state=State.EASY, rules=frozenset({"L3"}), max_distance_m=5600),
        ),
        Example(
            number=13,
            lines=_usual()[:3],
            asked_at=moment(3, 7, "12:00"),
            expect=Expect(state=State.UNKNOWN, rules=frozenset({"N1"})),
        ),
        Example(
            number=18,
            lines=_usual(),
            asked_at=moment(4, 20, "08:00"),
            expect=Expect(state=State.RETURNING, rules=frozenset({"L3"}), stage=5, sessions_needed=1),
        ),
        Example(
            number=21,
            lines=(*_usual(), *(run(moment(4, day, "18:00"), 30, 5000) for day in (20, 22, 24))),
            asked_at=moment(4, 24, "20:00"),
            expect=Expect(state=State.CLEAR, stage=None),
        ),
    )


def _other_examples() -> tuple[Example, ...]:
    tired_at = moment(3, 17, "07:00")
    stubborn = (
        *_usual(),
        *(_eight_km(3, day) for day in (19, 22, 25, 28, 31)),
        *(pain(moment(3, day, "12:30"), 1) for day in range(17, 32)),
    )
    return (
        Example(
            number=14,
            profile=Profile(athlete=ATHLETE, birth_year=YEAR - 15),
            lines=(*_usual(), pain(moment(3, 18, "20:00"), 1)),
            asked_at=moment(3, 18, "21:00"),
            expect=Expect(
                state=State.SEE_PROVIDER,
                rules=frozenset({"C1"}),
                stage=None,
                max_distance_m=None,
                max_duration_s=None,
                max_rpe=None,
            ),
        ),
        Example(
            number=15,
            lines=(*_usual(), _line("wellness", tired_at, date=f"{tired_at:%Y-%m-%d}", soreness=4)),
            asked_at=moment(3, 17, "12:00"),
            expect=Expect(state=State.EASY, rules=frozenset({"W1"})),
        ),
        Example(
            number=16,
            lines=(*_usual(), *(pain(moment(3, 16 + n, "08:00"), n, onset="daily") for n in (1, 2, 3))),
            asked_at=moment(3, 19, "12:00"),
            expect=Expect(state=State.REST, rules=frozenset({"T1", "P5"})),
        ),
        Example(
            number=22,
            part="a",
            lines=stubborn,
            asked_at=moment(3, 31, "13:00"),
            expect=Expect(state=State.SEE_PROVIDER, rules=frozenset({"C2"}), rest=True),
        ),
        Example(
            number=22,
            part="b",
            lines=(*stubborn, assessed(moment(4, 1, "09:00")), pain(moment(4, 2, "12:30"), 1)),
            asked_at=moment(4, 2, "13:00"),
            expect=Expect(state=State.EASY),
        ),
    )


def worked_examples() -> tuple[Example, ...]:
    """All of the table, by number."""
    rows = (
        *_load_examples(),
        *_pain_examples(),
        *_flag_examples(),
        *_return_examples(),
        *_break_examples(),
        *_other_examples(),
    )
    return tuple(sorted(rows, key=lambda row: (row.number, row.part)))
