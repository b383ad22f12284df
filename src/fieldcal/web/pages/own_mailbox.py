"""The worker's own mailbox (R5): how far its set-up is, its week, and setting it up, as far as the table lets (D13)."""

from __future__ import annotations

from starlette.responses import Response

from fieldcal.setup.permissions import Action
from fieldcal.state import mailboxes
from fieldcal.web import one_mailbox
from fieldcal.web.section import Entry, Section
from fieldcal.web.visit import Here

SECTION = Section("own_mailbox", Entry("home", 20, "mailbox", own=True))


@SECTION.get("/mailbox", Action.OWN)
async def show(visit: Here, week: str = "", box: str = "") -> Response:
    """The mailbox that is the viewer's own; `box`: which of several."""
    place = visit.place_of_work.id
    found = await visit.house.read(lambda tx: mailboxes.owned(tx, place, visit.actor))
    if not found:
        return visit.page("own_mailbox_none.html")
    chosen = next((one for one in found if one.id == box), found[0])
    page = await one_mailbox.page(visit, chosen.id, week=week, own=True)
    return page if page is not None else visit.page("own_mailbox_none.html")
