"""`fieldcal db`: the state's own upkeep."""

from __future__ import annotations

import typer

from fieldcal.cli.options import Json

group = typer.Typer(help="The state: bring it up to date, or see that it is sound.", no_args_is_help=True)


@group.command()
def upgrade(json: Json = False) -> None:
    """Bring the state to this version of Fieldcal; makes it where there is none."""
    from fieldcal import config
    from fieldcal.app import make_folder
    from fieldcal.cli import show
    from fieldcal.state import schema
    from fieldcal.state.database import Database

    settings = config.load()
    make_folder(settings)
    database = Database(settings.state_url)
    try:
        before = schema.upgrade(database)
    finally:
        database.close()
    if json:
        show.as_json({"before": before, "now": schema.HEAD})
    elif before == schema.HEAD:
        show.line(f"The state is at revision {schema.HEAD} already.")
    else:
        show.line(f"The state is now at revision {schema.HEAD} (before: {before or 'empty'}).")


@group.command()
def check(json: Json = False) -> None:
    """See that the state is at this version's revision and, on SQLite, that its file is sound."""
    from fieldcal import config
    from fieldcal.cli import show
    from fieldcal.state import schema
    from fieldcal.state.database import Database

    database = Database(config.load().state_url)
    try:
        with database.read() as tx:
            schema.check(tx)
            schema.check_file(tx)
            installation = schema.installation(tx)
        where = database.url.render_as_string(hide_password=True)
    finally:
        database.close()
    if json:
        show.as_json({"revision": schema.HEAD, "installation": installation, "state": where})
    else:
        show.line(f"The state at {where} is sound: revision {schema.HEAD}, installation {installation}.")
