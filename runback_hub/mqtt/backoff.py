"""Delays between attempts."""

from __future__ import annotations

import random

LEAST_SHARE = 0.5
"""Share of a delay that is never skipped; the rest is chance, so that many hubs do not return together."""


class Backoff:
    """Growing, capped, jittered delays."""

    def __init__(self, first_s: float, cap_s: float) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._next_s = first_s

    def next_s(self, *, slow: bool = False) -> float:
        """The delay to wait now; `slow` goes to the cap at once, for what will not pass by itself."""
        delay = self._cap_s if slow else min(self._next_s, self._cap_s)
        self._next_s = min(self._next_s * 2, self._cap_s)
        return delay * random.uniform(LEAST_SHARE, 1.0)  # noqa: S311 - spreads load, keeps no secret

    def reset(self) -> None:
        """Begin with the first delay again."""
        self._next_s = self._first_s
