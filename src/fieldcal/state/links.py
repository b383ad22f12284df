"""Links: what we know to stand in each mailbox for each booking, and what was handed out and not answered yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, not_, or_, select, update

from fieldcal.model import BookingId, Create, Delete, EventId, Intent, Link, MailboxId, Update, Write
from fieldcal.state.marks import alone
from fieldcal.state.rows import from_json, slices, to_json, upsert
from fieldcal.state.tables import links

# built once: building it costs more than running it
_LOAD = select(links).where(
    links.c.environment == bindparam("b_environment"), links.c.mailbox == bindparam("b_mailbox"),
    links.c.booking.in_(bindparam("b_ids", expanding=True)),
)  # fmt: skip


class StoredIntent(msgspec.Struct, frozen=True):
    """An intent as text: the union of actions needs a tag that the model's values do not carry."""

    kind: str
    action: msgspec.Raw
    triggers: dict[str, str]

    @classmethod
    def of(cls, intent: Intent) -> StoredIntent:
        kind = type(intent.action).__name__
        return cls(kind, msgspec.Raw(msgspec.json.encode(intent.action)), intent.triggers)

    def value(self, at: datetime) -> Intent:
        return Intent(msgspec.json.decode(self.action, type=_ACTIONS[self.kind]), at, self.triggers)


_ACTIONS: dict[str, type[Write]] = {"Create": Create, "Update": Update, "Delete": Delete}


def _link(row: Row[Any]) -> Link:
    return Link(
        mailbox=MailboxId(row.mailbox), booking=BookingId(row.booking), generation=row.generation,
        event=EventId(row.event) if row.event is not None else None, etag=row.etag,
        triggers=from_json(row.triggers, dict[str, str]) if row.triggers else None,
        subject=row.subject, start=row.start, end=row.end, location=row.location, stamp=row.stamp, rewrite=row.rewrite,
        intent=_intent(row), declined=row.declined, restored=row.restored,
    )  # fmt: skip


def _intent(row: Row[Any]) -> Intent | None:
    return from_json(row.intent, StoredIntent).value(row.intent_at) if row.intent else None


def load(tx: Connection, environment: str, mailbox: str, ids: Iterable[str]) -> dict[BookingId, Link]:
    """The links of these bookings in this mailbox, dead ones (their generation) included."""
    found: dict[BookingId, Link] = {}
    for some in slices(sorted(set(ids))):
        rows = tx.execute(_LOAD, {"b_environment": environment, "b_mailbox": mailbox, "b_ids": some})
        found.update({BookingId(row.booking): _link(row) for row in rows})
    return found


def of_booking(tx: Connection, environment: str, booking: str) -> list[Link]:
    """Every link of one booking, in whatever mailbox."""
    rows = tx.execute(select(links).where(links.c.environment == environment, links.c.booking == booking))
    return [_link(row) for row in rows]


def written_at(tx: Connection, environment: str, mailbox: str, booking: str) -> datetime | None:
    """When the event of this booking was last really written there; None where that is not known."""
    found: datetime | None = tx.scalar(
        select(links.c.written_at).where(
            links.c.environment == environment, links.c.mailbox == mailbox, links.c.booking == booking
        )
    )
    return found


def written(tx: Connection, environment: str, ids: Iterable[str]) -> dict[tuple[str, str], datetime]:
    """When the events of these bookings were last really written, by mailbox and booking."""
    found: dict[tuple[str, str], datetime] = {}
    for some in slices(sorted(set(ids))):
        asked = select(links.c.mailbox, links.c.booking, links.c.written_at).where(
            links.c.environment == environment, links.c.booking.in_(some), links.c.written_at.is_not(None)
        )
        found |= {(row.mailbox, row.booking): row.written_at for row in tx.execute(asked)}
    return found


def of_bookings(tx: Connection, environment: str, ids: Iterable[str]) -> list[Link]:
    """Every link of these bookings, in whatever mailbox."""
    found: list[Link] = []
    for some in slices(sorted(set(ids))):
        rows = tx.execute(select(links).where(links.c.environment == environment, links.c.booking.in_(some)))
        found += [_link(row) for row in rows]
    return found


def of_mailbox(tx: Connection, environment: str, mailbox: str) -> list[Link]:
    """Every link in one mailbox that has an event or an unanswered write."""
    rows = tx.execute(
        select(links).where(
            links.c.environment == environment,
            links.c.mailbox == mailbox,
            or_(links.c.event.is_not(None), links.c.intent.is_not(None)),
        )
    )
    return [_link(row) for row in rows]


def between(tx: Connection, environment: str, mailbox: str, begin: datetime, end: datetime) -> list[Link]:
    """The events of ours in one mailbox that have a part of this span, as they were last written, by their start."""
    rows = tx.execute(
        select(links)
        .where(
            links.c.environment == environment, links.c.mailbox == mailbox, links.c.event.is_not(None),
            links.c.start < end, links.c.end > begin,
        )
        .order_by(links.c.start, links.c.booking)
    )  # fmt: skip
    return [_link(row) for row in rows]


