"""Attaching and changing both kinds of ends: signed in to, and not kept where that fails: a mistake is told now.

Trying those that are attached, too. The command line, the pages and REST share it; what is wrong with an end's form
they have asked `attaching` before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.errors import FieldcalError, Overtaken
from fieldcal.model import Check
from fieldcal.setup import environments, profiles
from fieldcal.setup.environments import Changes
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Endpoint, Environment, ServerProfile
from fieldcal.state import environments as environment_rows
from fieldcal.state import profiles as profile_rows


async def add_profile(app: App, actor: Actor, wish: ServerProfile, *, ask: bool = True) -> ServerProfile:
    """Make this server profile; `ask` False: without signing in there. Raises what the sign-in raises."""
    made = await app.database.writing(
        profiles.add, actor, app.clock.now(), wish.id, wish.end, wish.kind,
        calendar=wish.calendar, at_once=wish.at_once,
    )  # fmt: skip
    if not ask:
        return made
    try:
        identity = await app.greet(made)
    except BaseException:
        await app.database.writing(profiles.remove, actor, app.clock.now(), wish.id)
        raise
    return await app.database.writing(profiles.pin, wish.id, identity)


async def add_environment(
    app: App, actor: Actor, name: str, end: Endpoint, settings: dict[str, Any] | None = None, *, ask: bool = True
) -> Environment:
    """Make this environment; `ask` False: without signing in there. Raises what the sign-in raises."""
    made = await app.database.writing(environments.add, actor, app.clock.now(), name, end, settings)
    if not ask:
        return made
    try:
        return await app.settle(name)
    except BaseException:
        await app.database.writing(environments.remove, actor, app.clock.now(), name)
        raise


def _sure() -> None:
    return


async def change_profile(
    app: App, actor: Actor, before: ServerProfile, after: ServerProfile, *, ask: bool = True,
    confirm: Callable[[], None] = _sure,
) -> ServerProfile:  # fmt: skip
    """Have this profile be as `after`, signed in to first unless `ask` is False.

    Raises what the sign-in and `confirm`, which is asked after it, raise; `Overtaken` where it is not as `before`.
    """
    require(actor, Action.PROFILES)
    identity = await app.greet(after) if ask else None
    confirm()

    def store(tx: Connection) -> ServerProfile:
        known = profile_rows.get(tx, before.id)
        if (known.end, known.calendar, known.at_once) != (before.end, before.calendar, before.at_once):
            raise Overtaken(f"the server profile {before.id} was changed by somebody else meanwhile; look again")
        now = app.clock.now()
        return profiles.change(
            tx, actor, now, before.id, after.end, identity, calendar=after.calendar, at_once=after.at_once
        )

    return await app.database.writing(store)


async def change_environment(
    app: App, actor: Actor, before: Environment, changes: Changes, *, ask: bool = True
) -> Environment:
    """Change this environment; at another end it is signed in to first, unless `ask` is False.

    Raises what the sign-in raises, for another organization too, and `Overtaken` where it is not as `before`.
    """
    require(actor, Action.ENVIRONMENTS)
    after = replace(before, end=changes.end(before.end))
    if ask and after.end != before.end:
        source = app.source_for(after)
        try:
            await source.identity()
        finally:
            await source.close()

    def store(tx: Connection) -> Environment:
        known = environment_rows.get(tx, before.id)
        if (known.end, known.settings, known.enabled) != (before.end, before.settings, before.enabled):
            raise Overtaken(f"the environment {before.id} was changed by somebody else meanwhile; look again")
        return environments.change(tx, actor, app.clock.now(), before.id, changes)

    return await app.database.writing(store)


async def try_environment(app: App, name: str) -> list[Check]:
    """Sign in there, see who it is, and look at what must hold; nothing is written there. What fails is a check."""
    try:
        place = await app.settle(name)
        return [Check("sign-in", ok=True, detail=place.organization), *(await app.examine(place))[0]]
    except FieldcalError as error:
        return [Check("sign-in", ok=False, detail=str(error))]


async def try_profile(app: App, profile: ServerProfile) -> list[Check]:
    """Sign in there and look at what must hold, as it is kept now; changes nothing. What fails is a check."""
    try:
        identity = await app.greet(profile)
        told = Check("sign-in", ok=True, detail=identity.tenant)
        return [told, *(await app.examine_calendars(profile, ""))[0]]
    except FieldcalError as error:
        return [Check("sign-in", ok=False, detail=str(error))]
