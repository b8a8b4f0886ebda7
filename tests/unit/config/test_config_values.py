"""The values of single keys, once they are read."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from runback_hub.config import ConfigError, Settings, load_settings


def load(folder: Path, **options: object) -> Settings:
    return load_settings(folder=folder, environ={}, options=options)


@pytest.mark.parametrize(
    ("span", "inside", "outside"),
    [
        ("21:30-07:00", ["21:30", "23:59", "00:00", "06:59"], ["07:00", "12:00", "21:29"]),
        ("13:00-14:00", ["13:00", "13:59"], ["14:00", "12:59", "00:00"]),
    ],
)
def test_quiet_hours(span: str, inside: list[str], outside: list[str], tmp_path: Path) -> None:
    alex = load(tmp_path, athletes={"alex": {"quiet_hours": span}}).athlete("alex")
    assert alex is not None
    assert alex.quiet_hours is not None
    assert [text for text in inside if time.fromisoformat(text) not in alex.quiet_hours] == []
    assert [text for text in outside if time.fromisoformat(text) in alex.quiet_hours] == []


@pytest.mark.parametrize(
    ("text", "cutoff"),
    [
        ("90d", datetime(2023, 12, 1, 6, tzinfo=UTC)),
        ("3mo", datetime(2023, 11, 29, 6, tzinfo=UTC)),
        ("12mo", datetime(2023, 2, 28, 6, tzinfo=UTC)),
        ("5y", datetime(2019, 2, 28, 6, tzinfo=UTC)),
        ("4y", datetime(2020, 2, 29, 6, tzinfo=UTC)),
    ],
)
def test_retention(text: str, cutoff: datetime, tmp_path: Path) -> None:
    kept = load(tmp_path, retention=text).retention
    assert kept is not None
    assert str(kept) == text
    assert kept.cutoff(datetime(2024, 2, 29, 6, tzinfo=UTC)) == cutoff


def test_client_id_is_derived_from_the_prefix_alone(tmp_path: Path) -> None:
    assert load(tmp_path, topic_prefix="home/run").mqtt_client_id == "runback-hub-home-run"
    assert load(tmp_path, client_id="mine").mqtt_client_id == "mine"


def test_postgresql_is_a_choice_of_store_without_a_file(tmp_path: Path) -> None:
    settings = load(tmp_path, store="postgresql://u@h/d")
    assert settings.store_file is None
    assert settings.store.url is not None
    assert settings.store.url.get_secret_value() == "postgresql://u@h/d"


@pytest.mark.parametrize("path", ["x" * 5000, "~nobody-of-this-name/x"])
def test_impossible_paths_are_problems(path: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^templates: is not"):
        load(tmp_path, templates=path)
