"""Whatever stands in a file or a variable: settings or a `ConfigError`, one plain line per problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_hub.config import Athlete, ConfigError, Settings, Source, load_settings, masked
from runback_hub.config.yaml_text import parse_text

KEYS = st.one_of(
    st.sampled_from(
        [
            *Settings.model_fields,
            *Athlete.model_fields,
            *Source.model_fields,
            *("alex", "listen", "token_file", "ca_file", "discovery_prefix"),
        ]
    ),
    st.text(max_size=8),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["default", "embedded", "mqtt://h", "a:1", "21:30-07:00", "UTC", "5y", "3.1.1", "\ud800", "~x", "\0"]
    ),
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


def checked(file: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The problems found; any other exception fails the test."""
    try:
        found = load_settings(file, environ=environ)
    except ConfigError as error:
        return error.problems
    assert parse_text(masked(found))
    return ()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "runback.yaml"


def hold_for(file: Path, text: str, environ: Mapping[str, str]) -> None:
    file.write_text(text, encoding="utf-8")
    for line in checked(file, environ):
        assert ": " in line
        assert line.isprintable()


@settings(max_examples=150, deadline=None)
@given(tree=st.dictionaries(KEYS, TREES, max_size=5))
def test_any_tree_as_json(file: Path, tree: dict[str, object]) -> None:
    hold_for(file, json.dumps(tree), {})


@settings(max_examples=100, deadline=None)
@given(tree=st.dictionaries(KEYS, TREES, max_size=5))
def test_any_tree_as_yaml(file: Path, tree: dict[str, object]) -> None:
    hold_for(file, yaml.safe_dump(tree), {})


@settings(max_examples=100, deadline=None)
@given(text=WORDS, name=KEYS)
def test_any_text(file: Path, text: str, name: str) -> None:
    hold_for(file, text, {f"RUNBACK_{name.upper()}": text})
