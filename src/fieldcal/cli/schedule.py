"""`fieldcal schedule`: files of work orders, customers and workers, into the embedded Field Service and out of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, available_timezones

import typer

from fieldcal.cli.options import AsUser, In, Json, Yes
from fieldcal.errors import ConfigError, one_line

if TYPE_CHECKING:
    from fieldcal.schedule.importing import Preview
    from fieldcal.schedule.sheets import Sheet
    from fieldcal.setup_model import Actor
    from fieldcal.state.database import Database

group = typer.Typer(help="Work orders, customers and workers, from and to CSV files.", no_args_is_help=True)

_KINDS = "orders, accounts, contacts, workers, crews, types, incidents or priorities"
Kind = Annotated[str, typer.Option("--kind", help=f"What the file holds: {_KINDS}.")]
Zone = Annotated[str, typer.Option("--zone", help="The zone of times that name none, such as Europe/Berlin.")]


@group.command("import")
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; - reads standard input.")],
    kind: Kind = "orders",
    zone: Zone = "UTC",
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would come to.")] = False,
    environment: In = None,
    as_user: AsUser = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Load a file whole, or with a mistake in it nothing."""
    from fieldcal import schedule_file
    from fieldcal.cli.session import confirm, desk, settings_of_command
    from fieldcal.ends import schedule_store
    from fieldcal.schedule import loading

    sheet, where, data = _sheet(kind), _zone(zone), _read(file)
    with desk(as_user) as at:
        place = _place(at.database, at.actor, environment)
        with schedule_store(settings_of_command()) as store:
            with store.reading() as tx:
                found = loading.preview(tx, sheet, data, where)
            count = len(found.new) + len(found.changed)
            done = not found.mistakes and not dry_run and count > 0
            if done:
                confirm(f"Load {count} {sheet.name} into {place}?", yes=yes)
                told = (len(found.new), len(found.changed))
                found, written = loading.load(store, sheet, data, where, expected=told)
                done = bool(written)
                with at.database.write() as tx:
                    schedule_file.record(tx, at.actor, at.now, place, sheet, file.name, found, written)
    _tell(found, sheet, done=done, dry_run=dry_run, json=json)
    if found.mistakes or (not done and not dry_run and (found.new or found.changed)):
        raise typer.Exit(1)


def _tell(found: Preview, sheet: Sheet, *, done: bool, dry_run: bool, json: bool) -> None:
    from fieldcal.cli import show

    counts = {"new": len(found.new), "changed": len(found.changed), "same": found.same}
    if json:
        show.as_json({**counts, "mistakes": found.mistakes, "loaded": done})
        return
    for one in found.mistakes:
        show.line(f"line {one.line}{f', {one.heading}' if one.heading else ''}: {one.text}")
    if found.mistakes:
        count = len(found.mistakes)
        show.line(f"{count:,} mistake{'s' if count > 1 else ''}; nothing was loaded.")
        return
    show.line(f"{sheet.name}: {counts['new']:,} new, {counts['changed']:,} changed, {counts['same']:,} as they are.")
    if found.taking:
        show.line(f"{found.taking:,} of them name no address and take their account's.")
    if found.unnumbered:
        show.line(f"{found.unnumbered:,} of them have no number: each is a new work order with the next one.")
    if dry_run:
        show.line("Nothing was changed (--dry-run).")
    elif done:
        show.line("Loaded.")
    elif counts["new"] or counts["changed"]:
        show.line("Something else stands there by now; nothing was loaded. Look at it again.")
    else:
        show.line("All of it stands there already.")


@group.command()
def export(
    kind: Kind = "orders",
    zone: Zone = "UTC",
    *,
    environment: In = None,
    as_user: AsUser = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON array of the rows instead of CSV.")] = False,
) -> None:
    """Write every row to standard output, as `import` takes it."""
    import csv

    from fieldcal.cli import show
    from fieldcal.cli.session import desk, settings_of_command
    from fieldcal.ends import schedule_store
    from fieldcal.schedule import loading

    sheet, where = _sheet(kind), _zone(zone)
    with desk(as_user) as at:
        _place(at.database, at.actor, environment)
        with schedule_store(settings_of_command()) as store, store.reading() as tx:
            pieces = loading.export(tx, sheet, where)
            if json:
                show.as_json(list(csv.DictReader("".join(pieces).splitlines(keepends=True))))
                return
            for piece in pieces:
                sys.stdout.write(piece)


