"""A worker of the queue alone, as a process of its own: says what it begins, and ends each job after so many seconds.

python -m tests.engine.queue_worker ADDRESS SECONDS
"""

from __future__ import annotations

import asyncio
import sys

from fieldcal.clock import SystemClock
from fieldcal.engine.cluster import Beats, ClusterEngine
from fieldcal.engine.schedule import Job

BEATS = Beats(beat=0.2, dead=1.0, look=0.2, poll=0.1, later=0.2, patience=0.5)


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(address: str, seconds: float) -> None:
    async def handle(job: Job) -> None:
        tell(f"begins {job.environment} {job.mailbox}")
        await asyncio.sleep(seconds)
        tell(f"ends {job.environment} {job.mailbox}")

    await ClusterEngine(address, SystemClock(), beats=BEATS).run(handle)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
