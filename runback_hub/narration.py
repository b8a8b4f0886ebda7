"""Words for the hub: the advice renderer, told each athlete's name, language and units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .advice.renderer import AdviceRenderer
from .hub.messages import AdviceText
from .model.assessment import Assessment, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a person wants to be spoken to."""

    name: str | None = None
    language: str = "en"
    units: str = "metric"
    country: str | None = None


class Manners(Protocol):
    """Where the hub looks up a person's manner."""

    def manner(self, athlete: str) -> Manner:
        """The manner of an athlete."""
        ...


class PlainManners:
    """Everybody alike: English, metric, no name."""

    def manner(self, athlete: str) -> Manner:
        """The same for all."""
        del athlete
        return Manner()


class RenderedNarrator:
    """The hub's narrator over the template renderer."""

    def __init__(self, renderer: AdviceRenderer, manners: Manners) -> None:
        self._renderer = renderer
        self._manners = manners

    def reason_text(self, reason: Reason, athlete: str) -> str:
        """One line for a reason."""
        manner = self._manners.manner(athlete)
        return self._renderer.reason_text(reason, manner.language, units=manner.units)

    def advice(self, assessment: Assessment) -> AdviceText:
        """The advice for an assessment."""
        manner = self._manners.manner(assessment.athlete)
        advice = self._renderer.render(
            assessment,
            name=manner.name,
            language=manner.language,
            units=manner.units,
            locale_country=manner.country,
        )
        return AdviceText(
            title=advice.title, text=advice.text, items=advice.items, footer=advice.footer, language=advice.language
        )


def narrator_for(manners: Manners, user_templates: Path | None = None) -> RenderedNarrator:
    """A narrator whose templates in `user_templates` win. Raises `TemplateProblem`."""
    return RenderedNarrator(AdviceRenderer(user_templates), manners)


def plain_narrator() -> RenderedNarrator:
    """English, metric, built-in templates: what `replay` uses, so that its output depends on the log alone."""
    return narrator_for(PlainManners())
