"""The audit: who did what, and when."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from itertools import islice
from typing import Annotated

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import Connection

from fieldcal import spreadsheet
from fieldcal.setup.permissions import Action
from fieldcal.state import audit
from fieldcal.state.audit import Wanted
from fieldcal.web.api import paging
from fieldcal.web.api.caller import Call
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown, instant

RESOURCE = Resource("audit", "The audit: who did what, and when.")
#: Lines of one file.
_MOST = 100_000

Since = Annotated[str, Query(max_length=40, description="From this time on.", examples=["2026-11-23"])]
Until = Annotated[str, Query(max_length=40, description="Before this time.", examples=["2026-11-24T08:00:00Z"])]
By = Annotated[str, Query(max_length=200, description="Only what this user did, or `operator`.", examples=["alice"])]


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
    caller: Call, pages: Pages, since: Since = "", until: Until = "", actor: By = ""
) -> Paged[LineShown]:
    """List what was done, the newest first."""
    wanted = _wanted(since, until, actor)
    before = paging.number(paging.read(pages.cursor, 1)[0]) if pages.cursor else None
    found = await caller.house.read(lambda tx: audit.page(tx, wanted, pages.limit + 1, before))
    shown = found[: pages.limit]
    following = paging.write([shown[-1][0]]) if len(found) > pages.limit else ""
    return Paged(**pages.keyed([LineShown.model_validate(line) for _, line in shown], following))


@RESOURCE.get("/audit.csv", Action.AUDIT, media="text/csv")
async def export(caller: Call, since: Since = "", until: Until = "", actor: By = "") -> Response:
    """Export what was done, the oldest first, for a spreadsheet."""
    wanted = _wanted(since, until, actor)
    file = await caller.house.read(lambda tx: _file(tx, wanted))
    return Response(file, media_type="text/csv; charset=utf-8")


def _file(tx: Connection, wanted: Wanted) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(spreadsheet.AUDIT)
    writer.writerows(spreadsheet.audit_row(line) for line in islice(audit.each(tx, wanted), _MOST))
    return file.getvalue()


def _wanted(since: str, until: str, actor: str) -> Wanted:
    return Wanted(instant(since, "since"), instant(until, "until"), actor)
