"""Importing: who is set up in the source already (R6, D9), shown first, then taken over and tested."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field, StrictBool
from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup import imports, trial
from fieldcal.setup.imports import Candidate, Standing
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Environment, Mailbox
from fieldcal.web.api.caller import Call, Caller, Place
from fieldcal.web.api.long_work import Once, begin, begun_before
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Begun, Shown, Words
from fieldcal.web.work import Work

RESOURCE = Resource("import", "Mailboxes that are set up in the source already: shown, taken over, and tested.")
_AT = "/environments/{environment}/import"
Only = Annotated[Standing | None, Query(description="Only those of which an import makes this.")]


class CandidateShown(Shown):
    """A mailbox, and what an import makes of it."""

    mailbox: str = Field(description="The directory's object id.")
    address: str = Field(description="Its address.", examples=["anna.berg@example.com"])
    name: str = Field(description="The worker's name.", examples=["Anna Berg"])
    standing: Standing = Field(description="What an import makes of it.", examples=["to be imported"])
    why: str = Field(description="Why, where it is not simply imported.")


class Import(Asked):
    """What is to be imported."""

    expect: int = Field(
        ge=0, strict=True, examples=[12],
        description="How many will be imported, as the preview tells; at another number nothing is done (409).",
    )  # fmt: skip
    profile: Words | None = Field(
        default=None, description="The server profile to write through; null: the only active one.",
        examples=["exchange"],
    )  # fmt: skip
    accept_copies: StrictBool = Field(
        default=False,
        description="Import whom Microsoft's own booking sync serves, too: every booking may stand twice.",
    )


@RESOURCE.get(_AT, Action.IMPORT, asks=True)
async def preview(caller: Call, place: Place, pages: Pages, standing: Only = None) -> Paged[CandidateShown]:
    """Show who is set up in the source already.

    The source is asked, nothing is changed.
    """
    found = [one for one in await _candidates(caller, place) if standing in {None, one.standing}]
    return Paged(**pages.counted([_shown(one) for one in found[pages.offset :][: pages.limit]], len(found)))


@RESOURCE.post(_AT, Action.IMPORT, status=202)
async def take(caller: Call, place: Place, wish: Import, once: Once, response: Response) -> Begun:
    """Take over who is set up in the source, and test them.

    Profile, method and approval are taken over, and Test & Enable follows. It goes on after this answer: `Location`
    leads to it.
    """
    if (known := begun_before(caller, response, once)) is not None:
        return known
    house, actor = caller.house, caller.actor
    profile = await house.read(lambda tx: imports.profile_for(tx, wish.profile))
    wanted = imports.chosen(await _candidates(caller, place), accept_copies=wish.accept_copies)
    if len(wanted) != wish.expect:
        raise ConfigError(f"these are {len(wanted)} mailboxes now, not {wish.expect}; nothing was done")

    def approve(tx: Connection) -> list[MailboxId]:
        return imports.carry_out(tx, actor, house.app.clock.now(), place.id, wanted, profile)

    async def run(work: Work[Any]) -> None:
        ids = await house.write(approve) if wanted else []
        tested = await trial.run_now(house.app.bench(), actor, place.id, ids, lambda done, _, box: work.step(done, box))
        if any(box.enabled for box in tested):
            house.service.announce(place.id)

    return begin(caller, response, once, "import", place.id, len(wanted), run)


async def _candidates(caller: Caller, place: Environment) -> list[Candidate]:
    def ours(tx: Connection) -> list[Mailbox]:
        return imports.allowed(tx, caller.actor, place.id)

    boxes = await caller.house.read(ours)
    return imports.candidates(boxes, await caller.house.app.set_up_there(place.id))


def _shown(one: Candidate) -> CandidateShown:
    return CandidateShown(
        mailbox=one.mailbox.id,
        address=one.mailbox.address,
        name=one.mailbox.name,
        standing=one.standing,
        why=one.detail,
    )
