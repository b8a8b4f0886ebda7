"""The composition root: from settings to a running hub. The only place that knows every adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .config import Settings
from .daemon import Daemon
from .hub.ports import Clock, Store, StoreError
from .hub.service import Hub
from .mqtt.broker import EmbeddedBroker
from .mqtt.broker_kinds import Kind
from .mqtt.settings import Settings as BrokerSession
from .mqtt.settings import Version
from .mqtt.topics import Source, Topics
from .narration import Manner, narrator_for
from .store.sqlite import SqliteStore

BROKER_FOLDER = "broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The parts of a running hub."""

    daemon: Daemon
    hub: Hub
    store: Store
    topics: Topics
    session: BrokerSession
    broker: EmbeddedBroker | None


class ConfiguredManners:
    """How each configured person wants to be spoken to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def manner(self, athlete: str) -> Manner:
        """Language, units and name of a person."""
        person = self._settings.athlete(athlete)
        if person is None:
            return Manner()
        return Manner(name=person.name, language=person.language, units=person.units.value)


def topics_of(settings: Settings) -> Topics:
    """The topics below the configured prefix, with the configured sources."""
    sources = tuple(Source(topic=one.topic, format=one.format, athlete=one.athlete) for one in settings.sources)
    return Topics(settings.topic_prefix, sources)


def store_of(settings: Settings) -> SqliteStore:
    """The configured store, not yet opened. Raises `StoreError` where this version has none."""
    return SqliteStore(_store_file(settings))


def readonly_store_of(settings: Settings) -> SqliteStore:
    """The configured store for reading beside a running hub. Raises `StoreError`."""
    return SqliteStore(_store_file(settings), readonly=True)


def _store_file(settings: Settings) -> Path:
    path = settings.store_file
    if path is None:
        message = "PostgreSQL is not available in this version, allowed is 'default' or the path of a file"
        raise StoreError(message)
    return path


@asynccontextmanager
async def composed(settings: Settings, clock: Clock, *, prefer: Kind | None = None) -> AsyncIterator[Composed]:
    """Open the store, start the broker if it is ours, and join everything; closed in the opposite order.

    Raises `StoreError`, `BrokerUnavailable`, `ConfigError` or `TemplateProblem`.
    """
    narrator = narrator_for(ConfiguredManners(settings), settings.templates)
    store = store_of(settings)
    async with AsyncExitStack() as stack:
        await store.open()
        stack.push_async_callback(store.close)
        broker = None
        if settings.broker.url is None:
            broker = EmbeddedBroker(settings.state_folder / BROKER_FOLDER, port=settings.embedded_port, prefer=prefer)
            await stack.enter_async_context(broker)
            is_v5 = settings.mqtt_version is Version.MQTT_5
            url = urlsplit(broker.state.url if is_v5 else broker.state.url_311)
            session = settings.session((url.hostname or "127.0.0.1", url.port or 1883))
        else:
            session = settings.session()
        topics = topics_of(settings)
        hub = Hub(
            store=store,
            clock=clock,
            topics=topics,
            narrator=narrator,
            athletes=settings,
            allow_forget=settings.allow_forget_over_mqtt,
        )
        daemon = Daemon(hub=hub, store=store, clock=clock, topics=topics, broker=session)
        yield Composed(daemon=daemon, hub=hub, store=store, topics=topics, session=session, broker=broker)
