"""`fieldcal environment`: sources of bookings and what is set for them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from fieldcal.cli import options, webhook
from fieldcal.cli.options import AsUser, Json, Yes
from fieldcal.errors import ConfigError
from fieldcal.setup_model import Actor, Environment

group = typer.Typer(help="Environments: where bookings come from, and their settings.", no_args_is_help=True)

group.add_typer(webhook.group, name="webhook")

Name = options.Environment


class Events(StrEnum):
    """What becomes of events that stand when their environment goes."""

    REFUSE = "refuse"
    KEEP = "keep"
    CLEAN = "clean"


@group.command()
def add(
    name: Name,
    *,
    source: Annotated[str, typer.Option("--source", help="dataverse: Dynamics 365 Field Service.")] = "dataverse",
    url: options.Url = None,
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.Credential = None,
    client_id: options.ClientId = None,
    secret: options.Secret = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting; may be repeated.")
    ] = None,
    offline: options.Unasked = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Attach a source of bookings. It is signed in to first, so that a mistake is told now."""
    from fieldcal import joining
    from fieldcal.app import App
    from fieldcal.attaching import end_mistakes, source_mistakes
    from fieldcal.cli.session import settings_of_command, working
    from fieldcal.ends import is_embedded
    from fieldcal.setup import environments

    config = settings_of_command()
    end = options.endpoint(url, authority, tenant, credential, client_id, options.sealed(secret))
    chosen, mistakes = options.pairs(settings)
    mistakes += environments.name_mistakes(name, "an environment") + source_mistakes(source)
    environments.refuse(mistakes + end_mistakes(end, config) + environments.setting_mistakes(chosen))

    async def work(app: App, actor: Actor) -> Environment:
        return await joining.add_environment(app, actor, name, end, chosen, ask=not offline)

    _tell(working(as_user, work, embedded=is_embedded(end)), json=json)


@group.command("list")
def list_environments(as_user: AsUser = None, json: Json = False) -> None:
    """Show every environment."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import environments

    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.ENVIRONMENTS)
        found = environments.everyone(tx)
    if json:
        show.as_json([_as_told(environment) for environment in found])
    elif not found:
        show.line("There is no environment yet; `fieldcal environment add NAME` attaches a source of bookings.")
    else:
        rows = [(e.id, e.source, e.enabled, e.end.url or "embedded", e.organization, e.tenant) for e in found]
        show.table(("environment", "source", "on", "url", "organization", "tenant"), rows)


@group.command("show")
def show_one(name: Name, as_user: AsUser = None, json: Json = False) -> None:
    """Show one environment with all its settings."""
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import environments

    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.ENVIRONMENTS)
        found = environments.get(tx, name)
    _tell(found, json=json, whole=True)


@group.command("set")
def set_some(
    name: Name,
    *,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="Settings, such as interval=10.")
    ] = None,
    url: options.Url = None,
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.Credential = None,
    client_id: options.ClientId = None,
    secret: options.Secret = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Switch synchronization on or off; nothing is removed.")
    ] = None,
    offline: options.Unasked = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Change settings, sign-in, or on and off. A setting alone rewrites no event.

    Another address or sign-in is signed in to first, so that a mistake is told now and nothing is changed.
    """
    from fieldcal import joining
    from fieldcal.app import App
    from fieldcal.attaching import end_mistakes
    from fieldcal.cli.session import confirm, looked_up, settings_of_command, working
    from fieldcal.ends import is_embedded
    from fieldcal.setup import environments
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import environments as known
    from fieldcal.state import mailboxes

    first = looked_up(as_user, known.get, name)
    chosen, mistakes = options.pairs(settings)
    changes = environments.Changes(
        chosen, url, authority, tenant, credential, client_id, options.sealed(secret), enabled
    )
    if changes == environments.Changes({}) and not mistakes:
        raise ConfigError("nothing to change: write settings as NAME=VALUE, or see --help")
    config = settings_of_command()

    async def work(app: App, actor: Actor) -> tuple[Environment, Environment]:
        require(actor, Action.ENVIRONMENTS)
        before = await app.database.reading(known.get, name)
        boxes = len(await app.database.reading(mailboxes.enabled, name))
        end = changes.end(before.end)
        wrong = end_mistakes(end, config) if end != before.end else []
        environments.refuse(mistakes + wrong + environments.setting_mistakes(chosen, before.settings))
        if enabled not in {None, before.enabled}:
            switch = "on" if enabled else "off"
            confirm(f"Switch the environment {name} {switch}, with {boxes:,} mailboxes?", yes=yes, mailboxes=boxes)
        return before, await joining.change_environment(app, actor, before, changes, ask=not offline)

    after_end = changes.end(first.end)
    asks = not offline and after_end != first.end
    _tell_changed(*working(as_user, work, embedded=asks and is_embedded(after_end), ends=asks), json=json)


