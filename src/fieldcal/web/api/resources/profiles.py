"""Server profiles: the calendar servers."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import Field
from sqlalchemy import Connection

from fieldcal.setup import profiles
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import ServerProfile
from fieldcal.state import profiles as rows
from fieldcal.web.api.caller import Call, Caller
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.resources.environments import EndShown, end_shown
from fieldcal.web.api.shapes import Shown

RESOURCE = Resource("profiles", "Server profiles: the calendar servers that mailboxes are written through.")

Name = Annotated[str, Path(description="The profile's name.", max_length=60, examples=["exchange"])]


class ProfileShown(Shown):
    """A server profile."""

    name: str = Field(description="Its name.", examples=["exchange"])
    kind: str = Field(description="`exchange-online` or `caldav`.", examples=["exchange-online"])
    active: bool = Field(description="It is written through.")
    authentication: str = Field(description="How it signs in, in words.", examples=["Server-to-Server Authentication"])
    tenant: str = Field(description='The tenant that it said it is, "" until it was asked.')
    calendar: str = Field(description='CalDAV: the calendar\'s name in each mailbox, "" for the default one.')
    at_once: int = Field(description="CalDAV: requests to the server at once.")
    end: EndShown = Field(description="Where it is.")
    mailboxes: int = Field(description="Mailboxes that are written through it.", examples=[112])


class ProfilesShown(Shown):
    """All server profiles."""

    items: list[ProfileShown] = Field(description="Each of them, by name.")


@RESOURCE.get("/profiles", Action.SEE_OVERVIEW)
async def list_all(caller: Call) -> ProfilesShown:
    """List server profiles."""
    found = await caller.house.read(lambda tx: [_shown(tx, one) for one in rows.everyone(tx)])
    return ProfilesShown(items=found)


@RESOURCE.get("/profiles/{profile}", Action.SEE_OVERVIEW)
async def show(caller: Call, profile: Name) -> ProfileShown:
    """Show one server profile."""
    return await caller.house.read(lambda tx: _shown(tx, _known(tx, profile)))


@RESOURCE.post("/profiles/{profile}/activate", Action.PROFILES)
async def activate(caller: Call, profile: Name) -> ProfileShown:
    """Activate a server profile."""
    return await _set(caller, profile, active=True)


@RESOURCE.post("/profiles/{profile}/deactivate", Action.PROFILES)
async def deactivate(caller: Call, profile: Name) -> ProfileShown:
    """Deactivate a server profile.

    Nothing is removed and nothing is sent through it; what is due waits.
    """
    return await _set(caller, profile, active=False)


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
