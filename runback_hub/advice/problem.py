"""The one error of this package."""

from __future__ import annotations

from pathlib import Path


class TemplateProblem(Exception):  # noqa: N818 - it names what the person has to repair, and is shown as it is
    """A template or catalogue can not be used: which file, which line (if known), what is wrong."""

    def __init__(self, path: Path, line: int | None, what: str) -> None:
        place = str(path) if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {what}")
        self.path = path
        self.line = line
        self.what = what
