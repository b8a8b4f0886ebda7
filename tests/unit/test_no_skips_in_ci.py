"""With `CI=true` a skipped test is a failed one; an expected failure may stay."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

MADE_TESTS = {
    "in_test": "import pytest\ndef test_it():\n    pytest.skip('no broker')\n",
    "by_mark": "import pytest\n@pytest.mark.skip\ndef test_it():\n    pass\n",
    "in_fixture": "import pytest\n@pytest.fixture\ndef f():\n    pytest.skip('x')\ndef test_it(f):\n    pass\n",
    "of_module": "import pytest\npytest.importorskip('no_such_module')\ndef test_it():\n    pass\n",
    "expected_failure": "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False\n",
}


@pytest.mark.parametrize(
    ("ci", "status", "closing"),
    [("true", 1, "1 failed, 1 xfailed, 3 errors"), ("", 0, "4 skipped, 1 xfailed")],
    ids=["in CI", "elsewhere"],
)
def test_skips(ci: str, status: int, closing: str, tmp_path: Path) -> None:
    shutil.copy(CONFTEST, tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name, code in MADE_TESTS.items():
        (tmp_path / f"test_{name}.py").write_text(code)
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "."],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert closing in found.stdout.splitlines()[-1]
    assert found.returncode == status
