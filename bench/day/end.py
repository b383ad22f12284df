"""One of the two ends as a process: counts what Fieldcal asks of it, and fails at so large a share of it, by chance.

python -m bench.day.end fieldservice|exchange DATABASE      prints its address and tokens, and serves until it is ended

`GET /_bench` tells the counts, `GET /_bench?share=0.01` begins them anew, and the faults with them.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from fieldcal.embedded.control import ENTRY
from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT, Exchange
from fieldcal.embedded.faults import App, Fault, Message, Receive, Scope, Send, inject
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.server import serving

LIFE = 30 * 86_400
#: Seconds of a server's own count of one mailbox (Graph) and of one caller (Dataverse).
GRAPH_SPAN, DATAVERSE_SPAN = 600.0, 300.0
_MAILBOX = re.compile(r"/users/([^/?]+)")
_LATER = {"Retry-After": "2"}
OF_EXCHANGE = (
    Fault("status", status=503), Fault("status", status=503, headers=_LATER), Fault("status", status=504),
    Fault("status", status=429, code="ApplicationThrottled", headers=_LATER), Fault("drop_before"), Fault("drop_after"),
    Fault("truncated"), Fault("delay", seconds=3.0),
)  # fmt: skip
OF_SOURCE = (
    Fault("status", status=503), Fault("status", status=504), Fault("drop_before"), Fault("truncated"),
    Fault("status", status=429, code="0x80072322", headers=_LATER), Fault("delay", seconds=3.0),
)  # fmt: skip


@dataclass(slots=True)
class Counts:
    """What was asked since the counts began."""

    began: float = field(default_factory=time.time)
    #: seconds since then, of each request
    times: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    #: seconds of each request, the items of batches by themselves, by mailbox
    boxes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    flying: int = 0
    most_flying: int = 0
    working: float = 0.0


class Counted:
    """The app of an end with counts and faults before it; only what Fieldcal asks is counted."""

    def __init__(self, app: App, faults: tuple[Fault, ...], seed: int, peak: Callable[[], int]) -> None:
        """`peak`: the most that the end itself has counted at once, on one mailbox or of one caller."""
        self._app, self._faults, self._chance, self._peak = app, faults, random.Random(seed), peak
        self._share, self.counts = 0.0, Counts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(("/v1.0/", "/api/", "/_bench")):
            await self._app(scope, receive, send)
        elif scope["path"] == "/_bench":
            await self._tell(scope, receive, send)
        elif scope["path"].startswith("/api/") and scope["method"] != "GET":
            await self._app(scope, receive, send)  # a dispatcher's; a pass only reads
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        counts, began = self.counts, time.time()
        counts.times.append(began - counts.began)
        counts.flying += 1
        counts.most_flying = max(counts.most_flying, counts.flying)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                counts.answers[str(message["status"])] += 1
            await send(message)

        try:
            if self._chance.random() < self._share:
                fault = self._chance.choice(self._faults)
                counts.faults[fault.kind if fault.kind != "status" else str(fault.status)] += 1
                await inject(fault, self._app, scope, receive, noted)
            else:
                await self._app(scope, receive, noted)
        finally:
            counts.flying -= 1
            counts.working += time.time() - began
            self._by_mailbox(scope, began - counts.began)

    def _by_mailbox(self, scope: Scope, at: float) -> None:
        entry = scope.get(ENTRY)
        items = [item.url for item in entry.items] if entry is not None else []
        for url in items or [scope["path"]]:
            if found := _MAILBOX.search(url):
                self.counts.boxes[found[1]].append(at)

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        share = Request(scope).query_params.get("share")
        told = self._told()
        if share is not None:
            self._share, self.counts = float(share), Counts()
        await JSONResponse(told)(scope, receive, send)

    def _told(self) -> dict[str, Any]:
        counts = self.counts
        return {
            "requests": len(counts.times), "times": counts.times, "answers": counts.answers, "faults": counts.faults,
            "most_at_once": counts.most_flying, "peak": self._peak(), "items": sum(map(len, counts.boxes.values())), "working": counts.working,
            "mailbox": {str(span): max((most(times, span) for times in counts.boxes.values()), default=0) for span in (GRAPH_SPAN, GRAPH_SPAN / 60)},
            "all": {str(span): most(counts.times, span) for span in (DATAVERSE_SPAN, DATAVERSE_SPAN / 60, 10.0, 10.0 / 60)},
        }  # fmt: skip


def most(times: list[float], span: float) -> int:
    """The most of these instants that lie in a span of so many seconds."""
    ordered, first, found = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - span:
            first += 1
        found = max(found, last - first + 1)
    return found


async def main(kind: str, database: str) -> None:
    """Serve the one or the other."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    if kind == "exchange":
        with Exchange(database) as exchange:
            async with serving(Counted(exchange.app, OF_EXCHANGE, 1, lambda: exchange.throttle.peak)) as url:
                _say(url, exchange.token(lifetime=LIFE), "")
                await stopped.wait()
        return
    with FieldService(database, tenant_id=str(DEFAULT_TENANT)) as source:
        async with serving(Counted(source.app, OF_SOURCE, 2, lambda: source.most_at_once)) as url:
            _say(
                url, source.tokens.grant(url, lifetime=LIFE), source.tokens.grant(url, client_id="desk", lifetime=LIFE)
            )
            await stopped.wait()
            await source.webhooks.close()


def _say(url: str, token: str, desk: str) -> None:
    print(json.dumps({"url": url, "token": token, "desk": desk}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