@group.command()
def remove(
    name: Name,
    *,
    events: Annotated[
        Events, typer.Option("--events", help="keep: leave events of ours in the calendars; clean: remove them first.")
    ] = Events.REFUSE,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Forget an environment. Refused while events of ours stand, unless they are to be kept or cleaned."""
    from fieldcal.cli import show
    from fieldcal.cli.clean import forget
    from fieldcal.cli.report import plural
    from fieldcal.cli.session import confirm, desk
    from fieldcal.setup import environments

    if events is Events.CLEAN:
        forget(name, as_user, yes=yes, json=json)
        return
    with desk(as_user) as at:
        with at.database.read() as tx:
            standing = environments.removable(tx, at.actor, name, keep_events=events is Events.KEEP)
        standing_told = f"leave {plural(standing, 'event', 'events')} standing" if standing else "lose its settings"
        confirm(f"Forget the environment {name} and {standing_told}?", yes=yes)
        with at.database.write() as tx:
            left = environments.remove(tx, at.actor, at.now, name, keep_events=events is Events.KEEP)
    if json:
        show.as_json({"environment": name, "events_left": left})
    else:
        stays = plural(left, "event of ours stays in a calendar", "events of ours stay in the calendars")
        show.line(f"{name} is forgotten; {stays if left else 'no event of ours stands in a calendar'}.")


def _as_told(environment: Environment) -> dict[str, object]:
    from fieldcal.cli.profile import told

    return {
        "environment": environment.id, "source": environment.source, "enabled": environment.enabled,
        "organization": environment.organization, "tenant": environment.tenant, **told(environment.end),
        "settings": environment.settings,
    }  # fmt: skip


def _tell(environment: Environment, *, json: bool, whole: bool = False) -> None:
    from fieldcal.cli import show

    if json:
        show.as_json(_as_told(environment))
        return
    if not whole:
        held = f"organization {environment.organization}" if environment.organization else "not signed in yet"
        where = environment.end.url or "the embedded Field Service"
        show.line(f"{environment.id}: {where}, {held}, tenant {environment.tenant or 'not told'}")
        return
    show.table(("what", "value"), list(_rows(environment).items()))


def _rows(environment: Environment) -> dict[str, object]:
    """What is set for an environment, by name; a setting's name stands two columns in."""
    from dataclasses import asdict

    rows = {key: value for key, value in _as_told(environment).items() if key != "settings"}
    return rows | {f"  {key}": value for key, value in asdict(environment.settings).items()}


def _tell_changed(before: Environment, now: Environment, *, json: bool) -> None:
    """Print what is another now, and where all stands."""
    from fieldcal.cli import show

    if json:
        _tell(now, json=True)
        return
    known, after, name = _rows(before), _rows(now), now.id
    changed = [(key.strip(), known[key], value) for key, value in after.items() if known[key] != value]
    show.table(("what", "before", "now"), changed)
    told = "" if changed else "nothing changed, for it was set so already; "
    show.line(f"{name}: {told}`fieldcal environment show {name}` shows all that is set.")
