"""Server profiles: the calendar servers that mailboxes are written through (R8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fieldcal import joining
from fieldcal.attaching import CREDENTIALS, DAV_CREDENTIALS, profile_mistakes
from fieldcal.errors import ConfigError, FieldcalError, Overtaken
from fieldcal.setup import profiles
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import CALDAV, EXCHANGE, Endpoint, ServerProfile
from fieldcal.state import profiles as rows
from fieldcal.web import ends
from fieldcal.web.ends import Sent
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit

SECTION = Section("profiles", Entry("setup", 20, "server"))
_NAMES = ("name", "kind", "url", "authority", "tenant", "credential", "client_id", "secret", "calendar", "at_once")
#: How to sign in, by kind.
_WAYS = {EXCHANGE: tuple(CREDENTIALS), CALDAV: tuple(DAV_CREDENTIALS)}
_DIGITS = 4
_FIRST = {EXCHANGE: "secret", CALDAV: "password"}


@SECTION.get("/profiles", Action.PROFILES)
async def show(visit: Here) -> Response:
    """Every profile, with how many mailboxes are written through it."""

    def look(tx: Connection) -> list[tuple[ServerProfile, int, int]]:
        return [(one, rows.using(tx, one.id), rows.enabled_through(tx, one.id)) for one in rows.everyone(tx)]

    found = await visit.house.read(look)
    return visit.page("profiles.html", {"rows": found, "kinds": profiles.KINDS, "adds": visit.may(Action.PROFILES)})


@SECTION.get("/profiles/new", Action.PROFILES)
async def new(visit: Here, kind: str = EXCHANGE) -> Response:
    """The form for another one of this kind."""
    kind = kind if kind in profiles.KINDS else EXCHANGE
    at_once = str(profiles.DAV_AT_ONCE) if kind == CALDAV else ""
    sent = ends.empty(Endpoint("", credential=_FIRST[kind]), name="", kind=kind, calendar="", at_once=at_once)
    return _form(visit, sent)


def _form(visit: Visit, sent: Sent, **more: Any) -> Response:
    values = {"sent": sent, "ways": _WAYS.get(sent.values["kind"], ()), "kinds": profiles.KINDS, "known": None}
    status = 409 if sent.wants else 200
    return visit.page("profiles_form.html", {"checks": None, "boxes": 0, "lost": 0, **values, **more}, status)


@SECTION.post("/profiles/add", Action.PROFILES)
async def add(visit: Here) -> Response:
    """Make it, active at once; it is signed in to first, and what went wrong stands in the form."""
    form, app = await visit.form(), visit.house.app
    sent, end = ends.read(visit, form, _NAMES, None)
    name, kind = sent.values["name"], sent.values["kind"]
    if kind not in profiles.KINDS:
        raise ConfigError(f"there is no kind of server profile {kind[:40]!r}")
    wish = _wished(sent, ServerProfile(name, end, app.clock.now(), kind))
    sent.place(profiles.mistakes(name, kind) + profile_mistakes(wish, app.config))
    if not sent.mistakes:
        try:
            await joining.add_profile(app, visit.actor, wish, ask=not form.get("offline"))
        except FieldcalError as error:
            sent.place([str(error)])
    if sent.mistakes:
        return _form(visit, sent)
    return visit.say(visit.go("/profiles"), "profiles.added", {"name": name})


def _wished(sent: Sent, profile: ServerProfile) -> ServerProfile:
    at_once = sent.values["at_once"]
    if profile.kind != CALDAV:
        return profile
    # what is no number is told as one that is too small
    number = int(at_once) if at_once.isascii() and at_once.isdigit() and len(at_once) <= _DIGITS else 0
    return replace(profile, calendar=sent.values["calendar"], at_once=number)


async def _known(visit: Visit, name: str) -> tuple[ServerProfile, int]:
    found = await visit.house.read(lambda tx: (rows.find(tx, name), rows.enabled_through(tx, name)))
    if found[0] is None:
        raise HTTPException(404)
    return found[0], found[1]


def _shown(profile: ServerProfile) -> Sent:
    return ends.empty(
        profile.end, name=profile.id, kind=profile.kind, calendar=profile.calendar, at_once=str(profile.at_once)
    )


@SECTION.get("/profiles/one", Action.PROFILES)
async def one(visit: Here, name: str = "") -> Response:
    """One profile, to be changed."""
    profile, boxes = await _known(visit, name)
    return _form(visit, _shown(profile), known=profile, boxes=boxes)


@SECTION.post("/profiles/save", Action.PROFILES)
async def save(visit: Here) -> Response:
    """Change address or sign-in; it is signed in to first, and what went wrong stands in the form."""
    form, app = await visit.form(), visit.house.app
    before, boxes = await _known(visit, str(form.get("name", "")))
    dav = {"calendar": before.calendar, "at_once": str(before.at_once)} if before.kind == CALDAV else {}
    sent, end = ends.read(visit, form, _NAMES, before.end, **dav)
    sent.values["kind"] = before.kind
    after = _wished(sent, replace(before, end=end))
    sent.place(profile_mistakes(after, app.config))
    lost = await visit.house.read(lambda tx: profiles.losing(tx, before, end))
    if lost and not sent.wants and form.get("forget") != str(lost):
        sent.wrong("url", text("profiles.losing", {"count": lost}))
    if not sent.wants:
        try:
            await joining.change_profile(app, visit.actor, before, after, ask=not form.get("offline"))
        except Overtaken:
            # while we signed in: put together anew with what stands there now
            return await save(visit)
        except FieldcalError as error:
            sent.place([str(error)])
    if sent.wants:
        return _form(visit, sent, known=before, boxes=boxes, lost=lost)
    key = "profiles.saved_losing" if lost else "profiles.saved"
    return visit.say(visit.go("/profiles/one", {"name": before.id}), key, {"name": before.id, "count": lost})


@SECTION.post("/profiles/switch", Action.PROFILES)
async def switch(visit: Here) -> Response:
    """Activate or deactivate: asked with the count of mailboxes, then done."""
    form, actor, now = await visit.form(), visit.actor, visit.house.app.clock.now()
    profile, boxes = await _known(visit, str(form.get("name", "")))
    on = not profile.active
    if str(form.get("count", "")) != str(boxes) or str(form.get("to", "")) != ("on" if on else "off"):
        values = {"profile": profile, "boxes": boxes, "on": on}
        return visit.page("parts/profiles_switch.html" if visit.live else "profiles_switch.html", values)
    await visit.house.write(lambda tx: profiles.set_active(tx, actor, now, profile.id, active=on))
    key = "profiles.activated" if on else "profiles.deactivated"
    return visit.say(visit.go("/profiles/one", {"name": profile.id}), key, {"name": profile.id})


@SECTION.post("/profiles/remove", Action.PROFILES)
async def remove(visit: Here) -> Response:
    """Forget a profile that no mailbox uses: asked, then done."""
    form, actor, now = await visit.form(), visit.actor, visit.house.app.clock.now()
    profile, _ = await _known(visit, str(form.get("name", "")))
    using = await visit.house.read(lambda tx: rows.using(tx, profile.id))
    if using or not form.get("sure"):
        values = {"profile": profile, "using": using}
        return visit.page("parts/profiles_remove.html" if visit.live else "profiles_remove.html", values)
    await visit.house.write(lambda tx: profiles.remove(tx, actor, now, profile.id))
    return visit.say(visit.go("/profiles"), "profiles.removed", {"name": profile.id})


@SECTION.post("/profiles/test", Action.PROFILES)
async def test(visit: Here) -> Response:
    """Sign in there and look at what must hold, as it is kept now; changes nothing."""
    form = await visit.form()
    profile, boxes = await _known(visit, str(form.get("name", "")))
    found = await joining.try_profile(visit.house.app, profile)
    return _form(visit, _shown(profile), known=profile, boxes=boxes, checks=found)
