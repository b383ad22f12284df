"""Work in hand on a page: server-sent events, each with the part of the page as it now is, the last one with all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.responses import Response, StreamingResponse

from fieldcal.web.render import render
from fieldcal.web.visit import Visit
from fieldcal.web.work import Work


def followed(
    visit: Visit, work: Work[Any] | None, part: str, values: Callable[[Work[Any]], Mapping[str, Any]]
) -> Response:
    """`part` of templates/ with `values` of the work, told whenever it has changed, until it or the session ends."""
    if work is None:
        return Response(status_code=204)  # which tells the browser not to ask again
    told = _told(visit, work, part, values)
    return StreamingResponse(told, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _told(
    visit: Visit, work: Work[Any], part: str, values: Callable[[Work[Any]], Mapping[str, Any]]
) -> AsyncIterator[str]:
    async for done in work.watch():
        if not await visit.lasts():
            return
        # One at the end tells everything, whatever was missed before.
        kind = "end" if work.ended else "part"
        lines = "".join(f"data: {line}\n" for line in render(visit, part, values(work)).splitlines())
        yield f"event: {kind}\nid: {done}\n{lines}\n"
