"""`fieldcal db`: the state's own upkeep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import Json, Yes
from fieldcal.errors import ConfigError

if TYPE_CHECKING:
    from fieldcal.config import Config
    from fieldcal.moving import Moved
    from fieldcal.state.backup import Facts
    from fieldcal.state.database import Database
    from fieldcal.state.pruning import Pruned

group = typer.Typer(help="The state: upgrade, back up and restore, check, prune.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup's file.")]


@group.command()
def upgrade(json: Json = False) -> None:
    """Bring the state to this version of Fieldcal. Makes it where there is none."""
    from fieldcal import config
    from fieldcal.app import make_folder
    from fieldcal.cli import show
    from fieldcal.state import queue_schema, schema
    from fieldcal.state.database import Database

    settings = config.load()
    make_folder(settings)
    database = Database(settings.state_url)
    try:
        before, queue = schema.upgrade(database), queue_schema.upgrade(database)
        with database.read() as tx:
            now = queue_schema.standing(tx)
    finally:
        database.close()
    if json:
        show.as_json({"before": before, "now": schema.HEAD, "queue_before": queue, "queue": now})
        return
    if before == schema.HEAD:
        show.line(f"The state is at revision {schema.HEAD} already.")
    else:
        show.line(f"The state is now at revision {schema.HEAD} (before: {before or 'empty'}).")
    if now != queue:
        show.line(f"The queue of jobs for several machines is now at {now} (before: {queue or 'none'}).")


@group.command()
def check(json: Json = False) -> None:
    """See that the state is sound. Revision, file (on SQLite), tables, and no row that nothing stands behind."""
    from fieldcal.cli import show
    from fieldcal.state import queue_schema, schema, soundness

    database = _state()
    try:
        with database.read() as tx:
            schema.check(tx)
            queue = queue_schema.standing(tx)
            schema.check_file(tx, whole=True)
            installation = schema.installation(tx)
            found = soundness.faults(tx)
        where = database.url.render_as_string(hide_password=True)
    finally:
        database.close()
    if json:
        told = {"revision": schema.HEAD, "installation": installation, "state": where, "faults": found}
        show.as_json(told if database.is_sqlite else {**told, "queue": queue})
    elif not found:
        show.line(f"The state at {where} is sound: revision {schema.HEAD}, installation {installation}.")
    else:
        show.line(f"The state at {where} does not hang together; restore a backup, or report this as a fault:")
        for fault in found:
            show.line(f"  {fault}")
    if not json and not database.is_sqlite:
        show.line(f"The queue of jobs: {queue or 'none yet; `fieldcal db upgrade` makes it for several machines'}.")
    if found:
        raise typer.Exit(1)


@group.command()
def backup(file: File, json: Json = False) -> None:
    """Write the state to a file while the service works. SQLite; for PostgreSQL: pg_dump."""
    from fieldcal.cli import show
    from fieldcal.clock import SystemClock
    from fieldcal.state import backup as backups
    from fieldcal.state import schema

    database = _state()
    try:
        backups.path_of(database)
        with database.read() as tx:
            schema.check(tx)
        found = backups.take(database, file, SystemClock().now())
    finally:
        database.close()
    if json:
        show.as_json({"file": file, **_as_told(found)})
    else:
        show.line(f"{file}: {_words(found)}. It names people and jobs; keep it as safe as the state.")


@group.command()
def copy(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="postgresql://... or sqlite:///PATH, or env:NAME, file:PATH of it.")
    ],
    json: Json = False,
) -> None:
    """Copy all to PostgreSQL, or back to SQLite, and compare.

    All or nothing; no service may run.
    """
    from fieldcal import moving, runfile
    from fieldcal.cli import show
    from fieldcal.cli.session import operator, settings_of_command
    from fieldcal.clock import SystemClock

    settings = settings_of_command()
    _refuse_nothing(settings, "there is nothing to copy")
    url = moving.target_of(settings, target)
    with runfile.locked_all(settings.folders), show.progress("copying", quiet=json) as tick:
        done = moving.move(
            settings, url, operator(), SystemClock().now(), lambda table, rows: tick(rows, rows, f"rows of {table}")
        )
    if json:
        show.as_json(_as_told(done))
        return
    for part in (done.state, done.field_service):
        show.table(("table", "rows", "digest"), [(name, f"{one.rows:,}", one.digest) for name, one in part.items()])
    show.line(f"{done.rows:,} rows stand in {done.target}, each compared with its source, which is as it was.")
    show.line("Now set FIELDCAL_DATABASE_URL to it, and never start a service on the source again.")
    if done.file is not None:
        show.line(
            f"The embedded Field Service is in {done.file}: move that out of the data folder before anything starts on "
            "PostgreSQL again."
        )
    if done.aside is not None:
        show.line(
            f"The embedded Field Service is in it too: move {done.aside} out of the data folder, or it counts on."
        )


@group.command()
def prune(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is older than it is kept.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Forget what is older than it is kept. The service does so once a day; in small batches, so that nobody waits."""
    import asyncio

    from fieldcal.app import open_state
    from fieldcal.cli import show
    from fieldcal.cli.session import confirm, operator, settings_of_command
    from fieldcal.clock import SystemClock
    from fieldcal.engine import upkeep
    from fieldcal.serving import ages_of

    settings = settings_of_command()
    database, clock, kept = open_state(settings), SystemClock(), ages_of(settings)
    try:
        found = asyncio.run(upkeep.prune(database, clock, kept, dry=True))
        if not dry_run and found.total:
            confirm(f"Forget {_old(found)}?", yes=yes)
            with show.progress("forgetting", quiet=json) as tick:
                found = asyncio.run(
                    upkeep.on_command(
                        database, clock, kept, operator(), found.total, lambda done, of: tick(done, of, "rows")
                    )
                )
    finally:
        database.close()
    if json:
        show.as_json({"dry_run": dry_run, **_as_told(found)})
    elif dry_run:
        show.line(f"To be forgotten: {_old(found)}." if found.total else "Nothing is older than it is kept.")
    else:
        show.line(f"Forgotten: {_old(found)}." if found.total else "Nothing is older than it is kept.")


