"""Checks and duplicates: what hands changed, having it written again, and what stands double."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field, StrictBool, StrictInt
from sqlalchemy import Connection

from fieldcal import checking, doubling
from fieldcal.errors import ConfigError
from fieldcal.model import EventId, MailboxId
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Environment, Selection
from fieldcal.sites import Sites
from fieldcal.state import findings, mailboxes
from fieldcal.state.findings import Finding
from fieldcal.sync.passes import run_find
from fieldcal.web.api.caller import Call, Caller, Place
from fieldcal.web.api.long_work import Once, begin, begun_before
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.results import FindingShown
from fieldcal.web.api.shapes import Asked, Begun, Words
from fieldcal.web.work import Work

RESOURCE = Resource("checks", "Checks of calendars: what hands changed, and what stands double.")
_AT = "/environments/{environment}"
_Kind = Literal["", "changed", "deleted", "copy"]

Kind = Annotated[_Kind, Query(description="Only those of this kind.")]
Boxes = Annotated[
    list[Words] | None,
    Field(min_length=1, max_length=5_000, description="Object ids or addresses; null: all that are switched on.",
          examples=[["anna.berg@example.com"]]),
]  # fmt: skip
Events = Annotated[list[Words], Field(max_length=5_000, examples=[["AAMkAGI2"]])]
Expect = Annotated[
    StrictInt, Field(ge=0, le=2**53, description="How many events it has to be; at another number nothing is done.")
]


class Check(Asked):
    """Which mailboxes are to be checked."""

    mailboxes: Boxes = None
    everything: StrictBool = Field(default=False, description="Read everything that is ours, outside the window too.")


class Search(Asked):
    """In which mailboxes duplicates are looked for."""

    mailboxes: Boxes = None


class WriteAgain(Asked):
    """Which findings are to be written again: events that are named, or with `all` every one that `kind` leaves."""

    events: Events = Field(default=[], description="Ids of events.")
    all: StrictBool = Field(default=False, description="Every one that `kind` leaves.")
    kind: Literal["", "changed", "deleted"] = Field(default="", description="Only those of this kind.")
    expect: Expect


class Remove(Asked):
    """Which duplicates are to be removed."""

    mailboxes: Boxes = None
    events: Events = Field(
        default=[], description="Exactly these, also where a hand may have made one; none: all that we made ourselves."
    )
    expect: Expect


@RESOURCE.get(f"{_AT}/findings", Action.SEE_OVERVIEW)
async def list_findings(caller: Call, place: Place, pages: Pages, kind: Kind = "") -> Paged[FindingShown]:
    """List what the last checks found and left alone."""
    found = await caller.house.read(lambda tx: findings.load(tx, place.id))
    wanted = [one for one in found if kind in {"", one.kind}]
    page = [FindingShown.model_validate(one) for one in wanted[pages.offset :][: pages.limit]]
    return Paged(**pages.counted(page, len(wanted)))


@RESOURCE.post(f"{_AT}/check", Action.SYNC, status=202)
async def check(caller: Call, place: Place, wish: Check, once: Once, response: Response) -> Begun:
    """Compare mailboxes with what is remembered, as every night.

    Adopts what is ours, and reports, writes over or respects what hands changed, as it is set. It goes on after this
    answer: `Location` leads to it.
    """
    only = None if wish.mailboxes is None else frozenset(await _boxes(caller, place, wish.mailboxes, Action.SYNC))

    async def run(work: Work[Any]) -> None:
        async with Sites(caller.house.app) as sites:
            site = await sites.working(place.id)
            work.tell(await checking.check(site, only, work.far, everything=wish.everything))

    return begin(caller, response, once, "check", place.id, len(only or ()), run)


@RESOURCE.post(f"{_AT}/findings/write-again", Action.SYNC, status=202)
async def write_again(caller: Call, place: Place, wish: WriteAgain, once: Once, response: Response) -> Begun:
    """Write what hands changed or deleted again.

    What the rules leave alone stays, and is told. It goes on after this answer: `Location` leads to it.
    """
    if (known := begun_before(caller, response, once)) is not None:
        return known
    if wish.all is bool(wish.events):
        raise ConfigError("which findings? name `events`, or choose with `all` and `kind`")
    app, actor = caller.house.app, caller.actor

    def look(tx: Connection) -> list[Finding]:
        found = checking.by_hand(tx, place.id, kind=wish.kind)
        return found if wish.all else [one for one in found if one.event in set(wish.events)]

    chosen = await caller.house.read(look)
    _as_many(len(chosen), wish.expect)

    async def run(work: Work[Any]) -> None:
        async with Sites(app) as sites:
            work.tell(await checking.write_again(app, actor, await sites.working(place.id), chosen, work.far))

    return begin(caller, response, once, "write again", place.id, len(chosen), run)


@RESOURCE.post(f"{_AT}/duplicates/find", Action.SEE_OVERVIEW, status=202)
async def find(caller: Call, place: Place, wish: Search, once: Once, response: Response) -> Begun:
    """Look for events of ours that stand beside the one that counts.

    The mailboxes are read, nothing is touched. It goes on after this answer: `Location` leads to it.
    """
    boxes = await _boxes(caller, place, wish.mailboxes, None)

    async def run(work: Work[Any]) -> None:
        async with Sites(caller.house.app) as sites:
            found = await run_find(await sites.working(place.id), boxes, work.far)
        for one in found:
            work.tell(one)

    return begin(caller, response, once, "duplicates", place.id, len(boxes), run)


@RESOURCE.post(f"{_AT}/duplicates/remove", Action.TAKE_OVER, status=202, scope=Scope.CLEAN)
async def remove(caller: Call, place: Place, wish: Remove, once: Once, response: Response) -> Begun:
    """Remove what stands double.

    It is looked for once more first; each is removed only while it stands so, and the one that counts is read and
    there. It goes on after this answer: `Location` leads to it.
    """
    app, actor = caller.house.app, caller.actor
    boxes = await _boxes(caller, place, wish.mailboxes, None)
    named = frozenset(EventId(one) for one in wish.events)

    async def run(work: Work[Any]) -> None:
        async with Sites(app) as sites:
            site = await sites.working(place.id)
            chosen = doubling.choose(await run_find(site, boxes, work.far), named)
            _as_many(len(chosen), wish.expect)
            for one in await doubling.remove(app, actor, site, chosen, work.far) if chosen else ():
                work.tell(one)

    return begin(caller, response, once, "remove duplicates", place.id, wish.expect, run)


def _as_many(found: int, expect: int) -> None:
    if found != expect:
        raise ConfigError(f"these are {found} events now, not {expect}; nothing was done")


async def _boxes(caller: Caller, place: Environment, names: list[str] | None, action: Action | None) -> list[MailboxId]:
    """The mailboxes that are meant, when the caller may do this to each of them."""

    def look(tx: Connection) -> list[MailboxId]:
        if names is None:
            return mailboxes.enabled(tx, place.id)
        wanted = mailboxes.ids(tx, place.id, Selection(names=tuple(names)))
        if action is not None:
            permitted(tx, caller.actor, action, place.id, wanted)
        return wanted

    return await caller.house.read(look)
