"""Reading the configuration for a command, and the broker a command talks to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..advice.problem import TemplateProblem
from ..config import ConfigError, Settings, load_settings
from ..formats.registry import FORMATS
from ..hub.ports import StoreError
from ..mqtt.errors import BrokerUnavailable, CannotConnect, Disconnected, MqttError, NoAnswer
from .outcome import CommandFailed, Exit


def settings_for(config_file: Path | None, options: Mapping[str, object] | None = None) -> Settings:
    """The effective configuration; every problem is a line of the error."""
    try:
        return load_settings(config_file, options=options or {}, formats=FORMATS)
    except ConfigError as error:
        raise CommandFailed(Exit.USAGE, *error.problems) from error


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns what can go wrong around the hub into exit codes and plain lines."""
    try:
        yield
    except ConfigError as error:
        raise CommandFailed(Exit.USAGE, *error.problems) from error
    except TemplateProblem as error:
        raise CommandFailed(Exit.USAGE, str(error)) from error
    except StoreError as error:
        raise CommandFailed(Exit.NO_STORE, f"store: {error}") from error
    except (BrokerUnavailable, CannotConnect, Disconnected) as error:
        raise CommandFailed(Exit.NO_BROKER, f"broker: {error}") from error
    except NoAnswer as error:
        raise CommandFailed(Exit.FAILED, f"hub: {error}; is 'runback-hub serve' running?") from error
    except MqttError as error:
        raise CommandFailed(Exit.FAILED, f"broker: {error}") from error
