"""`fieldcal profile`: the calendar servers that mailboxes are written through."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from fieldcal.cli import options
from fieldcal.cli.options import AsUser, Json, Yes
from fieldcal.errors import ConfigError
from fieldcal.setup_model import CALDAV, EXCHANGE, Actor, Endpoint, ServerProfile

group = typer.Typer(help="Server profiles: the calendar servers.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]


@group.command()
def add(
    name: Name,
    *,
    kind: Annotated[
        str, typer.Option("--kind", help="exchange-online: Microsoft Exchange Online; caldav: any CalDAV server.")
    ] = EXCHANGE,
    url: options.Template = None,
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.OfProfile = None,
    client_id: options.ClientId = None,
    user_name: options.UserName = None,
    secret: options.Secret = None,
    calendar: options.Calendar = None,
    at_once: options.AtOnce = None,
    offline: options.Unasked = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Make a profile, active at once. It is signed in to first, so that a mistake is told now."""
    from fieldcal import joining
    from fieldcal.app import App
    from fieldcal.attaching import profile_mistakes
    from fieldcal.cli.session import settings_of_command, working
    from fieldcal.clock import SystemClock
    from fieldcal.ends import is_embedded
    from fieldcal.setup import profiles
    from fieldcal.setup.environments import refuse

    config, dav = settings_of_command(), kind == CALDAV
    credential = credential or ("password" if dav else None)
    end = options.endpoint(url, authority, tenant, credential, user_name or client_id, options.sealed(secret))
    at_once = at_once or (profiles.DAV_AT_ONCE if dav else 0)
    wish = ServerProfile(name, end, SystemClock().now(), kind, calendar=calendar or "", at_once=at_once)
    refuse(profiles.mistakes(name, kind) + _names(kind, client_id, user_name) + profile_mistakes(wish, config))

    async def work(app: App, actor: Actor) -> ServerProfile:
        return await joining.add_profile(app, actor, wish, ask=not offline)

    _tell(working(as_user, work, embedded=is_embedded(end)), json=json)


def _names(kind: str, client_id: str | None, user_name: str | None) -> list[str]:
    """An application signs in to Exchange Online, a user to CalDAV."""
    if kind == CALDAV:
        return ["the kind `caldav` takes no --client-id; a user is named by --user-name"] if client_id else []
    return [f"the kind `{kind}` takes no --user-name"] if user_name else []


@group.command("list")
def list_profiles(as_user: AsUser = None, json: Json = False) -> None:
    """Show every profile."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import profiles

    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.PROFILES)
        found = [(profile, profiles.using(tx, profile.id)) for profile in profiles.everyone(tx)]
    if json:
        show.as_json([{**_as_told(profile), "mailboxes": count} for profile, count in found])
    elif not found:
        show.line("There is no server profile yet; `fieldcal profile add NAME` attaches a calendar server.")
    else:
        rows = [
            (p.id, p.kind, p.active, p.end.url or "embedded", p.end.credential, p.tenant or p.calendar, count)
            for p, count in found
        ]
        show.table(("profile", "kind", "active", "url", "credential", "tenant or calendar", "mailboxes"), rows)


@group.command("set")
def set_some(
    name: Name,
    *,
    url: options.Template = None,
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.OfProfile = None,
    client_id: options.ClientId = None,
    user_name: options.UserName = None,
    secret: options.Secret = None,
    calendar: options.Calendar = None,
    at_once: options.AtOnce = None,
    offline: options.Unasked = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Change address or sign-in. Another server or calendar only while none of our events stand there."""
    from fieldcal import joining
    from fieldcal.app import App
    from fieldcal.attaching import profile_mistakes
    from fieldcal.cli.session import confirm, looked_up, settings_of_command, working
    from fieldcal.setup.environments import Changes, refuse
    from fieldcal.setup.permissions import Action, require
    from fieldcal.setup.profiles import losing
    from fieldcal.state import profiles as known

    looked_up(as_user, known.get, name)
    who = client_id if user_name is None else user_name
    changes = Changes({}, url, authority, tenant, credential, who, options.sealed(secret))
    if changes == Changes({}) and calendar is None and at_once is None:
        raise ConfigError("nothing to change: name what is to be another, such as --secret; see --help")
    config = settings_of_command()

    async def work(app: App, actor: Actor) -> ServerProfile:
        require(actor, Action.PROFILES)
        before = await app.database.reading(known.get, name)
        boxes = await app.database.reading(known.enabled_through, name)
        lost = await app.database.reading(losing, before, changes.end(before.end))
        after = replace(
            before, end=changes.end(before.end), calendar=before.calendar if calendar is None else calendar,
            at_once=before.at_once if at_once is None else at_once,
        )  # fmt: skip
        refuse(_names(before.kind, client_id, user_name) + profile_mistakes(after, config))

        def sure() -> None:
            told = f" The own secrets of {lost:,} mailboxes were given for another server: forgotten." if lost else ""
            confirm(
                f"Write {boxes:,} mailboxes through the changed profile {name}?{told}",
                yes=yes, mailboxes=max(boxes, lost),
            )  # fmt: skip

        return await joining.change_profile(app, actor, before, after, ask=not offline, confirm=sure)

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


@group.command()
def remove(name: Name, yes: Yes = False, as_user: AsUser = None, json: Json = False) -> None:
    """Forget a profile that no mailbox uses."""
    from fieldcal.cli import show
    from fieldcal.cli.session import confirm, desk, looked_up
    from fieldcal.setup import profiles
    from fieldcal.state import profiles as known

    looked_up(as_user, known.get, name)
    confirm(f"Forget the profile {name}?", yes=yes)
    with desk(as_user) as at, at.database.write() as tx:
        profiles.remove(tx, at.actor, at.now, name)
    if json:
        show.as_json({"profile": name})
    else:
        show.line(f"{name} is forgotten.")


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
    common = {"profile": profile.id, "kind": profile.kind, "active": profile.active}
    if profile.kind != CALDAV:
        return {**common, "tenant": profile.tenant, **told(profile.end)}
    end = told(profile.end)
    return {
        **common, "url": end["url"], "credential": end["credential"], "user_name": profile.end.client_id,
        "secret": end["secret"], "calendar": profile.calendar, "at_once": profile.at_once,
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
    from fieldcal.setup.profiles import KINDS, authentication

    if json:
        show.as_json(_as_told(profile))
        return
    parts = [
        KINDS[profile.kind], "active" if profile.active else "not active", authentication(profile),
        profile.end.url or "the embedded Exchange",
    ]  # fmt: skip
    if profile.kind == CALDAV:
        calendar = f"the calendar {profile.calendar}" if profile.calendar else "the default calendar"
        parts += [f"{calendar} of each mailbox", f"at most {profile.at_once} requests at once"]
    elif profile.tenant:
        parts.append(f"tenant {profile.tenant}")
    show.line(f"{profile.id}: {', '.join(parts)}")
