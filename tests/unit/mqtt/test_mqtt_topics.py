from __future__ import annotations

import pytest

from runback_hub.mqtt.topics import (
    BadAthleteTopic,
    InputTopic,
    ParsedTopic,
    RequestTopic,
    Source,
    Topics,
    UnknownTopic,
    is_filter,
    matches,
)

SOURCES = (
    Source(topic="statestream/sensor/garmin/#", format="garmin_connect", athlete="alex"),
    Source(topic="watch/+/run", format="pebble", athlete="kim"),
    Source(topic="watch/#", format="anything", athlete="alex"),
    Source(topic="runback/import/gpx", format="gpx", athlete="kim"),
)


@pytest.mark.parametrize(
    ("topic", "meaning"),
    [
        ("runback/alex/in/run", InputTopic("alex", "run")),
        ("runback/a-1_b/in/garmin_connect", InputTopic("a-1_b", "garmin_connect")),
        ("runback/" + "a" * 63 + "/in/fit", InputTopic("a" * 63, "fit")),
        ("runback/hub/request/status", RequestTopic("status")),
        ("runback/Alex/in/run", BadAthleteTopic("Alex", "run")),
        ("runback//in/run", BadAthleteTopic("", "run")),
        ("runback/hub/in/run", BadAthleteTopic("hub", "run")),
        ("runback/" + "a" * 64 + "/in/run", BadAthleteTopic("a" * 64, "run")),
        ("runback/älex/in/run", BadAthleteTopic("älex", "run")),
        ("runback/alex/status", UnknownTopic()),
        ("runback/alex/in/run/deeper", UnknownTopic()),
        ("runback/hub/request/", UnknownTopic()),
        ("runback/hub/request/status/answer/x", UnknownTopic()),
        ("other/alex/in/run", UnknownTopic()),
        ("runbackalex/in/run", UnknownTopic()),
        ("statestream/sensor/garmin", InputTopic("alex", "garmin_connect")),
        ("statestream/sensor/garmin/a/b", InputTopic("alex", "garmin_connect")),
        ("watch/7/run", InputTopic("kim", "pebble")),
        ("watch/7/pulse", InputTopic("alex", "anything")),
        ("runback/import/gpx", InputTopic("kim", "gpx")),
    ],
)
def test_what_a_topic_means(topic: str, meaning: ParsedTopic) -> None:
    assert Topics("runback", SOURCES).parse(topic) == meaning


def test_a_prefix_may_have_levels() -> None:
    topics = Topics("home/back")
    assert topics.parse("home/back/alex/in/pain") == InputTopic("alex", "pain")
    assert topics.parse("home/alex/in/pain") == UnknownTopic()
    assert topics.availability == "home/back/hub/availability"


@pytest.mark.parametrize("prefix", ["", "a+b", "#", "a/", "/a", "a//b", "$SYS/a", "a\0b"])
def test_a_prefix_that_can_not_work_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="topic_prefix: got"):
        Topics(prefix)


@pytest.mark.parametrize("topic", ["", "a/#/b", "a#", "a/b+", "+a", "a\0"])
def test_a_source_that_is_no_filter_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match=r"sources\.0\.topic: got"):
        Topics("runback", [Source(topic=topic, format="gpx", athlete="alex")])


def test_everything_is_subscribed_to_once() -> None:
    twice = (*SOURCES, SOURCES[0])
    assert Topics("runback", twice).filters == (
        "runback/+/in/+",
        "runback/hub/request/+",
        *(source.topic for source in SOURCES),
    )


def test_the_topics_of_the_contract() -> None:
    topics = Topics()
    assert {
        topics.status("alex"),
        topics.rest("alex"),
        topics.advice("alex"),
        topics.event("alex"),
        topics.checkin("alex"),
        topics.input("alex", "run"),
        topics.availability,
        topics.rejected,
        topics.health,
        topics.request("status"),
        topics.response("status"),
    } == {
        "runback/alex/status",
        "runback/alex/rest",
        "runback/alex/advice",
        "runback/alex/event",
        "runback/alex/checkin",
        "runback/alex/in/run",
        "runback/hub/availability",
        "runback/hub/rejected",
        "runback/hub/health",
        "runback/hub/request/status",
        "runback/hub/response/status",
    }


def test_a_bad_athlete_is_explained() -> None:
    assert BadAthleteTopic("hub", "run").detail == "athlete in topic: 'hub' is reserved"
    assert BadAthleteTopic("Al ex", "run").detail == (
        "athlete in topic: got 'Al ex', allowed is [a-z0-9][a-z0-9_-]{0,62}"
    )


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("+/+", "/a", True),
        ("+", "/a", False),
        ("#", "a/b", True),
        ("a/#", "a", True),
        ("a/#", "ab", False),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/d", False),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
    ],
)
def test_filters_match_as_brokers_do(topic_filter: str, topic: str, expected: bool) -> None:  # noqa: FBT001 - one table
    assert matches(topic_filter, topic) is expected
    assert is_filter(topic_filter)
