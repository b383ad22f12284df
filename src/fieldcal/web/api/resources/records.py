"""Work orders, customers, workers and types of the embedded Field Service: shown, made, changed, files in and out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Path, Query, Response
from pydantic import Field, StrictBool
from sqlalchemy import Connection

from fieldcal import schedule_file, schedule_record
from fieldcal.ends import is_embedded
from fieldcal.errors import ConfigError, Overtaken
from fieldcal.schedule import board, entering, lists, loading, orders, removing
from fieldcal.schedule.desk import Desk
from fieldcal.schedule.entering import Wrong
from fieldcal.schedule.lists import Row, Wanted
from fieldcal.schedule.sheets import ORDERS, SHEETS, Sheet
from fieldcal.schedule.values import Became
from fieldcal.schedule_record import Line
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Environment
from fieldcal.state import audit
from fieldcal.web.api.caller import Call, Caller, Place
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.problem import Invalid, Missing, Stale
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Shown
from fieldcal.web.api.versions import IfMatch

RESOURCE = Resource("records", "Work orders, customers, workers and types where the embedded Field Service schedules.")
_AT = "/environments/{environment}/records/{kind}"
_UTC = ZoneInfo("UTC")


class Kind(StrEnum):
    """What there is of it."""

    ORDERS = "orders"
    ACCOUNTS = "accounts"
    CONTACTS = "contacts"
    WORKERS = "workers"
    CREWS = "crews"
    TYPES = "types"
    INCIDENTS = "incidents"
    PRIORITIES = "priorities"


Of = Annotated[Kind, Path(description="Which kind.", examples=["orders"])]
Which = Annotated[str, Path(description="Its id; of a work order its number too.", max_length=100, examples=["WO-1"])]
Search = Annotated[str, Query(max_length=200, description="Only those that are found by this, as on the page.")]
_Fields = Annotated[
    dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=20_000)]],
    Field(max_length=50, description="Texts by heading, as a CSV file has them; what is left out stays as it is.",
          examples=[{"number": "WO-7", "account": "Northwind", "minutes": "90"}]),
]  # fmt: skip


class RecordShown(Shown):
    """One of them."""

    id: str = Field(description="Its id.")
    active: bool = Field(description="It can be booked, or named by others.")
    fields: dict[str, str] = Field(
        description="Texts by heading; times are in UTC.", examples=[{"number": "WO-7", "minutes": "90"}]
    )


class RecordAsked(Asked):
    """What is to stand there."""

    fields: _Fields


class FileAsked(Asked):
    """A CSV file."""

    csv: str = Field(
        description="The file's text, as much as a request holds: 1 MiB.", examples=["number,minutes\nWO-7,90"]
    )
    dry_run: StrictBool = Field(default=False, description="Only say what it would come to.")
    name: str = Field(default="", max_length=100, description="What the audit calls it.", examples=["may.csv"])


class MistakeShown(Shown):
    """What is wrong in the file."""

    line: int = Field(description="In which line; the first is 1.", examples=[17])
    heading: str = Field(description='Under which heading, "" for none.', examples=["minutes"])
    text: str = Field(description="What is wrong.")


class FileShown(Shown):
    """What a file came to."""

    new: int = Field(description="Rows that are new.", examples=[12])
    changed: int = Field(description="Rows that are changed.", examples=[3])
    same: int = Field(description="Rows that stood there already.", examples=[85])
    loaded: bool = Field(description="It was written; false: nothing was.")
    mistakes: list[MistakeShown] = Field(description="With one of them nothing is written.")


class GoneShown(Shown):
    """What went."""

    bookings: int = Field(description="Bookings that went with it, or were canceled with it.", examples=[2])


class CancelAsked(Asked):
    """What is confirmed."""

    expect: int = Field(
        ge=0, strict=True, description="How many bookings are canceled with it; at another number nothing is done."
    )


Expect = Annotated[
    int,
    Query(ge=0, le=10**9, description="How many go with it (a work order's bookings), or name nobody then (the "
          "accounts of a contact); at another number nothing is done."),
]  # fmt: skip


@RESOURCE.get(_AT, Action.SCHEDULE)
async def list_all(caller: Call, place: Place, kind: Of, pages: Pages, search: Search = "") -> Paged[RecordShown]:
    """List those that are found, work orders the newest first."""
    sheet, now = SHEETS[kind], caller.house.app.clock.now()

    def look(tx: Connection) -> tuple[list[Row], int]:
        if sheet is not ORDERS:
            first = sheet.cells[0].heading
            return lists.rows(tx, sheet, search, _UTC, sort=first, offset=pages.offset, limit=pages.limit)
        found = lists.orders(tx, Wanted(search), now, sort="-created", offset=pages.offset, limit=pages.limit)
        return lists.some(tx, sheet, [one.id for one in found], _UTC), lists.count_orders(tx, Wanted(search))

    rows, total = await _desk(caller, place).read(look)
    return Paged(**pages.counted([_shown(one) for one in rows], total))


@RESOURCE.get(f"{_AT}/export", Action.SCHEDULE, media="text/csv")
async def export(caller: Call, place: Place, kind: Of) -> Response:
    """Export all of them, as `import` takes them."""
    told = await _desk(caller, place).read(lambda tx: "".join(loading.export(tx, SHEETS[kind], _UTC)))
    return Response(told.encode(), media_type="text/csv; charset=utf-8")


@RESOURCE.post(f"{_AT}/import", Action.SCHEDULE)
async def load(caller: Call, place: Place, kind: Of, wish: FileAsked) -> FileShown:
    """Import a CSV file, whole or not at all.

    With a mistake in it nothing is written, and each is told by its line. The same file again changes nothing; a work
    order without a number gets the next one, and is refused while one stands there that says just the same.
    """
    sheet, desk, data = SHEETS[kind], _desk(caller, place), wish.csv.encode()
    written: list[str] = []
    if wish.dry_run:
        found = await desk.read(loading.preview, sheet, data, _UTC)
    else:
        found, written = await desk.write(loading.load, sheet, data, _UTC)
    actor, now = caller.actor, caller.house.app.clock.now()
    if written:
        await caller.house.write(
            lambda tx: schedule_file.record(tx, actor, now, place.id, sheet, wish.name, found, written)
        )
    return FileShown(
        new=len(found.new), changed=len(found.changed), same=found.same, loaded=bool(written),
        mistakes=[MistakeShown.model_validate(one) for one in found.mistakes],
    )  # fmt: skip


@RESOURCE.get(f"{_AT}/{{record}}", Action.SCHEDULE)
async def show(caller: Call, place: Place, kind: Of, record: Which, response: Response) -> RecordShown:
    """Show one.

    `ETag` tells this version, for `If-Match` when it is changed.
    """
    return _tagged(await _known(caller, place, SHEETS[kind], record), response)


@RESOURCE.post(_AT, Action.SCHEDULE, status=201)
async def add(caller: Call, place: Place, kind: Of, wish: RecordAsked, response: Response) -> RecordShown:
    """Make one; a work order without a number gets the next."""
    sheet = SHEETS[kind]
    texts = entering.blank(sheet) | _texts(sheet, wish)
    try:
        made = await _desk(caller, place).write(entering.add, sheet, texts, _UTC)
    except Wrong as error:
        raise _pointed(error) from error
    await _record(caller, place, f"{sheet.one} added", made)
    return _tagged(await _known(caller, place, sheet, made), response)


@RESOURCE.patch(f"{_AT}/{{record}}", Action.SCHEDULE)
async def change(
    caller: Call, place: Place, kind: Of, record: Which, wish: RecordAsked, response: Response, if_match: IfMatch = ""
) -> RecordShown:
    """Change some fields of one."""
    sheet, desk, wanted = SHEETS[kind], _desk(caller, place), _texts(SHEETS[kind], wish)
    row = await _known(caller, place, sheet, record)
    named = [one.strip().removeprefix("W/") for one in if_match.split(",") if one.strip()]
    if named and not {"*", f'"{row.version}"'} & set(named):
        raise Stale("it was changed since it was read: read it again, and say anew what is to be another")
    before = await desk.read(entering.opened, sheet, row.id, _UTC)
    if before is None or before.version != row.version:
        raise Stale("it was changed meanwhile: read it again")
    try:
        changed = await desk.write(entering.change, sheet, row.id, row.version, {**before.texts, **wanted}, _UTC)
    except Wrong as error:
        raise _pointed(error) from error
    except Overtaken as error:
        raise Stale(str(error)) from error
    if changed:
        await _record(caller, place, f"{sheet.one} changed", row.id, ", ".join(changed))
    return _tagged(await _known(caller, place, sheet, row.id), response)


@RESOURCE.delete(f"{_AT}/{{record}}", Action.SCHEDULE)
async def remove(caller: Call, place: Place, kind: Of, record: Which, expect: Expect = 0) -> GoneShown:
    """Remove one.

    A work order goes with its bookings. A customer or a type that others name, and a worker who was ever booked, stay.
    """
    sheet, desk = SHEETS[kind], _desk(caller, place)
    row = await _known(caller, place, sheet, record)
    name, count = await desk.read(lambda tx: (removing.name(tx, sheet, row.id), removing.along(tx, sheet, row.id)))
    if count != expect:
        raise ConfigError(f"{count} others go with it or name nobody then, not {expect}; nothing was removed")
    gone = await desk.write(removing.forget, sheet, row.id, expect)
    detail = f"{name}, {len(gone)} bookings" if sheet is ORDERS else name
    await _record(
        caller, place, f"{sheet.one} removed", row.id, detail, [("booking removed", one, None) for one in gone]
    )
    return GoneShown(bookings=len(gone))


@RESOURCE.post("/environments/{environment}/records/orders/{record}/cancel", Action.SCHEDULE)
async def cancel(caller: Call, place: Place, record: Which, wish: CancelAsked) -> GoneShown:
    """Cancel a work order.

    Its bookings that are not completed are canceled with it. While somebody is on the way or at work it stays.
    """
    row = await _known(caller, place, ORDERS, record)
    done = await _desk(caller, place).write(orders.cancel, row.id, wish.expect)
    detail = f"{row.texts['number']}, {len(done)} bookings"
    lines = [(str(Became.STATUS), before, after) for before, after in done]
    await _record(caller, place, "work order canceled", row.id, detail, lines)
    return GoneShown(bookings=len(done))


def _desk(caller: Caller, place: Environment) -> Desk:
    if caller.house.desk is None or not is_embedded(place.end):
        raise Missing("bookings of this environment are made in its own Field Service, and so are its records")
    return caller.house.desk


async def _known(caller: Caller, place: Environment, sheet: Sheet, record: str) -> Row:
    def look(tx: Connection) -> list[Row]:
        named = orders.by_number(tx, record) if sheet is ORDERS else ""
        found = entering.opened(tx, sheet, named or record, _UTC)
        return lists.some(tx, sheet, [found.id], _UTC) if found else []

    rows = await _desk(caller, place).read(look)
    if not rows:
        raise Missing(f"there is no {sheet.one} {record!r}")
    return rows[0]


def _texts(sheet: Sheet, wish: RecordAsked) -> dict[str, str]:
    known = {one.heading for one in sheet.cells}
    strange = [name for name in wish.fields if name not in known]
    if strange:
        raise Invalid([(f"/fields/{name[:80]}", f"there are {', '.join(sorted(known))}") for name in strange])
    return {name: entering.plain(text) for name, text in wish.fields.items()}


def _pointed(error: Wrong) -> Invalid:
    return Invalid([(f"/fields/{heading}", words) for heading, some in error.mistakes.items() for words in some])


def _shown(row: Row) -> RecordShown:
    return RecordShown(id=row.id, active=row.active, fields=dict(row.texts))


def _tagged(row: Row, response: Response) -> RecordShown:
    response.headers["etag"] = f'"{row.version}"'
    return _shown(row)


async def _record(
    caller: Caller, place: Environment, what: str, row: str, detail: str = "", lines: Sequence[Line] = ()
) -> None:
    actor, now = caller.actor, caller.house.app.clock.now()
    names = await _desk(caller, place).read(board.names, schedule_record.workers_of(lines))

    def write(tx: Connection) -> None:
        schedule_record.record(tx, actor, now, place.id, lines, names)
        audit.record(tx, actor, now, what, [f"{place.id}/{row}"], detail)

    await caller.house.write(write)
