"""Who the policy decides for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from zoneinfo import ZoneInfo

ATHLETE_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
RESERVED_ATHLETE_ID = "hub"


class Experience(StrEnum):
    """The two typical runners of the seed article (EVIDENCE 1.1, line 3)."""

    REGULAR = "regular"
    BEGINNER = "beginner"


class PainProfile(StrEnum):
    """`seed_strict` stops at any new pain; `clinician_guided` is for people who work with a clinician."""

    SEED_STRICT = "seed_strict"
    CLINICIAN_GUIDED = "clinician_guided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the policy needs to know of a person. No birth year means adult; no zone means UTC."""

    athlete: str
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    birth_year: int | None = None
    experience: Experience = Experience.REGULAR
    pain_profile: PainProfile = PainProfile.SEED_STRICT


def is_athlete_id(text: str) -> bool:
    """Whether `text` may name an athlete: `[a-z0-9][a-z0-9_-]{0,62}`, and not the reserved `hub`."""
    return text != RESERVED_ATHLETE_ID and ATHLETE_ID.fullmatch(text) is not None
