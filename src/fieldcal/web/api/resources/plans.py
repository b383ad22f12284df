"""Held plans: removals over the hour's budget, which wait for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field
from sqlalchemy import Connection

from fieldcal import deciding
from fieldcal.plan.rules import evidence_told
from fieldcal.setup.permissions import Action
from fieldcal.sites import Sites
from fieldcal.state import plans
from fieldcal.state.plans import Plan, Row
from fieldcal.sync.preview import preview as planned
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Shown, Words
from fieldcal.web.shared import shared

RESOURCE = Resource("plans", "Plans: removals that wait for a person, and those that were decided.")
_AT = "/environments/{environment}/plans"

#: SQLite's and PostgreSQL's largest number.
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The plan's number.", examples=[3])]
Verb = Annotated[Literal["", "create", "update", "remove", "skip"], Query(description="Only these steps.")]
State = Annotated[Literal["", "held", "approved", "rejected", "done"], Query(description="Only those in this state.")]


class PlanShown(Shown):
    """A plan."""

    id: int = Field(description="Its number.", examples=[3])
    state: str = Field(description="`held`, `approved`, `rejected` or `done`.", examples=["held"])
    kind: str = Field(description="`removals`, `clean` or `duplicates`.", examples=["removals"])
    reason: str = Field(description="Why it was made.")
    created_at: datetime = Field(description="When.")
    rows: int = Field(description="Removals in it.", examples=[40])
    decided_by: str = Field(description='Who decided, "" while it is held.')
    decided_at: datetime | None = Field(description="When.")
    comment: str = Field(description="What was said to it.")


class Removal(Shown):
    """One removal of a plan."""

    mailbox: str = Field(description="The mailbox's id.")
    booking: str = Field(description="The booking's id.")
    state: str = Field(description="`held`, `approved`, `rejected`, `dropped` or `done`.")
    why: str = Field(description="What proves that it has to go.")


class StepShown(Shown):
    """One line of what a pass would do."""

    verb: str = Field(description="`create`, `update`, `remove`, or `skip`: nothing is done.", examples=["create"])
    booking: str = Field(description="The booking's id.")
    mailbox: str | None = Field(description="In which mailbox; null: in none.")
    title: str = Field(description="What its event is called.")
    start: datetime = Field(description="When the booking begins.")
    end: datetime = Field(description="When it ends.")
    worker: str = Field(description='The worker\'s name, "" for nobody.')
    reason: str = Field(description="Why.")


class Word(Asked):
    """A person's word on a plan."""

    comment: Words = Field(default="", description="Why; it is kept with the plan.", examples=["The depot closes."])


class Approval(Shown):
    """What an approval set going."""

    approved: int = Field(description="Removals that the next pass carries out, each only if it is still proven.")
    unanswered: int = Field(description="Removals that wait on in a new plan: the source gave no answer.")


class Rejection(Shown):
    """What a rejection leaves."""

    rejected: int = Field(description="Events that stay where they are.")


@RESOURCE.get(_AT, Action.SEE_OVERVIEW)
async def list_all(caller: Call, place: Place, pages: Pages, state: State = "") -> Paged[PlanShown]:
    """List plans, the newest first."""
    found = await caller.house.read(lambda tx: plans.load(tx, place.id, state))
    page = found[pages.offset :][: pages.limit]
    return Paged(**pages.counted([PlanShown.model_validate(one) for one in page], len(found)))


@RESOURCE.get(f"{_AT}/preview", Action.SEE_OVERVIEW)
async def preview(caller: Call, place: Place, pages: Pages, verb: Verb = "") -> Paged[StepShown]:
    """Tell what a pass would do now, by what is known, as `fieldcal sync --dry-run` does.

    Nothing is asked and nothing is written.
    """
    if not place.organization:
        return Paged(**pages.counted([], 0))
    house = caller.house
    async with Sites(house.app) as sites:
        site = await sites.unasked(place.id)
    steps = await shared(house.previews, place.id, lambda: house.read(lambda tx: planned(tx, site)))
    meant = sorted((one for one in steps if verb in {"", one.verb}), key=lambda one: (one.start, one.booking))
    shown = [StepShown.model_validate(one) for one in meant[pages.offset :][: pages.limit]]
    return Paged(**pages.counted(shown, len(meant)))


@RESOURCE.get(f"{_AT}/{{plan}}", Action.SEE_OVERVIEW)
async def show(caller: Call, place: Place, plan: Number) -> PlanShown:
    """Show one plan."""
    return PlanShown.model_validate(await caller.house.read(lambda tx: _known(tx, place.id, plan)))


@RESOURCE.get(f"{_AT}/{{plan}}/removals", Action.SEE_OVERVIEW)
async def removals(caller: Call, place: Place, plan: Number, pages: Pages) -> Paged[Removal]:
    """List the removals of a plan."""

    def look(tx: Connection) -> list[Row]:
        return plans.rows_of(tx, place.id, _known(tx, place.id, plan).id)

    found = await caller.house.read(look)
    shown = [
        Removal(mailbox=row.mailbox, booking=row.booking, state=row.state, why=evidence_told(row.evidence))
        for row in found[pages.offset :][: pages.limit]
    ]
    return Paged(**pages.counted(shown, len(found)))


@RESOURCE.post(f"{_AT}/{{plan}}/approve", Action.TAKE_OVER)
async def approve(caller: Call, place: Place, plan: Number, word: Word) -> Approval:
    """Approve a held plan.

    The source is asked again for each booking; the next pass carries out what is still true.
    """
    await caller.house.read(lambda tx: _known(tx, place.id, plan))
    done = await deciding.approve(caller.house.app, caller.actor, place.id, plan, word.comment)
    return Approval(approved=done.rows, unanswered=done.silent)


@RESOURCE.post(f"{_AT}/{{plan}}/reject", Action.TAKE_OVER)
async def reject(caller: Call, place: Place, plan: Number, word: Word) -> Rejection:
    """Reject a held plan.

    Its events stay; only newer evidence proposes one of the removals again.
    """
    await caller.house.read(lambda tx: _known(tx, place.id, plan))
    return Rejection(rejected=await deciding.reject(caller.house.app, caller.actor, place.id, plan, word.comment))


def _known(tx: Connection, place: str, plan: int) -> Plan:
    for one in plans.load(tx, place):
        if one.id == plan:
            return one
    raise Missing(f"there is no plan {plan} in the environment {place}")
