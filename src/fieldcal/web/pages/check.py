"""Check: what the last checks found in calendars and left alone, and writing it again where somebody says so."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.responses import Response

from fieldcal import checking
from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup.permissions import Action
from fieldcal.sites import Sites
from fieldcal.state import feeds, findings, mailboxes
from fieldcal.state.feeds import Feed
from fieldcal.state.findings import BY_HAND, Finding
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work

SECTION = Section("check", Entry("work", 30, "check"))

_KINDS = ("changed", "deleted", "copy")
_COLUMNS = (Column("mailbox"), Column("kind"), Column("detail"), Column("booking"))
#: Between a mailbox's id and an event's, in a tick.
_BETWEEN = "\t"
_NAMED = 10


@SECTION.get("/check", Action.SEE_OVERVIEW)
async def show(visit: Here) -> Response:
    """One page of the findings, by mailbox."""
    place = visit.place_of_work
    query = {name: value for name, value in visit.request.query_params.items() if name != "sort"}
    asked = Listing.asked(query, path="/check", section="check", columns=(Column("mailbox", "mailbox"),),
                          sort="mailbox", filters={"kind": _KINDS})  # fmt: skip
    listing = replace(asked, columns=_COLUMNS, sort="", search="")
    kind = listing.filters["kind"]

    def look(tx: Connection) -> tuple[list[Finding], dict[str, str], dict[str, int], Feed, int]:
        found = findings.counted(tx, place.id, kind)
        shown = findings.page(tx, place.id, kind, offset=listing.offset, limit=listing.size)
        boxes = mailboxes.some(tx, place.id, sorted({MailboxId(one.mailbox) for one in shown}))
        named = {str(box.id): box.address for box in boxes}
        return shown, named, found, feeds.load(tx, place.id), len(mailboxes.enabled(tx, place.id))

    rows, addresses, found, feed, boxes = await visit.house.read(look)
    values = {
        "listing": listing.counted(sum(found.values())), "rows": rows, "addresses": addresses, "kinds": _KINDS,
        "checked": feed.last_check_at, "by_hand": BY_HAND, "between": _BETWEEN, "boxes": boxes,
        "again": sum(found.get(one, 0) for one in BY_HAND), "acts": visit.may(Action.SYNC),
    }  # fmt: skip
    return visit.page("check.html", values)


async def _chosen(visit: Visit, form: FormData) -> list[Finding]:
    """Of what can be written again what the form means: what is ticked, or all that its filter leaves."""
    kind = str(form.get("kind", ""))
    if kind and kind not in _KINDS:
        raise ConfigError(f"there is no kind {kind[:40]!r}")
    place = visit.place_of_work.id
    found = await visit.house.read(lambda tx: checking.by_hand(tx, place, kind=kind if form.get("all") else ""))
    if form.get("all"):
        return found
    ticked = {str(one) for one in form.getlist("id")}
    if not ticked:
        raise ConfigError(text("check.none_ticked"))
    return [one for one in found if f"{one.mailbox}{_BETWEEN}{one.event}" in ticked]


@SECTION.post("/check/ask", Action.SYNC)
async def ask(visit: Here) -> Response:
    """How many events would be written again, and of which mailboxes."""
    form = await visit.form()
    return await _question(visit, form, await _chosen(visit, form))


async def _question(visit: Visit, form: FormData, chosen: Sequence[Finding], changed: str = "") -> Response:
    place = visit.place_of_work.id
    ids = sorted({MailboxId(one.mailbox) for one in chosen})
    named = await visit.house.read(lambda tx: mailboxes.some(tx, place, ids[:_NAMED]))
    values = {
        "count": len(chosen), "named": named, "more": len(ids) - len(named), "changed": changed,
        "once": secrets.token_urlsafe(12), "ticked": [str(one) for one in form.getlist("id")],
        "all": bool(form.get("all")), "kind": str(form.get("kind", "")),
    }  # fmt: skip
    return visit.page("parts/check_ask.html" if visit.live else "check_ask.html", values)


@SECTION.post("/check/do", Action.SYNC)
async def do(visit: Here) -> Response:
    """Write exactly as many again as were confirmed; where they have become more or fewer, ask again."""
    form = await visit.form()
    once, place, house, actor = str(form.get("once", "")), visit.place_of_work.id, visit.house, visit.actor
    if once and (known := house.works.begun_by(once)) is not None:
        return visit.go(f"/check/work/{known.id}")
    chosen = await _chosen(visit, form)
    if not chosen or str(len(chosen)) != str(form.get("count", "")):
        return await _question(visit, form, chosen, text("check.recounted", {"count": len(chosen)}))

    async def run(work: Work[Any]) -> None:
        async with Sites(house.app) as sites:
            site = await sites.working(place)
            work.tell(await checking.write_again(house.app, actor, site, chosen, work.far))

    boxes = len({one.mailbox for one in chosen})
    work = house.works.begin("write again", place, actor.name, boxes, house.app.clock.now(), once, run)
    return visit.go(f"/check/work/{work.id}")
