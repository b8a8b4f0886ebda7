from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from runback_hub.activity_files import MadeRun
from runback_hub.formats.base import Context

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"
collect_ignore = [] if SAMPLES.is_dir() else ["test_recorded_samples.py"]


@pytest.fixture
def context() -> Context:
    return Context(
        athlete="alex",
        zone=ZoneInfo("Europe/Berlin"),
        arrived_at=datetime(2026, 3, 18, 12, tzinfo=UTC),
        salt="first",
    )


@pytest.fixture
def made_run() -> MadeRun:
    return MadeRun(
        started_at=datetime(2026, 3, 18, 7, 0, 23, tzinfo=UTC),
        duration_s=3300,
        distance_m=9700,
        cadence_spm=167,
        tz_offset_min=60,
    )
