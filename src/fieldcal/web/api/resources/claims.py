"""Claims: which installation serves a mailbox (R14), seen and taken over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import Response
from pydantic import Field
from sqlalchemy import Connection

from fieldcal.setup import claims, takeover
from fieldcal.setup.permissions import Action
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Mailbox
from fieldcal.state import mailboxes as rows
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.choosing import Chosen, One, one_of, wanted_of
from fieldcal.web.api.long_work import Once, begin
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Begun, Shown
from fieldcal.web.work import Work

RESOURCE = Resource("claims", "Which installation of Fieldcal serves a mailbox, and having it served from here.")
_AT = "/environments/{environment}/mailboxes"


class ClaimShown(Shown):
    """The claim that stands on a mailbox's calendar."""

    claimed: bool = Field(description="Somebody claims it.")
    environment: str = Field(description='For which environment, "" where that is not told.', examples=["main"])
    organization: str = Field(description="For which organization.")
    installation: str = Field(description="Which installation claims it.")
    since: datetime | None = Field(description="When it was claimed, by the claimer's clock; null: it is not told.")
    text: str = Field(description="The claim as it is written there.")


@RESOURCE.get(f"{_AT}/{{mailbox}}/claim", Action.SEE_OVERVIEW, asks=True)
async def show(caller: Call, place: Place, mailbox: One) -> ClaimShown:
    """Show who claims the calendar of a mailbox.

    Its server is asked.
    """
    house = caller.house
    box = await house.read(lambda tx: one_of(tx, place.id, mailbox))
    text = await takeover.claim_of(house.app.bench(), caller.actor, place.id, box)
    standing = claims.read(text) or claims.Claim("", "", "")
    return ClaimShown(
        claimed=text is not None, environment=standing.environment, organization=standing.organization,
        installation=standing.installation, since=claims.since(text), text=text or "",
    )  # fmt: skip


@RESOURCE.post(f"{_AT}/take-over", Action.TAKE_OVER, status=202, scope=Scope.CLEAN)
async def take_over(caller: Call, place: Place, chosen: Chosen, once: Once, response: Response) -> Begun:
    """Have mailboxes served from here, and by no other.

    Each is read whole before anything is written. It goes on after this answer: `Location` leads to it.
    """
    house, actor = caller.house, caller.actor

    def look(tx: Connection) -> list[Mailbox]:
        return rows.some(tx, place.id, wanted_of(tx, place.id, chosen, caller.house.app.clock.now()))

    wanted = await house.read(look)

    async def run(work: Work[Any]) -> None:
        await takeover.take_over_all(house.app.bench(), actor, place.id, wanted, work.step)

    return begin(caller, response, once, "take over", place.id, len(wanted), run)
