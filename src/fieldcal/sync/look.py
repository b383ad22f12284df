"""Look at some bookings now, because somebody said that they changed: pull for these ids, then what follows any pull.

The same lease, the same comparison, marks and reconciliation as in a pass; only which rows are read differs. What the
source does not give is left to the pass: a hint and an absence prove no deletion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection

from fieldcal import sent
from fieldcal.errors import ConnectorError, Incomplete, Throttled
from fieldcal.model import BookingId, MailboxId
from fieldcal.source_model import Details
from fieldcal.state import bookings, feeds, history, leases, marks
from fieldcal.state.held import READING, Held, holding
from fieldcal.state.history import Tally
from fieldcal.sync import throttle
from fieldcal.sync.absorb import Frame, Told, absorb, wanting
from fieldcal.sync.passes import Report, finish, work_off
from fieldcal.sync.site import Site
from fieldcal.sync.take import news_since

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a look. Without a report nothing was read."""

    report: Report | None
    #: another worker reads the environment; look again
    busy: bool = False
    #: something is left that only a pass can settle
    pass_needed: bool = False
    #: bookings that the source did not give, each after being asked for singly
    absent: int = 0


@sent.recorded
async def look(site: Site, ids: Sequence[BookingId], run: str = "") -> Looked:
    """Read these bookings by id and make the calendars say what they say now; a source that fails is in the report.

    `run`: the id that the notification was told under.
    """
    began = site.clock.now()
    run = sent.under(run or history.new_run(began))
    async with holding(site, f"pull:{site.environment}", READING) as held:
        if held is None:
            return Looked(None, busy=True)
        feed = await site.database.reading(feeds.load, site.environment)
        if await site.pace.paused([throttle.waits_for(site)]) is not None:
            return Looked(None, pass_needed=True)
        if feed.first_read_at is None or feed.reading or feed.far_edge is None:
            return Looked(None, pass_needed=True)
        try:
            details = await throttle.asked(site, ids)
        except (ConnectorError, Incomplete) as failure:
            error = str(failure)
            log.warning("the source could not be read", action="look_failed", environment=site.environment, error=error)
            asked_to = isinstance(failure, Throttled)
            again = await site.pace.paused([throttle.waits_for(site)]) if asked_to else None
            return Looked(Report(run, Tally(), 0, error, again=again), pass_needed=True)
        changes, boxes = await _take_in(site, held, details)
    absent = len(ids) - len(details.found) - len(details.unreadable)
    if not changes:
        return Looked(Report(run, Tally(), 0), pass_needed=absent > 0, absent=absent)
    await site.database.writing(history.begin, site.environment, run, "hinted", began)
    tally, count = await work_off(site, run, only=boxes)
    tally = replace(tally, changes=changes)
    await finish(site, run, tally)
    return Looked(Report(run, tally, count), pass_needed=absent > 0, absent=absent)


async def _take_in(site: Site, held: Held, details: Details) -> tuple[int, set[MailboxId]]:
    """Absorb what was found; how many rows were news, and the mailboxes that they concern."""

    def store(tx: Connection) -> tuple[int, set[MailboxId]]:
        held.lease = leases.renew(tx, held.lease, site.clock.now(), READING)
        feed = feeds.load(tx, site.environment)
        window, since = site.moment(feed.far_edge).window, news_since(feed)
        frame = Frame(site.environment, site.settings, window, "", site.clock.now(), since)
        rows = tuple(item.booking for item in details.found)
        ids = [row.id for row in rows]
        before = bookings.load(tx, site.environment, ids)
        # As a pull would have asked: details count only where the row triggers, else the snapshot stays (R11).
        wanted = set(wanting(tx, frame, rows))
        found = tuple(item for item in details.found if item.booking.id in wanted)
        absorb(tx, frame, Told(rows, Details(found), details.unreadable))
        after = bookings.load(tx, site.environment, ids)
        news = [key for key in after if key not in before or after[key] != before[key]]
        return len(news), marks.mailboxes_of(tx, site.environment, news)

    return await site.database.writing(store)
