"""`check-config`: the effective configuration, or everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import click

from ..config import masked
from .root import config_option
from .settings import settings_for


@click.command("check-config")
@config_option
def check_config(config_file: Path | None) -> None:
    """Check the configuration and print what is in force, secrets masked."""
    click.echo(masked(settings_for(config_file)), nl=False)
