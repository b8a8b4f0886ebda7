"""The fold against the slow, literal second implementation, on generated months of inputs."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from runback_hub.model.inputs import ConfirmationKind
from runback_hub.policy import arrange, assess, fold
from tests.oracle.logs import random_log
from tests.oracle.policy import assess as ask_oracle

SEEDS = range(24)
SECOND_REASONS = frozenset({"no_recent_baseline", "ladder_exceeded"})


@pytest.mark.parametrize("seed", SEEDS)
def test_both_implementations_agree(seed: int) -> None:
    profile, inputs = random_log(seed)
    last = max(item.at for item in inputs)
    asked = sorted({item.at for item in inputs})[seed % 7 :: 11]
    asked += [last + timedelta(days=days, hours=3) for days in (0, 2, 16, 31)]
    # An assessment at the very moment of a report is "earlier" for one reading and not for the other.
    confirmed = {item.at for item in inputs if getattr(item, "kind", None) is ConfirmationKind.ASSESSED_BY_CLINICIAN}
    if any(item.at in confirmed and type(item).__name__ == "PainReport" for item in inputs):
        asked = [moment for moment in asked if moment < min(confirmed)]
    for now in asked:
        ours = assess(fold(profile, arrange(inputs, until=now)), now, profile)
        theirs = ask_oracle(profile, inputs, now)
        assert (ours.state, ours.rest, ours.run_ok_today) == (theirs.state, theirs.rest, theirs.run_ok_today), now
        limits = (ours.max_distance_m, ours.max_duration_s, ours.max_rpe)
        assert limits == (theirs.max_distance_m, theirs.max_duration_s, theirs.max_rpe), now
        reasons = {(one.rule, one.state.value) for one in ours.reasons if one.code not in SECOND_REASONS}
        assert reasons == {pair for pair in theirs.reasons if pair[0] != "R2"}, now
        assert ours.to_leave == theirs.to_leave, now
        assert ours.episode.open == theirs.episode_open, now
        if ours.plan is not None:
            plan = (ours.plan.stage, ours.plan.sessions_done, ours.plan.sessions_needed)
            assert plan == (theirs.stage, theirs.sessions_done, theirs.sessions_needed), now


@pytest.mark.parametrize("seed", range(100, 108))
def test_order_and_repeats_change_nothing(seed: int) -> None:
    profile, inputs = random_log(seed)
    now = max(item.at for item in inputs) + timedelta(days=1)
    straight = assess(fold(profile, arrange(inputs)), now, profile)
    turned = [*inputs, *inputs[::4]]
    random.Random(seed).shuffle(turned)
    assert assess(fold(profile, arrange(turned)), now, profile) == straight


@pytest.mark.parametrize("seed", range(200, 206))
def test_nothing_changes_before_the_review_that_is_announced(seed: int) -> None:
    profile, inputs = random_log(seed)
    for now in sorted({item.at for item in inputs})[::17]:
        state = fold(profile, arrange(inputs, until=now))
        first = assess(state, now, profile)
        end = now + timedelta(days=40) if first.review_at is None else first.review_at
        moment = now
        while (moment := moment + timedelta(hours=5)) < end:
            later = assess(state, moment, profile)
            assert (later.state, later.rest) == (first.state, first.rest), (now, moment)
        if first.review_at is not None:
            changed = assess(state, first.review_at, profile)
            assert (changed.state, changed.rest) != (first.state, first.rest)
