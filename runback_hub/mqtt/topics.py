"""What topics mean and how they are built. Pure: text in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..model.athlete import RESERVED_ATHLETE_ID, is_athlete_id

MAX_TOPIC_BYTES = 65535
HUB = RESERVED_ATHLETE_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A foreign topic filter (`+` and `#` allowed) whose messages are `format` inputs of `athlete`."""

    topic: str
    format: str
    athlete: str


@dataclass(frozen=True, slots=True)
class InputTopic:
    """An input of `athlete` in `format`: one of our kinds (`run`, `pain`, ...) or a maker's format."""

    athlete: str
    format: str


@dataclass(frozen=True, slots=True)
class RequestTopic:
    """A command to the hub."""

    verb: str


@dataclass(frozen=True, slots=True)
class BadAthleteTopic:
    """Shaped like an input, for an athlete id that is not allowed: to be rejected, not ignored."""

    given: str
    format: str

    @property
    def detail(self) -> str:
        """What is wrong, what was given, what is allowed."""
        if self.given == HUB:
            return f"athlete in topic: '{HUB}' is reserved"
        return f"athlete in topic: got '{self.given[:80]}', allowed is [a-z0-9][a-z0-9_-]{{0,62}}"


@dataclass(frozen=True, slots=True)
class UnknownTopic:
    """Nothing we asked for, such as a subscription that an earlier configuration left with the broker."""


ParsedTopic = InputTopic | RequestTopic | BadAthleteTopic | UnknownTopic


class AthleteTopic(StrEnum):
    """What is published about an athlete."""

    STATUS = "status"
    REST = "rest"
    ADVICE = "advice"
    EVENT = "event"
    CHECKIN = "checkin"


class HubTopic(StrEnum):
    """What is published about the hub itself."""

    AVAILABILITY = "availability"
    REJECTED = "rejected"
    HEALTH = "health"


def is_filter(text: str) -> bool:
    """Whether `text` is a valid MQTT topic filter: `+` alone in a level, `#` alone in the last one."""
    if not text or "\0" in text or len(text.encode()) > MAX_TOPIC_BYTES:
        return False
    *head, last = text.split("/")
    plain = all(level == "+" or not set(level) & {"+", "#"} for level in head)
    return plain and (last in {"+", "#"} or not set(last) & {"+", "#"})


def is_prefix(text: str) -> bool:
    """Whether `text` can begin our topics: no wildcard, no empty level, no `$` (those belong to the broker)."""
    return is_filter(text) and not set(text) & {"+", "#"} and not text.startswith("$") and all(text.split("/"))


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a broker delivers `topic` to a subscription to `topic_filter`."""
    if topic.startswith("$") and topic_filter[:1] in {"+", "#"}:
        return False  # wildcards do not reach into topics of the broker itself
    wanted, given = topic_filter.split("/"), topic.split("/")
    for depth, level in enumerate(wanted):
        if level == "#":
            return True
        if depth == len(given) or level not in {"+", given[depth]}:
            return False
    return len(wanted) == len(given)


class Topics:
    """Every topic of one hub, below one prefix."""

    def __init__(self, prefix: str = "runback", sources: Sequence[Source] = ()) -> None:
        if not is_prefix(prefix):
            message = (
                f"topic_prefix: got '{prefix}', allowed are non-empty levels without + and #, not beginning with $"
            )
            raise ValueError(message)
        for index, source in enumerate(sources):
            if not is_filter(source.topic):
                message = f"sources.{index}.topic: got '{source.topic}', allowed is an MQTT topic filter"
                raise ValueError(message)
        self.prefix = prefix
        self.sources = tuple(sources)
        self._depth = prefix.count("/") + 1
        self._start = f"{prefix}/"

    @property
    def filters(self) -> tuple[str, ...]:
        """Everything the hub subscribes to, each filter once."""
        own = (f"{self.prefix}/+/in/+", self.request("+"))
        return tuple(dict.fromkeys((*own, *(source.topic for source in self.sources))))

    def parse(self, topic: str) -> ParsedTopic:
        """What `topic` means. Our own topics go before foreign sources; of those the first match counts."""
        if topic.startswith(self._start):
            match topic.split("/")[self._depth :]:
                case ["hub", "request", verb] if verb:
                    return RequestTopic(verb)
                case [athlete, "in", kind] if is_athlete_id(athlete):
                    return InputTopic(athlete, kind)
                case [athlete, "in", kind]:
                    return BadAthleteTopic(athlete, kind)
        for source in self.sources:
            if matches(source.topic, topic):
                return InputTopic(source.athlete, source.format)
        return UnknownTopic()

    def of_athlete(self, athlete: str, what: AthleteTopic) -> str:
        """Where `what` of `athlete` is published."""
        return f"{self._start}{athlete}/{what}"

    def of_hub(self, what: HubTopic) -> str:
        """Where `what` of the hub is published."""
        return f"{self._start}{HUB}/{what}"

    def input(self, athlete: str, kind: str) -> str:
        """Where an input of `athlete` is sent to."""
        return f"{self._start}{athlete}/in/{kind}"

    def request(self, verb: str) -> str:
        """Where a command is sent to."""
        return f"{self._start}{HUB}/request/{verb}"

    def response(self, verb: str) -> str:
        """Where the answer to a command goes when the requester names no topic."""
        return f"{self._start}{HUB}/response/{verb}"

    def status(self, athlete: str) -> str:
        """The retained assessment."""
        return self.of_athlete(athlete, AthleteTopic.STATUS)

    def rest(self, athlete: str) -> str:
        """The retained rest flag, `ON` or `OFF`."""
        return self.of_athlete(athlete, AthleteTopic.REST)

    def advice(self, athlete: str) -> str:
        """The retained text for people."""
        return self.of_athlete(athlete, AthleteTopic.ADVICE)

    def event(self, athlete: str) -> str:
        """What happened, not retained."""
        return self.of_athlete(athlete, AthleteTopic.EVENT)

    def checkin(self, athlete: str) -> str:
        """The retained open question."""
        return self.of_athlete(athlete, AthleteTopic.CHECKIN)

    @property
    def availability(self) -> str:
        """The retained `online` or `offline`, also the last will."""
        return self.of_hub(HubTopic.AVAILABILITY)

    @property
    def rejected(self) -> str:
        """Refused messages, not retained."""
        return self.of_hub(HubTopic.REJECTED)

    @property
    def health(self) -> str:
        """The retained health document."""
        return self.of_hub(HubTopic.HEALTH)
