"""A worker that stays: one pass after the other in one process, as a service makes them.

python -m bench.scale.worker STATE SOURCE SOURCE_TOKEN GRAPH GRAPH_TOKEN

Takes `prepare` or `pass` by line, and answers each with a line of JSON: what it did and what it cost.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sync.one_pass import Counted

from bench.client import opened, passed, prepare


async def main(*given: str) -> None:
    async with opened(*given) as (site, *ends):
        gc.freeze()  # as `fieldcal serve` does once it runs
        counted = Counted(site.database)
        for line in sys.stdin:
            counted.number.clear()
            told = {}
            if line.strip() == "prepare":
                await prepare(site)
            else:
                told = await passed(site, *ends)
            print(json.dumps({**told, **counted.number}), flush=True)


class Worker:
    """Such a process, at work on one state."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def told(self, what: str) -> dict[str, float]:
        """Have it do this, and wait."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        found: dict[str, float] = json.loads(self._process.stdout.readline())
        assert not found.get("error"), found
        return found


@contextmanager
def working(*given: str) -> Iterator[Worker]:
    """A worker on this state and between these ends; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.scale.worker", *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Worker(process)
    finally:
        process.communicate()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
