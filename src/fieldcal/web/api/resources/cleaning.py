"""Taking everything of ours out of mailboxes: counted first, and carried out only where the count is still true."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import Field

from fieldcal import cleaning
from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup.permissions import Action, require
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Environment
from fieldcal.sites import Sites
from fieldcal.web.api.caller import Call, Caller
from fieldcal.web.api.caller import Place as Where
from fieldcal.web.api.choosing import Chosen, wanted_of
from fieldcal.web.api.long_work import Once, begin
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Begun
from fieldcal.web.work import Work

RESOURCE = Resource("cleaning", "Taking events of ours out of calendars: a pilot that ends, a worker who leaves.")
_AT = "/environments/{environment}/mailboxes"


class Cleaning(Chosen):
    """Which mailboxes are to be cleaned, and how many events were counted there."""

    events: int = Field(
        ge=0, strict=True, examples=[31],
        description="How many events stand there, as `survey` has counted; at another number nothing is done.",
    )  # fmt: skip


@RESOURCE.post(f"{_AT}/survey", Action.TAKE_OVER, status=202, scope=Scope.CLEAN)
async def survey(caller: Call, place: Where, chosen: Chosen, once: Once, response: Response) -> Begun:
    """Count what a clean would take out.

    The mailboxes' servers are asked, nothing is touched. It goes on after this answer: `Location` leads to it.
    """
    wanted = await _wanted(caller, place, chosen)

    async def run(work: Work[Any]) -> None:
        async with Sites(caller.house.app) as sites:
            looked = await cleaning.look(await sites.unasked(place.id), caller.actor, wanted, work.far)
        for one in looked.surveys:
            work.tell(one)

    return begin(caller, response, once, "survey", place.id, len(wanted), run)


@RESOURCE.post(f"{_AT}/clean", Action.TAKE_OVER, status=202, scope=Scope.CLEAN)
async def clean(caller: Call, place: Where, chosen: Cleaning, once: Once, response: Response) -> Begun:
    """Switch mailboxes off and take every event of ours out.

    It is counted once more first. Copies that a worker has made stay; enabling later makes the events anew. It goes on
    after this answer: `Location` leads to it.
    """
    app, actor = caller.house.app, caller.actor
    wanted = await _wanted(caller, place, chosen)

    async def run(work: Work[Any]) -> None:
        async with Sites(app) as sites:
            site = await sites.unasked(place.id)
            looked = await cleaning.counted_anew(site, actor, wanted, chosen.events, work.far)
            outcome = await cleaning.carry_out(app, actor, site, looked, work.far)
        for one in outcome.done:
            work.tell(one)
        if outcome.left:
            address, why = next(iter(outcome.left.items()))
            raise ConfigError(f"nothing was done in {len(outcome.left)} mailboxes; {address}: {why}")

    return begin(caller, response, once, "clean", place.id, chosen.events, run)


async def _wanted(caller: Caller, place: Environment, chosen: Chosen) -> list[MailboxId]:
    require(caller.actor, Action.TAKE_OVER)
    return await caller.house.read(lambda tx: wanted_of(tx, place.id, chosen, caller.house.app.clock.now()))
