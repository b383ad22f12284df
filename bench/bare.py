"""The bare limit: an aiohttp loop that posts ready-made batches of 20 creates, eight mailboxes at once, and nothing else."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta

import aiohttp

from bench.ends import made_id

AT_ONCE, BATCH = 8, 20


def batches(workers: int, each: int) -> list[list[bytes]]:
    start = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    made: list[list[bytes]] = []
    for worker in range(workers):
        items = [
            {
                "id": str(n), "method": "POST", "url": f"/users/{made_id('box', worker)}/events",
                "headers": {"Content-Type": "application/json", "Prefer": 'IdType="ImmutableId"'},
                "body": {
                    "subject": f"WO-{n:06} · Repair · Customer {n}",
                    "body": {"contentType": "html", "content": "<table><tr><td>what has to be done</td></tr></table>" * 12},
                    "start": {"dateTime": (start + timedelta(hours=n)).isoformat(), "timeZone": "UTC"},
                    "end": {"dateTime": (start + timedelta(hours=n + 1)).isoformat(), "timeZone": "UTC"},
                    "location": {"displayName": "Street 1, Berlin"}, "transactionId": made_id(f"key{worker}", n),
                },
            }
            for n in range(each)
        ]  # fmt: skip
        made.append([json.dumps({"requests": items[n : n + BATCH]}).encode() for n in range(0, each, BATCH)])
    return made


async def main(graph: str, token: str, workers: int, each: int) -> None:
    ready = batches(workers, each)
    places = asyncio.Semaphore(AT_ONCE)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def mailbox(bodies: list[bytes]) -> int:
            done = 0
            async with places:
                for body in bodies:
                    async with session.post(f"{graph}/v1.0/$batch", data=body) as answer:
                        done += sum(item["status"] == 201 for item in json.loads(await answer.read())["responses"])
            return done

        wall, cpu = time.perf_counter(), time.process_time()
        created = sum(await asyncio.gather(*(mailbox(bodies) for bodies in ready)))
        print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "created": created}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
