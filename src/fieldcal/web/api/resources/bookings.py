"""Bookings, and why each is, or is not, in the calendar."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field
from sqlalchemy import Connection

from fieldcal import seeing, unread
from fieldcal.ends import is_embedded
from fieldcal.schedule.called import called
from fieldcal.seeing import Listed, Match
from fieldcal.setup.permissions import Action
from fieldcal.sites import Sites
from fieldcal.state.booking_lists import WORKERS, Wanted, workers_called
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.problem import Invalid
from fieldcal.web.api.problem import Missing as Absent
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown, asked_instant

RESOURCE = Resource("bookings", "Bookings, and why each is, or is not, in the calendar. Workers see their own.")
_AT = "/environments/{environment}/bookings"

Begins = Annotated[str, Query(max_length=200, description="Only those whose number begins so.", examples=["WO-0104"])]
Account = Annotated[str, Query(max_length=200, description="Only those whose account's name begins so.")]
Worker = Annotated[
    str, Query(max_length=200, description="Only those of workers in whose name or address this stands.")
]
Missing = Annotated[
    bool,
    Query(description="Only those of the window that should stand in a calendar and do not, each with the reason."),
]
Trouble = Annotated[
    bool,
    Query(description="Only those that a calendar refused, or that wait after a try in vain, each with the reason."),
]
Since = Annotated[str, Query(max_length=40, description="Only those that start at or after this time.")]
Until = Annotated[str, Query(max_length=40, description="Only those that start before this time.")]
Called = Annotated[
    str, Path(description="Its id, its name, or its work order's number.", max_length=200, examples=["WO-01042"])
]


class BookingShown(Shown):
    """A booking."""

    id: str = Field(description="Its id.", examples=["b0000000-0000-4000-8000-000000000001"])
    number: str = Field(description="Its work order's number, else its name.", examples=["WO-01042"])
    account: str = Field(description="The account.", examples=["Litware"])
    worker: str = Field(description="The worker's name.", examples=["Anna Berg"])
    start: datetime = Field(description="When it begins.")
    end: datetime = Field(description="When it ends.")
    status: str = Field(description="Its status at the source.", examples=["Scheduled"])
    standing: str = Field(
        description="`stands`, `behind`, `outdated` (a change that nothing will write), `waits`, `refused`, "
        "`deleted`, or `none`: no event of ours.",
        examples=["stands"],
    )
    why: str = Field(description='With `missing` or `trouble`: why it does not stand as it should. Else "".')


class StationShown(Shown):
    """One stop on a booking's way."""

    name: str = Field(description="Where.", examples=["source"])
    good: bool | None = Field(description="As it should be; false: it stands in the way; null: a plain fact.")
    text: str = Field(description="What is so there.")
    at: datetime | None = Field(description="Since when, or when it was last looked at; of `next try` when that is.")
    remedy: str = Field(description="The command that helps.", examples=["`fieldcal mailbox approve anna@example.com`"])
    plan: int | None = Field(description="The plan that it is about.")


class LineShown(Shown):
    """One thing that was done."""

    at: datetime = Field(description="When.")
    mailbox: str = Field(description="In which mailbox.")
    action: str = Field(description="What.", examples=["create"])
    reason: str = Field(description="Why.")
    answer: str = Field(description="What was answered.")
    ok: bool = Field(description="It went well.")
    request: str = Field(description="Method and shortened address.", examples=["POST /users/…00000001/events"])
    status: int = Field(description="The answer's HTTP status; 0: there was none.", examples=[201])


class WhyShown(Shown):
    """Where a booking stands."""

    booking: str = Field(description="Its id.")
    subject: str = Field(description="What its event is called.")
    worker: str = Field(description="The worker's name.")
    answer: str = Field(description="Whether it is in the calendar, and why.")
    missing: bool = Field(description="It should stand in a calendar, and does not.")
    stations: list[StationShown] = Field(description="Every station of its way.")
    history: list[LineShown] = Field(description="What was done, the newest first.")


class WhysShown(Shown):
    """Every booking that is called so."""

    items: list[WhyShown] = Field(description="Each of them, by start.")


@RESOURCE.get(_AT, Action.SEE_BOOKINGS, own=True)
async def list_all(
    caller: Call, place: Place, pages: Pages, *, number: Begins = "", account: Account = "", worker: Worker = "",
    since: Since = "", until: Until = "", missing: Missing = False, trouble: Trouble = False,
) -> Paged[BookingShown]:  # fmt: skip
    """List bookings, by start. What they are searched by adds up."""
    begins, ends = asked_instant(since, "since"), asked_instant(until, "until")
    if missing and trouble:
        raise Invalid([("query/trouble", "ask for missing or for trouble, not for both")])
    reasoned = missing or trouble
    if reasoned and not place.organization:
        return Paged(**pages.counted([], 0))
    async with Sites(caller.house.app) as sites:
        site = await sites.unasked(place.id) if reasoned else None

    def look(tx: Connection) -> tuple[list[Listed], int]:
        named = workers_called(tx, place.id, worker, WORKERS + 1) if worker.strip() else None
        if named is not None and len(named) > WORKERS:
            raise Invalid([("query/worker", f"more than {WORKERS} workers are called so; write more of the name")])
        wanted = Wanted(number, account, named, begins, ends, trouble=trouble)
        return seeing.listed(tx, caller.actor, place.id, place.settings, wanted, offset=pages.offset,
                             limit=pages.limit, site=site)  # fmt: skip

    found, total = await caller.house.read(look)
    return Paged(**pages.counted([_shown(one) for one in found], total))


@RESOURCE.get(f"{_AT}/{{booking}}/why", Action.SEE_BOOKINGS, own=True)
async def why(caller: Call, place: Place, booking: Called) -> WhysShown:
    """Say why a booking is, or is not, in the calendar.

    Several of that name or number (a crew's, a second visit) are told one after the other. One that was made just now
    in the embedded Field Service is told as not read yet, with the seconds until it is.
    """
    house = caller.house
    ids = await house.read(lambda tx: seeing.called(tx, caller.actor, place.id, booking))
    made = await house.desk.read(called, booking) if house.desk is not None and is_embedded(place.end) else []
    found = await house.read(
        lambda tx: unread.matches(tx, caller.actor, place, made, house.app.clock.now(), served=True)
    )
    if ids:
        async with Sites(house.app) as sites:
            site = await sites.unasked(place.id)
        found = [*await house.read(lambda tx: seeing.explained(tx, site, ids)), *found]
    if not found:
        raise Absent(f"no booking of the environment {place.id} is called so; one that is new is known after a pass")
    return WhysShown(items=[_why(one) for one in found])


def _shown(one: Listed) -> BookingShown:
    row = one.booking
    return BookingShown(
        id=row.id, number=one.number, account=one.account, worker=one.worker, start=row.start, end=row.end,
        status=row.status_name, standing=one.standing, why=one.why,
    )  # fmt: skip


def _why(one: Match) -> WhyShown:
    return WhyShown(
        booking=one.told.booking, subject=one.subject, worker=one.worker.name if one.worker else "",
        answer=one.told.answer, missing=one.told.missing,
        stations=[StationShown.model_validate(each) for each in one.told.stations],
        history=[LineShown.model_validate(each) for each in one.told.history],
    )  # fmt: skip
