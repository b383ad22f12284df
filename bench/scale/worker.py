"""A worker that stays: one pass after the other in one process, as a service makes them.

python -m bench.scale.worker STATE SOURCE SOURCE_TOKEN GRAPH GRAPH_TOKEN

Takes `prepare`, `pass` or `prune` by line, and answers each with a line of JSON: what it did and what it cost.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sync.one_pass import Counted

from bench.client import opened, passed, prepare
from fieldcal.engine import upkeep
from fieldcal.sync.site import Site

#: Days after which what `grow` made is old: a fortieth of it.
OLDEST = 193


async def main(*given: str) -> None:
    async with opened(*given) as (site, *ends):
        gc.freeze()  # as `fieldcal serve` does once it runs
        counted = Counted(site.database)
        for line in sys.stdin:
            counted.number.clear()
            told = {}
            if line.strip() == "prepare":
                await prepare(site)
            elif line.strip() == "prune":
                told = await pruned(site)
            else:
                told = await passed(site, *ends)
            print(json.dumps({**told, **counted.number}), flush=True)


async def pruned(site: Site) -> dict[str, float]:
    """Forget the oldest of what `grow` made, as a service does once a day."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = await upkeep.prune(site.database, site.clock, upkeep.ages(OLDEST, OLDEST, OLDEST))
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "forgotten": done.total}


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
