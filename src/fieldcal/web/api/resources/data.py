"""What is kept, forgotten and erased: pruning by age, and persons who are to be forgotten for good."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field, StrictInt

from fieldcal.engine import upkeep
from fieldcal.serving import ages_of
from fieldcal.setup import erasing
from fieldcal.setup.erasing import Work as Erasure
from fieldcal.setup.permissions import Action
from fieldcal.web.api.caller import Call, Caller, Place
from fieldcal.web.api.long_work import Once, begin
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.results import Forgotten, erased, forgotten
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
        followed.tell(erased(done))

    return begin(caller, response, once, "erase", "", expect, run)
