"""Where a booking stands, in one word: what the lists, the board and the worker's page show, as *Why?* tells it.

Which mailboxes are asked, whether one may be written to and whether an event says what the booking says is asked here
and in `explain` by the same three functions, so that the sign and the answer never part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from fieldcal.model import BookingId, Link, MailboxId, WorkerKind
from fieldcal.plan.ready import ready
from fieldcal.plan.rules import SENTENCES, Reason, differ, home, trigger_values
from fieldcal.plan.settings import Settings
from fieldcal.setup_model import Environment, Mailbox, ServerProfile
from fieldcal.state import aside, environments, links, mailboxes, marks, profiles, workers
from fieldcal.state.aside import Kind
from fieldcal.state.bookings import Stored
from fieldcal.state.marks import Waiting


def asked(where: MailboxId | Reason, found: Sequence[Link]) -> list[MailboxId]:
    """The mailboxes that tell where a booking stands: its own first, then those in which an event of it stands."""
    own = [] if isinstance(where, Reason) else [where]
    return own + [link.mailbox for link in found if link.event is not None and link.mailbox != where]


def closed(box: Mailbox | None, known: Mapping[str, ServerProfile], place: Environment) -> str:
    """Why nothing may be written there now; "" when all is well."""
    if box is None:
        return "the mailbox is not known"
    return ready(box, known.get(box.profile) if box.profile else None, place) or ""


def standings(tx: Connection, environment: str, rows: Sequence[Stored]) -> dict[BookingId, str]:
    """By id one of `deleted`, `refused`, `behind`, `outdated`, `waits`, `stands` and `none`.

    `behind` and `waits` promise that a pass will write. Where none will, for the mailbox may not be written to or the
    row cannot be read, it is `outdated` (an older state of it stands there) or `none`.
    """
    ids = [row.known.booking.id for row in rows]
    there: dict[BookingId, list[Link]] = {}
    for link in links.of_bookings(tx, environment, ids):
        there.setdefault(link.booking, []).append(link)
    waiting = marks.of_bookings(tx, environment, ids)
    marked = [row for row in rows if row.known.booking.id in waiting]
    people = workers.load(tx, environment, {row.known.booking.worker for row in marked})
    place, shut = _shut(tx, environment, {mark.mailbox for several in waiting.values() for mark in several})
    spoiled = aside.load(tx, environment, Kind.BOOKING, [row.known.booking.id for row in marked])
    found: dict[BookingId, str] = {}
    for key, row in zip(ids, rows, strict=True):
        worker, gone = people.get(row.known.booking.worker or "", (None, False))
        where = home(row.known.booking, worker, gone)
        few = _meant(row, where, there.get(key, ()), waiting.get(key, ()), place.settings)
        able = [] if key in spoiled else [mark for mark in few if mark.mailbox not in shut]
        found[key] = _sign(row, where, there.get(key, ()), few, able)
    return found


def _meant(
    row: Stored, where: MailboxId | Reason, found: Sequence[Link], waiting: Sequence[Waiting], settings: Settings
) -> list[Waiting]:
    """The marks that something is to be written for. A mark alone proves nothing: it may wait where nothing stands."""
    boxes = asked(where, found)
    own = next((link for link in found if link.mailbox == where and link.event is not None), None)
    done = own is not None and _says(own, row, settings)
    return [
        mark for mark in waiting if mark.mailbox in boxes and not (done and mark.mailbox == where and not mark.trouble)
    ]


def _says(link: Link, row: Stored, settings: Settings) -> bool:
    """Its event says what the booking says: there is nothing to be changed about it."""
    known = row.known
    if known.deleted_at is not None or not known.booking.active or link.rewrite or link.intent or link.declined:
        return False
    now = trigger_values(known.booking, known.snapshot, settings)
    return link.triggers is not None and not differ(link.triggers, now)


def _sign(
    row: Stored, where: MailboxId | Reason, found: Sequence[Link], meant: Sequence[Waiting], able: Sequence[Waiting]
) -> str:
    there = any(link.event is not None and not link.declined for link in found)
    if any(mark.due is None for mark in able):
        return "refused"
    if able:
        return "behind" if there else "waits"
    if there:
        return "outdated" if any(mark.mailbox == where for mark in meant) else "stands"
    return "deleted" if row.known.deleted_at is not None or not row.known.booking.active else "none"


def _shut(tx: Connection, environment: str, boxes: Collection[str]) -> tuple[Environment, dict[str, str]]:
    """Those of these mailboxes into which nothing is written, each with the reason."""
    place, known = environments.get(tx, environment), {one.id: one for one in profiles.everyone(tx)}
    some = {box.id: box for box in mailboxes.some(tx, environment, sorted(MailboxId(box) for box in boxes))}
    why = {box: closed(some.get(MailboxId(box)), known, place) for box in boxes}
    return place, {box: told for box, told in why.items() if told}


def unwritten(tx: Connection, environment: str, booked: Collection[str]) -> dict[str, str]:
    """Those of these workers for whom nothing is written, each with why. Who was not read yet is not among them."""
    people = workers.load(tx, environment, set(booked))
    boxes = {key: worker.mailbox for key, (worker, gone) in people.items() if not gone}
    _, shut = _shut(tx, environment, {box for box in boxes.values() if box})
    told: dict[str, str] = {}
    for key, box in boxes.items():
        if box is None:
            user = people[key][0].kind is WorkerKind.USER
            told[str(key)] = SENTENCES[Reason.NO_MAILBOX if user else Reason.NOT_A_PERSON]
        elif box in shut:
            told[str(key)] = shut[box]
    return told
