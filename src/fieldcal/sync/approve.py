"""A person's word on held removals: approval asks the source again for each and lets go what is still true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import BookingId, MailboxId
from fieldcal.state import feeds, marks, plans
from fieldcal.state.held import READING, holding
from fieldcal.sync import throttle
from fieldcal.sync.absorb import Frame, Told, absorb
from fieldcal.sync.site import Site

#: Puts a decision on record, in the transaction that makes it.
Record = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Approved:
    """What an approval set going: rows to be carried out, and rows for which the source gave no answer, if asked."""

    rows: int
    silent: int


def _unrecorded(_tx: Connection) -> None:
    return


async def approve(site: Site, plan: int, by: str, comment: str, record: Record = _unrecorded) -> Approved:
    """Approve a held plan: every row's booking is asked for by id; what is still proven goes at the next pass.

    A row whose evidence has lapsed is dropped when its mailbox is reconciled; one that the source does not answer
    for, or that was held while it was asked, goes on waiting in a new plan. Raises `ConfigError` for a
    plan that is not held, `ConnectorError` as the source does: then nothing is approved. `record` is called in the
    transaction that decides.
    """
    async with holding(site, f"pull:{site.environment}", READING) as held:
        if held is None:
            raise ConfigError("the environment is being read just now; try again in a moment")
        rows = await site.database.reading(plans.rows_of, site.environment, plan)
        asked = [row for row in rows if row.state == "held"]
        if not asked:
            raise ConfigError(f"plan {plan} has nothing that is held; `fieldcal plan list` shows the plans")
        told = Told(details=await throttle.asked(site, sorted({row.booking for row in asked})))
        return await site.database.writing(_store, site, asked, told, by, comment, record)


def _store(
    tx: Connection, site: Site, asked: Sequence[plans.Row], told: Told, by: str, comment: str, record: Record
) -> Approved:
    now, plan = site.clock.now(), asked[0].plan
    feed = feeds.load(tx, site.environment)
    frame = Frame(site.environment, site.settings, site.moment(feed.far_edge).window, feed.reading or "", now)
    absorb(tx, frame, told)
    answered = {(row.mailbox, row.booking) for row in asked if row.booking not in set(told.details.unknown)}
    marks.alone(tx, site.environment, {mailbox for mailbox, _ in answered})  # mailboxes go before plans
    decided = plans.decide(tx, site.environment, plan, "approved", by, comment, now)
    # One that was held while the source was asked is none that anybody has seen.
    silent = [row for row in decided if (row.mailbox, row.booking) not in answered]
    if silent:
        held_again = [(row.mailbox, row.booking, row.evidence) for row in silent]
        for row in silent:
            plans.drop(tx, site.environment, row.mailbox, [row.booking])
        why = "the source gave no answer at the last approval, or they were held only while it was asked"
        plans.hold(tx, site.environment, held_again, why, now)
    going = [row for row in decided if (row.mailbox, row.booking) in answered]
    marks.mark(tx, site.environment, _pairs(going), now, "approved")
    record(tx)
    return Approved(len(going), len(silent))


async def reject(site: Site, plan: int, by: str, comment: str, record: Record = _unrecorded) -> int:
    """Reject a held plan; its events stay. Only newer evidence proposes one of them again. Returns the rows."""
    now = site.clock.now()

    def store(tx: Connection) -> int:
        rows = plans.decide(tx, site.environment, plan, "rejected", by, comment, now)
        if not rows:
            raise ConfigError(f"plan {plan} has nothing that is held; `fieldcal plan list` shows the plans")
        record(tx)
        return len(rows)

    return await site.database.writing(store)


def _pairs(rows: list[plans.Row]) -> list[tuple[MailboxId, BookingId]]:
    return [(row.mailbox, row.booking) for row in rows]
