"""`fieldcal check`: compare calendars with what we remember; adopt what is ours, report what hands changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json
from fieldcal.cli.sync import Boxes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fieldcal.app import App
    from fieldcal.model import MailboxId
    from fieldcal.setup_model import Actor


def check(
    environment: In = None,
    mailbox: Boxes = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Read everything that is ours, also outside the window.")
    ] = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Check mailboxes against what we remember, as every night. Exit status 1 where a mailbox could not be checked."""
    from fieldcal.cli import show
    from fieldcal.cli.session import working

    async def work(app: App, actor: Actor) -> list[dict[str, object]]:
        return await _check(app, actor, environment, mailbox, everything=everything, quiet=json)

    found = working(as_user, work)
    if json:
        show.as_json(found)
    else:
        _tell(found)
    if any(one["failed"] or one["unreached"] for one in found):
        raise typer.Exit(1)


async def _check(
    app: App, actor: Actor, environment: str | None, names: list[str] | None, *, everything: bool, quiet: bool
) -> list[dict[str, object]]:
    from dataclasses import asdict

    from fieldcal.cli import show
    from fieldcal.cli.sync import meant_by
    from fieldcal.sites import Sites
    from fieldcal.state import findings
    from fieldcal.sync.passes import run_check

    meant = await app.database.reading(meant_by, actor, environment, names)
    told: list[dict[str, object]] = []
    async with Sites(app) as sites:
        for place, only in meant.items():
            site = await sites.working(place)
            boxes, left = await app.database.reading(_checkable, place, only)
            with show.progress(f"{place}: mailboxes", quiet=quiet) as tick:
                report = await run_check(
                    site, list(boxes), everything=everything, progress=lambda done, of: tick(done, of, "")
                )
            rows = await app.database.reading(findings.load, place)
            paused = await app.database.reading(_unreached, place, list(boxes))
            named = {str(box): address for box, address in boxes.items()}
            told.append({
                "environment": place, "mailboxes": len(boxes), "adopted": report.tally.adopted,
                "updated": report.tally.updated, "created": report.tally.created, "removed": report.tally.removed,
                "failed": report.tally.failed, "not_set_up": left, "unreached": paused,
                "findings": [{**asdict(row), "address": named[row.mailbox]} for row in rows if row.mailbox in named],
            })  # fmt: skip
    return told


def _checkable(
    tx: Connection, environment: str, only: frozenset[MailboxId] | None
) -> tuple[dict[MailboxId, str], dict[str, str]]:
    """The mailboxes that may be looked at, with their addresses; those that may not, with why (R13)."""
    from fieldcal.setup_model import Selection
    from fieldcal.state import mailboxes

    ids = mailboxes.ids(tx, environment, Selection()) if only is None else sorted(only)
    may: dict[MailboxId, str] = {}
    closed: dict[str, str] = {}
    for box in mailboxes.some(tx, environment, ids):
        why = mailboxes.why_not(tx, environment, box.id)
        if why is None:
            may[box.id] = box.address
        elif only is not None:
            closed[box.address or box.id] = why
    return may, closed


def _unreached(tx: Connection, environment: str, boxes: list[MailboxId]) -> dict[str, str]:
    """Those of these mailboxes that still wait to be read, with what stands in the way."""
    from fieldcal.state import mailboxes

    found = mailboxes.some(tx, environment, boxes)
    return {box.address: box.trouble or "it is being worked on; try again" for box in found if box.trouble}


_NONE = "{environment}: nothing to check, for no mailbox is switched on; `fieldcal mailbox list` tells why"


def _tell(found: list[dict[str, object]]) -> None:
    from fieldcal.cli import report, show

    for one in found:
        rows = one["findings"]
        assert isinstance(rows, list)
        if rows:
            cells = [(row["address"], row["kind"], row["booking"], row["detail"]) for row in rows]
            show.table(("mailbox", "found", "booking", "detail"), cells)
        boxes = report.plural(int(str(one["mailboxes"])), "mailbox", "mailboxes")
        did = [f"{one[name]} {name}" for name in ("created", "updated", "removed") if one[name]]
        told = ", ".join([f"{boxes} checked", f"{one['adopted']} adopted", *did, f"{len(rows)} to report"])
        show.line(f"{one['environment']}: {told}" if one["mailboxes"] or one["not_set_up"] else _NONE.format(**one))
        if one["failed"]:
            show.line(f"{one['failed']} failed and will be tried again; `fieldcal status` tells what is wrong")
        for key in ("not_set_up", "unreached"):
            those = one[key]
            assert isinstance(those, dict)
            for address, why in those.items():
                show.line(f"{address}: not checked: {why}")
