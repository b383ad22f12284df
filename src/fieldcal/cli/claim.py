"""What `mailbox claim` does: show who claims calendars, or have them served from here."""

from __future__ import annotations

from typing import Any

import typer

from fieldcal.app import App
from fieldcal.cli import show
from fieldcal.cli.report import plural
from fieldcal.cli.session import chosen, confirm, working
from fieldcal.errors import FieldcalError
from fieldcal.model import MailboxId
from fieldcal.setup import claims, takeover
from fieldcal.setup.bench import Bench, load
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Selection
from fieldcal.standing import none_chosen
from fieldcal.state import feeds, mailboxes


def run(
    selection: Selection, environment: str | None, as_user: str | None, *, take_over: bool, yes: bool, json: bool
) -> None:
    """One mailbox or many; exit status 1 where one of many could not be asked or taken over."""

    async def work(app: App, actor: Actor) -> list[dict[str, Any]]:
        require(actor, Action.TAKE_OVER if take_over else Action.SEE_OVERVIEW)
        with app.database.read() as tx:
            place = chosen(tx, environment)
            found = mailboxes.some(tx, place, mailboxes.ids(tx, place, selection))
            read = feeds.workers_known(tx, place)
        if not found and not json:
            show.line(none_chosen(place, selection, read=read))
        boxes = {box.id: box.address or str(box.id) for box in found}
        if take_over and boxes:
            name = next(iter(boxes.values())) if len(boxes) == 1 else plural(len(boxes), "mailbox", "mailboxes")
            confirm(f"Have {name} served by {place}, and by no other?", yes=yes)
        told: list[dict[str, Any]] = []
        with show.progress(f"{place}: calendars", quiet=json or len(boxes) == 1) as tick:
            for number, (box, address) in enumerate(boxes.items(), 1):
                one = await _one(app.bench(), actor, place, box, address, take_over=take_over, alone=len(boxes) == 1)
                told.append(one)
                tick(number, len(boxes), "")
        return told

    told = working(as_user, work)
    if json:
        show.as_json(told[0] if len(selection.names) == 1 else told)
    else:
        for one in told:
            show.line(_sentence(one))
    if any("problem" in one for one in told):
        raise typer.Exit(1)


async def _one(
    bench: Bench, actor: Actor, place: str, box: MailboxId, address: str, *, take_over: bool, alone: bool
) -> dict[str, Any]:
    try:
        if take_over:
            await takeover.take_over(bench, actor, place, box)
        text = await takeover.claim_of(bench, actor, place, box)
    except FieldcalError as error:
        if alone:
            raise
        return {"mailbox": address, "problem": str(error)}
    case = await bench.database.reading(load, place, box)
    told = {"mailbox": address, "claim": text, "read": claims.read(text), "since": claims.since(text)}
    return {**told, "kept": not case.mailbox.claimless}


def _sentence(told: dict[str, Any]) -> str:
    address, standing = told["mailbox"], told.get("read")
    if "problem" in told:
        return f"{address}: {told['problem']}"
    if told["claim"] is None and not told["kept"]:
        return f"{address}: its server keeps no claims, so another installation would not be seen."
    if told["claim"] is None:
        return f"{address} is claimed by nobody."
    if standing is None:
        return f"{address} is claimed by something else: {told['claim']}"
    since = f", since {told['since']:%Y-%m-%d %H:%M} UTC" if told["since"] else ""
    return (
        f"{address} is claimed by the environment {standing.environment} (organization {standing.organization}) "
        f"of the installation {standing.installation}{since}."
    )
