"""Environments: where bookings come from, what is set for them, and what becomes of their events when one goes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field, StrictBool, StrictInt
from sqlalchemy import Connection

from fieldcal import cleaning, joining
from fieldcal.attaching import end_mistakes
from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup import environments
from fieldcal.setup.environments import Changes
from fieldcal.setup.permissions import Action, require
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Environment
from fieldcal.sites import Sites
from fieldcal.state import environments as rows
from fieldcal.state import mailboxes
from fieldcal.web.api import ends, versions
from fieldcal.web.api.caller import Call, Caller, Place
from fieldcal.web.api.ends import EndAsked, EndShown, Tried, end_shown
from fieldcal.web.api.long_work import Once, begin, begun_before
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown, Words, checked
from fieldcal.web.api.versions import IfMatch
from fieldcal.web.work import Work

RESOURCE = Resource("environments", "Environments: where bookings come from, and their settings.")
_AT = "/environments/{environment}"
#: What changes while nobody changes anything.
_MOVING = ("mailboxes", "events")
#: Settings that are sent.
_Settings = Annotated[
    dict[str, Words | StrictInt | StrictBool],
    Field(default={}, max_length=100, description="Settings by name, as docs/settings.md tells them.",
          examples=[{"interval": 10, "private": True}]),
]  # fmt: skip


class EnvironmentShown(Shown):
    """An environment."""

    name: str = Field(description="Its name.", examples=["main"])
    source: str = Field(description="The kind of source.", examples=["dataverse"])
    enabled: bool = Field(description="It is switched on; off, nothing is sent and marks wait.")
    organization: str = Field(description='Which organization it is, "" until it was signed in to.')
    tenant: str = Field(description="Its tenant, likewise.")
    created_at: datetime = Field(description="When it was added.")
    end: EndShown = Field(description="Where bookings are read.")
    settings: dict[str, Any] = Field(description="Every setting, by name.", examples=[{"interval": 15}])
    mailboxes: int = Field(description="Mailboxes that are switched on.", examples=[112])
    events: int = Field(description="Events of ours that stand in calendars.", examples=[3480])


class EnvironmentsShown(Shown):
    """All environments."""

    items: list[EnvironmentShown] = Field(description="Each of them, by name.")


class EnvironmentAdded(EndAsked):
    """An environment that is to be attached."""

    name: Words = Field(description="Its name.", examples=["main"])
    settings: _Settings
    offline: StrictBool = Field(default=False, description="Keep it without signing in there first.")


class EnvironmentChanged(EndAsked):
    """What is to be changed; what is left out stays."""

    settings: _Settings
    enabled: StrictBool | None = Field(default=None, description="Switch it on or off; nothing is removed.")
    offline: StrictBool = Field(default=False, description="Change it without signing in at another end first.")


class Events(StrEnum):
    """What becomes of the events that stand."""

    KEEP = "keep"
    CLEAN = "clean"


class EnvironmentGone(Shown):
    """What a removal came to."""

    removed: bool = Field(description="It is forgotten now; false: once the task has taken its events out.")
    events_left: int = Field(description="Events that were left standing, known to nobody any more.", examples=[0])
    task: str | None = Field(description="The work that takes the events out: follow it at `/tasks/{id}`.")


Becomes = Annotated[
    Events, Query(description="`keep`: its events are left where they are; `clean`: each is taken out first.")
]
Expect = Annotated[
    int, Query(ge=0, le=10**9, description="How many stand, as `events` tells; at another number nothing is done.")
]  # fmt: skip


@RESOURCE.get("/environments", Action.ENVIRONMENTS, scope=Scope.READ)
async def list_all(caller: Call) -> EnvironmentsShown:
    """List environments."""
    return await caller.house.read(lambda tx: EnvironmentsShown(items=[_shown(tx, one) for one in caller.environments]))


@RESOURCE.post("/environments", Action.ENVIRONMENTS, status=201)
async def add(caller: Call, wish: EnvironmentAdded, response: Response) -> EnvironmentShown:
    """Attach a source of bookings.

    It is signed in to first, so that a mistake is told now; nothing is written to anybody by this.
    """
    app, end = caller.house.app, ends.end_asked(caller, wish, None)
    ends.refuse(environments.name_mistakes(wish.name, "an environment") + end_mistakes(end, app.config))
    checked(environments.setting_mistakes(dict(wish.settings)), "/settings")
    made = await joining.add_environment(app, caller.actor, wish.name, end, dict(wish.settings), ask=not wish.offline)
    response.headers["location"] = f"/api/v1/environments/{made.id}"
    return await caller.house.read(lambda tx: _shown(tx, made))


@RESOURCE.get(_AT, Action.ENVIRONMENTS, scope=Scope.READ)
async def show(caller: Call, place: Place, response: Response) -> EnvironmentShown:
    """Show one environment with all its settings.

    `ETag` tells this version, for `If-Match` when it is changed.
    """
    return _told(await caller.house.read(lambda tx: _shown(tx, place)), response)


@RESOURCE.patch(_AT, Action.ENVIRONMENTS)
async def change(
    caller: Call, place: Place, wish: EnvironmentChanged, response: Response, if_match: IfMatch = ""
) -> EnvironmentShown:
    """Change settings, sign-in, or on and off.

    At another end it is signed in to first. A setting alone rewrites no event; it takes hold of a booking at its next
    change.
    """
    if not wish.model_dump(exclude_defaults=True, exclude={"offline"}):
        raise ConfigError("nothing to change: name settings, or something else of the environment")
    app, before = caller.house.app, await caller.house.read(lambda tx: _shown(tx, place))
    versions.unchanged(if_match, before, _MOVING)
    checked(environments.setting_mistakes(dict(wish.settings), place.settings), "/settings")
    end = ends.end_asked(caller, wish, place.end)
    if end != place.end:
        ends.refuse(end_mistakes(end, app.config))
    changes = Changes(dict(wish.settings), **asdict(end), enabled=wish.enabled)
    changed = await joining.change_environment(app, caller.actor, place, changes, ask=not wish.offline)
    return _told(await caller.house.read(lambda tx: _shown(tx, changed)), response)


@RESOURCE.post(f"{_AT}/test", Action.ENVIRONMENTS)
async def test(caller: Call, place: Place) -> Tried:
    """Sign in to the source and look at what must hold.

    Nothing is written anywhere.
    """
    return ends.tried(await joining.try_environment(caller.house.app, place.id))


@RESOURCE.delete(_AT, Action.ENVIRONMENTS, also=202)
async def remove(
    caller: Call, place: Place, events: Becomes, expect: Expect, once: Once, response: Response
) -> EnvironmentGone:
    """Forget an environment.

    With `events=clean` each event of ours is taken out first, which goes on after this answer; where one may stand
    still, the environment is kept.
    """
    if (known := begun_before(caller, response, once)) is not None:
        response.status_code = 202
        return EnvironmentGone(removed=False, events_left=0, task=known.task)
    app, actor, name = caller.house.app, caller.actor, place.id

    def look(tx: Connection) -> list[MailboxId]:
        _as_many(environments.removable(tx, actor, name, keep_events=True), expect)
        return mailboxes.in_use(tx, name)

    wanted = await caller.house.read(look)
    if events is Events.KEEP or not wanted or not place.organization:

        def forget(tx: Connection) -> int:
            _as_many(rows.live_links(tx, name), expect)
            return environments.remove(tx, actor, app.clock.now(), name, keep_events=events is Events.KEEP)

        return EnvironmentGone(removed=True, events_left=await caller.house.write(forget), task=None)
    require(actor, Action.TAKE_OVER)
    caller.require_scope(Scope.CLEAN)

    async def run(work: Work[Any]) -> None:
        await _clean(caller, name, wanted, work)

    response.status_code = 202
    return EnvironmentGone(
        removed=False, events_left=0, task=begin(caller, response, once, "clean", name, expect, run).task
    )


def _as_many(standing: int, expect: int) -> None:
    if standing != expect:
        raise ConfigError(f"{standing} events of ours stand now, not {expect}; nothing was done")


async def _clean(caller: Caller, name: str, wanted: list[MailboxId], work: Work[Any]) -> None:
    """Take everything out and forget the environment; kept where a mailbox cannot be cleaned."""
    app, actor = caller.house.app, caller.actor
    async with Sites(app) as sites:
        site = await sites.unasked(name)
        looked = await cleaning.look(site, actor, wanted, work.far)
        if looked.left:
            address, why = next(iter(looked.left.items()))
            raise ConfigError(f"nothing was done, for {len(looked.left)} mailboxes cannot be cleaned; {address}: {why}")
        outcome = await cleaning.carry_out(app, actor, site, looked, work.far)
    for one in outcome.done:
        work.tell(one)
    if not outcome.whole:
        raise ConfigError(f"the environment {name} is kept, for events of ours may stand there still")
    await app.database.writing(environments.remove, actor, app.clock.now(), name)


def _told(shown: EnvironmentShown, response: Response) -> EnvironmentShown:
    response.headers["etag"] = versions.tag(shown, _MOVING)
    return shown


def _shown(tx: Connection, one: Environment) -> EnvironmentShown:
    return EnvironmentShown(
        name=one.id, source=one.source, enabled=one.enabled, organization=one.organization, tenant=one.tenant,
        created_at=one.created_at, end=end_shown(one.end), settings=asdict(one.settings),
        mailboxes=len(mailboxes.enabled(tx, one.id)), events=rows.live_links(tx, one.id),
    )  # fmt: skip
