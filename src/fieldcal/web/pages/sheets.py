"""CSV files in and out: a file is looked at first, every mistake named by its line, and loaded whole or not at all."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fieldcal import schedule_file
from fieldcal.errors import ConfigError
from fieldcal.schedule import loading
from fieldcal.schedule.sheets import SHEETS, Sheet
from fieldcal.setup.permissions import Action
from fieldcal.web.rooms import field_name
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.uploads import Upload
from fieldcal.web.visit import Here, Visit

SECTION = Section("sheets")
#: where each kind has its list
LISTS = {
    "orders": "/orders", "accounts": "/customers", "contacts": "/customers/contacts", "workers": "/workers",
    "crews": "/workers/crews", "types": "/types", "incidents": "/types/incidents", "priorities": "/types/priorities",
}  # fmt: skip
#: Lines of one page of a preview.
_SHOWN = 100

Kind = Annotated[str, Query(max_length=20)]


def _sheet(kind: str) -> Sheet:
    found = SHEETS.get(kind)
    if found is None:
        raise HTTPException(404)
    return found


@SECTION.get("/sheets", Action.SCHEDULE)
async def show(visit: Here, kind: Kind = "orders") -> Response:
    """What a file of this kind holds, and where to send it."""
    sheet = _sheet(kind)
    await visit.desk.version()
    values = {"sheet": sheet, "kinds": SHEETS, "path": LISTS[kind], "field": field_name}
    return visit.page("sheets.html", values)


@SECTION.get("/sheets.csv", Action.SCHEDULE)
async def export(visit: Here, kind: Kind = "orders") -> Response:
    """Every row of this kind, as a file that can be imported again."""
    sheet, zone = _sheet(kind), visit.zone

    def tell(tx: Connection) -> bytes:
        return "".join(loading.export(tx, sheet, zone)).encode()

    headers = {"content-disposition": f'attachment; filename="{kind}-{secrets.token_hex(3)}.csv"'}
    # the mark at the beginning has a spreadsheet take it for what it is
    told = "\ufeff".encode() + await visit.desk.read(tell)
    return Response(told, media_type="text/csv; charset=utf-8", headers=headers)


@SECTION.post("/sheets/preview", Action.SCHEDULE)
async def send(visit: Here) -> Response:
    """Take a file, and lead to what it would come to."""
    form, place = await visit.form(), visit.place_of_work.id
    sheet, file = _sheet(str(form.get("kind", ""))), form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise ConfigError(text("sheets.no_file"))
    upload = Upload(
        visit.actor.name, place, sheet.kind, file.filename[:100], await file.read(), visit.house.app.clock.now()
    )
    return visit.go("/sheets/preview", {"upload": visit.house.uploads.put(upload)})


def _kept(visit: Visit, upload: str) -> Upload | None:
    now = visit.house.app.clock.now()
    return visit.house.uploads.find(upload, visit.actor.name, visit.place_of_work.id, now)


@SECTION.get("/sheets/preview", Action.SCHEDULE)
async def look(
    visit: Here, upload: Annotated[str, Query(max_length=40)] = "", page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> Response:  # fmt: skip
    """What the file would come to: each mistake by its line, or what is new and what would be changed."""
    kept = _kept(visit, upload)
    if kept is None:
        return visit.page("sheets_gone.html", status=404)
    return await _previewed(visit, kept, upload, page, "")


async def _previewed(visit: Visit, kept: Upload, upload: str, page: int, again: str) -> Response:
    sheet = SHEETS[kept.kind]
    found = await visit.desk.read(loading.preview, sheet, kept.data, visit.zone)
    rows: tuple[Any, ...] = found.mistakes or (*found.new, *found.changed)
    first = (page - 1) * _SHOWN
    columns = {cell.column: cell.heading for cell in sheet.cells}
    values = {
        "sheet": sheet, "kept": kept, "upload": upload, "found": found, "rows": rows[first : first + _SHOWN],
        "page": page, "first": first, "total": len(rows), "more": first + _SHOWN < len(rows), "columns": columns,
        "again": again, "path": LISTS[kept.kind], "field": field_name,
    }  # fmt: skip
    return visit.page("sheets_preview.html", values, 409 if again else 200)


@SECTION.post("/sheets/load", Action.SCHEDULE)
async def load(visit: Here) -> Response:
    """Load exactly what was looked at, whole or not at all; where it has become something else, show that."""
    form = await visit.form()
    upload = str(form.get("upload", ""))
    kept = _kept(visit, upload)
    if kept is None:
        return visit.page("sheets_gone.html", status=404)
    sheet = SHEETS[kept.kind]
    expected = (_number(form.get("new")), _number(form.get("changed")))
    found, written = await visit.desk.write(loading.load, sheet, kept.data, visit.zone, expected=expected)
    if found.mistakes or (len(found.new), len(found.changed)) != expected:
        return await _previewed(visit, kept, upload, 1, text("sheets.changed"))
    actor, place, now = visit.actor, visit.place_of_work.id, visit.house.app.clock.now()
    await visit.house.write(lambda tx: schedule_file.record(tx, actor, now, place, sheet, kept.name, found, written))
    visit.house.uploads.drop(upload)
    counts = {"new": len(found.new), "changed": len(found.changed), "same": found.same}
    return visit.say(visit.go(LISTS[kept.kind]), "sheets.loaded", counts)


def _number(given: object) -> int:
    told = str(given or "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 8 else -1  # noqa: PLR2004 - more than a file holds
