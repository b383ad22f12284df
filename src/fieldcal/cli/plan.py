"""`fieldcal plan`: removals that are held for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json
from fieldcal.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fieldcal.app import App
    from fieldcal.setup_model import Actor

group = typer.Typer(
    help="Held plans: removals over the hour's budget, which a person decides on.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The plan's number; `plan list` shows it.")]
Comment = Annotated[str, typer.Option("--comment", help="Why; it is kept with the plan.")]


@group.command("list")
def list_plans(
    environment: In = None,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Show the plans that wait for a person."""
    from dataclasses import asdict

    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import environments, plans

    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.SEE_OVERVIEW)
        places = [environments.get(tx, environment).id] if environment else environments.names(tx)
        found = [(place, plan) for place in places for plan in plans.load(tx, place)]
    found = [(place, plan) for place, plan in found if everything or plan.state == "held"]
    if json:
        show.as_json([{"environment": place, **asdict(plan)} for place, plan in found])
    elif not found:
        show.line("No plan waits for a person.")
    else:
        rows = [(p.id, place, p.state, p.rows, p.created_at, p.decided_by, p.reason) for place, p in found]
        show.table(("plan", "environment", "state", "removals", "made", "decided by", "why"), rows)


@group.command("show")
def show_plan(number: Number, as_user: AsUser = None, json: Json = False) -> None:
    """Show each removal of a plan with its evidence."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import bookings, mailboxes, plans

    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.SEE_OVERVIEW)
        place = _place(tx, number)
        rows = plans.rows_of(tx, place, number)
        known = bookings.load(tx, place, [row.booking for row in rows])
        boxes = {box.id: box.address for box in mailboxes.some(tx, place, sorted({row.mailbox for row in rows}))}
    told = [
        {
            "booking": row.booking, "name": known[row.booking].known.booking.name if row.booking in known else "",
            "start": known[row.booking].known.booking.start if row.booking in known else None,
            "mailbox": row.mailbox, "address": boxes.get(row.mailbox, ""), "evidence": row.evidence, "state": row.state,
        }
        for row in rows
    ]  # fmt: skip
    if json:
        show.as_json({"plan": number, "environment": place, "rows": told})
    else:
        columns = ("booking", "name", "start", "address", "evidence", "state")
        show.table(columns, [[row[column] for column in columns] for row in told])


@group.command()
def approve(number: Number, comment: Comment = "", as_user: AsUser = None, json: Json = False) -> None:
    """Have the removals carried out that are still proven: the source is asked again for each."""
    from fieldcal.cli import show
    from fieldcal.cli.session import working
    from fieldcal.setup.permissions import Action, require
    from fieldcal.sites import Sites
    from fieldcal.sync import approve as decisions

    async def work(app: App, actor: Actor) -> decisions.Approved:
        require(actor, Action.TAKE_OVER)
        place = await app.database.reading(_place, number)
        async with Sites(app) as sites:
            site = await sites.working(place)
            approved = await decisions.approve(site, number, actor.name, comment)
        await app.database.writing(_record, actor, app, "plan approve", place, number)
        return approved

    approved = working(as_user, work)
    if json:
        show.as_json({"plan": number, "approved": approved.rows, "unanswered": approved.silent})
        return
    show.line(f"plan {number}: {approved.rows} removals go at the next pass if they are still proven")
    if approved.silent:
        show.line(f"{approved.silent} wait on, in a new plan: the source gave no answer for them")


@group.command()
def reject(number: Number, comment: Comment = "", as_user: AsUser = None, json: Json = False) -> None:
    """Leave the events of this plan where they stand; only newer evidence proposes one again."""
    from fieldcal.cli import show
    from fieldcal.cli.session import working
    from fieldcal.setup.permissions import Action, require
    from fieldcal.sites import Sites
    from fieldcal.sync import approve as decisions

    async def work(app: App, actor: Actor) -> int:
        require(actor, Action.TAKE_OVER)
        place = await app.database.reading(_place, number)
        async with Sites(app) as sites:
            rows = await decisions.reject(await sites.unasked(place), number, actor.name, comment)
        await app.database.writing(_record, actor, app, "plan reject", place, number)
        return rows

    rows = working(as_user, work, ends=False)
    if json:
        show.as_json({"plan": number, "rejected": rows})
    else:
        show.line(f"plan {number}: {rows} events stay")


def _place(tx: Connection, number: int) -> str:
    """The environment of this plan."""
    from fieldcal.state import environments, plans

    for place in environments.names(tx):
        if any(plan.id == number for plan in plans.load(tx, place)):
            return place
    raise ConfigError(f"there is no plan {number}; `fieldcal plan list --all` shows those there are")


def _record(tx: Connection, actor: Actor, app: App, action: str, place: str, number: int) -> None:
    from fieldcal.state import audit

    audit.record(tx, actor, app.clock.now(), action, [f"{place}/{number}"])
