"""The list of mailboxes, and setting many of them up at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.responses import Response, StreamingResponse

from fieldcal import mailbox_file
from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.plan.standing import standing
from fieldcal.setup import mailboxes, trial
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import NO_PROFILE, Mailbox, MailboxStanding, Method, Selection, ServerProfile
from fieldcal.state import alerts, feeds, pauses, profiles
from fieldcal.state import mailboxes as rows
from fieldcal.web.deeds import DEEDS, FARTHER, Deed
from fieldcal.web.listing import SIZES, Column, Listing
from fieldcal.web.narrowing import FILTERS, NAMES, address, selection, told
from fieldcal.web.pages.sign_in import ours
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.to_do import server_scope
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work, named

SECTION = Section("mailboxes", Entry("setup", 30, "mailbox"))

_COLUMNS = (
    Column("address", "address"), Column("state"), Column("approval", "approval"), Column("profile", "profile"),
    Column("test", "test"), Column("last_sync", "last_sync_at"),
    Column("next_sync", "next_due"), Column("alerts"),
)  # fmt: skip
#: How mailboxes stand, as they are chosen from: the wide ones, then each by itself.
_WIDE = ("written", "failing", "unapproved", "unfinished", "off")
_FINE = tuple(one for one in FILTERS["standing"] if one not in _WIDE)
#: Mailboxes that a question names: of all that match, and of those ticked on one page.
_NAMED, _NAMED_TICKED = 25, max(SIZES)


def _listing(visit: Visit) -> Listing:
    return Listing.asked(
        visit.request.query_params, path="/mailboxes", section="mailboxes", columns=_COLUMNS, sort="address",
        filters=FILTERS,
    )  # fmt: skip


def _selection(visit: Visit, listing: Listing) -> Selection:
    return selection({**listing.filters, "search": listing.search}, visit.house.app.clock.now())


@dataclass(frozen=True, slots=True)
class _Found:
    rows: tuple[tuple[Mailbox, str | None], ...]
    total: int
    #: of each of these the worst level and how many of its warnings and errors wait
    alerts: Mapping[str, tuple[str, int]]
    profiles: tuple[str, ...]
    stands: Mapping[MailboxId, MailboxStanding]
    #: until when each of these that is set up may not be written to
    paused: Mapping[MailboxId, datetime]
    #: the workers were read to the end once
    read: bool


@SECTION.get("/mailboxes", Action.SEE_OVERVIEW)
async def show(visit: Here) -> Response:
    """One page of the list."""
    listing, place, now = _listing(visit), visit.place_of_work, visit.house.app.clock.now()

    def look(tx: Connection) -> _Found:
        found = mailboxes.listed(tx, visit.actor, place.id, _selection(visit, listing), sort=listing.sort,
                                 offset=listing.offset, limit=listing.size)  # fmt: skip
        waiting = alerts.waiting(tx, place.id, [box.id for box, _ in found.rows])
        servers = {one.id: one for one in profiles.everyone(tx)}
        stands = {box.id: standing(box, servers.get(box.profile or ""), place) for box, _ in found.rows}
        paused = _paused(pauses.lasting(tx, now), [box for box, why in found.rows if why is None])
        read = feeds.workers_known(tx, place.id)
        return _Found(found.rows, found.total, waiting, tuple(servers), stands, paused, read)

    found = await visit.house.read(look)
    deeds = [deed for deed in DEEDS.values() if visit.may(deed.action)]
    values = {
        "listing": listing.counted(found.total), "found": found, "deeds": deeds, "wide": _WIDE, "fine": _FINE,
        "farther": FARTHER if visit.may(Action.TAKE_OVER) else {}, "filters": FILTERS, "no_profile": NO_PROFILE,
        "kept": told(_selection(visit, listing)), "lacking": visit.house.app.secrets.lacking(place.end.secret),
    }  # fmt: skip
    return visit.page("mailboxes.html", values)


def _paused(lasting: Mapping[str, tuple[datetime, str]], boxes: Sequence[Mailbox]) -> dict[MailboxId, datetime]:
    ends = {box.id: [lasting[one][0] for one in (str(box.id), server_scope(box.profile)) if one in lasting]
            for box in boxes}  # fmt: skip
    return {box: max(some) for box, some in ends.items() if some}


@SECTION.get("/mailboxes.csv", Action.SEE_OVERVIEW)
async def export(visit: Here) -> Response:
    """All that the list's search and filter leave, as a file for a spreadsheet, however many they are."""
    listing, place, actor, house = _listing(visit), visit.place_of_work, visit.actor, visit.house
    wanted = await house.read(
        lambda tx: mailboxes.in_order(tx, actor, place.id, _selection(visit, listing), listing.sort)
    )
    headers = {"content-disposition": f'attachment; filename="mailboxes-{secrets.token_hex(3)}.csv"'}
    pieces = mailbox_file.pieces(house.app.database, actor, place.id, wanted)
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


async def selected(visit: Visit, form: FormData) -> tuple[Selection, list[MailboxId]]:
    """Which mailboxes the form means: those ticked, or all that match its search and filter."""
    if form.get("all"):
        chosen = selection({name: str(form.get(name, "")) for name in NAMES}, visit.house.app.clock.now())
    else:
        names = tuple(str(one) for one in form.getlist("id"))
        if not names:
            raise ConfigError(text("mailboxes.none_ticked"))
        chosen = Selection(names)
    place = visit.place_of_work.id
    return chosen, await visit.house.read(lambda tx: rows.ids(tx, place, chosen))