@group.command()
def kept(json: Json = False) -> None:
    """Show how long each kind is kept, how much, and since when."""
    from fieldcal.app import open_state
    from fieldcal.cli import show
    from fieldcal.cli.session import settings_of_command
    from fieldcal.state import holdings, schema

    settings = settings_of_command()
    database = open_state(settings)
    try:
        with database.read() as tx:
            schema.check(tx)
            found = holdings.look(tx)
        size = holdings.size(database)
    finally:
        database.close()
    days = {one.kind: getattr(settings, one.setting) for one in found}
    if json:
        told = [{"kind": one.kind, "days": days[one.kind], "rows": one.rows, "oldest": one.oldest} for one in found]
        show.as_json({"bytes": size, "kept": told})
        return
    rows = [
        (one.kind, f"{days[one.kind]} days" if days[one.kind] else "for ever", f"{one.rows:,}", one.oldest)
        for one in found
    ]
    show.table(("kind", "kept", "rows", "oldest"), rows)
    show.line(f"The state takes {size / 1e6:,.1f} MB.")


@group.command()
def compact(json: Json = False) -> None:
    """Write the state anew without what was forgotten. Its bytes are then gone from the files; others wait so long."""
    from fieldcal.cli import show
    from fieldcal.cli.session import operator
    from fieldcal.clock import SystemClock
    from fieldcal.engine import upkeep
    from fieldcal.state import schema

    database = _state()
    try:
        with database.read() as tx:
            schema.check(tx)
        left = upkeep.compact(database, operator(), SystemClock().now()).left
    finally:
        database.close()
    if json:
        show.as_json({"left": left})
    else:
        show.line(left or "What was forgotten is gone from the state's files.")
    if left:
        raise typer.Exit(1)


