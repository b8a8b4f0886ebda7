"""Policy 2026.1 as data. Red flags have no number here: they can not be tuned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One rung of the ladder (EVIDENCE 5.3): walk and jog part of a block in tenths of a minute."""

    walk_tenths_min: int
    jog_tenths_min: int
    blocks: int
    sessions: int

    @property
    def total_ms(self) -> int:
        """Time of the whole session."""
        return (self.walk_tenths_min + self.jog_tenths_min) * self.blocks * 6_000

    @property
    def text(self) -> str:
        """The session as people write it."""
        walk, jog = (f"{tenths / 10:g}" for tenths in (self.walk_tenths_min, self.jog_tenths_min))
        if self.jog_tenths_min == 0:
            return f"{walk} min brisk walk"
        if self.walk_tenths_min == 0:
            return f"{jog} min continuous, easy, flat"
        return f"{self.blocks} x ({walk} min walk, {jog} min jog)"


LAST_WALKED, LAST_WALKED_BLOCKS = 9, 5

LADDER = (
    Stage(walk_tenths_min=300, jog_tenths_min=0, blocks=1, sessions=2),
    *(
        Stage(
            walk_tenths_min=50 - 5 * n,
            jog_tenths_min=5 * n,
            blocks=LAST_WALKED_BLOCKS if n == LAST_WALKED else 4,
            sessions=2,
        )
        for n in range(1, 10)
    ),
    Stage(walk_tenths_min=0, jog_tenths_min=250, blocks=1, sessions=3),
)
"""Stages 0 to 10 (EVIDENCE 5.2, 5.3: general running-injury practice, none is proven for the back)."""

TOP_STAGE = len(LADDER) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Every number of the policy that is not a red flag. *Choice* marks ours, not a study's."""

    version: str = "2026.1"
    # Load, EVIDENCE 2.1 (Frandsen 2025: bins of the ratio to the longest run of 30 days).
    spike_small_percent: int = 110
    spike_moderate_percent: int = 130
    spike_large_percent: int = 200
    window_l30: timedelta = timedelta(hours=720)
    min_run_m: int = 400
    hold_spike: timedelta = timedelta(hours=48)  # choice
    hold_large_spike: timedelta = timedelta(hours=72)  # choice
    easy_percent: int = 70  # choice
    easy_rpe: int = 4
    # Time off, EVIDENCE 5.3.
    time_off_days: int = 14
    long_time_off_days: int = 28
    episode_memory_days: int = 90
    # Pain, EVIDENCE 3.1.
    moderate_score: int = 3
    strong_score: int = 6
    guided_rise: int = 2
    rising_days: int = 14
    # Care, EVIDENCE 6.1 "routine" and the seed article (EVIDENCE 1.1, line 11).
    care_days: int = 14
    care_weeks_days: int = 42
    care_silence_days: int = 90
    care_zero_gap_days: int = 3
    # Wellness, EVIDENCE 4.
    soreness_limit: int = 4
    short_night_s: int = 6 * 3600
    hrv_nights_7d: int = 3
    hrv_nights_28d: int = 14
    # Baseline.
    baseline_runs: int = 4
    baseline_days: int = 14
    answer_due: timedelta = timedelta(hours=36)
    # Leaving rest, EVIDENCE 5.2.
    rest_quiet: timedelta = timedelta(hours=48)
    session_low_percent: int = 80
    session_high_percent: int = 125
    session_gap_days: int = 2
    quick_open_days: int = 7  # choice
    quick_score: int = 2  # choice
    three_runs_days: int = 14
    three_runs_percent: int = 70


POLICY_2026_1 = Thresholds()