def _deed(form: FormData) -> Deed:
    deed = DEEDS.get(str(form.get("deed", "")))
    if deed is None:
        raise ConfigError(f"there is no such thing to do: {str(form.get('deed', ''))[:40]!r}")
    return deed


@SECTION.post("/mailboxes/confirm", Action.SET_UP, own=True)
async def ask(visit: Here) -> Response:
    """What would be done, to how many; a dialog, or a page of its own without scripts."""
    form = await visit.form()
    return await _question(visit, form, _deed(form), str(form.get("again", "")))


async def _question(visit: Visit, form: FormData, deed: Deed, changed: str = "") -> Response:
    chosen, wanted = await selected(visit, form)
    place, most = visit.place_of_work.id, _NAMED_TICKED if chosen.names else _NAMED

    def look(tx: Connection) -> tuple[list[Mailbox], list[ServerProfile]]:
        mailboxes.permitted(tx, visit.actor, deed.action, place, wanted)
        return rows.some(tx, place, wanted[:most]), [one for one in profiles.everyone(tx) if one.active]

    named, active = await visit.house.read(look)
    values = {
        "deed": deed, "count": len(wanted), "named": named, "profiles": active, "names": chosen.names,
        "kept": told(chosen), "listed": address(chosen), "all": bool(form.get("all")), "changed": changed,
        "once": secrets.token_urlsafe(12), "origin": origin_of(form),
    }  # fmt: skip
    return visit.page("parts/mailboxes_confirm.html" if visit.live else "mailboxes_confirm.html", values)


@SECTION.post("/mailboxes/do", Action.SET_UP, own=True)
async def do(visit: Here) -> Response:
    """Do it to exactly as many as were confirmed; where they have become more or fewer, ask again."""
    form = await visit.form()
    deed = _deed(form)
    about = [sorted(str(one) for one in form.getlist("id")), *(form.get(name, "") for name in ("all", *NAMES))]
    once = named(str(form.get("once", "")), deed.name, visit.place_of_work.id, visit.actor.name, about)
    if once and (known := visit.house.works.begun_by(once)) is not None:
        return visit.go(f"/mailboxes/work/{known.id}")
    _, wanted = await selected(visit, form)
    if str(len(wanted)) != str(form.get("count", "")):
        return await _question(visit, form, deed, text("mailboxes.changed", {"count": len(wanted)}))
    if deed.name == "test":
        return await _test(visit, wanted, once, origin_of(form))
    profile, place = str(form.get("profile", "")) if deed.name == "defaults" else "", visit.place_of_work.id
    change = _change(visit, deed, wanted, profile)
    lost, done = await visit.house.write(
        lambda tx: (mailboxes.losing(tx, place, wanted, profile) if profile else 0, change(tx))
    )
    key = f"mailboxes.done.{deed.name}" + ("_losing" if lost else "")
    return visit.say(visit.go(origin_of(form)), key, {"count": done, "lost": lost})


def origin_of(form: FormData) -> str:
    """The page on which it was asked for: there one is again when it is done."""
    return ours(str(form.get("origin", ""))) or SECTION.first.path


def _change(visit: Visit, deed: Deed, wanted: Sequence[MailboxId], profile: str) -> Callable[[Connection], int]:
    actor, now, place = visit.actor, visit.house.app.clock.now(), visit.place_of_work.id

    def change(tx: Connection) -> int:
        match deed.name:
            case "approve":
                return mailboxes.approve(tx, actor, now, place, wanted)
            case "reject":
                return mailboxes.reject(tx, actor, now, place, wanted)
            case "disable":
                return mailboxes.disable(tx, actor, now, place, wanted)
        method = Method.SERVER_SIDE_SYNC
        return mailboxes.edit(tx, actor, now, place, wanted, profile=profile or None, method=method)

    return change


async def _test(visit: Visit, wanted: list[MailboxId], once: str, origin: str) -> Response:
    house, place, actor = visit.house, visit.place_of_work, visit.actor
    await house.read(lambda tx: mailboxes.permitted(tx, actor, Action.SET_UP, place.id, wanted))
    if not place.organization:
        await house.settled(place.id)
    if (same := house.works.under_way("test", place.id, wanted)) is not None:
        # a worker does not follow what is done to others' mailboxes too
        followed = visit.may(Action.SET_UP) or same.user == actor.name
        begun = visit.go(f"/mailboxes/work/{same.id}" if followed else origin)
        return visit.say(begun, "mailboxes_work.joined", {"by": same.user}, "note")

    async def run(work: Work[Any]) -> None:
        tested = await trial.run_now(
            house.app.bench(), actor, place.id, wanted, lambda done, _, box: work.step(done, box)
        )
        if any(box.enabled for box in tested):
            house.service.announce(place.id)

    work = house.works.begin("test", place.id, actor.name, len(wanted), house.app.clock.now(), once, run)
    work.origin, work.about = origin, frozenset(wanted)
    return visit.go(f"/mailboxes/work/{work.id}")
