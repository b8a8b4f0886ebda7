"""`serve`: the daemon."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import click

from .. import __version__
from ..clock import SystemClock
from ..compose import Composed, composed
from ..config import Settings
from .root import config_option
from .settings import plain_errors, settings_for

_LOG = logging.getLogger("runback_hub")
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


@click.command()
@config_option
@click.option("--broker", help="'embedded', or a URL such as mqtt://user@host:1883.")
@click.option("--store", help="'default', or the path of the SQLite file.")
@click.option("--log-level", help="debug, info, warning or error.")
def serve(config_file: Path | None, broker: str | None, store: str | None, log_level: str | None) -> None:
    """Run the hub until it is told to stop (SIGTERM or Ctrl-C)."""
    options = {
        key: value
        for key, value in (("broker", broker), ("store", store), ("log_level", log_level))
        if value is not None
    }
    settings = settings_for(config_file, options)
    logging.basicConfig(level=settings.log_level.upper(), format=LOG_FORMAT)
    logging.captureWarnings(capture=True)
    with plain_errors():
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    _LOG.info("RunBack Hub %s", __version__)
    async with composed(settings, SystemClock()) as parts:
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, parts.daemon.stop)
        _say_how(settings, parts)
        await parts.daemon.run()
    _LOG.info("Stopped")


def _say_how(settings: Settings, parts: Composed) -> None:
    """Say where everything is, and how to send the first run."""
    athlete = next(iter(settings.athletes or ()), "alex")
    _LOG.info("Store: %s", settings.store_file)
    _LOG.info("Broker: %s", parts.session.address)
    if settings.athletes is None:
        _LOG.info("No athletes are configured: any id is accepted, with the time zone UTC")
    _LOG.info("Send the first run: runback-hub send FILE.fit --athlete %s", athlete)
    _LOG.info(
        "or: mosquitto_pub -p %d -q 1 -t %s -m '%s'",
        parts.session.port,
        parts.topics.input(athlete, "run"),
        '{"started_at": "2026-01-31T07:00:00Z", "duration_s": 1800, "distance_m": 5000}',
    )
    _LOG.info("How is the back: runback-hub pain 0 --athlete %s", athlete)
