"""The templates come along, in a checkout and in a wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import runback_hub
from runback_hub.advice.languages import TEMPLATE_NAMES
from runback_hub.advice.shipped import shipped_templates

ROOT = Path(runback_hub.__file__).resolve().parent.parent
SCRIPT = """
from runback_hub.advice import AdviceRenderer, TemplateProblem
try:
    print(AdviceRenderer().question("walk", "en"))
except TemplateProblem as problem:
    print(problem.what)
"""


def _installed(tmp_path: Path, *, templates: bool) -> str:
    """What a copy laid out as the wheel lays it out says, with nothing of the checkout beside it."""
    package = tmp_path / "site" / "runback_hub"
    shutil.copytree(ROOT / "runback_hub", package, ignore=shutil.ignore_patterns("templates", "__pycache__"))
    if templates:
        shutil.copytree(shipped_templates(), package / "templates")
    run = subprocess.run(  # noqa: S603 - our own interpreter, our own script
        [sys.executable, "-c", SCRIPT], cwd=tmp_path / "site", capture_output=True, text=True, check=True
    )
    return run.stdout


def test_the_wheel_takes_the_templates_to_where_the_loader_looks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["templates"] == "runback_hub/templates"
    assert "templates" in project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]


def test_an_installed_package_finds_its_templates(tmp_path: Path) -> None:
    assert "30 minutes" in _installed(tmp_path, templates=True)


def test_an_installation_without_templates_says_so(tmp_path: Path) -> None:
    assert "install the package again" in _installed(tmp_path, templates=False)


def test_every_template_is_there_and_none_is_left_over() -> None:
    names = {path.name for path in (shipped_templates() / "advice" / "en").glob("*.j2")}
    assert {name for name in names if not name.startswith("_")} == TEMPLATE_NAMES
