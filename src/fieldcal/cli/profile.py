"""`fieldcal profile`: the calendar servers that mailboxes are written through."""

from __future__ import annotations

from typing import Annotated

import typer

from fieldcal.cli import options
from fieldcal.cli.options import AsUser, Json, Yes
from fieldcal.errors import ConfigError
from fieldcal.setup_model import Actor, Endpoint, ServerProfile

group = typer.Typer(help="Server profiles: the calendar servers.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]


@group.command()
def add(
    name: Name,
    *,
    kind: Annotated[str, typer.Option("--kind", help="exchange-online: Microsoft Exchange Online.")] = (
        "exchange-online"
    ),
    url: options.Url = None,
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.Credential = None,
    client_id: options.ClientId = None,
    secret: options.Secret = None,
    offline: options.Unasked = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Make a profile, active at once. It is signed in to first, so that a mistake is told now."""
    from fieldcal.app import App, end_mistakes
    from fieldcal.cli.session import settings_of_command, working
    from fieldcal.ends import is_embedded
    from fieldcal.setup import profiles
    from fieldcal.setup.environments import refuse

    config = settings_of_command()
    end = options.endpoint(url, authority, tenant, credential, client_id, options.sealed(secret))
    refuse(profiles.mistakes(name, kind) + end_mistakes(end, config))

    async def work(app: App, actor: Actor) -> ServerProfile:
        made = await app.database.writing(profiles.add, actor, app.clock.now(), name, end, kind)
        if offline:
            return made
        try:
            identity = await app.calendars_for(name).identity()
        except BaseException:
            await app.database.writing(profiles.withdraw, actor, app.clock.now(), name)
            raise
        return await app.database.writing(profiles.pin, name, identity)

    _tell(working(as_user, work, embedded=is_embedded(end)), json=json)


@group.command("list")
def list_profiles(as_user: AsUser = None, json: Json = False) -> None:
    """Show every profile."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import profiles

    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.SEE_OVERVIEW)
        found = [(profile, profiles.using(tx, profile.id)) for profile in profiles.everyone(tx)]
    if json:
        show.as_json([{**_as_told(profile), "mailboxes": count} for profile, count in found])
    else:
        rows = [
            (p.id, p.kind, p.active, p.end.url or "embedded", p.end.credential, p.tenant, count) for p, count in found
        ]
        show.table(("profile", "kind", "active", "url", "credential", "tenant", "mailboxes"), rows)


@group.command("set")
def set_some(
    name: Name,
    *,
    url: options.Url = None,
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.Credential = None,
    client_id: options.ClientId = None,
    secret: options.Secret = None,
    offline: options.Unasked = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Change address or sign-in. Another server only while none of our events stand there."""
    from fieldcal.app import App, end_mistakes
    from fieldcal.cli.session import confirm, settings_of_command, working
    from fieldcal.setup import profiles
    from fieldcal.setup.environments import Changes, refuse
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import profiles as known

    changes = Changes({}, url, authority, tenant, credential, client_id, options.sealed(secret))
    if changes == Changes({}):
        raise ConfigError("nothing to change: name what is to be another, such as --secret; see --help")
    config = settings_of_command()

    async def work(app: App, actor: Actor) -> ServerProfile:
        require(actor, Action.PROFILES)
        before = await app.database.reading(known.get, name)
        boxes = await app.database.reading(known.enabled_through, name)
        end = changes.end(before.end)
        refuse(end_mistakes(end, config))
        identity = None
        if not offline:
            calendars = app.calendars_at(end, name)
            try:
                identity = await calendars.identity()
            finally:
                await calendars.close()
        confirm(f"Write {boxes:,} mailboxes through the changed profile {name}?", yes=yes, mailboxes=boxes)
        return await app.database.writing(profiles.change, actor, app.clock.now(), name, end, identity)

    embedded = credential == "embedded" and not url
    _tell(working(as_user, work, embedded=embedded, ends=not offline), json=json)


@group.command()
def activate(name: Name, yes: Yes = False, as_user: AsUser = None, json: Json = False) -> None:
    """Write through this profile again."""
    _set_active(name, as_user, active=True, yes=yes, json=json)


@group.command()
def deactivate(name: Name, yes: Yes = False, as_user: AsUser = None, json: Json = False) -> None:
    """Write nothing through this profile. What stands in calendars stays, and changes wait."""
    _set_active(name, as_user, active=False, yes=yes, json=json)


def _set_active(name: str, as_user: str | None, *, active: bool, yes: bool, json: bool) -> None:
    from fieldcal.cli.session import confirm, desk
    from fieldcal.setup import profiles
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import profiles as known

    with desk(as_user) as at:
        require(at.actor, Action.PROFILES)
        with at.database.read() as tx:
            before, boxes = known.get(tx, name), known.enabled_through(tx, name)
        if before.active != active:
            verb = "Activate" if active else "Deactivate"
            confirm(f"{verb} the profile {name}, with {boxes:,} mailboxes?", yes=yes, mailboxes=boxes)
        with at.database.write() as tx:
            profile = profiles.set_active(tx, at.actor, at.now, name, active=active)
    _tell(profile, json=json)


def _as_told(profile: ServerProfile) -> dict[str, object]:
    return {
        "profile": profile.id, "kind": profile.kind, "active": profile.active, "tenant": profile.tenant,
        **told(profile.end),
    }  # fmt: skip


def told(end: Endpoint) -> dict[str, object]:
    """An end as it may be shown: the reference to its secret, never the secret."""
    from fieldcal.secrets import shown

    return {
        "url": end.url, "authority": end.authority, "sign_in_tenant": end.tenant, "credential": end.credential,
        "client_id": end.client_id, "secret": shown(end.secret),
    }  # fmt: skip


def _tell(profile: ServerProfile, *, json: bool) -> None:
    from fieldcal.cli import show
    from fieldcal.setup.profiles import AUTHENTICATION, KINDS

    if json:
        show.as_json(_as_told(profile))
        return
    state = "active" if profile.active else "not active"
    tenant = f", tenant {profile.tenant}" if profile.tenant else ""
    where = profile.end.url or "the embedded Exchange"
    show.line(f"{profile.id}: {KINDS[profile.kind]}, {state}, {AUTHENTICATION}, {where}{tenant}")