@group.command()
def restore(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The backup's file.")] = None,
    *,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="It was put back already by other means (pg_restore, a snapshot).")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put a backup back while no service runs. What stood there is kept aside; the next pass doubles nothing."""
    from fieldcal import config, runfile
    from fieldcal.app import make_folder

    if (file is None) is not in_place:
        raise ConfigError("name the backup's file, or say --in-place if the state was put back already")
    settings = config.load()
    make_folder(settings)
    with runfile.locked_all(settings.folders):
        if file is None:
            _restored(settings, yes=yes, json=json)
        else:
            _restore(settings, file, yes=yes, json=json)


def _restore(settings: Config, file: Path, *, yes: bool, json: bool) -> None:
    from fieldcal.cli import show
    from fieldcal.cli.session import confirm, operator
    from fieldcal.clock import SystemClock
    from fieldcal.state import backup as backups
    from fieldcal.state.database import Database

    database = Database(settings.state_url)
    database.close()
    state, now = backups.path_of(database), SystemClock().now()
    if file.exists() and state.exists() and file.samefile(state):
        raise ConfigError(
            f"{file} is the state itself; name a file that `fieldcal db backup` wrote, or say --in-place if the state "
            "was put back already"
        )
    new = state.with_name(f"{state.name}.restoring")
    aside = state.with_name(f"{state.name}.replaced-{now:%Y%m%dT%H%M%S%fZ}")
    try:
        found = backups.prepare(file, new, operator(), now)
        confirm(f"Put back the state with {_words(found)}?", yes=yes)
        kept = aside if state.exists() else None
        backups.put_in_place(new, state, aside)
    finally:
        backups.remove(new)
    if json:
        show.as_json({"state": state, "aside": kept, **_as_told(found)})
        return
    show.line(f"{state} is the state with {_words(found)}.")
    if kept is not None:
        show.line(f"What stood there is kept at {kept}.")
    show.line(_NEXT)


def _restored(settings: Config, *, yes: bool, json: bool) -> None:
    from fieldcal.app import open_state
    from fieldcal.cli import show
    from fieldcal.cli.session import confirm, operator
    from fieldcal.clock import SystemClock
    from fieldcal.state import backup as backups
    from fieldcal.state import present

    _refuse_nothing(settings, "put it there first, or name the backup's file instead of --in-place")
    database = open_state(settings)
    try:
        with database.read() as tx:
            present.refuse_others(tx, "the state")
        confirm("Read every enabled mailbox before it is written, for the state was put back?", yes=yes)
        with database.write() as tx:
            present.refuse_others(tx, "the state")  # who came while you were thinking
            boxes = backups.restored(tx, operator(), SystemClock().now(), "in place")
    finally:
        database.close()
    if json:
        show.as_json({"to_be_read": boxes})
    else:
        show.line(_NEXT)


_NEXT = (
    "The next pass reads every enabled mailbox before it writes. Look through `fieldcal mailbox list` first: "
    "who was switched off or cleaned since the backup is switched on again."
)


def _state() -> Database:
    """The state that stands; a `ConfigError` where there is none, and none is made."""
    from fieldcal import config
    from fieldcal.state.database import Database

    settings = config.load()
    _refuse_nothing(settings, "`fieldcal db upgrade` makes one, `fieldcal db restore FILE` puts a backup back")
    return Database(settings.state_url)


def _refuse_nothing(settings: Config, remedy: str) -> None:
    from fieldcal.doctor.look import state_stands

    if not state_stands(settings):
        raise ConfigError(f"there is no state at {settings.state_url} yet; {remedy}")


def _words(found: Facts) -> str:
    from fieldcal.cli.report import plural

    when = f" of {found.taken_at:%Y-%m-%d %H:%M:%SZ}" if found.taken_at else ""
    boxes = plural(found.enabled_mailboxes, "enabled mailbox", "enabled mailboxes")
    places = plural(found.environments, "environment", "environments")
    return f"{places} and {boxes}{when}, installation {found.installation}"


def _old(found: Pruned) -> str:
    from fieldcal.cli.report import plural

    parts = (
        (found.history, "line of the history", "lines of the history"), (found.passes, "pass", "passes"),
        (found.audit, "line of the audit", "lines of the audit"), (found.alerts, "acknowledged alert",
                                                                    "acknowledged alerts"),
        (found.plans, "decided removal", "decided removals"), (found.bookings, "booking", "bookings"),
        (found.texts, "booking's texts", "bookings' texts"),
    )  # fmt: skip
    return ", ".join(plural(number, *names) for number, *names in parts if number)


def _as_told(found: Facts | Moved | Pruned) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(found)
