"""`schema`: JSON Schema of inputs and outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial

import click

from ..config import Settings
from ..formats.wire import schema as input_schema
from ..hub.status import status_schema
from ..model.inputs import InputKind
from .outcome import CommandFailed, Exit

SCHEMAS: Mapping[str, Callable[[], Mapping[str, object]]] = {
    **{kind.value: partial(input_schema, kind.value) for kind in InputKind},
    "status": status_schema,
    "config": Settings.model_json_schema,
}


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print the JSON Schema of NAME; without it, the names there are."""
    if name is None:
        for known in SCHEMAS:
            click.echo(known)
        return
    if name not in SCHEMAS:
        raise CommandFailed(Exit.USAGE, f"schema: not a name, given {name!r}, allowed: {', '.join(SCHEMAS)}")
    click.echo(json.dumps(SCHEMAS[name](), indent=2))
