"""The recovery policy: a pure function of inputs, profile, thresholds and the moment asked about."""

from .assess import assess
from .fold import fold, step
from .serial import dump_state, fingerprint, load_state
from .state import PolicyState, initial_state
from .thresholds import POLICY_2026_1, Thresholds
from .timeline import Fact, arrange, facts_of_one, follows, order_key, reaches_back_to, unique, withdrawal_problem

__all__ = [
    "POLICY_2026_1",
    "Fact",
    "PolicyState",
    "Thresholds",
    "arrange",
    "assess",
    "dump_state",
    "facts_of_one",
    "fingerprint",
    "fold",
    "follows",
    "initial_state",
    "load_state",
    "order_key",
    "reaches_back_to",
    "step",
    "unique",
    "withdrawal_problem",
]
