"""Erase a person: found, counted, confirmed by typing the name, and done for good."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.responses import Response

from fieldcal.errors import ConfigError
from fieldcal.model import Worker
from fieldcal.setup import erasing
from fieldcal.setup.permissions import Action
from fieldcal.state import workers
from fieldcal.web.section import Section
from fieldcal.web.texts import catalogue, text
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work

SECTION = Section("erase")
_LONGEST, _SPELLINGS, _SHOWN = 200, 20, 20


@dataclass(frozen=True, slots=True)
class Meant:
    """Who is to be erased. `key`: the worker's id, or the contact's name; `name`: what is typed to confirm."""

    kind: str
    key: str
    name: str
    also: tuple[str, ...]


def _asked(form: FormData) -> tuple[str, str, tuple[str, ...]]:
    kind = "contact" if form.get("kind") == "contact" else "worker"
    also = [line.strip()[:_LONGEST] for line in str(form.get("also", "")).splitlines() if line.strip()]
    return kind, str(form.get("name", "")).strip()[:_LONGEST], tuple(also[:_SPELLINGS])


def named(table: str) -> str:
    """What a table of the state is called."""
    return text(f"erase.table.{table}") if f"erase.table.{table}" in catalogue() else table


def _page(visit: Visit, kind: str, status: int = 200, **values: Any) -> Response:
    empty: dict[str, Any] = {"named": named, "more": False}
    empty |= {"kind": kind, "name": "", "also": (), "wrong": "", "workers": None, "meant": None, "counted": None}
    return visit.page("erase.html", {**empty, "left": [], "once": "", **values}, status)


@SECTION.get("/data/erase", Action.ERASE)
async def show(visit: Here, kind: str = "worker") -> Response:
    """The form in which a person is looked for. Nothing of it is ever in an address, which browsers remember."""
    return _page(visit, "contact" if kind == "contact" else "worker")


@SECTION.post("/data/erase/find", Action.ERASE)
async def find(visit: Here) -> Response:
    """What would be erased of this person; of several workers who fit, a list to choose from."""
    form = await visit.form()
    kind, name, also = _asked(form)
    said: dict[str, Any] = {"name": name, "also": also}
    if not name:
        return _page(visit, kind, 409, wrong=text("erase.no_name"), **said)
    if kind == "contact":
        return await _counted(visit, Meant(kind, name, name, also), said)
    place = visit.place_of_work.id
    found = await visit.house.read(lambda tx: workers.called(tx, place, name, _SHOWN + 1))
    if len(found) == 1:
        return await _counted(visit, _worker(found[0], also), said)
    if not found:
        return _page(visit, kind, 409, wrong=text("erase.nobody"), **said)
    return _page(visit, kind, workers=found[:_SHOWN], more=len(found) > _SHOWN, **said)


def _worker(worker: Worker, also: tuple[str, ...]) -> Meant:
    return Meant("worker", worker.id, worker.name or worker.address or worker.id, also)


def _work(visit: Visit, meant: Meant) -> erasing.Work:
    actor, now = visit.actor, visit.house.app.clock.now()
    if meant.kind == "contact":
        return lambda tx: erasing.contact(tx, actor, now, meant.key, meant.also)
    place = visit.place_of_work.id
    return lambda tx: erasing.worker(tx, actor, now, place, meant.key, meant.also)


async def _counted(visit: Visit, meant: Meant, said: dict[str, Any], wrong: str = "") -> Response:
    """The confirmation: what would go, what cannot be reached, and the name to be typed."""
    database = visit.house.app.database
    try:
        found = await asyncio.to_thread(erasing.counted, database, _work(visit, meant))
    except ConfigError as error:
        return _page(visit, meant.kind, 409, wrong=str(error), **said)
    if not found.total:
        return _page(visit, meant.kind, 409, wrong=text("erase.nothing"), **said)
    left = [*found.left, *erasing.out_of_reach(database)]
    values = {"meant": meant, "counted": found, "left": left, "once": secrets.token_urlsafe(12), "wrong": wrong}
    return _page(visit, meant.kind, 409 if wrong else 200, **{**said, **values})


@SECTION.post("/data/erase", Action.ERASE)
async def do(visit: Here) -> Response:
    """Erase whom the form names, when the name was typed and the count is still true."""
    form, house = await visit.form(), visit.house
    once = str(form.get("once", ""))
    if once and (begun := house.works.begun_by(once)) is not None:
        return visit.go(f"/data/work/{begun.id}")
    kind, key, also = _asked(form)
    meant = await house.read(lambda tx: _named(tx, visit, kind, key, also))
    said = {"name": meant.name, "also": also}
    if str(form.get("typed", "")).strip().casefold() != meant.name.casefold():
        return await _counted(visit, meant, said, text("erase.mistyped"))
    work, count = _work(visit, meant), str(form.get("count", ""))
    expect = int(count) if count.isascii() and count.isdecimal() and len(count) < 16 else 0  # noqa: PLR2004 - rows

    async def run(followed: Work[Any]) -> None:
        done, _ = await asyncio.to_thread(erasing.carry_out, house.app.database, work, expect)
        followed.tell(done)

    begun = house.works.begin("erase", "", visit.actor.name, 0, house.app.clock.now(), once, run)
    return visit.go(f"/data/work/{begun.id}")


def _named(tx: Connection, visit: Visit, kind: str, key: str, also: tuple[str, ...]) -> Meant:
    if kind == "contact":
        return Meant(kind, key, key, also)
    known, _ = workers.load(tx, visit.place_of_work.id, [key]).get(key, (None, False))
    if known is None:
        raise ConfigError(text("erase.nobody"))
    return _worker(known, also)
