"""`demo`: the real daemon on a scratch store, a month of a made-up runner, every answer shown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import click

from ..clock import ScriptedClock, SystemClock
from ..compose import Composed, composed
from ..demo.play import Player, story_begins
from ..mqtt.broker import free_port
from ..mqtt.broker_kinds import Kind
from ..mqtt.client import MqttClient, command_client_id
from .outcome import CommandFailed, Exit
from .settings import plain_errors, settings_for

ATHLETE = "alex"


@click.command()
@click.option("--keep", is_flag=True, help="Stay up after the story, until Ctrl-C.")
@click.option(
    "--broker",
    "kind",
    type=click.Choice([kind.value for kind in Kind]),
    help="Which embedded broker; without it mosquitto if installed, else the one from pip.",
)
def demo(kind: str | None, *, keep: bool) -> None:
    """Show the whole way of a message: runs and check-ins of four weeks, and what the hub publishes."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    with plain_errors(), tempfile.TemporaryDirectory(prefix="runback-demo-") as folder:
        asyncio.run(_demo(Path(folder), Kind(kind) if kind else None, keep=keep))


async def _demo(folder: Path, kind: Kind | None, *, keep: bool) -> None:
    began = time.monotonic()
    first_day = story_begins(SystemClock().now())
    clock = ScriptedClock(first_day)
    settings = settings_for(
        None,
        {
            "state_dir": str(folder),
            "broker": "embedded",
            "embedded_port": free_port(),
            "mqtt_version": 5,
            "topic_prefix": "runback",
            "store": "default",
            "athletes": {ATHLETE: {"name": "Alex"}},
            "sources": [],
            "log_level": "warning",
        },
    )
    async with composed(settings, clock, prefer=kind) as parts:
        running = asyncio.create_task(parts.daemon.run(), name="daemon")
        try:
            await _until_ready(parts, running)
            _introduce(parts)
            await _tell(parts, clock, first_day_began=began)
            if keep:
                clock.let_go()
                await _stay(parts)
        finally:
            parts.daemon.stop()
            await running
    click.echo("The scratch folder is removed; nothing is left behind.")


async def _until_ready(parts: Composed, running: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(parts.daemon.ready.wait())
    await asyncio.wait((ready, running), return_when=asyncio.FIRST_COMPLETED, timeout=30)
    if running.done():
        await running
    if not ready.done():
        ready.cancel()
        raise CommandFailed(Exit.NO_BROKER, "demo: the daemon did not reach its broker in 30 s")


def _introduce(parts: Composed) -> None:
    kind = parts.broker.state.kind.value if parts.broker else "broker"
    click.echo(f"RunBack Hub runs with {kind} at {parts.session.address} and an SQLite store in a scratch folder.")
    click.echo("Everything below went through MQTT: '->' was sent to the hub, '<-' is what it published.")
    click.echo("The runner is made up. The hub's clock is moved from message to message, so four weeks take seconds.")


async def _tell(parts: Composed, clock: ScriptedClock, *, first_day_began: float) -> None:
    session = replace(parts.session, client_id=command_client_id())
    async with MqttClient(session) as client:
        player = Player(client=client, clock=clock, hub=parts.hub, topics=parts.topics, say=click.echo)
        await player.play(story_begins(SystemClock().now()))
    counts = await parts.store.counts()
    click.echo(
        f"\n{player.answered} inputs answered, {player.refused} refused with a reason, {counts.inputs} in the store, "
        f"in {time.monotonic() - first_day_began:.1f} s."
    )


async def _stay(parts: Composed) -> None:
    """Stay up until Ctrl-C or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(sign, stopped.set)
    click.echo(f"\nStill running at {parts.session.address}; try in another terminal:")
    click.echo(f"  mosquitto_sub -p {parts.session.port} -v -t 'runback/#'")
    click.echo(f"  mosquitto_pub -p {parts.session.port} -q 1 -t runback/{ATHLETE}/in/pain -m '{{\"score\": 0}}'")
    click.echo("Ctrl-C ends it.")
    await stopped.wait()
