"""`fieldcal erase`: have a person forgotten, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json, Yes

if TYPE_CHECKING:
    from fieldcal.cli.session import Desk
    from fieldcal.setup.erasing import Erased, Work

group = typer.Typer(help="Erase a person from every table and file.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what tells of the person.")]
Also = Annotated[
    list[str] | None, typer.Option("--also", metavar="TEXT", help="Another spelling to erase; may be repeated.")
]


@group.command()
def worker(
    named: Annotated[str, typer.Argument(metavar="WORKER", help="The worker's name, id or address.")],
    *,
    also: Also = None,
    environment: In = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Erase a worker who has left. Clean the mailbox first; only ids stay, on which it stands that nothing doubles."""
    from fieldcal.cli.session import chosen, desk
    from fieldcal.setup import erasing

    with desk(as_user) as at:
        with at.database.read() as tx:
            place = chosen(tx, environment)
        _erase(at, lambda tx: erasing.worker(tx, at.actor, at.now, place, named, also or ()), dry_run, yes, json)


@group.command()
def contact(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name as the source writes it.")],
    *,
    also: Also = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Erase a contact. Or a customer who is a person; in every environment."""
    from fieldcal.cli.session import desk
    from fieldcal.setup import erasing

    with desk(as_user) as at:
        _erase(at, lambda tx: erasing.contact(tx, at.actor, at.now, name, also or ()), dry_run, yes, json)


def _erase(at: Desk, work: Work, dry_run: bool, yes: bool, json: bool) -> None:
    from fieldcal.cli.session import confirm
    from fieldcal.errors import ConfigError
    from fieldcal.setup import erasing

    found = erasing.counted(at.database, work)
    if not found.total:
        raise ConfigError("nothing tells of this person; see the spelling, and --also for others")
    if dry_run:
        _tell(found, [*found.left, *erasing.out_of_reach(at.database)], dry_run=True, json=json)
        return
    confirm(f"Erase this person from {_counts(found)}? It cannot be taken back.", yes=yes)
    done, unwiped = erasing.carry_out(at.database, work)
    _tell(done, list(done.left), dry_run=False, json=json)
    if unwiped:
        raise typer.Exit(1)


def _counts(found: Erased) -> str:
    from fieldcal.cli.report import plural

    tables = ", ".join(f"{table} {number:,}" for table, number in sorted(found.rows.items()))
    return f"{plural(found.total, 'row', 'rows')} ({tables})"


def _tell(found: Erased, left: list[str], *, dry_run: bool, json: bool) -> None:
    from fieldcal.cli import show

    if json:
        show.as_json({"dry_run": dry_run, "rows": found.rows, "left": left})
        return
    show.line(f"{'To be erased from' if dry_run else 'Erased from'} {_counts(found)}.")
    show.line("What this cannot reach:")
    for one in left:
        show.line(f"  {one}.")
