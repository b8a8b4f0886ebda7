"""What an athlete or a device tells us, already parsed and checked.

All moments are aware datetimes in UTC. Payloads of the outside world become these values once, at the
border (`runback_hub.formats`); nothing inside the package handles raw payloads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

NO_ANSWERS: Mapping[str, bool] = MappingProxyType({})


class InputKind(StrEnum):
    """The six kinds of input, as the topic and the replay log name them."""

    RUN = "run"
    ACTIVITY = "activity"
    PAIN = "pain"
    WELLNESS = "wellness"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"


class Surface(StrEnum):
    """Ground under a run; recorded and shown, it never decides (EVIDENCE 2.4)."""

    ROAD = "road"
    TRAIL = "trail"
    TREADMILL = "treadmill"
    TRACK = "track"
    GRASS = "grass"
    SAND = "sand"
    MIXED = "mixed"


class Sport(StrEnum):
    """Sports other than running."""

    CYCLING = "cycling"
    SWIMMING = "swimming"
    ELLIPTICAL = "elliptical"
    WALKING = "walking"
    HIKING = "hiking"
    STRENGTH = "strength"
    CORE = "core"
    YOGA = "yoga"
    ROWING = "rowing"
    OTHER = "other"


class Location(StrEnum):
    """Where pain is felt."""

    LOWER_BACK = "lower_back"
    UPPER_BACK = "upper_back"
    HIP = "hip"
    BUTTOCK = "buttock"
    GROIN = "groin"
    THIGH = "thigh"
    KNEE = "knee"
    LOWER_LEG = "lower_leg"
    ANKLE = "ankle"
    FOOT = "foot"
    OTHER = "other"


class Onset(StrEnum):
    """When pain was felt, relative to a run."""

    BEFORE_RUN = "before_run"
    DURING_RUN = "during_run"
    AFTER_RUN = "after_run"
    NEXT_MORNING = "next_morning"
    DAILY = "daily"


class Comparison(StrEnum):
    """This morning against the person's usual mornings."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"


class PainQuality(StrEnum):
    """Dull, or the sharp kind at which a run stops (EVIDENCE 3.1)."""

    DULL = "dull"
    SHARP = "sharp"


class ConfirmationKind(StrEnum):
    """Things only the person can confirm."""

    ASSESSED_BY_CLINICIAN = "assessed_by_clinician"
    OVERRIDE_SOFT_REST = "override_soft_rest"
    WALK_30MIN_OK = "walk_30min_ok"
    PAIN_FREE_DAY = "pain_free_day"


EMERGENCY_SYMPTOMS = frozenset(
    {
        "both_legs",
        "saddle_numbness",
        "bladder_retention",
        "bladder_bowel_loss",
        "sexual_function_change",
        "legs_giving_way",
        "chest_pain",
        "serious_accident",
    }
)
"""EVIDENCE 6.1, level emergency. One `true` is enough; nothing is added up."""

HISTORY_SYMPTOMS = frozenset({"cancer_history", "weak_immunity_or_steroids", "osteoporosis_or_minor_fall"})
"""Urgent answers about the past: once a clinician has assessed them, only a new episode asks again."""

URGENT_SYMPTOMS = HISTORY_SYMPTOMS | frozenset(
    {
        "fever",
        "weight_loss",
        "lump",
        "night_or_rest_pain",
        "between_shoulder_blades",
        "worse_on_cough",
        "one_leg_deficit",
        "below_knee_increasing",
    }
)
"""EVIDENCE 6.1, level urgent."""

SPORT_SYMPTOMS = frozenset({"bone_focal", "hop_pain", "earlier_each_run", "daily_walking_pain"})
"""EVIDENCE 6.1, sport-specific."""

OTHER_SYMPTOMS = frozenset({"tingling", "numbness", "weakness", "stiffness"})
"""Named by the seed article (EVIDENCE 1.1, line 2); recorded, they raise no flag by themselves."""

RED_FLAG_SYMPTOMS = EMERGENCY_SYMPTOMS | URGENT_SYMPTOMS | SPORT_SYMPTOMS
ALL_SYMPTOMS = RED_FLAG_SYMPTOMS | OTHER_SYMPTOMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What every input has.

    `at` is the moment the fact was observed; the policy orders by it. `source` names where the input came
    from (free text, a maker or a format), `source_id` is the id it has there.
    """

    event_id: str
    athlete: str
    at: datetime
    source: str | None = None
    source_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PainReport(Observation):
    """One answer to "how is your back?". Symptoms hold `True` and `False` only; absent means not answered.

    `score` is 0-10, whole (fractions round up), `None` where it was missing or impossible but a symptom was
    answered `True`. A report carried by a run or an activity has `carrier` set to the carrier's event id.
    """

    score: int | None
    location: Location | None = None
    onset: Onset = Onset.DAILY
    compared_to_usual: Comparison | None = None
    in_reply_to: str | None = None
    quality: PainQuality | None = None
    limp: bool | None = None
    walk_30min_ok: bool | None = None
    symptoms: Mapping[str, bool] = field(default_factory=lambda: NO_ANSWERS)
    carrier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort(Observation):
    """What runs and other activities share.

    `duration_ms` is the timer time (pauses excluded) and greater than 0; `distance_m` is whole metres;
    `cadence_spm` counts both feet; `rpe` is 0-10 on the CR10 scale. `None` means not measured, never 0.
    `marks` names doubts found on decoding (`gps_short`, `damaged`, `day_only_start`).
    """

    started_at: datetime
    duration_ms: int
    distance_m: int | None = None
    moving_s: float | None = None
    steps: int | None = None
    cadence_spm: float | None = None
    avg_hr: int | None = None
    max_hr: int | None = None
    ascent_m: float | None = None
    descent_m: float | None = None
    surface: Surface | None = None
    rpe: float | None = None
    title: str | None = None
    tz_offset_min: int | None = None
    marks: tuple[str, ...] = ()
    pain: PainReport | None = None

    @property
    def ended_at(self) -> datetime:
        """Start plus timer time."""
        return self.started_at + timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCompleted(Effort):
    """A finished run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityCompleted(Effort):
    """A finished activity that is not a run."""

    sport: Sport


@dataclass(frozen=True, slots=True, kw_only=True)
class WellnessReading(Observation):
    """One morning's numbers for a local `date` (ISO text). Scales: soreness, fatigue, stress 1-5."""

    date: str
    hrv_rmssd_ms: float | None = None
    resting_hr: float | None = None
    sleep_s: int | None = None
    soreness: int | None = None
    fatigue: int | None = None
    stress: int | None = None
    readiness: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation(Observation):
    """Something the person confirms; only `assessed_by_clinician` clears a red flag."""

    kind: ConfirmationKind
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal(Observation):
    """Takes back the input `target`. Its own `event_id` is derived; the log keeps both."""

    target: str


Input = RunCompleted | ActivityCompleted | PainReport | WellnessReading | Confirmation | Withdrawal

KIND_OF: Mapping[type[Observation], InputKind] = MappingProxyType(
    {
        RunCompleted: InputKind.RUN,
        ActivityCompleted: InputKind.ACTIVITY,
        PainReport: InputKind.PAIN,
        WellnessReading: InputKind.WELLNESS,
        Confirmation: InputKind.CONFIRM,
        Withdrawal: InputKind.WITHDRAW,
    }
)
