"""What is kept, forgotten and erased: pruning by age, and persons who are to be forgotten for good."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field, StrictInt

from fieldcal.engine import upkeep
from fieldcal.serving import ages_of
from fieldcal.setup import erasing
from fieldcal.setup.erasing import Work as Erasure
from fieldcal.setup.permissions import Action
from fieldcal.state import holdings
from fieldcal.web.api.caller import Call, Caller, Place
from fieldcal.web.api.long_work import Once, begin
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.results import Forgotten, forgotten
from fieldcal.web.api.shapes import Asked, Begun, Shown, Words
from fieldcal.web.work import Work

RESOURCE = Resource("data", "Data retention and erasure: what is old is forgotten, and persons are erased.")


Rows = Annotated[
    StrictInt, Field(ge=1, le=2**53, description="How many rows, as was counted; at another number nothing is done.")
]


class Prune(Asked):
    """What is old is to be forgotten."""

    expect: StrictInt = Field(
        ge=0, le=2**53, examples=[4711],
        description="How much is old, as `total` has told; at another number nothing is done (409).",
    )  # fmt: skip


class WorkerNamed(Asked):
    """A worker who has left."""

    worker: Words = Field(min_length=1, description="Name, id or address.", examples=["anna.berg@example.com"])
    also: list[Words] = Field(default=[], max_length=50, description="Other spellings to erase.")


class ContactNamed(Asked):
    """A contact, or a customer who is a person."""

    name: Words = Field(min_length=1, description="The name as the source writes it.", examples=["Carla Cole"])
    also: list[Words] = Field(default=[], max_length=50, description="Other spellings to erase.")


class Counted(Shown):
    """What an erasure would come to."""

    total: int = Field(description="Rows that tell of the person.", examples=[31])
    rows: dict[str, int] = Field(description="The same by table.", examples=[{"history": 30, "users": 1}])
    left: list[str] = Field(description="What this cannot reach, a sentence each.")


class WorkerErased(WorkerNamed):
    """A worker who is to be erased."""

    expect: StrictInt = Field(
        ge=1, le=2**53, description="How many rows, as was counted; at another number nothing is done."
    )


class ContactErased(ContactNamed):
    """A contact who is to be erased."""

    expect: StrictInt = Field(
        ge=1, le=2**53, description="How many rows, as was counted; at another number nothing is done."
    )


class KindKept(Shown):
    """One kind of what is kept."""

    kind: str = Field(description="What it is.", examples=["history"])
    days: int = Field(description="How many days it is kept; 0 is for ever.", examples=[180])
    rows: int = Field(description="How many rows there are.", examples=[31])
    oldest: datetime | None = Field(description="When the oldest was made; a booking: when it ended.")


class Kept(Shown):
    """What the state holds."""

    bytes: int = Field(description="How large the state is.", examples=[4_096_000])
    kept: list[KindKept] = Field(description="Each kind of what is forgotten by age.")


@RESOURCE.get("/data", Action.DATA)
async def kept(caller: Call) -> Kept:
    """Show what is kept how long, how much of it there is, and since when."""
    app = caller.house.app
    found = await caller.house.read(holdings.look)
    kinds = [
        KindKept(kind=one.kind, days=getattr(app.config, one.setting), rows=one.rows, oldest=one.oldest)
        for one in found
    ]
    return Kept(bytes=await asyncio.to_thread(holdings.size, app.database), kept=kinds)


@RESOURCE.post("/data/compact", Action.DATA, status=202)
async def compact(caller: Call, once: Once, response: Response) -> Begun:
    """Write the state anew, without the bytes of what was forgotten.

    Others wait so long. It goes on after this answer: `Location` leads to it.
    """
    app, actor = caller.house.app, caller.actor

    async def run(work: Work[Any]) -> None:
        work.tell(await asyncio.to_thread(upkeep.compact, app.database, actor, app.clock.now()))

    return begin(caller, response, once, "compact", "", 0, run)


@RESOURCE.get("/data/old", Action.DATA)
async def old(caller: Call) -> Forgotten:
    """Count what is older than it is kept."""
    app = caller.house.app
    return forgotten(await upkeep.prune(app.database, app.clock, ages_of(app.config), dry=True))


@RESOURCE.post("/data/prune", Action.DATA, status=202)
async def prune(caller: Call, wish: Prune, once: Once, response: Response) -> Begun:
    """Forget what is older than it is kept.

    The service does so once a day; in small batches, so that nobody waits. It goes on after this answer: `Location`
    leads to it.
    """
    app, actor = caller.house.app, caller.actor
    kept = ages_of(app.config)

    async def run(work: Work[Any]) -> None:
        work.tell(await upkeep.on_command(app.database, app.clock, kept, actor, wish.expect, work.far))

    return begin(caller, response, once, "prune", "", wish.expect, run)


@RESOURCE.post("/environments/{environment}/erase/worker/count", Action.ERASE)
async def count_worker(caller: Call, place: Place, wish: WorkerNamed) -> Counted:
    """Count what tells of a worker."""
    return await _count(caller, _worker(caller, place.id, wish))


@RESOURCE.post("/environments/{environment}/erase/worker", Action.ERASE, status=202)
async def erase_worker(caller: Call, place: Place, wish: WorkerErased, once: Once, response: Response) -> Begun:
    """Erase a worker who has left, for good.

    Refused while the mailbox is switched on or holds events of ours. It goes on after this answer: `Location` leads to
    it.
    """
    return _erase(caller, response, once, _worker(caller, place.id, wish), wish.expect)


@RESOURCE.post("/data/erase/contact/count", Action.ERASE)
async def count_contact(caller: Call, wish: ContactNamed) -> Counted:
    """Count what tells of a contact, in every environment."""
    return await _count(caller, _contact(caller, wish))


@RESOURCE.post("/data/erase/contact", Action.ERASE, status=202)
async def erase_contact(caller: Call, wish: ContactErased, once: Once, response: Response) -> Begun:
    """Erase a contact, for good, in every environment.

    It goes on after this answer: `Location` leads to it.
    """
    return _erase(caller, response, once, _contact(caller, wish), wish.expect)


def _worker(caller: Caller, place: str, wish: WorkerNamed) -> Erasure:
    now = caller.house.app.clock.now()
    return lambda tx: erasing.worker(tx, caller.actor, now, place, wish.worker, wish.also)


def _contact(caller: Caller, wish: ContactNamed) -> Erasure:
    now = caller.house.app.clock.now()
    return lambda tx: erasing.contact(tx, caller.actor, now, wish.name, wish.also)


async def _count(caller: Caller, work: Erasure) -> Counted:
    database = caller.house.app.database
    found = await asyncio.to_thread(erasing.counted, database, work)
    return Counted(total=found.total, rows=found.rows, left=[*found.left, *erasing.out_of_reach(database)])


def _erase(caller: Caller, response: Response, once: str, work: Erasure, expect: int) -> Begun:
    async def run(followed: Work[Any]) -> None:
        done, _ = await asyncio.to_thread(erasing.carry_out, caller.house.app.database, work, expect)
        followed.tell(done)

    return begin(caller, response, once, "erase", "", expect, run)
