"""How reading a source fares: pauses that grow while it fails, and what is told of it. Kept with its feed, for all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.clock import Clock
from fieldcal.plan.retry import LONGEST, pause
from fieldcal.state import alerts, environments, feeds
from fieldcal.state.database import Database
from fieldcal.state.feeds import Feed
from fieldcal.sync.passes import Report

#: First pause after the source could not be read, seconds; it doubles up to a quarter of an hour.
FIRST_PAUSE = 15.0
#: The longest pause after the source could not be read.
LONGEST_PAUSE = timedelta(seconds=LONGEST)
_ALERT = "source"


@dataclass(frozen=True, slots=True)
class Reading:
    """Keeps how the sources of one state fare."""

    database: Database
    clock: Clock

    async def fared(self, environment: str, report: Report, before: Feed) -> None:
        """Keep that the source failed, or that it is well again; `before`: its feed as the pass found it."""
        if report.error:
            await self.put_off(environment, report.error, report.again)
        elif before.failures:
            await self.database.writing(feeds.change, environment, failures=0)
            await self.database.writing(alerts.clear, environment, "", _ALERT)

    async def put_off(
        self, environment: str, error: str, again: datetime | None = None, *, refused: bool = False
    ) -> None:
        """Read the source again when it asked to be (`again`), else after a pause that grows; somebody is told.

        `refused`: nothing is planned until then.
        """

        def store(tx: Connection) -> None:
            if environments.find(tx, environment) is None:
                return
            now, feed = self.clock.now(), feeds.load(tx, environment)
            grown = timedelta(seconds=pause(feed.failures + 1, 0.0, first=FIRST_PAUSE))
            next_pull_at = now + grown if again is None else min(again, now + LONGEST_PAUSE)
            feeds.change(
                tx, environment, next_pull_at=next_pull_at, last_error=error[:500], failures=feed.failures + 1,
                refused=refused,
            )  # fmt: skip
            alerts.raise_alert(tx, environment, "", _ALERT, "warning", error, now)

        await self.database.writing(store)
