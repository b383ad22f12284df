"""`fieldcal booking`: the bookings that are known, those that are missing in calendars, and those written in vain."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json
from fieldcal.errors import ConfigError, one_line

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fieldcal.app import App
    from fieldcal.seeing import Listed
    from fieldcal.setup_model import Actor
    from fieldcal.state.booking_lists import Wanted

group = typer.Typer(help="Bookings, as they were read.", no_args_is_help=True)


class Which(StrEnum):
    """Which bookings are listed."""

    ALL = "all"
    MISSING = "missing"
    TROUBLE = "trouble"


_SHOW = "missing: should stand in a calendar and do not; trouble: a calendar did not take them. Each with the reason."


@group.command("list")
def list_bookings(
    *,
    which: Annotated[Which, typer.Option("--show", help=_SHOW)] = Which.ALL,
    number: Annotated[str, typer.Option("--number", help="Only those whose number begins so.")] = "",
    account: Annotated[str, typer.Option("--account", help="Only those whose account's name begins so.")] = "",
    worker: Annotated[str, typer.Option("--worker", help="Only of workers with this in name or address.")] = "",
    since: Annotated[str, typer.Option("--since", help="Only those that start at or after this time (UTC).")] = "",
    until: Annotated[str, typer.Option("--until", help="Only those that start before this time (UTC).")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many to show.")] = 100,
    offset: Annotated[int, typer.Option("--offset", min=0, help="How many to pass over first.")] = 0,
    environment: In = None,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Show bookings by start, and where each stands."""
    from fieldcal.cli import show
    from fieldcal.cli.session import working

    span = (_instant("--since", since), _instant("--until", until))

    async def work(app: App, actor: Actor) -> tuple[str, list[Listed], int]:
        return await _listed(app, actor, environment, which, (number, account, worker), span, offset, limit)

    place, rows, total = working(as_user, work, ends=False)
    if json:
        told = [
            {"booking": one.booking.id, "number": one.number, "account": one.account, "worker": one.worker,
             "start": one.booking.start, "end": one.booking.end, "status": one.booking.status_name,
             "standing": one.standing, "why": one.why} for one in rows
        ]  # fmt: skip
        show.as_json({"environment": place, "total": total, "bookings": told})
        return
    if not rows:
        show.line(f"No booking of {place} is in this selection." if not total else f"There are {total:,}, all before.")
        return
    why = which is not Which.ALL
    columns = ("start", "number", "worker", "account", "status", "standing", *["why"] * why)
    show.table(columns, [
        (one.booking.start, one.number, one.worker, one.account, one.booking.status_name, one.standing,
         *[one.why] * why) for one in rows
    ])  # fmt: skip
    if total > len(rows):
        show.line(f"{len(rows)} of {total:,}; --offset and --limit show the others.")


async def _listed(
    app: App, actor: Actor, environment: str | None, which: Which, sought: tuple[str, str, str],
    span: tuple[datetime | None, datetime | None], offset: int, limit: int,
) -> tuple[str, list[Listed], int]:  # fmt: skip
    from fieldcal import seeing
    from fieldcal.cli.session import chosen
    from fieldcal.sites import Sites
    from fieldcal.state import environments

    name = await app.database.reading(chosen, environment)
    async with Sites(app) as sites:
        site = await sites.unasked(name) if which is not Which.ALL else None

    def look(tx: Connection) -> tuple[str, list[Listed], int]:
        place, wanted = environments.get(tx, name), _wanted(tx, name, which, sought, span)
        rows, total = seeing.listed(
            tx, actor, name, place.settings, wanted, offset=offset, limit=limit, site=site
        )  # fmt: skip
        return name, rows, total

    return await app.database.reading(look)


def _wanted(
    tx: Connection, place: str, which: Which, sought: tuple[str, str, str],
    span: tuple[datetime | None, datetime | None],
) -> Wanted:  # fmt: skip
    from fieldcal.state.booking_lists import WORKERS, Wanted, workers_called

    number, account, worker = sought
    named = workers_called(tx, place, worker, WORKERS + 1) if worker.strip() else None
    if named is not None and len(named) > WORKERS:
        raise ConfigError(f"--worker: more than {WORKERS} workers are called so; write more of the name")
    return Wanted(number, account, named, *span, trouble=which is Which.TROUBLE)


def _instant(option: str, text: str) -> datetime | None:
    from fieldcal.clock import instant

    try:
        return instant(text) if text else None
    except ValueError:
        wrong = f"{option}: {one_line(text, 40)} is no time; write 2026-11-23 or 2026-11-23T08:00"
        raise ConfigError(wrong) from None
