"""`fieldcal duplicates`: events of ours that stand beside those that count; shown first, removed when approved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json, Yes
from fieldcal.cli.sync import Boxes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from fieldcal.app import App
    from fieldcal.doubling import Chosen
    from fieldcal.model import EventId, MailboxId
    from fieldcal.plan.duplicates import Double
    from fieldcal.setup_model import Actor
    from fieldcal.sync.duplicates import Found, Removed
    from fieldcal.sync.site import Site

group = typer.Typer(
    help="Events of ours that stand double: shown, and removed.",
    no_args_is_help=True,
)

Named = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="ID", help="Exactly this one, also if a hand may have made it; may be repeated."),
]


@group.command("list")
def list_duplicates(environment: In = None, mailbox: Boxes = None, as_user: AsUser = None, json: Json = False) -> None:
    """Read the mailboxes and show what stands double; touches nothing. Exit status 1 where one could not be read."""
    from fieldcal.cli import show
    from fieldcal.cli.session import working
    from fieldcal.setup.permissions import Action, require
    from fieldcal.sites import Sites

    async def work(app: App, actor: Actor) -> tuple[str, Sequence[Found]]:
        require(actor, Action.SEE_OVERVIEW)
        place, boxes = await app.database.reading(_meant, environment, mailbox)
        async with Sites(app) as sites:
            return place, await _find(await sites.working(place), boxes, quiet=json)

    place, found = working(as_user, work)
    if json:
        show.as_json({"environment": place, "duplicates": _rows(found), "problems": _problems(found)})
    else:
        _tell(place, found)
    if _problems(found):
        raise typer.Exit(1)


@group.command("remove")
def remove_duplicates(
    environment: In = None,
    mailbox: Boxes = None,
    event: Named = None,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Remove what stands double. All that we made ourselves, or those named. Exit status 1 where one had to stay."""
    from fieldcal.cli import show
    from fieldcal.cli.session import working
    from fieldcal.model import EventId
    from fieldcal.setup.permissions import Action, require
    from fieldcal.sites import Sites

    named = frozenset(EventId(one) for one in event or ())

    async def work(app: App, actor: Actor) -> tuple[str, Sequence[Found], Sequence[Removed]]:
        require(actor, Action.TAKE_OVER)
        place, boxes = await app.database.reading(_meant, environment, mailbox)
        async with Sites(app) as sites:
            site = await sites.working(place)
            found = await _find(site, boxes, quiet=json)
            if not json:
                _tell(place, found)
            return place, found, await _remove(app, actor, site, found, named, yes=yes, quiet=json)

    place, found, done = working(as_user, work)
    if json:
        show.as_json({"environment": place, "mailboxes": done, "problems": _problems(found)})
    else:
        _tell_removed(place, done)
    if _problems(found) or any(one.left or one.problem for one in done):
        raise typer.Exit(1)


def _meant(tx: Connection, environment: str | None, names: list[str] | None) -> tuple[str, list[MailboxId]]:
    """The environment, and of its mailboxes those named, else those that are switched on."""
    from fieldcal.cli.session import chosen
    from fieldcal.setup_model import Selection
    from fieldcal.state import mailboxes

    place = chosen(tx, environment)
    if names:
        return place, mailboxes.ids(tx, place, Selection(names=tuple(names)))
    return place, mailboxes.enabled(tx, place)


async def _find(site: Site, boxes: Sequence[MailboxId], *, quiet: bool) -> Sequence[Found]:
    from fieldcal.cli import show
    from fieldcal.sync.passes import run_find

    with show.progress(f"{site.environment}: mailboxes", quiet=quiet) as tick:
        return await run_find(site, boxes, lambda done, of: tick(done, of, ""))


async def _remove(
    app: App, actor: Actor, site: Site, found: Sequence[Found], named: frozenset[EventId], *, yes: bool, quiet: bool
) -> Sequence[Removed]:
    from fieldcal import doubling
    from fieldcal.cli import show
    from fieldcal.cli.session import confirm

    chosen = doubling.choose(found, named)
    if not chosen:
        return []
    confirm(_question(chosen), yes=yes)
    with show.progress("removing", quiet=quiet) as tick:
        return await doubling.remove(app, actor, site, chosen, lambda done, of: tick(done, of, "mailboxes done"))


def _question(chosen: Chosen) -> str:
    from fieldcal.cli.report import plural
    from fieldcal.doubling import by_hand

    hands = by_hand(chosen)
    more = f", {hands} of which a hand may have made" if hands else ""
    return f"Remove {plural(len(chosen), 'event that stands', 'events that stand')} double{more}?"


def _rows(found: Sequence[Found]) -> list[dict[str, object]]:
    return [
        {
            "mailbox": one.mailbox, "address": one.address, "booking": double.event.mark and double.event.mark.booking,
            "event": double.event.id, "subject": double.event.subject, "start": double.event.start,
            "end": double.event.end, "created": double.event.created,
            "made_by": "us" if double.made_by_us else "perhaps a hand",
            "true_event": double.true.id if double.true else None,
            "true_start": double.true.start if double.true else None, "because": double.because,
            "removable": _removable(double),
        }
        for one in found
        for double in one.doubles
    ]  # fmt: skip


def _removable(double: Double) -> str:
    if double.obstacle:
        return f"no: {double.obstacle}"
    return "yes" if double.made_by_us else "only if named with --event"


def _problems(found: Sequence[Found]) -> dict[str, str]:
    return {one.address: one.problem for one in found if one.problem}


def _tell(place: str, found: Sequence[Found]) -> None:
    from fieldcal.cli import show
    from fieldcal.cli.report import plural

    rows = _rows(found)
    columns = {
        "mailbox": "address", "subject": "subject", "start": "start", "end": "end", "made": "created",
        "made by": "made_by", "the true one": "true_start", "because it is": "because", "removable": "removable",
        "id": "event",
    }  # fmt: skip
    show.table(list(columns), [[row[column] for column in columns.values()] for row in rows])
    for address, why in _problems(found).items():
        show.line(f"{address}: not read: {why}")
    boxes = plural(sum(not one.problem for one in found), "mailbox", "mailboxes")
    show.line(f"{place}: {boxes} read, {plural(len(rows), 'event stands', 'events stand')} double.")


def _tell_removed(place: str, done: Sequence[Removed]) -> None:
    from fieldcal.cli import show
    from fieldcal.cli.report import plural

    for one in done:
        for event, why in one.left.items():
            show.line(f"{one.address}: {event} stays: {why}")
        if one.problem:
            show.line(f"{one.address}: {one.problem}")
    removed = sum(len(one.removed) for one in done)
    told = f"{plural(removed, 'event', 'events')} removed" if removed else "nothing was removed"
    show.line(f"{place}: {told}.")
