"""Environments: where bookings come from, and what is set for them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import Field, StrictBool, StrictInt
from sqlalchemy import Connection

from fieldcal.attaching import end_mistakes
from fieldcal.errors import ConfigError
from fieldcal.secrets import shown as reference
from fieldcal.setup import environments
from fieldcal.setup.environments import Changes
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Endpoint, Environment
from fieldcal.state import environments as rows
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Shown, Words, checked

RESOURCE = Resource("environments", "Environments: where bookings come from, and their settings.")


class EndShown(Shown):
    """Another system, and how it is signed in to. The secret is told by its reference, never itself."""

    url: str = Field(description='Where it is, "" where it is embedded.', examples=["https://example.crm.dynamics.com"])
    authority: str = Field(description="Where sign-in is done.")
    tenant: str = Field(description="The tenant to sign in to.")
    credential: str = Field(description="How it is signed in to.", examples=["secret"])
    client_id: str = Field(description="The application, or user, that signs in.")
    secret: str = Field(description="The reference to the secret.", examples=["env:DATAVERSE_SECRET"])


class EnvironmentShown(Shown):
    """An environment."""

    name: str = Field(description="Its name.", examples=["main"])
    source: str = Field(description="The kind of source.", examples=["dataverse"])
    enabled: bool = Field(description="It is switched on.")
    organization: str = Field(description='Which organization it is, "" until it was signed in to.')
    tenant: str = Field(description="Its tenant, likewise.")
    created_at: datetime = Field(description="When it was added.")
    end: EndShown = Field(description="Where bookings are read.")
    settings: dict[str, Any] = Field(description="Every setting, by name.", examples=[{"interval": 15}])


class EnvironmentsShown(Shown):
    """All environments."""

    items: list[EnvironmentShown] = Field(description="Each of them, by name.")


class EnvironmentChanged(Asked):
    """What is to be changed; what is left out stays."""

    settings: dict[str, Words | StrictInt | StrictBool] = Field(
        default={}, max_length=100, description="Settings by name, as docs/settings.md tells them.",
        examples=[{"interval": 10, "private": True}],
    )  # fmt: skip
    enabled: StrictBool | None = Field(default=None, description="Switch it on or off; nothing is removed.")
    url: Words | None = Field(default=None, description="Where it is.")
    authority: Words | None = Field(default=None, description="Where sign-in is done.")
    tenant: Words | None = Field(default=None, description="The tenant to sign in to.")
    credential: Words | None = Field(default=None, description="How to sign in.")
    client_id: Words | None = Field(default=None, description="The application that signs in.")
    secret: Words | None = Field(default=None, description="A reference, `env:NAME` or `file:PATH`; never the secret.")


@RESOURCE.get("/environments", Action.SEE_OVERVIEW)
async def list_all(caller: Call) -> EnvironmentsShown:
    """List environments."""
    return EnvironmentsShown(items=[_shown(one) for one in caller.environments])


@RESOURCE.get("/environments/{environment}", Action.SEE_OVERVIEW)
async def show(place: Place) -> EnvironmentShown:
    """Show one environment with all its settings."""
    return _shown(place)


@RESOURCE.patch("/environments/{environment}", Action.ENVIRONMENTS)
async def change(caller: Call, place: Place, wish: EnvironmentChanged) -> EnvironmentShown:
    """Change settings, sign-in, or on and off.

    A setting alone rewrites no event; it takes hold of a booking at its next change.
    """
    fields = wish.model_dump(exclude={"settings"})
    changes = Changes(dict(wish.settings), **fields)
    if changes == Changes({}):
        raise ConfigError("nothing to change: name settings, or something else of the environment")
    actor, now, config = caller.actor, caller.house.app.clock.now(), caller.house.app.config

    def store(tx: Connection) -> Environment:
        before = rows.get(tx, place.id)
        checked(environments.setting_mistakes(changes.settings, before.settings), "/settings")
        end = changes.end(before.end)
        if end != before.end:
            checked([one.removeprefix("--") for one in end_mistakes(end, config)])
        return environments.change(tx, actor, now, place.id, changes)

    return _shown(await caller.house.write(store))


def end_shown(end: Endpoint) -> EndShown:
    """An end as it may be shown."""
    return EndShown(
        url=end.url, authority=end.authority, tenant=end.tenant, credential=end.credential, client_id=end.client_id,
        secret=reference(end.secret),
    )  # fmt: skip


def _shown(one: Environment) -> EnvironmentShown:
    return EnvironmentShown(
        name=one.id, source=one.source, enabled=one.enabled, organization=one.organization, tenant=one.tenant,
        created_at=one.created_at, end=end_shown(one.end), settings=asdict(one.settings),
    )  # fmt: skip
