"""Run as a process: commits one batch after the other and names each on standard output once it is durable."""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from runback_hub.hub.ports import Changes
from runback_hub.store.sqlite import SqliteStore

from .store_rows import athlete_row, log_row, outbox_row


async def commit_until_killed(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    for number in count(1):
        await store.commit(
            Changes(
                inputs=[log_row(f"e{number}", body="x" * 3000)],
                athletes=[athlete_row(version=number)],
                outbox=[outbox_row(number)],
            )
        )
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(commit_until_killed(Path(sys.argv[1])))
