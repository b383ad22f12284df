"""The bare limit: an aiohttp loop that puts ready-made bodies over so many connections, and nothing else.

python -m bench.caldav.bare URL USER PASSWORD CONNECTIONS < BODIES    (as JSON: body by path)
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp


async def main(url: str, user: str, password: str, connections: int, bodies: dict[str, str]) -> None:
    ready = [(f"{url}{path}", body.encode()) for path, body in bodies.items()]
    headers = {"User-Agent": "bare/1", "Content-Type": "text/calendar; charset=utf-8", "If-None-Match": "*"}
    auth = aiohttp.encode_basic_auth(user, password)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        headers={**headers, "Authorization": auth},
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:

        async def worker() -> int:
            done = 0
            while ready:
                path, body = ready.pop()
                async with session.put(path, data=body) as answer:
                    await answer.read()
                    done += answer.status == 201
            return done

        wall, cpu = time.perf_counter(), time.process_time()
        created = sum(await asyncio.gather(*(worker() for _ in range(connections))))
        print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "created": created}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], int(sys.argv[4]), json.load(sys.stdin)))