@group.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, number or id.")],
    kind: Kind = "orders",
    *,
    environment: In = None,
    as_user: AsUser = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove one. A work order goes with its bookings; what others name stays."""
    from fieldcal import schedule_record
    from fieldcal.cli import show
    from fieldcal.cli.session import confirm, desk, settings_of_command
    from fieldcal.ends import schedule_store
    from fieldcal.schedule import board, called, removing
    from fieldcal.schedule.sheets import ORDERS
    from fieldcal.state import audit

    sheet = _sheet(kind)
    with desk(as_user) as at, schedule_store(settings_of_command()) as store:
        place = _place(at.database, at.actor, environment)
        with store.reading() as tx:
            found = called.row(tx, sheet, name)
            count, called_so = removing.along(tx, sheet, found.id), removing.name(tx, sheet, found.id)
        more = "" if not count else f", with {count} bookings" if sheet is ORDERS else f"; {count} name nobody then"
        confirm(f"Remove the {sheet.one} {called_so} of {place}{more}?", yes=yes)
        gone = removing.forget(store, sheet, found.id, count)
        lines = [("booking removed", slot, None) for slot in gone]
        with store.reading() as tx:
            names = board.names(tx, schedule_record.workers_of(lines))
        detail = f"{called_so}, {len(gone)} bookings" if sheet is ORDERS else called_so
        with at.database.write() as tx:
            schedule_record.record(tx, at.actor, at.now, place, lines, names)
            audit.record(tx, at.actor, at.now, f"{sheet.one} removed", [f"{place}/{found.id}"], detail)
    if json:
        show.as_json({"environment": place, "removed": called_so, "bookings": len(gone)})
    else:
        show.line(f"Removed: {sheet.one} {called_so}{f', with {len(gone)} bookings' if gone else ''}.")


@group.command()
def cancel(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The work order's number or id.")],
    *,
    environment: In = None,
    as_user: AsUser = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Cancel a work order, with its bookings that are not completed."""
    from fieldcal import schedule_record
    from fieldcal.cli import show
    from fieldcal.cli.session import confirm, desk, settings_of_command
    from fieldcal.ends import schedule_store
    from fieldcal.schedule import board, called, orders
    from fieldcal.schedule.sheets import ORDERS
    from fieldcal.schedule.values import Became
    from fieldcal.state import audit

    with desk(as_user) as at, schedule_store(settings_of_command()) as store:
        place = _place(at.database, at.actor, environment)
        with store.reading() as tx:
            found = called.row(tx, ORDERS, number)
            told = orders.ahead(tx, found.id)
        called_so = found.texts["number"]
        if told.obstacle:
            raise ConfigError(f"{called_so} is not canceled, for {told.obstacle}; nothing was done")
        confirm(f"Cancel the work order {called_so} of {place}, with {len(told.going)} bookings?", yes=yes)
        done = orders.cancel(store, found.id, len(told.going))
        lines = [(str(Became.STATUS), before, after) for before, after in done]
        with store.reading() as tx:
            names = board.names(tx, schedule_record.workers_of(lines))
        with at.database.write() as tx:
            schedule_record.record(tx, at.actor, at.now, place, lines, names)
            detail = f"{called_so}, {len(done)} bookings"
            audit.record(tx, at.actor, at.now, "work order canceled", [f"{place}/{found.id}"], detail)
    if json:
        show.as_json({"environment": place, "canceled": called_so, "bookings": len(done)})
    else:
        show.line(f"Canceled: work order {called_so}, with {len(done)} bookings.")


def _sheet(kind: str) -> Sheet:
    from fieldcal.schedule.sheets import SHEETS

    if kind not in SHEETS:
        raise ConfigError(f"--kind: {one_line(kind, 40)} is none of {_KINDS}")
    return SHEETS[kind]


def _zone(name: str) -> ZoneInfo:
    if name not in available_timezones():
        raise ConfigError(f"--zone: {one_line(name, 40)} is no time zone; write one such as Europe/Berlin")
    return ZoneInfo(name)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    if file.is_dir():
        raise ConfigError(f"{file} is a folder; name a file")
    return file.read_bytes()


def _place(database: Database, actor: Actor, environment: str | None) -> str:
    """The environment that is meant, whose bookings are made here, for somebody who may schedule."""
    from fieldcal.cli.session import chosen
    from fieldcal.ends import is_embedded
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import environments

    require(actor, Action.SCHEDULE)
    with database.read() as tx:
        place = environments.get(tx, chosen(tx, environment))
    if not is_embedded(place.end):
        raise ConfigError(f"bookings of {place.id} are made in its own Field Service, and so are its records")
    return place.id
