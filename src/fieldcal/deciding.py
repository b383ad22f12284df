"""A person's word on a held plan, from a command or a script: who may, what is done, what is on record."""

from __future__ import annotations

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor
from fieldcal.sites import Sites
from fieldcal.state import audit
from fieldcal.sync import approve as decisions
from fieldcal.sync.approve import Approved


async def approve(app: App, actor: Actor, environment: str, plan: int, comment: str) -> Approved:
    """Have the removals of this plan carried out that the source, asked again for each, still proves.

    Raises as `sync.approve.approve` does, and `NotAllowed`.
    """
    require(actor, Action.TAKE_OVER)
    async with Sites(app) as sites:
        approved = await decisions.approve(await sites.working(environment), plan, actor.name, comment)
    await app.database.writing(_record, app, actor, "plan approve", environment, plan)
    return approved


async def reject(app: App, actor: Actor, environment: str, plan: int, comment: str) -> int:
    """Leave the events of this plan where they stand; returns how many. Neither end is asked for anything."""
    require(actor, Action.TAKE_OVER)
    async with Sites(app) as sites:
        rows = await decisions.reject(await sites.unasked(environment), plan, actor.name, comment)
    await app.database.writing(_record, app, actor, "plan reject", environment, plan)
    return rows


def _record(tx: Connection, app: App, actor: Actor, action: str, environment: str, plan: int) -> None:
    audit.record(tx, actor, app.clock.now(), action, [f"{environment}/{plan}"])
