"""Jinja, fenced in: templates see plain values and can not reach Python.

What the fence holds: no attribute that leads to Python's inside, no change of a value, no undefined name,
`range` of at most 100,000, at most `LONGEST` characters of output, no file outside the template folders
(links inside them are followed).
What it does not hold: the time of loops within loops, and the memory of one huge expression such as
`"x" * 10 ** 9`. A template folder is configured by whoever runs the program; look at foreign files first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader, StrictUndefined, Template, TemplateRuntimeError
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 20_000
BUILT_IN_PREFIX = "builtin"


def fenced_environment(shipped: Path, own: Path | None = None) -> ImmutableSandboxedEnvironment:
    """Templates of `own` win over `shipped`; as `builtin/advice/…` the shipped ones stay within reach."""
    folders = [FileSystemLoader(folder) for folder in (own, shipped) if folder is not None]
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([*folders, PrefixLoader({BUILT_IN_PREFIX: FileSystemLoader(shipped)})]),
        undefined=StrictUndefined,
        auto_reload=False,
        autoescape=False,
    )
    # Both would give another answer each time; the same assessment must give the same words.
    del environment.globals["lipsum"]
    del environment.filters["random"]
    return environment


def rendered(template: Template, values: Mapping[str, object]) -> str:
    """The output, or `TemplateRuntimeError` as soon as it grows beyond `LONGEST`."""
    parts: list[str] = []
    room = LONGEST
    for part in template.generate(values):
        room -= len(part)
        if room < 0:
            message = f"the output is longer than {LONGEST} characters"
            raise TemplateRuntimeError(message)
        parts.append(part)
    return "".join(parts)
