"""The link to subscribe to the own calendar, shown on demand as words and as a QR code; and the calendar behind it."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import Form
from markupsafe import Markup
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from yarl import URL

from fieldcal.embedded.exchange.feed import served
from fieldcal.ends import is_embedded
from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import EXCHANGE, Mailbox
from fieldcal.state import audit, mailboxes, profiles, users
from fieldcal.web.gates import Open
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit

SECTION = Section("my_calendar")

_DEEDS = {"show": "calendar link shown", "renew": "calendar link renewed", "end": "calendar link ended"}


@SECTION.get("/my/calendar", Action.OWN)
async def show(visit: Here) -> Response:
    """What such a link is, and whether there can be one."""
    return await _page(visit, await _own(visit))


@SECTION.post("/my/calendar", Action.OWN)
async def change(visit: Here, do: Annotated[str, Form()] = "", box: Annotated[str, Form()] = "") -> Response:
    """Show the link, give it anew, or take it back; the audit has it."""
    found = next((one for one in await _own(visit) if one.id == box), None)
    links = visit.house.feeds
    if found is None or links is None or do not in _DEEDS or not await _here(visit, found):
        raise ConfigError(text("my_calendar.no_link"))
    if not _answered_for(visit):
        raise NotAllowed(text("my_calendar.not_vouched"))
    secret = await links.secret(found.id) if do == "show" else await links.renew(found.id)
    if secret is None:
        raise ConfigError(text("my_calendar.no_link"))
    now, subject = visit.house.app.clock.now(), f"{visit.place_of_work.id}/{found.id}"
    await visit.house.write(lambda tx: audit.record(tx, visit.actor, now, _DEEDS[do], [subject]))
    if do == "end":
        return visit.say(visit.go("/my/calendar"), "my_calendar.ended")
    return await _page(visit, [found], f"{visit.home}/feeds/{secret}.ics")


@SECTION.get("/feeds/{secret}.ics", Open.PUBLIC)
async def follow(visit: Here, request: Request, secret: str) -> Response:
    """The calendar behind a link, for programs that know no sign-in."""
    links = visit.house.feeds
    box = await links.behind(secret) if links else None
    if links is None or box is None or await visit.house.read(lambda tx: _left(tx, *box)):
        return served(None, request)
    return served(await links.follow(secret), request)


def _left(tx: Connection, mailbox: str, address: str) -> bool:
    """Those whose mailbox it is have no role left: who has left reads nothing any more."""
    owners = users.owners(tx, mailbox, address)
    return bool(owners) and not any(one.roles for one in owners)


async def _own(visit: Visit) -> list[Mailbox]:
    place = visit.place_of_work.id
    return await visit.house.read(lambda tx: mailboxes.owned(tx, place, visit.actor))


def _answered_for(visit: Visit) -> bool:
    """Who reads a whole calendar is known to be its owner (`setup/vouching.py`)."""
    return visit.actor.user is not None and visit.actor.user.vouched


async def _here(visit: Visit, box: Mailbox) -> bool:
    """The mailbox is one of the embedded Exchange, which has such links; other servers have their own ways."""

    def look(tx: Connection) -> bool:
        profile = profiles.find(tx, box.profile) if box.profile else None
        return profile is not None and profile.kind == EXCHANGE and is_embedded(profile.end)

    return visit.house.feeds is not None and await visit.house.read(look)


async def _page(visit: Visit, boxes: list[Mailbox], link: str = "") -> Response:
    """`link`: shown, which is asked for by a form only, so that no address bar and no reload brings it up again."""
    offered = [box for box in boxes if await _here(visit, box)]
    tapped = str(URL(link).with_scheme("webcal")) if link else ""
    values = {
        "boxes": boxes, "offered": offered, "link": link, "tapped": tapped, "drawn": _drawn(tapped) if link else "",
        "vouched": _answered_for(visit),
    }  # fmt: skip
    return visit.page("my_calendar.html", values)


def _drawn(address: str) -> Markup:
    """The address as a picture for a camera: one path, no styles, which our policy would refuse."""
    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(border=2, omitsize=True, dark="#000", light="#fff", svgclass=None, lineclass=None))  # noqa: S704 - drawn by the library from squares
