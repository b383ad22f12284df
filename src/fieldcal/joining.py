"""Attaching both kinds of ends: kept, signed in to, and taken back where that fails: a mistake is told now.

The command line and the pages share it; what is wrong with an end's form they have asked `attaching` before.
"""

from __future__ import annotations

from typing import Any

from fieldcal.app import App
from fieldcal.setup import environments, profiles
from fieldcal.setup_model import Actor, Endpoint, Environment, ServerProfile


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
        await app.database.writing(profiles.withdraw, actor, app.clock.now(), wish.id)
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
