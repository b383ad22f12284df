"""Plans: removals that are held for a person, and what a pass would do now, before it writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Annotated

from fastapi import Form
from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal import deciding
from fieldcal.asked import refresh
from fieldcal.deciding import Removal
from fieldcal.errors import ConfigError
from fieldcal.setup.permissions import Action
from fieldcal.sites import Sites
from fieldcal.state import bookings, mailboxes, plans
from fieldcal.state.plans import Plan
from fieldcal.sync.preview import preview
from fieldcal.sync.site import Site
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Entry, Section
from fieldcal.web.shared import shared
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit

#: Bookings of the window of which the plan is worked out at once.
FEW = 5_000
SECTION = Section("plans", Entry("work", 20, "plan"))

_STATES = ("held", "approved", "rejected", "done")
_COLUMNS = (Column("plan"), Column("state"), Column("rows", number=True), Column("why"), Column("decided"))
_ROWS = (Column("booking"), Column("mailbox"), Column("why"), Column("row_state"))
_STEPS = (Column("step"), Column("booking"), Column("mailbox"), Column("why"))
_LONGEST = 1_000


def _listing(visit: Visit, path: str, columns: tuple[Column, ...], states: tuple[str, ...] = ()) -> Listing:
    query = {name: value for name, value in visit.request.query_params.items() if name in {"page", "size", "state"}}
    found = Listing.asked(query, path=path, section="plans", columns=(Column("plan", "plan"),), sort="plan",
                          filters={"state": states} if states else {})  # fmt: skip
    return replace(found, columns=columns, sort="")


@SECTION.get("/plans", Action.SEE_OVERVIEW)
async def show(visit: Here) -> Response:
    """The plans, the newest first."""
    place, listing = visit.place_of_work, _listing(visit, "/plans", _COLUMNS, _STATES)
    state = listing.filters["state"]

    def look(tx: Connection) -> tuple[list[Plan], int]:
        found = plans.load(tx, place.id, state, limit=listing.size, offset=listing.offset)
        return found, plans.count(tx, place.id, state)

    rows, total = await visit.house.read(look)
    return visit.page("plans.html", {"listing": listing.counted(total), "rows": rows, "states": _STATES})


@SECTION.get("/plans/preview", Action.SEE_OVERVIEW)
async def before(visit: Here) -> Response:
    """What a pass would do now, by what is known; nothing is asked and nothing is written."""
    place, listing = visit.place_of_work, _listing(visit, "/plans/preview", _STEPS)
    if not place.organization:
        return visit.page(
            "plans_preview.html", {"listing": listing, "rows": [], "counts": {}, "skipped": [], "syncs": False}
        )
    async with Sites(visit.house.app) as sites:
        site = await sites.unasked(place.id)
    asked = visit.live or "now" in visit.request.query_params
    if not asked and await visit.house.read(lambda tx: _many(tx, site)):
        return visit.page("plans_preview_wait.html", {"listing": listing, "syncs": visit.may(Action.SYNC)})
    # It reads the whole window: however many look, it is worked out once at a time.
    house = visit.house
    steps = await shared(house.previews, place.id, lambda: house.read(lambda tx: preview(tx, site)))
    writes = sorted((one for one in steps if one.verb != "skip"), key=lambda one: (one.start, one.booking))
    shown = writes[listing.offset : listing.offset + listing.size]
    boxes = sorted({one.mailbox for one in shown if one.mailbox})
    found = await visit.house.read(lambda tx: mailboxes.some(tx, place.id, boxes))
    addresses = {str(box.id): box.address for box in found}
    counts = Counter(one.verb for one in writes)
    skipped = Counter((one.reason if one.code != "not_set_up" else text("plans.not_set_up"))
                      for one in steps if one.verb == "skip")  # fmt: skip
    rows = [(one, addresses.get(one.mailbox or "", "")) for one in shown]
    values = {"listing": listing.counted(len(writes)), "rows": rows, "counts": counts, "syncs": visit.may(Action.SYNC)}
    return visit.page("plans_preview.html", {**values, "skipped": skipped.most_common(20)})


def _many(tx: Connection, site: Site) -> bool:
    """Whether it takes a while to work the plan out, so that a page without it is shown first."""
    return bookings.begin_between(tx, site.environment, site.moment(None).window, FEW + 1) > FEW


@SECTION.post("/plans/preview", Action.SYNC)
async def read_first(visit: Here) -> Response:
    """Read what changed at the source, write nothing, and show the preview of that."""
    place = visit.place_of_work
    async with Sites(visit.house.app) as sites:
        error = await refresh(await sites.working(place.id))
    back = visit.go("/plans/preview")
    return visit.say(back, "plans.read_not", {"error": error}, "bad") if error else visit.say(back, "plans.read")


@SECTION.get("/plans/{number}", Action.SEE_OVERVIEW)
async def one(visit: Here, number: str) -> Response:
    """Each removal of a plan with what proves it."""
    place, wanted = visit.place_of_work, _number(number)
    listing = _listing(visit, f"/plans/{wanted}", _ROWS)

    def look(tx: Connection) -> tuple[Plan | None, list[Removal]]:
        rows = plans.rows_of(tx, place.id, wanted, limit=listing.size, offset=listing.offset)
        return plans.find(tx, place.id, wanted), deciding.removals(tx, place.id, rows)

    plan, rows = await visit.house.read(look)
    if plan is None:
        raise ConfigError(text("plans.none", {"number": str(wanted)}))
    decides = plan.state == "held" and visit.may(Action.TAKE_OVER)
    return visit.page("plans_one.html", {
        "listing": listing.counted(plan.rows), "plan": plan, "rows": rows, "decides": decides,
    })  # fmt: skip


def _number(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and len(given) < 10):  # noqa: PLR2004 - what an INTEGER surely holds
        raise ConfigError(text("plans.none", {"number": given[:40]}))
    return int(given)


@SECTION.post("/plans/{number}/decide", Action.TAKE_OVER)
async def decide(
    visit: Here, number: str, verdict: Annotated[str, Form()] = "", comment: Annotated[str, Form()] = ""
) -> Response:  # fmt: skip
    """Approve or reject a held plan; one that was decided before is left as it is, and that is said."""
    place, wanted, app = visit.place_of_work, _number(number), visit.house.app
    if verdict not in {"approve", "reject"}:
        raise ConfigError(text("plans.no_verdict"))
    back = visit.go(f"/plans/{wanted}")
    try:
        if verdict == "reject":
            rows = await deciding.reject(app, visit.actor, place.id, wanted, comment.strip()[:_LONGEST])
            return visit.say(back, "plans.rejected", {"count": rows})
        done = await deciding.approve(app, visit.actor, place.id, wanted, comment.strip()[:_LONGEST])
    except ConfigError:
        plan = await visit.house.read(lambda tx: plans.find(tx, place.id, wanted))
        if plan is None or plan.state == "held":
            raise
        return visit.say(back, "plans.already", {"by": plan.decided_by}, "note")
    visit.house.service.announce(place.id)
    if done.silent:
        return visit.say(back, "plans.approved_in_part", {"count": done.rows, "silent": done.silent}, "note")
    return visit.say(back, "plans.approved", {"count": done.rows})
