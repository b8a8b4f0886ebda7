"""What only shows when keys are looked at together, or when the machine is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..mqtt.topics import AthleteTopic, HubTopic
from .problems import Problem, Where, shown
from .secret_files import secret_problem
from .settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Names that other rooms own. `formats` is `None` where any name will do."""

    policy_names: Collection[str] = ()
    formats: Collection[str] | None = None


def find_problems(settings: Settings, known: Known) -> Iterator[Problem]:
    """Everything wrong with values that are each right on their own."""
    yield from _between_names(settings)
    yield from _in_sources(settings, known)
    yield from _in_policy(settings, known)
    yield from _in_files(settings)


def _between_names(settings: Settings) -> Iterator[Problem]:
    if settings.athletes is not None and not settings.athletes:
        yield Problem(
            where=("athletes",), wrong="names nobody", allowed="at least one athlete, or null to accept any valid id"
        )
    if settings.topic_prefix == settings.home_assistant.discovery_prefix:
        yield Problem(
            where=("topic_prefix",),
            wrong="is the discovery prefix of Home Assistant",
            given=shown(settings.topic_prefix),
            allowed="a prefix that nothing else uses",
        )
    if settings.broker_password_file is not None and settings.broker.holds_password:
        yield Problem(
            where=("broker_password_file",),
            wrong="is a second password beside the one in broker",
            allowed="one of the two",
        )
    if settings.broker_tls.key_file is not None and settings.broker_tls.cert_file is None:
        yield Problem(
            where=("broker_tls", "key_file"), wrong="has no use without cert_file", allowed="both of them, or neither"
        )


def _in_sources(settings: Settings, known: Known) -> Iterator[Problem]:
    own = _own_filters(settings.topic_prefix)
    for index, source in enumerate(settings.sources):
        if settings.athletes and source.athlete not in settings.athletes:
            yield Problem(
                where=("sources", index, "athlete"),
                wrong="is not one of the configured athletes",
                given=shown(source.athlete),
                allowed=", ".join(settings.athletes),
            )
        if any(_overlap(source.topic, topic) for topic in own):
            yield Problem(
                where=("sources", index, "topic"),
                wrong="would take in the hub's own topics again",
                given=shown(source.topic),
                allowed=f"a filter that matches nothing of ours below {settings.topic_prefix}/",
            )
        if known.formats is not None and source.format not in known.formats:
            yield Problem(
                where=("sources", index, "format"),
                wrong="is not a known format",
                given=shown(source.format),
                allowed=", ".join(sorted(known.formats)),
            )


def _own_filters(prefix: str) -> tuple[str, ...]:
    return (
        *(f"{prefix}/+/{topic}" for topic in AthleteTopic),
        *(f"{prefix}/hub/{topic}" for topic in HubTopic),
        *(f"{prefix}/{below}" for below in ("+/in/+", "hub/request/+", "hub/response/+")),
    )


def _overlap(one: str, other: str) -> bool:
    """Whether some topic matches both filters. A shared subscription is judged by the filter in it."""
    if one.startswith("$share/"):
        one = "/".join(one.split("/")[2:])
    left, right = one.split("/"), other.split("/")
    for mine, theirs in zip(left, right, strict=False):
        if "#" in {mine, theirs}:
            return True
        if mine != theirs and "+" not in {mine, theirs}:
            return False
    longer = max(left, right, key=len)
    return len(left) == len(right) or longer[min(len(left), len(right))] == "#"


def _in_policy(settings: Settings, known: Known) -> Iterator[Problem]:
    for name in settings.policy:
        if name not in known.policy_names:
            yield Problem(
                where=("policy", name),
                wrong="is not a threshold that can be tuned",
                allowed=", ".join(sorted(known.policy_names)) or "none in this version",
            )


def _in_files(settings: Settings) -> Iterator[Problem]:
    for where, path in settings.secret_files().items():
        problem = secret_problem(path, where)
        if problem is not None:
            yield problem
    tls = settings.broker_tls
    named: tuple[tuple[Where, Path | None, Callable[[Path], bool], str], ...] = (
        (("broker_tls", "ca_file"), tls.ca_file, Path.is_file, "a file that exists"),
        (("broker_tls", "cert_file"), tls.cert_file, Path.is_file, "a file that exists"),
        (("broker_tls", "key_file"), tls.key_file, Path.is_file, "a file that exists"),
        (("templates",), settings.templates, Path.is_dir, "a folder that exists"),
    )
    for where, named_path, is_right, allowed in named:
        if named_path is not None and not _holds(is_right, named_path):
            yield Problem(where=where, wrong="is not there", given=shown(str(named_path)), allowed=allowed)


def _holds(is_right: Callable[[Path], bool], path: Path) -> bool:
    try:
        return is_right(path)
    except OSError:
        return False  # out of reach or an impossible name: for us it is not there
