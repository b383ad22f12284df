"""What a mailbox holds in some days, as far as we know: the events that we wrote, and bookings that have none yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.model import BookingId, Link, MailboxId, StatusKind
from fieldcal.plan.render import title
from fieldcal.setup_model import Environment
from fieldcal.state import booking_lists, bookings, links
from fieldcal.state.booking_lists import Wanted
from fieldcal.state.bookings import Stored
from fieldcal.sync import signs

#: Days that a booking may have begun before those that are asked for; and how many are shown.
_BEFORE, _MOST = timedelta(days=7), 500
#: what is said of a booking without an event here, whose event stands in another calendar still
_NOT_HERE = {"behind": "waits", "outdated": "none", "stands": "none"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One booking in those days: as its event was last written, or, without an event, as it is."""

    booking: BookingId
    start: datetime
    end: datetime
    #: "" where it was taken away by age
    subject: str
    location: str
    #: a word of `sync.signs.standings`, as it is meant of this calendar; or `declined`: deleted by a hand, and left so
    standing: str
    #: proposed, committed or canceled, as the booking is now; None: it is not remembered any more
    kind: StatusKind | None


def between(tx: Connection, place: Environment, mailbox: MailboxId, begin: datetime, end: datetime) -> list[Shown]:
    """What has a part of this span, by start. Deleted bookings without an event are left out."""
    people = booking_lists.workers_of(tx, place.id, [mailbox])
    wanted = Wanted(workers=people, since=begin - _BEFORE, until=end)
    theirs = {row.known.booking.id: row for row in booking_lists.page(tx, place.id, wanted, limit=_MOST)
              if row.known.booking.end > begin}  # fmt: skip
    written = {link.booking: link for link in links.between(tx, place.id, mailbox, begin, end)}
    known = theirs | bookings.load(tx, place.id, written.keys() - theirs.keys())
    told = signs.standings(tx, place.id, list(known.values()))
    found = [_written(link, known.get(key), told.get(key, "stands")) for key, link in written.items()]
    elsewhere: dict[BookingId, list[Link]] = {}
    for link in links.of_bookings(tx, place.id, theirs.keys() - written.keys()):
        elsewhere.setdefault(link.booking, []).append(link)
    for key, row in theirs.items():
        here = elsewhere.get(key, [])
        # one whose event lies in other days is shown there
        if key in written or any(link.event is not None and link.mailbox == mailbox for link in here):
            continue
        standing = _NOT_HERE.get(told[key], told[key])
        if standing != "deleted":
            found.append(_unwritten(place, row, standing))
    return sorted(found, key=lambda one: (one.start, one.booking))


def _written(link: Link, row: Stored | None, told: str) -> Shown:
    assert link.start is not None  # as they were found by it
    assert link.end is not None
    kind = row.known.booking.kind if row else None
    standing = "declined" if link.declined else told
    return Shown(link.booking, link.start, link.end, link.subject, link.location, standing, kind)


def _unwritten(place: Environment, row: Stored, standing: str) -> Shown:
    one = row.known.booking
    subject = title(row.known, place.settings)
    return Shown(one.id, one.start, one.end, subject, one.place, standing, one.kind)
