"""Words for people: an assessment in, a title, a short text and lines of advice out (EVIDENCE 7)."""

from .problem import TemplateProblem
from .renderer import Advice, AdviceRenderer

__all__ = ["Advice", "AdviceRenderer", "TemplateProblem"]