def store(tx: Connection, environment: str, changed: Sequence[Link], written_at: datetime | None) -> None:
    """Keep these links as they are given; their unanswered writes too.

    `written_at`: when their events were really written; None where they were not just now: what was told stays.
    """
    rows = [
        {
            "environment": environment, "mailbox": link.mailbox, "booking": link.booking, "generation": link.generation,
            "event": link.event, "etag": link.etag, "triggers": to_json(link.triggers) if link.triggers else None,
            "subject": link.subject, "start": link.start, "end": link.end, "location": link.location,
            "stamp": link.stamp, "rewrite": link.rewrite, "written_at": written_at,
            "intent": to_json(StoredIntent.of(link.intent)) if link.intent else None,
            "intent_at": link.intent.at if link.intent else None,
            "declined": link.declined, "restored": link.restored,
        }
        for link in changed
    ]  # fmt: skip
    upsert(tx, links, rows, keep=("written_at",) if written_at is None else ())


def refresh_etags(tx: Connection, environment: str, mailbox: str, etags: Sequence[tuple[EventId, str]]) -> None:
    """Take over the etags that a check has read (a worker set a reminder: the event is still as we wrote it)."""
    if etags:
        tx.execute(
            update(links)
            .where(
                links.c.environment == environment, links.c.mailbox == mailbox, links.c.event == bindparam("b_event")
            )
            .values(etag=bindparam("b_etag")),
            [{"b_event": event, "b_etag": etag} for event, etag in etags],
        )


def settle_drift(
    tx: Connection,
    environment: str,
    mailbox: str,
    *,
    restored: Sequence[tuple[BookingId, str]] = (),
    declined: Sequence[BookingId] = (),
    over: Sequence[BookingId] = (),
) -> None:
    """What a check decided about hands (D8): written once more, left deleted, or found as written and so over.

    Beside what else may change a link meanwhile: only these columns are touched.
    """
    here = (links.c.environment == environment, links.c.mailbox == mailbox)
    named = links.c.booking == bindparam("b_booking")
    for values, rows in (
        ({"rewrite": True, "declined": False, "restored": bindparam("b_text")},
         [{"b_booking": booking, "b_text": text} for booking, text in restored]),
        ({"declined": True}, [{"b_booking": booking} for booking in declined]),
        ({"declined": False, "restored": ""}, [{"b_booking": booking} for booking in over]),
    ):  # fmt: skip
        if rows:
            tx.execute(update(links).where(*here, named).values(values), rows)


def distrust(tx: Connection, environment: str) -> None:
    """After a restore: have every event of ours written once more, but those that a check finds as we left them.

    What was written after the backup is not known any more. An event that is not there may have been taken by a hand,
    but also by ourselves before its booking came back; only writing it tells, and makes it anew where it is gone.
    """
    standing = (links.c.environment == environment, links.c.event.is_not(None), not_(links.c.declined))
    tx.execute(update(links).where(*standing).values(rewrite=True))


def rewrite_unfollowed(tx: Connection, environment: str, ids: Iterable[str], name: str) -> None:
    """Have these bookings' events written once more that were written before trigger value `name` was followed."""
    which = [
        (links.c.environment == environment, links.c.booking.in_(some), links.c.event.is_not(None),
         links.c.triggers.not_like(f'%"{name}":%'))
        for some in slices(sorted(set(ids)))
    ]  # fmt: skip
    alone(tx, environment, {box for these in which for box in tx.scalars(select(links.c.mailbox).where(*these))})
    for these in which:
        tx.execute(update(links).where(*these).values(rewrite=True))


def not_ended(tx: Connection, environment: str, now: datetime, most: int) -> int:
    """How many live links have an event that has not ended, counted up to `most`; the measure of the removal budget."""
    lasting = (links.c.environment == environment, links.c.event.is_not(None), links.c.end > now)
    # In the order of the index of those that have not ended: the table itself begins with years of others.
    counted = select(links.c.end).where(*lasting).order_by(links.c.end).limit(most).subquery()
    return (tx.scalar(select(func.count()).select_from(counted)) or 0) if most else 0


def live(tx: Connection, environment: str, mailbox: str | None = None) -> int:
    """How many events of ours stand in this environment, or in one of its mailboxes."""
    wanted = [links.c.environment == environment, links.c.event.is_not(None)]
    if mailbox is not None:
        wanted.append(links.c.mailbox == mailbox)
    return tx.scalar(select(func.count()).where(*wanted)) or 0


def standing(tx: Connection, environment: str, wanted: Sequence[MailboxId]) -> dict[MailboxId, int]:
    """How many events of ours stand, or may stand after a write without an answer, in each of these where any do."""
    found: dict[MailboxId, int] = {}
    for some in slices(wanted):
        rows = tx.execute(
            select(links.c.mailbox, func.count())
            .where(
                links.c.environment == environment, links.c.mailbox.in_(some),
                or_(links.c.event.is_not(None), links.c.intent.is_not(None)),
            )
            .group_by(links.c.mailbox)
        )  # fmt: skip
        found |= {MailboxId(mailbox): number for mailbox, number in rows}
    return found
