"""Environments: the sources of bookings; added, changed, tested, and let go with what becomes of their events."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal import joining
from fieldcal.attaching import CREDENTIALS, end_mistakes
from fieldcal.cleaning import Looked, Outcome
from fieldcal.errors import ConfigError, FieldcalError, Overtaken
from fieldcal.setup import environments
from fieldcal.setup.environments import Changes
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Endpoint, Environment
from fieldcal.state import environments as rows
from fieldcal.state import mailboxes, webhooks
from fieldcal.web import ends
from fieldcal.web.ends import Sent
from fieldcal.web.pages import cleaning
from fieldcal.web.section import Entry, Section
from fieldcal.web.visit import Here, Visit

SECTION = Section("environments", Entry("setup", 10, "plug"))
_NAMES = ("name", "url", "authority", "tenant", "credential", "client_id", "secret")
_WAYS = tuple(CREDENTIALS)


@SECTION.get("/environments", Action.ENVIRONMENTS)
async def show(visit: Here) -> Response:
    """Every environment, with how many mailboxes and events it has."""

    def look(tx: Connection) -> list[tuple[Environment, int, int, str]]:
        counted = [(one, len(mailboxes.enabled(tx, one.id)), rows.live_links(tx, one.id)) for one in rows.everyone(tx)]
        return [(*each, lacking(each[0].end.secret)) for each in counted]

    lacking = visit.house.app.secrets.lacking
    found = await visit.house.read(look)
    return visit.page("environments.html", {"rows": found, "changes": visit.may(Action.ENVIRONMENTS)})


@SECTION.get("/environments/new", Action.ENVIRONMENTS)
async def new(visit: Here) -> Response:
    """The form for another one."""
    return _form(visit, ends.empty(Endpoint("", credential="secret"), name=""))


def _form(visit: Visit, sent: Sent, **more: Any) -> Response:
    values = {"sent": sent, "ways": _WAYS, "known": None, "checks": None, "boxes": 0, "refused": False, "lacking": ""}
    if isinstance(known := more.get("known"), Environment):
        values["lacking"] = visit.house.app.secrets.lacking(known.end.secret)
    return visit.page("environments_form.html", {**values, **more}, 409 if sent.wants else 200)


@SECTION.post("/environments/add", Action.ENVIRONMENTS)
async def add(visit: Here) -> Response:
    """Make it; it is signed in to first, and what went wrong stands in the form."""
    form, app = await visit.form(), visit.house.app
    sent, end = ends.read(visit, form, _NAMES, None)
    name = sent.values["name"]
    sent.place(environments.name_mistakes(name, "an environment") + end_mistakes(end, app.config))
    if not sent.mistakes:
        try:
            await joining.add_environment(app, visit.actor, name, end, ask=not form.get("offline"))
        except FieldcalError as error:
            sent.place([str(error)])
    if sent.mistakes:
        return _form(visit, sent)
    if lacking := app.secrets.lacking(end.secret):
        there = visit.go("/environments/one", {"environment": name})
        return visit.say(there, "environments.added_lacking", {"name": name, "why": lacking}, "warn")
    return visit.say(visit.go("/environments"), "environments.added", {"name": name})


async def _known(visit: Visit, *, named: bool = True) -> tuple[Environment, int]:
    name = (visit.chosen_place if named else visit.place_of_work).id
    return await visit.house.read(lambda tx: (rows.get(tx, name), len(mailboxes.enabled(tx, name))))


@SECTION.get("/environments/one", Action.ENVIRONMENTS)
async def one(visit: Here) -> Response:
    """The environment that the address names, to be changed."""
    place, boxes = await _known(visit, named=False)
    return _form(visit, ends.empty(place.end, name=place.id), known=place, boxes=boxes)


@SECTION.post("/environments/save", Action.ENVIRONMENTS)
async def save(visit: Here) -> Response:
    """Change address or sign-in, signed in to first; where that fails, ask whether to save it all the same."""
    form, app, refused = await visit.form(), visit.house.app, False
    before, boxes = await _known(visit)
    sent, end = ends.read(visit, form, _NAMES, before.end)
    sent.place(end_mistakes(end, app.config))
    if not sent.wants:
        changes = Changes({}, end.url, end.authority, end.tenant, end.credential, end.client_id, end.secret)
        try:
            await joining.change_environment(app, visit.actor, before, changes, ask=not form.get("offline"))
        except Overtaken:
            # while we signed in: put together anew with what stands there now
            return await save(visit)
        except FieldcalError as error:
            refused = True
            sent.place([str(error)])
    if sent.wants:
        return _form(visit, sent, known=before, boxes=boxes, refused=refused)
    return visit.say(visit.go("/environments/one", {"environment": before.id}), "environments.saved",
                     {"name": before.id})  # fmt: skip


@SECTION.post("/environments/test", Action.ENVIRONMENTS)
async def test(visit: Here) -> Response:
    """Sign in there, see who it is, and look at what must hold; nothing is written anywhere."""
    place, boxes = await _known(visit)
    found = await joining.try_environment(visit.house.app, place.id)
    return _form(visit, ends.empty(place.end, name=place.id), known=place, boxes=boxes, checks=found)


@SECTION.post("/environments/switch", Action.ENVIRONMENTS)
async def switch(visit: Here) -> Response:
    """Synchronize it, or nothing more of it: asked with the count of mailboxes, then done (R13)."""
    form, actor, now = await visit.form(), visit.actor, visit.house.app.clock.now()
    place, boxes = await _known(visit)
    on = not place.enabled
    if str(form.get("count", "")) != str(boxes) or str(form.get("to", "")) != ("on" if on else "off"):
        values = {"place": place, "boxes": boxes, "on": on}
        return visit.page("parts/environments_switch.html" if visit.live else "environments_switch.html", values)
    await visit.house.write(lambda tx: environments.change(tx, actor, now, place.id, Changes({}, enabled=on)))
    key = "environments.switched_on" if on else "environments.switched_off"
    return visit.say(visit.go("/environments/one", {"environment": place.id}), key, {"name": place.id})


@SECTION.get("/environments/remove", Action.ENVIRONMENTS)
async def ask(visit: Here) -> Response:
    """What becomes of its events, with their count."""
    return await _question(visit)


async def _question(visit: Visit, changed: bool = False, looked: Looked | None = None) -> Response:
    place = visit.chosen_place

    def look(tx: Connection) -> tuple[int, bool, int]:
        standing = rows.live_links(tx, place.id)
        return standing, webhooks.find(tx, place.id) is not None, len(mailboxes.in_use(tx, place.id))

    standing, webhook, boxes = await visit.house.read(look)
    values = {"place": place, "standing": standing, "webhook": webhook, "boxes": boxes, "changed": changed,
              "looked": looked, "cleans": visit.may(Action.TAKE_OVER), "once": secrets.token_urlsafe(12)}  # fmt: skip
    return visit.page("environments_remove.html", values)


@SECTION.post("/environments/remove", Action.ENVIRONMENTS)
async def remove(visit: Here) -> Response:
    """Forget it: with its events left where they are, or after every one was taken out."""
    form, app, actor = await visit.form(), visit.house.app, visit.actor
    place, events = visit.chosen_place, str(form.get("events", ""))
    once = str(form.get("once", ""))
    if once and (before := visit.house.works.begun_by(once)) is not None:
        return visit.go(f"/cleaning/{before.id}")
    if events not in {"keep", "clean"}:
        return await _question(visit)
    standing = await visit.house.read(lambda tx: environments.removable(tx, actor, place.id, keep_events=True))
    if str(standing) != str(form.get("count", "")):
        return await _question(visit, changed=True)
    wanted = await visit.house.read(lambda tx: mailboxes.in_use(tx, place.id))
    if events == "keep" or not wanted or not place.organization:
        keep = events == "keep"
        await visit.house.write(lambda tx: environments.remove(tx, actor, app.clock.now(), place.id, keep_events=keep))
        return visit.say(visit.go("/environments"), "environments.removed", {"name": place.id})
    require(actor, Action.TAKE_OVER)
    looked = await cleaning.survey(visit, place.id, wanted)
    if looked.left:
        # what cannot be cleaned would stay for good, known to nobody
        return await _question(visit, looked=looked)

    async def forget(outcome: Outcome) -> None:
        if not outcome.whole:
            raise ConfigError(f"the environment {place.id} is kept, for events of ours may stand there still")
        await app.database.writing(environments.remove, actor, app.clock.now(), place.id)

    return cleaning.begin(visit, place.id, looked, once, forget)
