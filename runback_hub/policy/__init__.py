"""The recovery policy: a pure function of inputs, profile, thresholds and the moment asked about."""

from .assess import assess
from .fold import fold, step
from .state import PolicyState, initial_state
from .thresholds import POLICY_2026_1, Thresholds
from .timeline import Fact, arrange, order_key

__all__ = [
    "POLICY_2026_1",
    "Fact",
    "PolicyState",
    "Thresholds",
    "arrange",
    "assess",
    "fold",
    "initial_state",
    "order_key",
    "step",
]
