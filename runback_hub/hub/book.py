"""What the hub holds in memory of one athlete: a base state, the inputs since, and the newest state.

A new input is stepped in; one that reaches back re-folds what follows the base. Books are immutable: a batch
that fails to commit leaves the old ones standing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from ..model.assessment import Assessment
from ..model.athlete import Profile
from ..model.inputs import Input, Withdrawal
from ..policy import (
    PolicyState,
    Thresholds,
    arrange,
    facts_of_one,
    fold,
    follows,
    initial_state,
    order_key,
    reaches_back_to,
)
from .checkin import Checkin

KEEP_INPUTS = 64
"""Inputs held beside the base; half of them move into the base when there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """One athlete. `base` holds every fact up to `base.moment`, `head` every fact there is."""

    profile: Profile
    limits: Thresholds
    base: PolicyState
    recent: tuple[Input, ...]
    head: PolicyState
    version: int = 0
    assessment: Assessment | None = None
    checkin: Checkin | None = None
    base_moved: bool = field(default=False)
    """The base moved since the last commit: it is worth a snapshot."""

    @classmethod
    def opened(cls, profile: Profile, limits: Thresholds, base: PolicyState | None, log: tuple[Input, ...]) -> Book:
        """A book from a snapshot's state (or nothing) and the inputs after it."""
        start = initial_state(profile) if base is None else base
        head = fold(
            profile,
            arrange(log, after=start.moment, known_runs=start.runs),
            start=start,
            limits=limits,
        )
        return cls(profile=profile, limits=limits, base=start, recent=log, head=head)

    def reach_of(self, item: Input, target_at: datetime | None) -> datetime:
        """The earliest moment that `item` may change; `target_at` is the time of what a withdrawal takes back."""
        reach = reaches_back_to(item, self.head.runs, self.head.reports)
        return reach if target_at is None else min(reach, target_at)

    def can_take(self, reach: datetime) -> bool:
        """Whether the base lies before everything that changes."""
        return self.base.moment is None or reach > self.base.moment

    def follows(self, item: Input) -> bool:
        """Whether `item` is newest and changes nothing before it."""
        awaited = any(isinstance(one, Withdrawal) and one.target == item.event_id for one in self.recent)
        return not awaited and follows(self.head.moment, self.head.runs, self.head.reports, item)

    def with_input(self, item: Input) -> Book:
        """The book with one more input, which `can_take` allows."""
        recent = tuple(sorted((*self.recent, item), key=lambda one: (*order_key(one), one.event_id)))
        if self.follows(item):
            facts = facts_of_one(item, self.head.runs)
            head = fold(self.profile, facts, start=self.head, limits=self.limits)
            return replace(self, recent=recent, head=head)
        facts = arrange(recent, after=self.base.moment, known_runs=self.base.runs)
        head = fold(self.profile, facts, start=self.base, limits=self.limits)
        return replace(self, recent=recent, head=head)

    def trimmed(self) -> Book:
        """Move the older half of the inputs into the base once there are too many."""
        if len(self.recent) <= KEEP_INPUTS:
            return self
        split = self.recent[len(self.recent) // 2].at
        facts = arrange(self.recent, after=self.base.moment, known_runs=self.base.runs)
        old = [fact for fact in facts if fact.at <= split]
        base = fold(self.profile, old, start=self.base, limits=self.limits)
        if base.moment is None or base.moment == self.base.moment:
            return self
        kept = tuple(item for item in self.recent if _reaches_after(item, base.moment))
        return replace(self, base=base, recent=kept, base_moved=True)


def _reaches_after(item: Input, moment: datetime) -> bool:
    if item.at > moment:
        return True
    return not isinstance(item, Withdrawal) and any(fact.at > moment for fact in facts_of_one(item, ()))
