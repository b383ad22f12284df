"""Server profiles: the calendar servers; made, changed, tried, switched and forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Path, Response
from pydantic import Field, StrictBool, StrictInt
from sqlalchemy import Connection

from fieldcal import joining
from fieldcal.attaching import DAV_MOST_AT_ONCE, profile_mistakes
from fieldcal.errors import ConfigError
from fieldcal.setup import profiles
from fieldcal.setup.permissions import Action
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import CALDAV, EXCHANGE, ServerProfile
from fieldcal.state import profiles as rows
from fieldcal.web.api import ends, versions
from fieldcal.web.api.caller import Call, Caller
from fieldcal.web.api.ends import EndAsked, EndShown, Tried, end_shown
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown, Words
from fieldcal.web.api.versions import IfMatch

RESOURCE = Resource("profiles", "Server profiles: the calendar servers that mailboxes are written through.")
_AT = "/profiles/{profile}"
#: What changes while nobody changes anything.
_MOVING = ("mailboxes",)

Name = Annotated[str, Path(description="The profile's name.", max_length=60, examples=["exchange"])]
AtOnce = Annotated[StrictInt, Field(ge=1, le=DAV_MOST_AT_ONCE)]
Kind = Literal["exchange-online", "caldav"]
_CALENDAR = "CalDAV: the calendar's name in each mailbox; without it each one's default calendar."
_AT_ONCE = "CalDAV: requests to the server at once."
_OFFLINE = "Keep it without signing in there first."


class ProfileShown(Shown):
    """A server profile."""

    name: str = Field(description="Its name.", examples=["exchange"])
    kind: str = Field(description="`exchange-online` or `caldav`.", examples=["exchange-online"])
    active: bool = Field(description="It is written through.")
    authentication: str = Field(description="How it signs in, in words.", examples=["Server-to-Server Authentication"])
    tenant: str = Field(description='The tenant that it said it is, "" until it was asked.')
    calendar: str = Field(description='CalDAV: the calendar\'s name in each mailbox, "" for the default one.')
    at_once: int = Field(description=_AT_ONCE)
    end: EndShown = Field(description="Where it is.")
    mailboxes: int = Field(description="Mailboxes that are written through it.", examples=[112])


class ProfilesShown(Shown):
    """All server profiles."""

    items: list[ProfileShown] = Field(description="Each of them, by name.")


class ProfileAdded(EndAsked):
    """A server profile that is to be made."""

    name: Words = Field(description="Its name.", examples=["exchange"])
    kind: Kind = Field(default="exchange-online", description="`exchange-online` or `caldav`.")
    calendar: Words | None = Field(default=None, description=_CALENDAR)
    at_once: AtOnce | None = Field(default=None, description=_AT_ONCE)
    offline: StrictBool = Field(default=False, description=_OFFLINE)


class ProfileChanged(EndAsked):
    """What is to be changed; what is left out stays."""

    calendar: Words | None = Field(default=None, description=_CALENDAR)
    at_once: AtOnce | None = Field(default=None, description=_AT_ONCE)
    offline: StrictBool = Field(default=False, description=_OFFLINE)
    forget_secrets: StrictBool = Field(
        default=False,
        description="At another server: forget the mailboxes' own secrets, which were given for the one before.",
    )


class ProfileGone(Shown):
    """A profile that is forgotten."""

    removed: str = Field(description="Its name.", examples=["exchange"])


@RESOURCE.get("/profiles", Action.PROFILES, scope=Scope.READ)
async def list_all(caller: Call) -> ProfilesShown:
    """List server profiles."""
    found = await caller.house.read(lambda tx: [_shown(tx, one) for one in rows.everyone(tx)])
    return ProfilesShown(items=found)


@RESOURCE.post("/profiles", Action.PROFILES, status=201)
async def add(caller: Call, wish: ProfileAdded, response: Response) -> ProfileShown:
    """Make a server profile, active at once.

    It is signed in to first, so that a mistake is told now.
    """
    app, dav = caller.house.app, wish.kind == CALDAV
    end = ends.end_asked(caller, wish, None)
    end = replace(end, credential=end.credential if wish.credential else "password" if dav else "token")
    made = ServerProfile(
        wish.name, end, app.clock.now(), CALDAV if dav else EXCHANGE, calendar=wish.calendar or "",
        at_once=wish.at_once or (profiles.DAV_AT_ONCE if dav else 0),
    )  # fmt: skip
    ends.refuse(profiles.mistakes(made.id, made.kind) + profile_mistakes(made, app.config))
    kept = await joining.add_profile(app, caller.actor, made, ask=not wish.offline)
    response.headers["location"] = f"/api/v1/profiles/{kept.id}"
    return await caller.house.read(lambda tx: _shown(tx, kept))


@RESOURCE.get(_AT, Action.PROFILES, scope=Scope.READ)
async def show(caller: Call, profile: Name, response: Response) -> ProfileShown:
    """Show one server profile.

    `ETag` tells this version, for `If-Match` when it is changed.
    """
    return _told(await caller.house.read(lambda tx: _shown(tx, _known(tx, profile))), response)


@RESOURCE.patch(_AT, Action.PROFILES)
async def change(
    caller: Call, profile: Name, wish: ProfileChanged, response: Response, if_match: IfMatch = ""
) -> ProfileShown:
    """Change address, sign-in or calendar.

    It is signed in to first. Another server or calendar is refused while events of ours stand there, and otherwise
    has each mailbox tested anew.
    """
    if not wish.model_dump(exclude_defaults=True, exclude={"offline", "forget_secrets"}):
        raise ConfigError("nothing to change: name what is to be another")
    app, before = caller.house.app, await caller.house.read(lambda tx: _known(tx, profile))
    after = replace(
        before, end=ends.end_asked(caller, wish, before.end),
        calendar=before.calendar if wish.calendar is None else wish.calendar,
        at_once=before.at_once if wish.at_once is None else wish.at_once,
    )  # fmt: skip
    ends.refuse(profile_mistakes(after, app.config))
    versions.unchanged(if_match, await caller.house.read(lambda tx: _shown(tx, before)), _MOVING)
    lost = await caller.house.read(lambda tx: profiles.losing(tx, before, after.end))
    if lost and not wish.forget_secrets:
        raise ConfigError(
            f"{lost} mailboxes sign in by themselves, with secrets that were given for the server before, and none is "
            "sent to another: say `forget_secrets`, and give them anew"
        )
    changed = await joining.change_profile(app, caller.actor, before, after, ask=not wish.offline)
    return _told(await caller.house.read(lambda tx: _shown(tx, changed)), response)


@RESOURCE.post(f"{_AT}/test", Action.PROFILES)
async def test(caller: Call, profile: Name) -> Tried:
    """Sign in to the server and look at what must hold.

    Nothing is written anywhere.
    """
    known = await caller.house.read(lambda tx: _known(tx, profile))
    return ends.tried(await joining.try_profile(caller.house.app, known))


@RESOURCE.post(f"{_AT}/activate", Action.PROFILES)
async def activate(caller: Call, profile: Name) -> ProfileShown:
    """Activate a server profile."""
    return await _set(caller, profile, active=True)


@RESOURCE.post(f"{_AT}/deactivate", Action.PROFILES)
async def deactivate(caller: Call, profile: Name) -> ProfileShown:
    """Deactivate a server profile.

    Nothing is removed and nothing is sent through it; what is due waits.
    """
    return await _set(caller, profile, active=False)


@RESOURCE.delete(_AT, Action.PROFILES)
async def remove(caller: Call, profile: Name) -> ProfileGone:
    """Forget a server profile.

    Refused while mailboxes use it: choose another for them first, or deactivate it instead.
    """
    actor, now = caller.actor, caller.house.app.clock.now()

    def forget(tx: Connection) -> str:
        known = _known(tx, profile)
        profiles.remove(tx, actor, now, known.id)
        return known.id

    return ProfileGone(removed=await caller.house.write(forget))


def _told(shown: ProfileShown, response: Response) -> ProfileShown:
    response.headers["etag"] = versions.tag(shown, _MOVING)
    return shown


async def _set(caller: Caller, name: str, *, active: bool) -> ProfileShown:
    actor, now = caller.actor, caller.house.app.clock.now()

    def store(tx: Connection) -> ProfileShown:
        _known(tx, name)
        return _shown(tx, profiles.set_active(tx, actor, now, name, active=active))

    return await caller.house.write(store)


def _known(tx: Connection, name: str) -> ServerProfile:
    found = rows.find(tx, name)
    if found is None:
        raise Missing(f"there is no server profile {name!r}")
    return found


def _shown(tx: Connection, one: ServerProfile) -> ProfileShown:
    return ProfileShown(
        name=one.id, kind=one.kind, active=one.active, authentication=profiles.authentication(one), tenant=one.tenant,
        calendar=one.calendar, at_once=one.at_once, end=end_shown(one.end), mailboxes=rows.using(tx, one.id),
    )  # fmt: skip
