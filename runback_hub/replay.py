"""Replay: a log of inputs through the pure policy. No broker, no store, no clock: same log, same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from .formats.base import Rejected
from .formats.canonical import parse_log_line
from .hub.book import Book
from .hub.messages import Narrator
from .hub.status import status_fields, to_json
from .model.athlete import Profile
from .model.inputs import Input, Withdrawal
from .policy import POLICY_2026_1, Thresholds, arrange, assess, fold, unique


class BadLog(Exception):  # noqa: N818 - named by what it is
    """A line of the log is not an input; the text names the line."""


def read_log(lines: Iterable[str], profile: Profile) -> tuple[Input, ...]:
    """The inputs of a log, in any order; blank lines are passed over. Raises `BadLog`."""
    found: list[Input] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(parse_log_line(line, profile.athlete, profile.zone).input)
        except Rejected as refusal:
            message = f"line {number}: {refusal.detail}"
            raise BadLog(message) from refusal
    return tuple(found)


def replay(
    inputs: Sequence[Input],
    profile: Profile,
    narrator: Narrator,
    *,
    at: datetime | None = None,
    limits: Thresholds = POLICY_2026_1,
) -> str:
    """The status at `at`, by default the time of the last input; later inputs are ignored.

    `version` is the number of different inputs that were looked at. An empty log is asked about at its own
    beginning, so `at` is needed there.
    """
    if at is None and not inputs:
        message = "the log is empty: give the moment to ask about with --at"
        raise BadLog(message)
    moment = at or max(item.at for item in inputs)
    seen = [item for item in inputs if item.at <= moment]
    state = fold(profile, arrange(seen, until=moment), limits=limits)
    assessment = assess(state, moment, profile, limits)
    return to_json(status_fields(assessment, len({item.event_id for item in seen}), narrator))


def replay_every(
    inputs: Sequence[Input], profile: Profile, narrator: Narrator, *, limits: Thresholds = POLICY_2026_1
) -> Iterator[str]:
    """The status after each input, in the order of the log, by the same steps as the running hub's."""
    ordered = unique(inputs)
    book = Book.opened(profile, limits, None, ())
    for count, item in enumerate(ordered, start=1):
        target_at = None
        if isinstance(item, Withdrawal):
            target_at = next((other.at for other in ordered[:count] if other.event_id == item.target), None)
        if book.follows(item) or book.can_take(book.reach_of(item, target_at)):
            book = book.with_input(item).trimmed()
        else:
            book = Book.opened(profile, limits, None, tuple(ordered[:count]))
        assessment = assess(book.head, item.at, profile, limits)
        yield to_json(status_fields(assessment, count, narrator))
