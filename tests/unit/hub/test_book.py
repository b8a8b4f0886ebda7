"""A book fed in any order ends where a clean fold of the whole log ends; snapshots change nothing."""

from __future__ import annotations

import random

import pytest

from runback_hub.hub.book import Book
from runback_hub.model.inputs import Input, Withdrawal
from runback_hub.policy import (
    POLICY_2026_1,
    arrange,
    assess,
    dump_state,
    fold,
    load_state,
    unique,
)
from tests.oracle.logs import random_log


def _fed(seed: int, order: list[Input]) -> tuple[Book, list[Input]]:
    profile, _ = random_log(seed)
    book = Book.opened(profile, POLICY_2026_1, None, ())
    seen: dict[str, Input] = {}
    for item in order:
        if item.event_id in seen:
            continue
        seen[item.event_id] = item
        target = seen.get(item.target) if isinstance(item, Withdrawal) else None
        reach = book.reach_of(item, target.at if target else None)
        if book.follows(item) or book.can_take(reach):
            book = book.with_input(item).trimmed()
        else:
            book = Book.opened(profile, POLICY_2026_1, None, tuple(unique(seen.values())))
    return book, list(seen.values())


@pytest.mark.parametrize("seed", range(300, 312))
@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "late ones"])
def test_a_book_equals_a_clean_fold(seed: int, *, shuffled: bool) -> None:
    profile, inputs = random_log(seed)
    order = unique(inputs)
    if shuffled:
        spread = random.Random(seed)
        order.sort(key=lambda item: item.at.timestamp() + spread.choice((0, 0, 0, 9e4, 9e5)))
    book, seen = _fed(seed, order)
    now = max(item.at for item in seen)
    clean = assess(fold(profile, arrange(seen)), now, profile)
    assert assess(book.head, now, profile) == clean


@pytest.mark.parametrize("seed", range(320, 326))
def test_a_state_survives_being_written_down(seed: int) -> None:
    profile, inputs = random_log(seed)
    facts = arrange(inputs)
    half = len(facts) // 2
    whole = fold(profile, facts)
    state = load_state(dump_state(fold(profile, facts[:half])))
    assert fold(profile, facts[half:], start=state) == whole
