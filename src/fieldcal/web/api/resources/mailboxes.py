"""Mailboxes: list, look at, approve, set up, test and switch off, one or thousands at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup import mailboxes, trial
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Actor, Approval, Mailbox, Method, Selection, TrialStatus
from fieldcal.web.api.caller import Call, Caller, Place
from fieldcal.web.api.choosing import Chosen, Filters, One, one_of, wanted_of
from fieldcal.web.api.ends import CheckShown
from fieldcal.web.api.long_work import Once, begin
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Begun, Number, Shown, Words
from fieldcal.web.work import Work

RESOURCE = Resource("mailboxes", "Workers' mailboxes: how far each is set up, and setting many up at once.")
_AT = "/environments/{environment}/mailboxes"


class MailboxShown(Shown):
    """A mailbox."""

    id: str = Field(description="The directory's object id.", examples=["2f9c7f5e-5d0f-4f0c-9c1e-1f6f6f6f6f6f"])
    name: str = Field(description="The worker's name.", examples=["Anna Berg"])
    address: str = Field(description="The e-mail address.", examples=["anna.berg@example.com"])
    profile: str | None = Field(description="The server profile that it is written through.", examples=["exchange"])
    method: Method = Field(description="The appointments method.")
    approval: Approval = Field(description="Whether the e-mail address was approved.")
    approved_by: str = Field(description="By whom.")
    test: TrialStatus = Field(description="How Test & Enable went.", validation_alias="status")
    tested_at: datetime | None = Field(description="When it was last tested.")
    checks: list[CheckShown] = Field(description="What that test looked at.")
    enabled: bool = Field(description="Appointments are written into it.")
    disabled_reason: str = Field(description="Why it is switched off.")
    last_sync_at: datetime | None = Field(description="When it was last synchronized.")
    trouble: str = Field(description='Why the last try failed, "" where it did not.')
    why_not: str | None = Field(default=None, description="Why nothing is written now; null where all is well.")


class SortBy(StrEnum):
    """What the list is sorted by, with `-` descending."""

    ADDRESS, NAME, PROFILE, APPROVAL = "address", "name", "profile", "approval"
    TEST, ENABLED, TESTED_AT, LAST_SYNC_AT = "test", "enabled", "tested_at", "last_sync_at"
    ADDRESS_DOWN, NAME_DOWN, PROFILE_DOWN, APPROVAL_DOWN = "-address", "-name", "-profile", "-approval"
    TEST_DOWN, ENABLED_DOWN, TESTED_AT_DOWN, LAST_SYNC_AT_DOWN = "-test", "-enabled", "-tested_at", "-last_sync_at"


Sort = Annotated[SortBy, Query(description="What it is sorted by.")]


class Edited(Chosen):
    """Which mailboxes, and what is to be set for them."""

    profile: Words | None = Field(default=None, description="The server profile to write through.")
    method: Method | None = Field(default=None, description="The appointments method.")


class EditedNumber(Number):
    """How many were changed, and what that took."""

    secrets_forgotten: int = Field(description="Own secrets that were given for another server, and are forgotten.")


@RESOURCE.get(_AT, Action.SEE_OVERVIEW)
async def list_all(
    caller: Call, place: Place, pages: Pages, filters: Filters, sort: Sort = SortBy.ADDRESS
) -> Paged[MailboxShown]:
    """List mailboxes.

    How far each is set up, and why nothing is written where nothing is.
    """
    wanted = filters.selection(caller.house.app.clock.now())
    found = await caller.house.read(
        lambda tx: mailboxes.listed(
            tx, caller.actor, place.id, wanted, sort=sort.value, offset=pages.offset, limit=pages.limit
        )
    )
    return Paged(**pages.counted([_shown(box, why) for box, why in found.rows], found.total))


@RESOURCE.get(f"{_AT}/{{mailbox}}", Action.SEE_OVERVIEW)
async def show(caller: Call, place: Place, mailbox: One) -> MailboxShown:
    """Show one mailbox."""

    def look(tx: Connection) -> MailboxShown:
        known = one_of(tx, place.id, mailbox)
        listed = mailboxes.listed(tx, caller.actor, place.id, Selection(names=(known,)), limit=2)
        box, why = next(row for row in listed.rows if row[0].id == known)
        return _shown(box, why)

    return await caller.house.read(look)


@RESOURCE.post(f"{_AT}/approve", Action.APPROVE, own=True)
async def approve(caller: Call, place: Place, chosen: Chosen) -> Number:
    """Approve e-mail addresses.

    An address that changes later needs approval again.
    """
    return await _change(caller, place.id, chosen, mailboxes.approve)


@RESOURCE.post(f"{_AT}/reject", Action.APPROVE, own=True)
async def reject(caller: Call, place: Place, chosen: Chosen) -> Number:
    """Reject e-mail addresses.

    Nothing more is written, nothing is removed.
    """
    return await _change(caller, place.id, chosen, mailboxes.reject)


@RESOURCE.post(f"{_AT}/disable", Action.SET_UP, own=True)
async def disable(caller: Call, place: Place, chosen: Chosen) -> Number:
    """Switch synchronization off.

    What stands in the calendars stays, nothing new is written.
    """
    return await _change(caller, place.id, chosen, mailboxes.disable)


@RESOURCE.post(f"{_AT}/edit", Action.SET_UP, own=True)
async def edit(caller: Call, place: Place, chosen: Edited) -> EditedNumber:
    """Choose server profile and appointments method.

    A mailbox that gets another profile is off until it was tested through that. Where that profile stands at another
    server, a secret of the mailbox's own is forgotten: it is sent to no other server than it was given for.
    """
    forgotten = 0

    def change(tx: Connection, actor: Actor, now: datetime, name: str, wanted: Sequence[MailboxId]) -> int:
        nonlocal forgotten
        forgotten = mailboxes.losing(tx, name, wanted, chosen.profile) if chosen.profile is not None else 0
        return mailboxes.edit(tx, actor, now, name, wanted, profile=chosen.profile, method=chosen.method)

    done = await _change(caller, place.id, chosen, change)
    return EditedNumber(changed=done.changed, secrets_forgotten=forgotten)


@RESOURCE.post(f"{_AT}/test", Action.SET_UP, own=True, status=202)
async def test(caller: Call, place: Place, chosen: Chosen, once: Once, response: Response) -> Begun:
    """Begin Test & Enable.

    Looks at everything that must hold, and switches on what passes. It goes on after this answer: `Location` leads
    to the work, which tells each mailbox's checks with what helps.
    """
    house, actor = caller.house, caller.actor

    def look(tx: Connection) -> list[MailboxId]:
        wanted = wanted_of(tx, place.id, chosen, caller.house.app.clock.now())
        mailboxes.permitted(tx, actor, Action.SET_UP, place.id, wanted)
        return wanted

    wanted = await house.read(look)
    if not place.enabled:
        raise ConfigError(f"the environment {place.id} is switched off, so nothing is tested")

    async def run(work: Work[Any]) -> None:
        if not place.organization:
            await house.settled(place.id)
        tested = await trial.run_now(
            house.app.bench(), actor, place.id, wanted, lambda done, _, box: work.step(done, box)
        )
        if any(box.enabled for box in tested):
            house.service.announce(place.id)

    return begin(caller, response, once, "test", place.id, len(wanted), run)


Change = Callable[[Connection, Actor, datetime, str, Sequence[MailboxId]], int]


async def _change(caller: Caller, place: str, chosen: Chosen, change: Change) -> Number:
    now = caller.house.app.clock.now()
    done = await caller.house.write(
        lambda tx: change(tx, caller.actor, now, place, wanted_of(tx, place, chosen, now))
    )  # fmt: skip
    return Number(changed=done)


def _shown(box: Mailbox, why: str | None) -> MailboxShown:
    shown = MailboxShown.model_validate(box)
    return shown.model_copy(update={"why_not": why})
