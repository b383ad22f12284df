"""`set_up_there=automatic`: the running service itself takes over whom the source has set up (R6, the letter; D9).

Once a day, as `mailbox import` would with nobody accepting copies: whom Microsoft's own booking sync serves, or may
serve, is never among them. The tests that have to follow are scheduled in the same transaction as the approval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from fieldcal.clock import Clock
from fieldcal.errors import FieldcalError, Throttled
from fieldcal.model import SetUpList
from fieldcal.plan.settings import WhoIsSetUp
from fieldcal.setup import imports, trial
from fieldcal.setup.imports import Standing
from fieldcal.setup_model import Actor
from fieldcal.state import alerts, environments, feeds, pauses
from fieldcal.state.database import Database

log = structlog.get_logger()

#: Who is set up is asked this often, whatever came of it.
EVERY = timedelta(days=1)
ALERT = "import"
#: who stands in the audit as the one at work
SERVICE = Actor("service")
#: asks the environment's source who is set up there; raises `FieldcalError`, also where it is a stranger
There = Callable[[str], Awaitable[SetUpList]]


async def run(database: Database, clock: Clock, environment: str, there: There) -> None:
    """Import if it is due. What fails is told and tried again a day later; no `FieldcalError` comes out."""
    if not await database.reading(due, environment, clock.now()):
        return
    # Stored first: whatever becomes of it, the source is not asked again within the day.
    if not await database.writing(_begin, environment, clock.now()):
        return
    try:
        found = await there(environment)
        await database.writing(_take_over, environment, found, clock.now())
    except FieldcalError as error:
        log.warning("the import failed", action="import", environment=environment, error=str(error))
        await database.writing(_failed, environment, error, clock.now())


def due(tx: Connection, environment: str, now: datetime) -> bool:
    """Whether it is chosen, a day has gone by, workers are known, and nothing bids the source be left alone."""
    feed = feeds.load(tx, environment)
    if not _wished(tx, environment) or feed.workers_read_at is None:
        return False
    if pauses.until(tx, [f"source:{environment}"], now) is not None:
        return False
    # One that lies ahead was set while the clock was wrong.
    return feed.imported_at is None or not feed.imported_at <= now < feed.imported_at + EVERY


def _wished(tx: Connection, environment: str) -> bool:
    place = environments.find(tx, environment)
    return place is not None and place.enabled and place.settings.set_up_there is WhoIsSetUp.AUTOMATIC


def _begin(tx: Connection, environment: str, now: datetime) -> bool:
    if not due(tx, environment, now):
        return False
    feeds.change(tx, environment, imported_at=now)
    return True


def _take_over(tx: Connection, environment: str, there: SetUpList, now: datetime) -> None:
    """Import whom nothing speaks against, as all of it stands in this transaction, and have them tested."""
    if not _wished(tx, environment):
        return  # chosen otherwise while the source was asked
    found = imports.candidates(imports.allowed(tx, SERVICE, environment), there)
    wanted = imports.chosen(found, accept_copies=False)
    if wanted:
        profile = imports.profile_for(tx, None)
        ids = imports.carry_out(tx, SERVICE, now, environment, wanted, profile)
        trial.schedule(tx, SERVICE, environment, ids, now)
    counted = Counter(candidate.standing for candidate in found)
    _tell(tx, environment, counted[Standing.IMPORT], counted[Standing.SERVED], there.doubt, now)


def _tell(tx: Connection, environment: str, imported: int, served: int, doubt: str, now: datetime) -> None:
    log.info("who is set up in the source was looked at", action="import", environment=environment,
             imported=imported, left_out=served)  # fmt: skip
    if not imported and not served:
        alerts.clear(tx, environment, "", ALERT)
        return
    text = f"{imported} imported from the source; Test & Enable follows"
    if served:
        why = f"it cannot be told whom Microsoft's own booking sync serves: {doubt}" if doubt else (
            "Microsoft's own booking sync serves them"
        )  # fmt: skip
        text += f". {served} left out, for every booking might stand twice: {why}; `fieldcal mailbox import` shows them"
    alerts.raise_alert(tx, environment, "", ALERT, "information", text, now)


def _failed(tx: Connection, environment: str, error: FieldcalError, now: datetime) -> None:
    if not _wished(tx, environment):
        return
    if isinstance(error, Throttled) and error.retry_after is not None:
        pauses.pause(tx, f"source:{environment}", now + timedelta(seconds=error.retry_after), str(error))
    text = f"nobody was imported, it is tried again in a day: {error}; by hand: `fieldcal mailbox import`"
    alerts.raise_alert(tx, environment, "", ALERT, "warning", text, now)
