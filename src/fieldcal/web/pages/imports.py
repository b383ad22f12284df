"""Import: taking over who is set up in the source already; shown first, then asked with the count."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.responses import Response

from fieldcal.doctor import remedies
from fieldcal.errors import ConfigError, FieldcalError, NotAllowed
from fieldcal.model import MailboxId
from fieldcal.set_up_there import Survey, survey
from fieldcal.setup import imports, trial
from fieldcal.setup.imports import Candidate, Standing
from fieldcal.setup.permissions import Action
from fieldcal.state import profiles
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work

SECTION = Section("imports")
#: Mailboxes that are drawn; of more, first those that are imported and those that are left out for a reason.
_SHOWN = 200
_COLOURS = {
    Standing.IMPORT: "good", Standing.SERVED: "warn", Standing.HERE: "note", Standing.REJECTED: "bad",
    Standing.NOT_THERE: "",
}  # fmt: skip


@SECTION.get("/mailboxes/import", Action.IMPORT)
async def show(visit: Here, profile: str = "") -> Response:
    """Who would be imported, and who is left out and why; the source is asked, and nothing is changed."""
    place = visit.place_of_work

    def active(tx: Connection) -> list[str]:
        return [one.id for one in profiles.everyone(tx) if one.active]

    known = await visit.house.read(active)
    values: dict[str, Any] = {"profiles": known, "wrong": "", "helps": "", "survey": None, "rows": [], "counts": {}}
    values |= {"colours": _COLOURS, "place": place, "chosen": profile if profile in known else next(iter(known), "")}
    if not known:
        return visit.page("imports.html", {**values, "wrong": text("imports.no_profile")})
    try:
        found = await survey(visit.house.app, visit.actor, place.id, values["chosen"])
    except NotAllowed:
        raise
    except FieldcalError as error:
        helps = "" if isinstance(error, ConfigError) else remedies.of(error, f"fieldcal environment set {place.id}")
        return visit.page("imports.html", {**values, "wrong": str(error), "helps": helps})
    values |= {"survey": found, "rows": _ordered(found)[:_SHOWN], "counts": {one: found.count(one) for one in Standing}}
    return visit.page("imports.html", values)


def _ordered(found: Survey) -> list[Candidate]:
    order = [*Standing].index
    return sorted(found.found, key=lambda one: (order(one.standing), one.mailbox.address, one.mailbox.id))


@SECTION.post("/mailboxes/import/confirm", Action.IMPORT)
async def confirm(visit: Here) -> Response:
    """Ask whether that many are to be imported; the number is looked at again when it is done."""
    form = await visit.form()
    count = _number(form, "ready") + (_number(form, "served") if form.get("copies") else 0)
    return _question(visit, form, count, _number(form, "served"), "")


def _number(form: FormData, name: str) -> int:
    given = str(form.get(name, ""))
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 8 else 0  # noqa: PLR2004 - no one has so many mailboxes


def _question(visit: Visit, form: FormData, count: int, served: int, changed: str) -> Response:
    copies = bool(form.get("copies"))
    values = {
        "count": count, "served": served if copies else 0, "copies": copies, "profile": str(form.get("profile", "")),
        "once": secrets.token_urlsafe(12), "changed": changed,
    }  # fmt: skip
    return visit.page("parts/imports_confirm.html" if visit.live else "imports_confirm.html", values)


@SECTION.post("/mailboxes/import", Action.IMPORT)
async def do(visit: Here) -> Response:
    """Import exactly as many as were confirmed, and test them; where they are more or fewer by now, ask again."""
    form, house, actor, place = await visit.form(), visit.house, visit.actor, visit.place_of_work
    once, copies = str(form.get("once", "")), bool(form.get("copies"))
    if once and (begun := house.works.begun_by(once)) is not None:
        return visit.go(f"/mailboxes/work/{begun.id}")
    found = await survey(house.app, actor, place.id, str(form.get("profile", "")) or None)
    wanted = imports.chosen(found.found, accept_copies=copies)
    if str(len(wanted)) != str(form.get("count", "")) or not wanted:
        changed = text("imports.changed", {"count": len(wanted)})
        return _question(visit, form, len(wanted), found.count(Standing.SERVED), changed)
    now = house.app.clock.now()
    ids = await house.write(lambda tx: imports.carry_out(tx, actor, now, place.id, wanted, found.profile))
    return visit.go(f"/mailboxes/work/{_test(visit, place.id, ids, once)}")


def _test(visit: Visit, place: str, ids: Sequence[MailboxId], once: str) -> str:
    house, actor = visit.house, visit.actor

    async def run(work: Work[Any]) -> None:
        tested = await trial.run_now(house.app.bench(), actor, place, ids, lambda done, _, box: work.step(done, box))
        if any(box.enabled for box in tested):
            house.service.announce(place)

    return house.works.begin("test", place, actor.name, len(ids), house.app.clock.now(), once, run).id
