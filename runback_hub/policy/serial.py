"""The fold's state as text, for snapshots."""

from __future__ import annotations

import hashlib

from pydantic import TypeAdapter

from ..model.athlete import Profile
from .state import PolicyState
from .thresholds import Thresholds

LAYOUT = 1
"""Raised when `PolicyState` changes shape: older snapshots are then left aside and the log is folded again."""

_ADAPTER: TypeAdapter[PolicyState] = TypeAdapter(PolicyState)


def dump_state(state: PolicyState) -> str:
    """The state as JSON text."""
    return _ADAPTER.dump_json(state).decode()


def load_state(text: str) -> PolicyState:
    """The state that `dump_state` wrote. Raises `ValueError` on anything else."""
    return _ADAPTER.validate_json(text)


def fingerprint(profile: Profile, limits: Thresholds) -> str:
    """Names everything a state depends on beside the inputs: a snapshot of another name is not used."""
    text = f"{LAYOUT}|{limits!r}|{profile!r}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
