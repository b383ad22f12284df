"""`fieldcal check`: compare calendars with what we remember; adopt what is ours, report what hands changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json, Yes
from fieldcal.cli.sync import Boxes
from fieldcal.model import EventId, MailboxId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldcal.app import App
    from fieldcal.checking import Checked
    from fieldcal.setup_model import Actor
    from fieldcal.sync.site import Site


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed: where, which mailboxes (None: all), and what is to be done about hands."""

    environment: str | None
    names: list[str] | None
    everything: bool
    write_again: bool
    yes: bool
    quiet: bool


def check(
    environment: In = None,
    mailbox: Boxes = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Read everything that is ours, also outside the window.")
    ] = False,
    write_again: Annotated[
        bool,
        typer.Option("--write-again", help="Then write again what hands changed or deleted, whatever D8 is set to."),
    ] = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Check mailboxes against what we remember, as every night. Exit status 1 where a mailbox could not be checked."""
    from fieldcal.cli import show
    from fieldcal.cli.session import working

    wish = Wish(environment, mailbox, everything=everything, write_again=write_again, yes=yes, quiet=json)

    async def work(app: App, actor: Actor) -> list[dict[str, object]]:
        return await _check(app, actor, wish)

    found = working(as_user, work)
    if json:
        show.as_json(found)
    else:
        _tell(found)
    if any(one["failed"] or one["unreached"] for one in found):
        raise typer.Exit(1)


async def _check(app: App, actor: Actor, wish: Wish) -> list[dict[str, object]]:
    from fieldcal import checking
    from fieldcal.cli import show
    from fieldcal.cli.sync import meant_by
    from fieldcal.sites import Sites

    meant = await app.database.reading(meant_by, actor, wish.environment, wish.names)
    told: list[dict[str, object]] = []
    async with Sites(app) as sites:
        for place, only in meant.items():
            site = await sites.working(place)
            with show.progress(f"{place}: mailboxes", quiet=wish.quiet) as tick:
                found = await checking.check(
                    site, only, lambda done, of: tick(done, of, ""), everything=wish.everything
                )
            row = _told(found)
            if wish.write_again:
                row["written_again"], row["left"] = await _write_again(app, actor, site, found, wish)
            told.append(row)
    return told


def _told(found: Checked) -> dict[str, object]:
    from dataclasses import asdict

    named, tally = found.addresses, found.tally
    return {
        "environment": found.environment, "mailboxes": len(named), "adopted": tally.adopted, "updated": tally.updated,
        "created": tally.created, "removed": tally.removed, "failed": tally.failed, "not_set_up": found.not_set_up,
        "unreached": found.unreached,
        "findings": [{**asdict(row), "address": named[MailboxId(row.mailbox)]} for row in found.findings],
    }  # fmt: skip


async def _write_again(
    app: App, actor: Actor, site: Site, found: Checked, wish: Wish
) -> tuple[int, Mapping[EventId, str]]:
    """Write over what this check found changed or deleted, once a person has said so."""
    from fieldcal import checking
    from fieldcal.cli import show
    from fieldcal.cli.report import plural
    from fieldcal.cli.session import confirm
    from fieldcal.state.findings import BY_HAND

    chosen = [one for one in found.findings if one.kind in BY_HAND]
    if not chosen:
        return 0, {}
    what = plural(len(chosen), "event that a hand", "events that hands")
    confirm(f"{site.environment}: write {what} changed or deleted again?", yes=wish.yes)
    with show.progress("writing again", quiet=wish.quiet) as tick:
        done = await checking.write_again(app, actor, site, chosen, lambda at, of: tick(at, of, "mailboxes done"))
    return done.written, done.left


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
        if one.get("written_again") or one.get("left"):
            show.line(f"{report.plural(int(str(one['written_again'])), 'event', 'events')} written again")
        left = one.get("left", {})
        assert isinstance(left, dict)
        for event, why in left.items():
            show.line(f"{event} stays as it is: {why}")
        if one["failed"]:
            show.line(f"{one['failed']} failed and will be tried again; `fieldcal status` tells what is wrong")
        for key in ("not_set_up", "unreached"):
            those = one[key]
            assert isinstance(those, dict)
            for address, why in those.items():
                show.line(f"{address}: not checked: {why}")
