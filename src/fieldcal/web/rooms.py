"""The rooms of the schedule's kinds: a list with search, and a form for a new row and for one that is there.

Each page names its kind and its address; what a form may hold is the kind's sheet, the same as a file's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.errors import Overtaken
from fieldcal.schedule import cells, entering, lists, names
from fieldcal.schedule.entering import Opened, Wrong
from fieldcal.schedule.sheets import Cell, Holds, Sheet
from fieldcal.setup.permissions import Action
from fieldcal.state import audit
from fieldcal.web import merging
from fieldcal.web.ends import Sent
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit

#: Names that a field suggests; of as few, a list to choose from is shown.
_SUGGESTED, _CHOSEN_FROM = 300, 60
#: How often a form is put together anew because another was faster.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Room:
    """One kind's pages. `columns`: headings of its list; `tabs`: the rooms beside it, their kinds and addresses.

    `apart`: headings that the form leaves out; `beside`: what its template shows of a row besides the form; `asks`:
    what has to be agreed to before a row becomes what these texts say, "" where nothing has.
    """

    sheet: Sheet
    path: str
    section: str
    icon: str
    columns: tuple[str, ...]
    tabs: tuple[tuple[str, str], ...] = ()
    apart: tuple[str, ...] = ()
    template: str = "record_form.html"
    beside: Callable[[Visit, Opened], Awaitable[dict[str, Any]]] | None = None
    asks: Callable[[Visit, Opened, Mapping[str, str]], Awaitable[str]] | None = None

    @property
    def cells(self) -> list[Cell]:
        """What its form holds."""
        return [one for one in self.sheet.cells if one.heading not in self.apart]

    @property
    def primary(self) -> str:
        """The column of what a row is called by: of a contact, first and last name together."""
        return SCHEMA.by_name[self.sheet.table].primary

    @property
    def words(self) -> str:
        """Where its texts begin."""
        return f"records.{self.sheet.kind}"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form: `kind` says how it is drawn, `options` what may be chosen, with its words."""

    name: str
    kind: str
    cell: Cell
    options: Sequence[tuple[str, str]] = ()


def field_name(heading: str) -> str:
    """The name that a form's field has for this heading."""
    return heading.replace("-", "").replace(" ", "_")


def register(section: Section, room: Room) -> None:
    """The pages of this room: list, new, add, one, save."""

    @section.get(room.path, Action.SCHEDULE)
    async def show(visit: Here) -> Response:
        """One page of the list."""
        return await listed(visit, room)

    @section.get(f"{room.path}/new", Action.SCHEDULE)
    async def new(visit: Here) -> Response:
        """The form for another one."""
        return await form(visit, room, blank(room.sheet), None)

    @section.post(f"{room.path}/add", Action.SCHEDULE)
    async def make(visit: Here) -> Response:
        """Make it; what is wrong stands in the form."""
        return await add(visit, room)

    @section.get(f"{room.path}/one", Action.SCHEDULE)
    async def one(visit: Here, id: str = "") -> Response:  # noqa: A002 - the parameter's name
        """The form of one that is there."""
        found = await known(visit, room.sheet, id)
        return await form(visit, room, shown(found), found)

    @section.post(f"{room.path}/save", Action.SCHEDULE)
    async def keep(visit: Here) -> Response:
        """Write what was changed; what is wrong, or was changed by another meanwhile, stands in the form."""
        return await save(visit, room)


async def listed(visit: Visit, room: Room) -> Response:
    """One page of the list, by its first column where nothing else is asked for."""
    sheet, first = room.sheet, room.columns[0]
    columns = [Column(field_name(name), "" if sheet.cell(name).names else name) for name in room.columns]
    inactive = any(one.heading == "active" for one in sheet.cells)
    filters = {"active": ("yes", "no")} if inactive else {}
    listing = Listing.asked(
        visit.request.query_params, path=room.path, section="records", columns=columns, sort=first, filters=filters
    )
    active = {"yes": True, "no": False}.get(listing.filters.get("active", ""))
    rows, total = await visit.desk.read(
        lists.rows, sheet, listing.search, visit.zone, sort=listing.sort, offset=listing.offset, limit=listing.size,
        active=active,
    )  # fmt: skip
    values = {"room": room, "rows": rows, "listing": listing.counted(total), "choices": filters, "field": field_name}
    return visit.page("record_list.html", values)


def blank(sheet: Sheet) -> Sent:
    """A form that nobody has written into."""
    return Sent({field_name(heading): words for heading, words in entering.blank(sheet).items()})


def shown(found: Opened) -> Sent:
    """The form of what stands there."""
    values = {field_name(heading): words for heading, words in found.texts.items()}
    return Sent(values, seen=merging.carried(merging.prints(values)))


