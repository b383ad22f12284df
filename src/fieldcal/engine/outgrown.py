"""A state that another version of Fieldcal has taken over while we work on it: no more is done, and why is told."""

from __future__ import annotations

from typing import NoReturn

from fieldcal.clock import Clock
from fieldcal.errors import StateAway
from fieldcal.state import schema
from fieldcal.state.database import Database

#: How often the state is asked which revision it is at, seconds.
LOOK = 5.0


async def watch(database: Database, clock: Clock) -> NoReturn:
    """Raise `ConfigError` once the state is not at our revision any more: `db upgrade` of a newer version, say.

    A state that cannot be reached is no other one; who waits for it goes on waiting.
    """
    while True:
        await clock.sleep(LOOK)
        try:
            await database.reading(schema.check)
        except StateAway:
            continue
