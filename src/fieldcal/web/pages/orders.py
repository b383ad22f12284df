"""Work orders: the list, a form, and one with its bookings and who did what to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response

from fieldcal import seeing
from fieldcal.errors import Overtaken
from fieldcal.schedule import board, inheriting, lists, names, orders
from fieldcal.schedule.lists import Order, Wanted
from fieldcal.schedule.sheets import ORDERS
from fieldcal.schedule.values import Became, OrderStatus, Slot
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import AuditLine
from fieldcal.state import audit
from fieldcal.web import bookkeeping, rooms
from fieldcal.web.listing import Column, Listing
from fieldcal.web.rooms import Room
from fieldcal.web.section import Entry, Section
from fieldcal.web.visit import Here, Visit

SECTION = Section("orders", Entry("work", 12, "order", scheduling=True))
ROOM = Room(ORDERS, "/orders", "orders", "order", (), template="orders_form.html")
_COLUMNS = (
    Column("number", "number"), Column("account"), Column("type"), Column("priority"), Column("status"),
    Column("promised", "promised"), Column("created", "created"),
)  # fmt: skip
_STATUSES = {status.name.lower(): status for status in OrderStatus}
_LINES = 20


def _ids(tx: Connection) -> tuple[dict[str, str], dict[str, str]]:
    return names.labels(tx, "msdyn_workordertype"), names.labels(tx, "msdyn_priority")


@SECTION.get("/orders", Action.SCHEDULE)
async def show(visit: Here) -> Response:
    """One page of the list, the newest first."""
    types, priorities = await visit.desk.read(_ids)
    listing = Listing.asked(
        visit.request.query_params, path="/orders", section="orders", columns=_COLUMNS, sort="-created",
        filters={"status": tuple(_STATUSES), "type": tuple(types), "priority": tuple(priorities)},
    )  # fmt: skip
    chosen = listing.filters
    wanted = Wanted(listing.search, _STATUSES.get(chosen["status"]), chosen["type"], chosen["priority"])
    now = visit.house.app.clock.now()

    def look(tx: Connection) -> tuple[list[Order], int]:
        rows = lists.orders(tx, wanted, now, sort=listing.sort, offset=listing.offset, limit=listing.size)
        return rows, lists.count_orders(tx, wanted)

    rows, total = await visit.desk.read(look)
    values = {"listing": listing.counted(total), "rows": rows, "statuses": _STATUSES, "types": types}
    return visit.page("orders.html", {**values, "priorities": priorities})


@SECTION.get("/orders/new", Action.SCHEDULE)
async def new(visit: Here) -> Response:
    """The form for another one."""
    return await rooms.form(visit, ROOM, rooms.blank(ORDERS), None)


@SECTION.get("/orders/address", Action.SCHEDULE)
async def address(visit: Here, account: Annotated[str, Query(max_length=300)] = "") -> Response:
    """The address of the account of this name, by the form's fields, for the form to fill in."""
    found = await visit.desk.read(inheriting.of_account, account)
    return JSONResponse({rooms.field_name(heading): words for heading, words in found.items()})


@SECTION.post("/orders/add", Action.SCHEDULE)
async def add(visit: Here) -> Response:
    """Make it; what is wrong stands in the form."""
    return await rooms.add(visit, ROOM)


@SECTION.get("/orders/one", Action.SCHEDULE)
async def one(visit: Here, id: str = "", number: str = "") -> Response:  # noqa: A002 - the parameter's name
    """One work order, by its id or its number: fields, bookings with their standing, and its history."""
    if number and not id:
        id = await visit.desk.read(orders.by_number, number)  # noqa: A001 - as above
    found = await rooms.known(visit, ORDERS, id)
    held = await visit.desk.read(orders.bookings, found.id)
    standing = await _standing(visit, [slot for slot, _ in held])
    lines = await _history(visit, found.id)
    values: dict[str, Any] = {
        "order": found, "held": held, "standing": standing, "lines": lines, "zone_key": visit.zone.key,
        "status": OrderStatus(found.row["msdyn_systemstatus"]).name.lower(), "field": rooms.field_name,
    }  # fmt: skip
    return visit.page("orders_one.html", values)