async def known(visit: Visit, sheet: Sheet, row: str) -> Opened:
    """The row that is meant; a missing page where there is none."""
    found = await visit.desk.read(entering.opened, sheet, row, visit.zone)
    if found is None:
        raise HTTPException(404)
    return found


async def form(visit: Visit, room: Room, sent: Sent, found: Opened | None, question: str = "") -> Response:
    """The form as it was sent, with what is wrong beside each field, and what has to be agreed to."""
    fields = await _fields(visit, room)
    more = await room.beside(visit, found) if room.beside and found else {}
    values = {"room": room, "sent": sent, "known": found, "fields": fields, "question": question, **more}
    return visit.page(room.template, values, 409 if sent.wants or question else 200)


async def _fields(visit: Visit, room: Room) -> list[Field]:
    named = {one.names for one in room.cells} - {""}
    found = {table: await visit.desk.read(names.some, table, _SUGGESTED) for table in named}
    return [_field(one, found.get(one.names, [])) for one in room.cells]


def _field(cell: Cell, suggested: Sequence[str]) -> Field:
    name = field_name(cell.heading)
    match cell.holds:
        case Holds.NAME if len(suggested) <= _CHOSEN_FROM:
            return Field(name, "choice", cell, [("", "–"), *((one, one) for one in suggested)])
        case Holds.NAME:
            return Field(name, "suggested", cell, [(one, one) for one in suggested])
        case Holds.ZONE:
            return Field(name, "choice", cell, [(one, one) for one in cells.zone_names()])
        case Holds.CHOICE:
            return Field(name, "choice", cell, [(one, text(f"records.choice.{one.lower()}")) for one in cell.choices])
    return Field(name, cell.holds.value, cell)


def _written(room: Room, sent: FormData) -> dict[str, str]:
    """What was sent, by heading."""
    return {one.heading: entering.plain(str(sent.get(field_name(one.heading), ""))) for one in room.cells}


def _by_field(texts: Mapping[str, str]) -> dict[str, str]:
    return {field_name(heading): words for heading, words in texts.items()}


def _place(sent: Sent, error: Wrong) -> None:
    for heading, mistakes in error.mistakes.items():
        for words in mistakes:
            sent.wrong(field_name(heading), words[:1].upper() + words[1:] if words[0] != "'" else words)


async def add(visit: Visit, room: Room) -> Response:
    """Make a row of the form; then its list."""
    texts = entering.blank(room.sheet) | _written(room, await visit.form())
    sent = Sent(_by_field(texts))
    try:
        made = await visit.desk.write(entering.add, room.sheet, texts, visit.zone)
    except Wrong as error:
        _place(sent, error)
        return await form(visit, room, sent, None)
    await recorded(visit, f"{room.sheet.one} added", made)
    return visit.say(visit.go(f"{room.path}/one", {"id": made}), f"{room.words}.added")


async def save(visit: Visit, room: Room) -> Response:
    """Put the form over what stands there; what two have changed is asked about, and nothing is overwritten."""
    brought = await visit.form()
    row = str(brought.get("id", ""))
    for _ in range(_TRIES):
        found = await known(visit, room.sheet, row)
        now = _by_field(found.texts)
        merged = merging.merged(brought, _by_field(_written(room, brought)), now)
        sent = Sent(merged.values, seen=merging.carried(merged.seen), clashes=merged.clashes)
        if sent.clashes:
            return await form(visit, room, sent, found)
        texts = {**found.texts, **{one.heading: merged.values[field_name(one.heading)] for one in room.cells}}
        question = await room.asks(visit, found, texts) if room.asks else ""
        if question and question != brought.get("agreed"):
            return await form(visit, room, sent, found, question)
        try:
            changed = await visit.desk.write(entering.change, room.sheet, row, found.version, texts, visit.zone)
        except Overtaken:
            continue  # put together anew with what stands there now
        except Wrong as error:
            _place(sent, error)
            return await form(visit, room, sent, found)
        if changed:
            await recorded(visit, f"{room.sheet.one} changed", row, ", ".join(changed))
        key = f"{room.words}.saved" if changed else "records.nothing_changed"
        return visit.say(visit.go(f"{room.path}/one", {"id": row}), key)
    raise Overtaken(text("records.too_busy"))


async def recorded(visit: Visit, what: str, row: str, detail: str = "") -> None:
    """Put it on record, under the environment and the row."""
    place, now = visit.place_of_work.id, visit.house.app.clock.now()
    await visit.house.write(lambda tx: audit.record(tx, visit.actor, now, what, [f"{place}/{row}"], detail))
