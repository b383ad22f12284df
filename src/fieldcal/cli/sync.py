"""`fieldcal sync`: a pass now, here or by the service that is at work; with `--dry-run` only its plan."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from fieldcal.app import App
    from fieldcal.asked import Told
    from fieldcal.model import MailboxId
    from fieldcal.setup_model import Actor
    from fieldcal.sites import Sites

Boxes = Annotated[
    list[str] | None, typer.Option("--mailbox", "-m", metavar="MAILBOX", help="Only this one; may be repeated.")
]

#: How often the time that is left is told: beside a bar on a terminal, and as a line elsewhere; seconds.
_OFTEN, _SELDOM = 2.0, 30.0


def sync(
    environment: In = None,
    mailbox: Boxes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; touch no calendar.")] = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Read what changed and make the calendars say it. Exit status 1 where the source or a mailbox failed."""
    from fieldcal.cli import dry_run as plan
    from fieldcal.cli import report, show
    from fieldcal.cli.session import working

    if dry_run:
        working(as_user, lambda app, actor: plan.show_plan(app, actor, environment, mailbox, json=json))
        return

    async def work(app: App, actor: Actor) -> list[Told]:
        return await _passes(app, actor, environment, mailbox, json=json)

    told = working(as_user, work)
    if json:
        show.as_json(told)
    else:
        for line in [line for one in told for line in report.lines(one)]:
            show.line(line)
    if not all(one.good for one in told):
        raise typer.Exit(1)


async def _passes(
    app: App, actor: Actor, environment: str | None, names: list[str] | None, *, json: bool
) -> list[Told]:
    from fieldcal import runfile
    from fieldcal.asked import run_by_service, run_here
    from fieldcal.cli import show
    from fieldcal.sites import Sites

    running, bar = runfile.find(app.config.data), sys.stderr.isatty()
    meant = await app.database.reading(meant_by, actor, environment, names)
    found: list[Told] = []
    sites: Sites
    async with Sites(app) as sites:
        for place, only in meant.items():
            with show.progress(f"{place}: mailboxes", quiet=json) as tick:

                def progress(done: int, of: int) -> None:
                    tick(done, of, "")

                telling = asyncio.create_task(foretelling(app, place, tick.note, _OFTEN if bar else _SELDOM))
                try:
                    if running is not None:
                        found.append(await run_by_service(running, sites, place, only, progress))
                    else:
                        found.append(await run_here(app, sites, place, only, progress))
                finally:
                    telling.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await telling
    return found


async def foretelling(app: App, place: str, note: Callable[[str], None], every: float) -> None:
    """Say again and again, until cancelled, how long the backlog will take, while it is worth telling."""
    from fieldcal.plan.forecast import forecast
    from fieldcal.state import waiting

    while True:
        await app.clock.sleep(every)
        found = forecast(await app.database.reading(waiting.observed, place, app.clock.now()))
        note(found.text if found.worth_telling else "")


def meant_by(
    tx: Connection, actor: Actor, environment: str | None, names: list[str] | None
) -> dict[str, frozenset[MailboxId] | None]:
    """The environments that are meant, each with the mailboxes that are (None: all); `NotAllowed` where one may not."""
    from fieldcal.asked import environments_meant
    from fieldcal.errors import ConfigError
    from fieldcal.setup.permissions import Action, require, require_for
    from fieldcal.setup_model import Selection
    from fieldcal.state import environments, mailboxes

    places = environments_meant(tx, environment)
    if not names:
        require(actor, Action.SYNC)
        return dict.fromkeys(places)
    found: dict[str, frozenset[MailboxId] | None] = {}
    unknown: ConfigError | None = None
    for place in places:
        try:
            chosen = mailboxes.ids(tx, place, Selection(names=tuple(names)))
        except ConfigError as error:
            unknown = error
            continue
        require_for(actor, Action.SYNC, mailboxes.some(tx, place, chosen), environments.get(tx, place).settings)
        found[place] = frozenset(chosen)
    if not found and unknown is not None:
        raise unknown
    return found
