from __future__ import annotations

from runback_hub.mqtt.backoff import LEAST_SHARE, Backoff


def test_delays_grow_to_the_cap_and_keep_within_their_share() -> None:
    backoff = Backoff(1, 60)
    for whole in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert whole * LEAST_SHARE <= backoff.next_s() <= whole


def test_delays_differ_from_each_other() -> None:
    assert len({Backoff(1, 60).next_s() for _ in range(20)}) > 1


def test_what_does_not_pass_by_itself_waits_the_longest_at_once() -> None:
    assert Backoff(1, 60).next_s(slow=True) >= 60 * LEAST_SHARE


def test_after_a_steady_time_delays_are_short_again() -> None:
    backoff = Backoff(1, 60)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 1
