"""Check: what the last checks found in calendars and left alone, and the command that helps."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal.model import MailboxId
from fieldcal.setup.permissions import Action
from fieldcal.state import feeds, findings, mailboxes
from fieldcal.state.feeds import Feed
from fieldcal.state.findings import Finding
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Entry, Section
from fieldcal.web.visit import Here

SECTION = Section("check", Entry("work", 30, "check"))

_KINDS = ("changed", "deleted", "copy")
_COLUMNS = (Column("mailbox"), Column("kind"), Column("detail"), Column("booking"))


@SECTION.get("/check", Action.SEE_OVERVIEW)
async def show(visit: Here) -> Response:
    """One page of the findings, by mailbox."""
    place = visit.place_of_work
    query = {name: value for name, value in visit.request.query_params.items() if name != "sort"}
    asked = Listing.asked(query, path="/check", section="check", columns=(Column("mailbox", "mailbox"),),
                          sort="mailbox", filters={"kind": _KINDS})  # fmt: skip
    listing = replace(asked, columns=_COLUMNS, sort="", search="")
    kind = listing.filters["kind"]

    def look(tx: Connection) -> tuple[list[Finding], dict[str, str], int, Feed]:
        found = [one for one in findings.load(tx, place.id) if not kind or one.kind == kind]
        shown = found[listing.offset : listing.offset + listing.size]
        boxes = mailboxes.some(tx, place.id, sorted({MailboxId(one.mailbox) for one in shown}))
        return shown, {str(box.id): box.address for box in boxes}, len(found), feeds.load(tx, place.id)

    rows, addresses, total, feed = await visit.house.read(look)
    values = {"listing": listing.counted(total), "rows": rows, "addresses": addresses, "kinds": _KINDS}
    return visit.page("check.html", {**values, "checked": feed.last_check_at})
