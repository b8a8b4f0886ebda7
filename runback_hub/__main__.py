"""`python -m runback_hub` and the `runback-hub` program."""

from __future__ import annotations

import sys

from .cli.root import run


def main() -> None:
    """Run one command and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
