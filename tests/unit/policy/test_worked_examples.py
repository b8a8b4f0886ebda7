"""Every worked example of the policy, through `replay`."""

from __future__ import annotations

import json

import pytest

from runback_hub.narration import plain_narrator
from runback_hub.replay import read_log, replay
from tests.examples_data import Example, worked_examples
from tests.status_checks import check_status


@pytest.mark.parametrize("example", worked_examples(), ids=lambda example: example.name)
def test_example_through_replay(example: Example) -> None:
    inputs = read_log(example.lines, example.profile)
    text = replay(inputs, example.profile, plain_narrator(), at=example.asked_at)
    check_status(json.loads(text), example.expect)


@pytest.mark.parametrize("example", worked_examples(), ids=lambda example: example.name)
def test_example_in_any_order_with_repeats(example: Example) -> None:
    narrator = plain_narrator()
    straight = replay(read_log(example.lines, example.profile), example.profile, narrator, at=example.asked_at)
    turned = [*reversed(example.lines), *example.lines[::3]]
    assert replay(read_log(turned, example.profile), example.profile, narrator, at=example.asked_at) == straight


def test_later_inputs_are_ignored() -> None:
    stopped = next(example for example in worked_examples() if example.number == 5)
    returned = next(example for example in worked_examples() if example.number == 10)
    narrator, profile = plain_narrator(), stopped.profile
    alone = replay(read_log(stopped.lines, profile), profile, narrator, at=stopped.asked_at)
    assert replay(read_log(returned.lines, profile), profile, narrator, at=stopped.asked_at) == alone


def test_no_symptom_is_ever_printed() -> None:
    for example in worked_examples():
        text = replay(read_log(example.lines, example.profile), example.profile, plain_narrator(), at=example.asked_at)
        assert "saddle" not in text
        assert "chest_pain" not in text
