"""The stations of a booking's way, each with what is so there, since when, and what helps. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fieldcal.model import Booking, Link, MailboxId, Worker
from fieldcal.plan.rules import SENTENCES, Moment, Reason
from fieldcal.plan.settings import Settings
from fieldcal.setup_model import Mailbox
from fieldcal.state.aside import Aside
from fieldcal.state.bookings import Stored
from fieldcal.state.feeds import Feed
from fieldcal.state.findings import Finding
from fieldcal.state.marks import Waiting
from fieldcal.state.plans import Row
from fieldcal.sync.answer import instant


@dataclass(frozen=True, slots=True)
class Station:
    """One stop on the way. `good`: True as it should be, False what stands in the way, None a plain fact."""

    name: str
    good: bool | None
    text: str
    #: since when this is so, or when it was last looked at; of *next try* when that is; None: nobody knows
    at: datetime | None = None
    #: the command that helps, "" for none
    remedy: str = ""
    #: the plan that this is about
    plan: int | None = field(default=None, compare=False)


def source(stored: Stored, feed: Feed, pause: tuple[datetime, str] | None) -> Station:
    """The booking as it was last read."""
    row, at = stored.known.booking, feed.last_pull_at
    if stored.known.deleted_at is not None:
        return Station("source", False, "deleted, by the word of the source", stored.known.deleted_at)
    if not row.active:
        return Station("source", False, "inactive, which counts as deleted", at)
    text = f"{row.status_name or row.kind}, {instant(row.start)} to {instant(row.end)}, version {row.version}"
    text += "; last read" if at else "; the source was never read to its end"
    if pause is not None:
        return Station("source", False, f"{text}; nothing is read until {instant(pause[0])}: {pause[1]}", at)
    if feed.last_error:
        again = f"; it is read again at {instant(feed.next_pull_at)}" if feed.next_pull_at else ""
        return Station("source", False, f"{text}; the last read failed: {feed.last_error}{again}", at)
    if stored.stale:
        return Station("source", False, f"{text}; its details wait to be read", at)
    return Station("source", True, text, at)


def unreadable(aside: Aside) -> Station:
    """Its row cannot be read."""
    version = f", version {aside.version}" if aside.version is not None else ""
    text = f"its row cannot be read{version}: {aside.reason}; correct it at the source"
    return Station("set aside", False, text, aside.since)


def window(settings: Settings, row: Booking, moment: Moment) -> Station:
    """Where it lies by the window, and when that changes."""
    span = f"{settings.window_past} days back to {settings.window_future} days ahead"
    if row.end < row.start:
        return Station("window", False, SENTENCES[Reason.ENDS_BEFORE_START], moment.now)
    leaves = row.end + timedelta(days=settings.window_past)
    if moment.window.holds(row.start, row.end):
        return Station("window", True, f"it lies in the window ({span}), until {instant(leaves)}", moment.now)
    text = f"it lies outside the window ({span})"
    if row.start >= moment.window.far:
        text += f"; time brings it in at {instant(row.start - timedelta(days=settings.window_future))}"
    else:
        text += f"; it left it at {instant(leaves)}"
    return Station("window", False, text, moment.now)


def worker(one: Worker | None, where: MailboxId | Reason, feed: Feed) -> Station:
    """Whom it is for."""
    name = one.name if one else "nobody"
    if isinstance(where, Reason):
        return Station("worker", False, f"{name}: {SENTENCES[where]}", feed.workers_read_at)
    return Station("worker", True, f"{name}, mailbox {one.address if one else where}", feed.workers_read_at)


def set_up(box: Mailbox | None, closed: str, remedy: str) -> Station:
    """Whether its mailbox may be written to."""
    at = box.tested_at if box else None
    return Station("set-up", not closed, closed or "the mailbox is set up and may be written to", at, remedy)


def decision(step: str | None, reason: Reason, mark: Waiting | None, last: datetime | None) -> Station:
    """What the rules say; `last`: when something was last done for it here."""
    at = mark.since if mark is not None and mark.since is not None else last
    return Station("decision", None, f"{step or 'nothing to do'}: {SENTENCES[reason]}", at)


def event(link: Link | None, written_at: datetime | None, *, due: bool) -> Station:
    """What stands in the calendar; `due`: it should stand there."""
    if link is None or link.event is None:
        if link is not None and link.intent is not None:
            return Station("event", None, "a write went unanswered; it is looked for", link.intent.at)
        none = "no event of ours stands in the calendar"
        return Station("event", False, none) if due else Station("event", None, f"{none}, and none has to")
    if link.declined:
        return Station("event", None, "a hand took our event away, and it was not made again since", written_at)
    text = f'"{link.subject or "(texts forgotten)"}", {instant(link.start)} to {instant(link.end)}, id {link.event}'
    if link.intent is not None:
        text += f"; a write of {instant(link.intent.at)} went unanswered"
    return Station("event", True, text, written_at)


def next_try(
    mark: Waiting, box: Mailbox | None, pause: tuple[datetime, str] | None, closed: str, feed: Feed, now: datetime
) -> Station:
    """When what waits is tried, and what stood in the way of the last try."""
    tried = f", tried {mark.attempts} times" if mark.attempts > 1 else ""
    if mark.due is None:
        return Station("next try", False, f"set aside until the booking changes{tried}: {mark.trouble}")
    if closed:
        return Station("next try", False, "as soon as the mailbox may be written to; what waits is kept")
    trouble = mark.trouble or (box.trouble if box else "")
    told = f"{tried} ({trouble})" if trouble else tried
    if pause is not None and pause[0] > mark.due:
        return Station("next try", False, f"when the pause ends{told or f' ({pause[1]})'}", pause[0])
    if mark.due > now:
        return Station("next try", False if trouble else None, f"then, or with the next pass after it{told}", mark.due)
    at = feed.next_pull_at if feed.next_pull_at and feed.next_pull_at > now else None
    return Station("next try", False if trouble else None, f"with the next pass{told}", at)


def pause(until: tuple[datetime, str]) -> Station:
    """Until when the mailbox or its server is left alone."""
    return Station("pause", False, f"nothing is sent there until {instant(until[0])}: {until[1]}", until[0])


def plan(row: Row, at: datetime | None) -> Station:
    """What a person has said, or has to say, of its removal."""
    return Station("plan", None, f"its removal is {row.state} in plan {row.plan}", at, plan=row.plan)


def check(item: Finding) -> Station:
    """What the last check found."""
    return Station("check", None, f"{item.kind}: {item.detail}", item.found_at)
