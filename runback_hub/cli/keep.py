"""`backup` and `export`: copies of what the store holds, while the hub runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from ..compose import readonly_store_of
from ..config import Settings
from .outcome import CommandFailed, Exit
from .root import config_option
from .settings import plain_errors, settings_for


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option
def backup(file: Path, config_file: Path | None) -> None:
    """Write a consistent copy of the store to FILE."""
    with plain_errors():
        asyncio.run(_backup(settings_for(config_file), file))
    click.echo(f"{file}: written")


@click.command()
@click.option("--athlete", required=True, metavar="A")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to; without it, standard output.")
@config_option
def export(athlete: str, output: Path | None, config_file: Path | None) -> None:
    """Write every input of a person as JSON Lines, which `replay` accepts."""
    with plain_errors():
        lines = asyncio.run(_export(settings_for(config_file), athlete))
    if not lines:
        raise CommandFailed(Exit.FAILED, f"export: nothing is stored of {athlete!r}")
    if output is None:
        click.echo("\n".join(lines))
        return
    try:
        output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandFailed(Exit.FAILED, f"{output}: {error.strerror}") from error


async def _backup(settings: Settings, target: Path) -> None:
    store = readonly_store_of(settings)
    await store.open()
    try:
        await store.backup(target)
    finally:
        await store.close()


async def _export(settings: Settings, athlete: str) -> list[str]:
    store = readonly_store_of(settings)
    await store.open()
    try:
        return [row.body for row in await store.read_log(athlete)]
    finally:
        await store.close()
