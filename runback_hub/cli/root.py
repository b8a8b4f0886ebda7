"""The root command: options that every command has, and the one place where errors become words."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from pathlib import Path

import click

from .. import __version__
from .outcome import CommandFailed, Exit

COMMANDS = {
    "serve": "serve",
    "demo": "demo",
    "send": "send",
    "decode": "decode",
    "pain": "send",
    "status": "ask",
    "explain": "ask",
    "replay": "replay",
    "schema": "schema",
    "check-config": "config",
    "doctor": "doctor",
    "backup": "keep",
    "export": "keep",
}
"""Each command's module; a module is imported only when its command runs."""


INTERRUPTED = 128 + 2
"""What a shell reports of a program that Ctrl-C ended."""


class _Lazy(click.Group):
    """Imports a command when it is asked for: `--version` and `replay` need no broker code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        del ctx
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found = getattr(importlib.import_module(f".{module}", __package__), cmd_name.replace("-", "_"))
        return found if isinstance(found, click.Command) else None


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="runback-hub")
def root() -> None:
    """Hear that a run is done, ask how the back is, publish whether to run, go easy or rest."""


def config_option(command: click.decorators.FC) -> click.decorators.FC:
    """`--config FILE`."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        help="Configuration file; without it ./runback.yaml, then the user's configuration folder.",
    )(command)


def run(arguments: Sequence[str]) -> int:
    """Run a command; every error ends as plain lines on standard error and an exit code."""
    try:
        left = root.main(args=list(arguments), prog_name="runback-hub", standalone_mode=False)
    except CommandFailed as failure:
        return _fail(failure.code, *failure.lines)
    except click.UsageError as usage:
        where = usage.ctx.command_path if usage.ctx is not None else "runback-hub"
        return _fail(Exit.USAGE, f"{where}: {usage.format_message()} (see {where} --help)")
    except click.ClickException as problem:
        return _fail(Exit.FAILED, problem.format_message())
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as defect:
        logging.getLogger(__name__).debug("A defect", exc_info=True)
        return _fail(Exit.FAILED, f"runback-hub: a defect of ours ({type(defect).__name__}), please report it")
    return left if isinstance(left, int) else int(Exit.FINE)


def _fail(code: Exit, *lines: str) -> int:
    for line in lines:
        click.echo(f"error: {line}", err=True)
    return int(code)
