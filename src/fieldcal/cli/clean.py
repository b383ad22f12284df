"""What `mailbox clean` and `environment remove --events clean` do: count, ask, remove with a bar, tell what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import typer
from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.cleaning import Looked, Outcome, carry_out, look
from fieldcal.cli import show
from fieldcal.cli.report import plural
from fieldcal.cli.session import chosen, confirm, working
from fieldcal.model import MailboxId
from fieldcal.setup import environments as environment_setup
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Selection
from fieldcal.sites import Sites
from fieldcal.state import environments, mailboxes
from fieldcal.sync.survey import Survey

#: More mailboxes than these are counted, not listed.
_ALL_SHOWN = 20


def run(selection: Selection, environment: str | None, as_user: str | None, *, yes: bool, json: bool) -> None:
    """Clean these mailboxes; exit status 1 when something of ours may stand there still."""

    async def work(app: App, actor: Actor) -> Outcome:
        require(actor, Action.TAKE_OVER)

        def meant(tx: Connection) -> tuple[str, list[MailboxId]]:
            place = chosen(tx, environment)
            # Named ones are looked at whatever is known of them; of all, those that could ever be written to.
            ids = mailboxes.ids(tx, place, selection)
            found = mailboxes.some(tx, place, ids)
            return place, [box.id for box in found if selection.names or box.profile is not None]

        place, wanted = await app.database.reading(meant)
        return await _clean(app, actor, place, wanted, yes=yes, json=json)

    outcome = working(as_user, work)
    if json:
        show.as_json(_as_told(outcome))
    elif outcome.plan is None and not outcome.left:
        show.line(f"{outcome.environment}: nothing to clean: no mailbox of this selection was ever written to.")
    else:
        _tell(outcome)
    if not outcome.whole:
        raise typer.Exit(1)


def forget(name: str, as_user: str | None, *, yes: bool, json: bool) -> None:
    """Clean every mailbox of the environment with events or a claim of ours, then forget it."""

    async def work(app: App, actor: Actor) -> tuple[Outcome, bool]:
        require(actor, Action.ENVIRONMENTS)
        require(actor, Action.TAKE_OVER)
        await app.database.reading(environments.get, name)
        wanted = await app.database.reading(mailboxes.in_use, name)
        outcome = await _clean(app, actor, name, wanted, yes=yes, json=json, then="forget the environment")
        if outcome.whole:
            await app.database.writing(environment_setup.remove, actor, app.clock.now(), name)
        return outcome, outcome.whole

    outcome, gone = working(as_user, work)
    if json:
        show.as_json({**_as_told(outcome), "forgotten": gone})
    else:
        _tell(outcome)
        show.line(f"{name} is forgotten." if gone else f"{name} is kept, for events of ours may stand there still.")
    if not gone:
        raise typer.Exit(1)


async def _clean(
    app: App, actor: Actor, place: str, wanted: Sequence[MailboxId], *, yes: bool, json: bool, then: str = ""
) -> Outcome:
    environment = await app.database.reading(environments.get, place)
    if not wanted or not environment.organization:
        confirm(f"Nothing of {place} stands in any calendar; {then or 'go on'}?", yes=yes or not then)
        return Outcome(place, None, (), {})
    async with Sites(app) as sites:
        site = await sites.unasked(place)
        with show.progress("looking", quiet=json) as tick:
            looked = await look(site, actor, wanted, lambda done, of: tick(done, of, "mailboxes looked at"))
        if not looked.able:
            return Outcome(place, None, (), looked.left)
        if not json:
            _announce(looked.surveys)
        confirm(_question(looked, then), yes=yes)
        with show.progress("removing", quiet=json) as tick:
            return await carry_out(app, actor, site, looked, lambda removed, of: tick(removed, of, "events removed"))


def _announce(surveys: Sequence[Survey]) -> None:
    if len(surveys) <= _ALL_SHOWN:
        rows = [(one.address, len(one.found.ours), len(one.found.copies), one.problem) for one in surveys]
        show.table(("mailbox", "to be removed", "copies by hand that stay", "problem"), rows)


def _question(looked: Looked, then: str) -> str:
    boxes = plural(len(looked.able), "mailbox", "mailboxes")
    events, unread = plural(looked.events, "event", "events"), looked.unread
    more = f" and those of {plural(unread, 'mailbox that does', 'mailboxes that do')} not answer yet" if unread else ""
    last = f", then {then}" if then else ""
    return f"Switch {boxes} off and remove {events} of ours{more}{last}?"


def _as_told(outcome: Outcome) -> dict[str, object]:
    boxes = [{key: value for key, value in asdict(one).items() if key != "settled"} for one in outcome.done]
    return {"environment": outcome.environment, "plan": outcome.plan, "mailboxes": boxes, "left": outcome.left}


def _tell(outcome: Outcome) -> None:
    for one in outcome.done:
        if one.problem:
            show.line(f"{one.address}: {plural(one.removed, 'event', 'events')} removed, not all: {one.problem}")
        elif one.copies:
            show.line(
                f"{one.address}: {plural(one.copies, 'copy', 'copies')} by hand stay; `fieldcal status` counts them"
            )
    for address, why in outcome.left.items():
        show.line(f"{address}: nothing was done: {why}")
    removed = sum(one.removed for one in outcome.done)
    events = f"{plural(removed, 'event', 'events')} removed" if removed else "nothing of ours was left to remove"
    whole = plural(sum(not one.problem for one in outcome.done), "mailbox is", "mailboxes are")
    show.line(f"{outcome.environment}: {events}; {whole} clean.")
