"""`fieldcal plan`: removals that are held for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json, Yes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fieldcal.app import App
    from fieldcal.setup_model import Actor
    from fieldcal.sync.approve import Approved

group = typer.Typer(help="Removals over the hour's budget, held for a person.", no_args_is_help=True)

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
        decided = "" if everything else "; `fieldcal plan list --all` shows those that were decided"
        show.line(f"No plan waits for a person{decided}.")
    else:
        rows = [(p.id, place, p.state, p.rows, p.created_at, p.decided_by, p.reason) for place, p in found]
        show.table(("plan", "environment", "state", "removals", "made", "decided by", "why"), rows)
        if any(plan.state == "held" for _, plan in found):
            show.line("`fieldcal plan show NUMBER` tells each removal; `plan approve` or `plan reject` decides.")


@group.command("show")
def show_plan(number: Number, as_user: AsUser = None, json: Json = False) -> None:
    """Show each removal of a plan with its evidence."""
    from fieldcal import deciding
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require

    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.SEE_OVERVIEW)
        place = deciding.place_of(tx, number)
        told = _removals(tx, place, number)
    if json:
        show.as_json({"plan": number, "environment": place, "rows": told})
    else:
        keys = ("address", "when", "subject", "why", "state", "booking")
        names = ("mailbox", "time", "booking", "why it would go", "state", "id")
        show.table(names, [[row[key] for key in keys] for row in told])


def _removals(tx: Connection, place: str, number: int) -> list[dict[str, object]]:
    """Each removal of the plan with what is known of its booking, by mailbox and start."""
    from fieldcal import deciding
    from fieldcal.cli import report
    from fieldcal.state import plans

    told: list[dict[str, object]] = [
        {
            "booking": one.row.booking, "name": one.booking.name if one.booking else "", "start": one.start,
            "when": report.when(one.booking, one.worker) if one.booking else "", "subject": one.subject,
            "mailbox": one.row.mailbox, "address": one.address, "evidence": one.row.evidence, "why": one.why,
            "state": one.row.state,
        }
        for one in deciding.removals(tx, place, plans.rows_of(tx, place, number))
    ]  # fmt: skip
    return sorted(told, key=lambda one: (one["address"], str(one["start"] or ""), one["booking"]))


@group.command()
def approve(
    number: Number, comment: Comment = "", yes: Yes = False, as_user: AsUser = None, json: Json = False
) -> None:
    """Carry out the removals that are still proven. The source is asked again for each."""
    from fieldcal import deciding
    from fieldcal.cli import show
    from fieldcal.cli.report import plural
    from fieldcal.cli.session import confirm, working
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import plans

    async def work(app: App, actor: Actor) -> Approved:
        require(actor, Action.TAKE_OVER)
        place = await app.database.reading(deciding.place_of, number)
        rows = await app.database.reading(plans.rows_of, place, number)
        if held := sum(row.state == "held" for row in rows):
            events = plural(held, "event", "events")
            confirm(f"Remove {events}, each only if the source still says that it has to go?", yes=yes)
        return await deciding.approve(app, actor, place, number, comment)

    approved = working(as_user, work)
    if json:
        show.as_json({"plan": number, "approved": approved.rows, "unanswered": approved.silent})
        return
    events = plural(approved.rows, "event", "events")
    show.line(f"Plan {number} is approved: the next pass removes {events}, each only if the source still says so; "
              "`fieldcal sync` runs one now.")  # fmt: skip
    if approved.silent:
        waits = plural(approved.silent, "removal waits", "removals wait")
        show.line(f"{waits} on in a new plan, for the source gave no answer: `fieldcal plan list`.")


@group.command()
def reject(number: Number, comment: Comment = "", as_user: AsUser = None, json: Json = False) -> None:
    """Leave the events of this plan where they stand. Only newer evidence proposes one again."""
    from fieldcal import deciding
    from fieldcal.cli import show
    from fieldcal.cli.report import plural
    from fieldcal.cli.session import working
    from fieldcal.setup.permissions import Action, require

    async def work(app: App, actor: Actor) -> int:
        require(actor, Action.TAKE_OVER)
        place = await app.database.reading(deciding.place_of, number)
        return await deciding.reject(app, actor, place, number, comment)

    rows = working(as_user, work, ends=False)
    if json:
        show.as_json({"plan": number, "rejected": rows})
    else:
        events = plural(rows, "event stays where it is", "events stay where they are")
        show.line(f"Plan {number} is rejected: {events}, until the source tells something new of the booking.")
