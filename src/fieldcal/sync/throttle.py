"""A source that asks to wait: kept in the state, asked before every question, whoever puts it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection

from fieldcal import sent
from fieldcal.errors import Throttled
from fieldcal.model import BookingId
from fieldcal.source_model import Details
from fieldcal.state import feeds
from fieldcal.sync.site import Site
from fieldcal.sync.take import read_details

#: The longest wait after a throttle that names none, seconds: the span over which Dataverse counts.
LONGEST_WAIT = 300.0


def waits_for(site: Site) -> str:
    """The pause that a source asked for (`ports.Pace`)."""
    return f"source:{site.environment}"


async def wait_is_over(site: Site) -> None:
    """Return unless the source asked to wait and that time is not over: pushing on would only lengthen it."""
    until = await site.pace.paused([waits_for(site)])
    if until is not None:
        left = (until - site.clock.now()).total_seconds()
        raise Throttled(
            f"the source asked to wait until {until:%Y-%m-%d %H:%M:%S} UTC; it is not asked before", retry_after=left
        )


async def wait(site: Site, error: Throttled) -> None:
    """Ask nothing before the time that the source named, or, where it named none, 2, 4, 8 ... seconds."""
    if error.retry_after is None and await site.pace.paused([waits_for(site)]):
        return  # several questions were under way at once: that is one throttle

    def count(tx: Connection) -> int:
        times = feeds.load(tx, site.environment).throttled + 1
        feeds.change(tx, site.environment, throttled=times)
        return times

    times = await site.database.writing(count)
    seconds = min(2.0**times, LONGEST_WAIT) if error.retry_after is None else error.retry_after
    sent.asked_to_wait("source", seconds)
    await site.pace.pause(waits_for(site), site.clock.now() + timedelta(seconds=seconds), str(error))


async def asked(site: Site, ids: Sequence[BookingId]) -> Details:
    """These bookings' details, for a question outside of a pull: a wait asked for is kept, and one that is new stored.

    Raises `Throttled` without asking while a wait lasts.
    """
    if not ids:
        return Details(())
    await wait_is_over(site)
    try:
        return await read_details(site, ids)
    except Throttled as error:
        await wait(site, error)
        raise
