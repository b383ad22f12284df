"""`fieldcal audit`: who did what, for people and for other programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, Json
from fieldcal.errors import ConfigError, one_line

if TYPE_CHECKING:
    from fieldcal.audit_file import Kind
    from fieldcal.state.audit import Wanted
    from fieldcal.state.database import Database

group = typer.Typer(help="The audit: who did what, and when.", no_args_is_help=True)

Since = Annotated[
    str, typer.Option("--since", metavar="TIME", help="From this date or time on (UTC, unless it names an offset).")
]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Before this date or time.")]
By = Annotated[str, typer.Option("--actor", metavar="USER", help="Only what this user did, or `operator`.")]


@group.command("list")
def list_lines(
    since: Since = "",
    until: Until = "",
    actor: By = "",
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many lines.")] = 100,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Show the newest lines, the newest first."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import audit

    wanted = _wanted(since, until, actor)
    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.AUDIT)
        found = audit.latest(tx, limit, wanted=wanted)
    if json:
        show.as_json(found)
    elif not found:
        show.line("Nothing is on record.")
    else:
        rows = [(one.at, one.operator, one.actor, one.action, one.subject, one.detail) for one in found]
        show.table(("at", "operator", "user", "action", "subject", "detail"), rows)


@group.command()
def export(
    since: Since = "",
    until: Until = "",
    actor: By = "",
    *,
    as_user: AsUser = None,
    json: Annotated[bool, typer.Option("--json", help="JSON, a line each, instead of CSV.")] = False,
) -> None:
    """Write every line to standard output. The oldest first; CSV for a spreadsheet, or JSON lines."""
    import asyncio

    from fieldcal.audit_file import Kind
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require

    wanted = _wanted(since, until, actor)
    with desk(as_user) as at:
        require(at.actor, Action.AUDIT)
        asyncio.run(_print(at.database, wanted, Kind.LINES if json else Kind.CSV))


async def _print(database: Database, wanted: Wanted, kind: Kind) -> None:
    from fieldcal.audit_file import pieces

    async for piece in pieces(database, wanted, kind):
        sys.stdout.write(piece)


def _wanted(since: str, until: str, actor: str) -> Wanted:
    from fieldcal.clock import instant
    from fieldcal.state.audit import Wanted

    found, wrong = {}, []
    for option, text in (("since", since), ("until", until)):
        try:
            found[option] = instant(text) if text else None
        except ValueError:
            wrong.append(f"--{option}: {one_line(text, 40)} is no date; write 2026-11-23 or 2026-11-23T08:00:00+01:00")
    if wrong:
        raise ConfigError("; ".join(wrong))
    return Wanted(found["since"], found["until"], actor)