async def _standing(visit: Visit, held: list[Slot]) -> dict[str, str]:
    """Where each stands in its calendar; one that was over before anybody could have written it is in none."""
    place, booked = visit.place_of_work, {slot.id: (slot.version, slot.worker) for slot in held}
    edge = visit.house.app.clock.now() - timedelta(days=place.settings.window_past)

    def look(tx: Connection) -> dict[str, str]:
        known, found = seeing.standings(tx, place.id, list(booked)), seeing.standing_now(tx, place.id, booked)
        return found | {slot.id: "none" for slot in held if slot.id not in known and slot.end <= edge}

    return await visit.house.read(look)


async def _history(visit: Visit, order: str) -> list[AuditLine]:
    """The newest lines about the work order and its bookings, those that were removed too."""
    subject = f"{visit.place_of_work.id}/{order}"

    def look(tx: Connection) -> list[AuditLine]:
        found = audit.latest(tx, _LINES, subject)
        found += audit.latest(tx, _LINES, wanted=audit.Wanted(about=subject))
        return sorted(found, key=lambda one: one.at, reverse=True)[:_LINES]

    return await visit.house.read(look)


@SECTION.get("/orders/edit", Action.SCHEDULE)
async def edit(visit: Here, id: str = "") -> Response:  # noqa: A002 - the parameter's name
    """The form of one that is there."""
    found = await rooms.known(visit, ORDERS, id)
    return await rooms.form(visit, ROOM, rooms.shown(found), found)


@SECTION.post("/orders/save", Action.SCHEDULE)
async def save(visit: Here) -> Response:
    """Write what was changed; what is wrong, or was changed by another meanwhile, stands in the form."""
    return await rooms.save(visit, ROOM)


@SECTION.post("/orders/remove", Action.SCHEDULE)
async def remove(visit: Here) -> Response:
    """Take it away with its bookings, after a confirmation that names how many they are."""
    form = await visit.form()
    found = await rooms.known(visit, ORDERS, str(form.get("id", "")))
    told, count = str(form.get("count", "")), await visit.desk.read(orders.count, found.id)
    if told == str(count):
        try:
            gone = await visit.desk.write(orders.remove, found.id, count)
        except Overtaken:
            count = await visit.desk.read(orders.count, found.id)
        else:
            await bookkeeping.recorded(visit, "booking removed", [(slot, None) for slot in gone])
            await rooms.recorded(visit, "work order removed", found.id, f"{found.texts['number']}, {count} bookings")
            return visit.say(visit.go("/orders"), "orders.removed", {"number": found.texts["number"], "count": count})
    values = {"order": found, "count": count, "again": bool(told)}
    return visit.page("parts/orders_remove.html" if visit.live else "orders_remove.html", values)


@SECTION.post("/orders/cancel", Action.SCHEDULE)
async def cancel(visit: Here) -> Response:
    """Cancel it with its bookings that are not completed, after a confirmation that names them."""
    form = await visit.form()
    found = await rooms.known(visit, ORDERS, str(form.get("id", "")))
    given, told = str(form.get("count", "")), await visit.desk.read(orders.ahead, found.id)
    if given == str(len(told.going)) and not told.obstacle:
        try:
            done = await visit.desk.write(orders.cancel, found.id, len(told.going))
        except Overtaken:
            told = await visit.desk.read(orders.ahead, found.id)
        else:
            number, count = found.texts["number"], len(done)
            await bookkeeping.recorded(visit, Became.STATUS, done)
            await rooms.recorded(visit, "work order canceled", found.id, f"{number}, {count} bookings")
            answer = visit.go("/orders/one", {"id": found.id})
            return visit.say(answer, "orders.canceled", {"number": number, "count": count})
    called = await visit.desk.read(board.names, {slot.worker for slot in told.going})
    values = {"order": found, "told": told, "again": bool(given), "names": called}
    return visit.page("parts/orders_cancel.html" if visit.live else "orders_cancel.html", values)
