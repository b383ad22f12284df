"""The audit: who did what, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from fieldcal.audit_file import MEDIA, Kind, pieces
from fieldcal.setup.permissions import Action
from fieldcal.state import audit
from fieldcal.state.audit import Key, Wanted
from fieldcal.web.api import paging
from fieldcal.web.api.caller import Call, Caller
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown, asked_instant

RESOURCE = Resource("audit", "The audit: who did what, and when.")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Since = Annotated[str, Query(max_length=40, description="From this time on.", examples=["2026-11-23"])]
Until = Annotated[str, Query(max_length=40, description="Before this time.", examples=["2026-11-24T08:00:00Z"])]
By = Annotated[str, Query(max_length=200, description="Only what this user did, or `operator`.", examples=["alice"])]

Did = Annotated[str, Query(max_length=100, description="Only this.", examples=["mailbox approve"])]
#: what no number of a line reaches
_MOST = 2**62


class LineShown(Shown):
    """One thing that somebody did."""

    at: datetime = Field(description="When.")
    operator: str = Field(description="The account that it ran as; of a script its token too.")
    actor: str = Field(description="Who did it.", examples=["alice"])
    action: str = Field(description="What.", examples=["mailbox approve"])
    subject: str = Field(description="To what.", examples=["main/2f9c7f5e"])
    detail: str = Field(description="What else there is to say.")


@RESOURCE.get("/audit", Action.AUDIT)
async def list_all(
    caller: Call, pages: Pages, since: Since = "", until: Until = "", actor: By = "", action: Did = ""
) -> Paged[LineShown]:
    """List what was done, the newest first."""
    wanted = _wanted(since, until, actor, action)
    found = await caller.house.read(lambda tx: audit.page(tx, wanted, pages.limit + 1, _before(pages.cursor)))
    shown = found[: pages.limit]
    following = _cursor(shown[-1][0]) if len(found) > pages.limit else ""
    return Paged(**pages.keyed([LineShown.model_validate(line) for _, line in shown], following))


def _cursor(key: Key) -> str:
    at, number = key
    return paging.write([(at - _EPOCH) // _MICROSECOND, number])


def _before(cursor: str) -> Key | None:
    if not cursor:
        return None
    at, number = (paging.number(part) for part in paging.read(cursor, 2))
    try:
        return _EPOCH + at * _MICROSECOND, min(number, _MOST)
    except OverflowError:
        raise paging.wrong() from None


@RESOURCE.get("/audit.csv", Action.AUDIT, media="text/csv")
async def export(caller: Call, since: Since = "", until: Until = "", actor: By = "", action: Did = "") -> Response:
    """Export what was done, the oldest first, for a spreadsheet."""
    return _file(caller, _wanted(since, until, actor, action), Kind.CSV)


@RESOURCE.get("/audit.jsonl", Action.AUDIT, media="application/x-ndjson")
async def export_lines(
    caller: Call, since: Since = "", until: Until = "", actor: By = "", action: Did = ""
) -> Response:  # fmt: skip
    """Export what was done, the oldest first, as JSON lines."""
    return _file(caller, _wanted(since, until, actor, action), Kind.LINES)


def _file(caller: Caller, wanted: Wanted, kind: Kind) -> Response:
    return StreamingResponse(
        pieces(caller.house.app.database, wanted, kind), media_type=f"{MEDIA[kind]}; charset=utf-8"
    )


def _wanted(since: str, until: str, actor: str, action: str) -> Wanted:
    return Wanted(asked_instant(since, "since"), asked_instant(until, "until"), actor, action)
