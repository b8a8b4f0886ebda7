"""Where the templates are that come with the program."""

from __future__ import annotations

from pathlib import Path

from .problem import TemplateProblem

ADVICE = "advice"
CATALOGUE = "catalogue.yaml"
DEFAULT_LANGUAGE = "en"

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "templates", _PACKAGE.parent / "templates")
"""Inside the package where it was installed from a wheel, beside it in a checkout."""


def shipped_templates() -> Path:
    """The folder that holds `advice/en` and its neighbours; `TemplateProblem` if the installation lacks it."""
    for folder in _PLACES:
        if (folder / ADVICE / DEFAULT_LANGUAGE / CATALOGUE).is_file():
            return folder
    raise TemplateProblem(_PLACES[0], None, "the built-in templates are missing; install the package again")
