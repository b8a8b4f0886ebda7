"""`doctor`: looks at everything a hub needs, and says what to do about each failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from .. import __version__
from ..compose import BROKER_FOLDER, readonly_store_of
from ..config import Settings
from ..hub.ports import StoreError
from ..mqtt.broker_kinds import FALLBACK_LIMITS, Kind
from ..mqtt.broker_state import running_broker
from ..mqtt.client import MqttClient, command_client_id
from ..mqtt.errors import CannotConnect, MqttError, NoAnswer
from .link import command_session
from .outcome import CommandFailed, Exit
from .root import config_option
from .settings import settings_for

BIRTH_WAIT_S = 2.0
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock before this is wrong: the program is younger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: fine, or what is wrong and what to do."""

    name: str
    fine: bool
    words: str
    exit_code: Exit = Exit.FAILED


@click.command()
@config_option
def doctor(config_file: Path | None) -> None:
    """Check broker, store, permissions, clock and Home Assistant's birth topic."""
    settings = settings_for(config_file)
    findings = asyncio.run(_examine(settings))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.fine else 'FAIL'} {finding.name}: {finding.words}")
    failed = [finding for finding in findings if not finding.fine]
    if failed:
        raise CommandFailed(failed[0].exit_code, *(f"{finding.name}: {finding.words}" for finding in failed))


async def _examine(settings: Settings) -> list[Finding]:
    checks: tuple[Callable[[Settings], Awaitable[list[Finding]]], ...] = (_clock, _folder, _store, _broker)
    return [
        Finding(name="configuration", fine=True, words=f"read, RunBack Hub {__version__}"),
        *[finding for check in checks for finding in await check(settings)],
    ]


async def _clock(settings: Settings) -> list[Finding]:
    del settings
    now = datetime.now(UTC)
    if now < RELEASED:
        words = f"it is {now:%Y-%m-%d} here, which can not be; set the clock, or switch NTP on"
        return [Finding(name="clock", fine=False, words=words)]
    return [Finding(name="clock", fine=True, words=f"{now:%Y-%m-%d %H:%M} UTC")]


async def _folder(settings: Settings) -> list[Finding]:
    folder = settings.state_folder
    probe = folder / ".doctor"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        words = f"{folder} can not be written ({error.strerror}); give it to this user, or set state_dir"
        return [Finding(name="permissions", fine=False, words=words, exit_code=Exit.NO_STORE)]
    return [Finding(name="permissions", fine=True, words=f"{folder} can be written")]


async def _store(settings: Settings) -> list[Finding]:
    path = settings.store_file
    if path is not None and not path.exists():
        return [Finding(name="store", fine=True, words=f"{path} does not exist yet; 'serve' will make it")]
    try:
        store = readonly_store_of(settings)
        await store.open()
        try:
            counts = await store.counts()
        finally:
            await store.close()
    except StoreError as error:
        return [Finding(name="store", fine=False, words=str(error), exit_code=Exit.NO_STORE)]
    words = f"{counts.inputs} inputs of {counts.athletes} athletes, {counts.outbox} messages to send, {path}"
    return [Finding(name="store", fine=True, words=words)]


async def _broker(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    if settings.broker.url is None:
        state = running_broker(settings.state_folder / BROKER_FOLDER)
        if state is None:
            words = "the embedded broker is not running; start 'runback-hub serve', then ask again"
            return [Finding(name="broker", fine=False, words=words, exit_code=Exit.NO_BROKER)]
        if state.kind is Kind.IOTCORE:
            limits = "; ".join(text for _, text in FALLBACK_LIMITS)
            words = f"iotcore, for trying out only: it {limits}. Install mosquitto for daily use"
            found.append(Finding(name="embedded broker", fine=True, words=words))
    try:
        session = replace(command_session(settings), client_id=command_client_id())
        async with MqttClient(session) as client:
            found.append(Finding(name="broker", fine=True, words=f"{session.address} answers"))
            found.append(await _birth(settings, client))
    except CannotConnect as error:
        words = f"{error}; check broker, user and password in the configuration"
        found.append(Finding(name="broker", fine=False, words=words, exit_code=Exit.NO_BROKER))
    except MqttError as error:
        found.append(Finding(name="broker", fine=False, words=str(error), exit_code=Exit.NO_BROKER))
    return found


async def _birth(settings: Settings, client: MqttClient) -> Finding:
    topic = f"{settings.home_assistant.discovery_prefix}/status"
    await client.subscribe(topic)
    try:
        message = await client.next_message(BIRTH_WAIT_S)
    except NoAnswer:
        words = f"nothing is retained on {topic}; Home Assistant says so only when it starts, so this may be well"
    else:
        words = f"{topic} says {message.payload.decode('utf-8', 'replace')[:20]}"
    return Finding(name="Home Assistant", fine=True, words=words)
