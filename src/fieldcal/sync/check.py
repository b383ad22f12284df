"""Compare what stands in a mailbox with what we remember: adopt what is ours, tell what hands changed (D8).

It compares etag, start, end, subject and location, never the body: Exchange rewrites it (F16). Absence from a list
is never evidence; an event that a list does not name is asked for by its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from fieldcal.errors import ConnectorError, Incomplete, MailboxError, SourceSilent
from fieldcal.model import BookingId, EventId, Link, MailboxId, Observed, Window
from fieldcal.plan.decide import adopted, ours
from fieldcal.plan.drift import Drifted, differences
from fieldcal.plan.keys import create_key
from fieldcal.plan.settings import Drift
from fieldcal.ports import Calendar
from fieldcal.state import alerts, bookings, feeds, findings, history, leases, links, mailboxes, marks
from fieldcal.state.findings import Finding
from fieldcal.state.held import LEASE, Held, holding
from fieldcal.state.history import Line, Tally
from fieldcal.sync import gate, throttle
from fieldcal.sync.absorb import Frame, Told, absorb
from fieldcal.sync.drift import respond
from fieldcal.sync.site import Site


@dataclass(frozen=True, slots=True)
class Absent:
    """A linked event that the list does not name, and the events that stand there under the booking's mark."""

    link: Link
    others: tuple[Observed, ...] = ()


@dataclass(slots=True)
class Compared:
    """What the comparison of links with owned events came to."""

    adopted: list[Link] = field(default_factory=list)
    etags: list[tuple[EventId, str]] = field(default_factory=list)
    #: links of a restored state whose events have not changed since the backup
    trusted: list[Link] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    #: what hands changed or deleted (D8)
    drifted: list[Drifted] = field(default_factory=list)
    #: bookings whose event is as it was written again: what was remembered of a hand is over
    over: list[BookingId] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    #: bookings whose event stands there while a write of ours is unanswered: reconcile has to look
    unanswered: list[BookingId] = field(default_factory=list)


async def check(site: Site, mailbox: MailboxId, run_id: str, *, everything: bool = False) -> Tally:
    """The nightly check of one mailbox, or of all that is ours in it; nothing where it may not be written to."""
    async with holding(site, f"mailbox:{mailbox}") as held:
        if held is None:
            return Tally(busy=1)
        opened = await gate.enter(site, mailbox)
        if opened is None:
            return Tally()
        feed = await site.database.reading(feeds.load, site.environment)
        window = None if everything or opened.check_first else site.moment(feed.far_edge).window
        try:
            return await check_held(site, held, mailbox, opened.calendar, window, run_id) or Tally()
        except (MailboxError, ConnectorError) as error:
            await gate.went_wrong(site, held, mailbox, opened, error)
            return Tally(failed=1)


async def check_held(
    site: Site, held: Held, mailbox: MailboxId, calendar: Calendar, window: Window | None, run_id: str = "check"
) -> Tally | None:
    """Check while the mailbox's lease is held; None as window reads everything that is ours, wherever it lies.

    Returns None where somebody else serves the mailbox by now: it is switched off, and nothing more may be done (R14).
    """
    await held.renew()
    if await gate.claimed_elsewhere(site, held, mailbox, calendar):
        return None
    owned = await calendar.owned(window, held.may_begin)
    mine = [event for event in owned if event.mark is not None and event.mark.mailbox == mailbox]
    linked = await site.database.reading(_linked, site, mailbox, mine)
    found = compare(mailbox, linked, mine, window, site.settings.drift)
    ids = [item.link.event for item in found.absent if item.link.event is not None]
    there = await calendar.get(ids, held.may_begin) if ids else {}
    settle_absent(found, there)
    told = await _ask_unknown(site, found)
    held.lease = await site.database.writing(_store, site, held, mailbox, found, told, run_id)
    return Tally(adopted=len(found.adopted))


def _linked(tx: Connection, site: Site, mailbox: MailboxId, owned: Sequence[Observed]) -> list[Link]:
    """Every link with an event here, and of the events that stand here the links whose event we took away."""
    found = {link.booking: link for link in links.of_mailbox(tx, site.environment, mailbox)}
    named = {event.mark.booking for event in owned if event.mark is not None}
    dead = links.load(tx, site.environment, mailbox, named - found.keys())
    return [*found.values(), *dead.values()]


def compare(
    mailbox: MailboxId,
    linked: Sequence[Link],
    owned: Sequence[Observed],
    window: Window | None,
    choice: Drift = Drift.REPORT,
) -> Compared:
    """Set links beside owned events; pure. A deletion that is respected is told from memory, nothing is asked (D8)."""
    result = Compared()
    by_booking: dict[BookingId, list[Observed]] = {}
    for event in owned:
        assert event.mark is not None
        by_booking.setdefault(event.mark.booking, []).append(event)
    known = {link.booking: link for link in linked}
    for booking, events in by_booking.items():
        _compare_booking(result, Link(mailbox, booking, 0, None), known.get(booking), events)
    for key, link in known.items():
        if key in by_booking or link.intent is not None or not _should_lie_in(link, window):
            continue
        if link.declined and choice is Drift.RESPECT:
            result.drifted.append(Drifted(link, None))
        else:
            result.absent.append(Absent(link))
    return result


def _compare_booking(result: Compared, blank: Link, link: Link | None, events: Sequence[Observed]) -> None:
    """One booking's events: the linked one is ours, else the one that was made under our key (F36)."""
    if link is None or (link.event is None and link.intent is None):
        # Nothing is remembered of it, or we took ours away: a copy by hand has the mark too, but not the key (I3).
        made = [event for event in events if _made_by_us(event)]
        if not made:
            _report_copies(result, blank.mailbox, events, None)
            return
        chosen = _original(made, None)
    else:
        chosen = _original(events, link.event if link else None)
    if link is None or (link.event is None and link.intent is None) or _overtaken(link, chosen):
        generation = max(chosen.mark.generation if chosen.mark else 0, link.generation if link else 0)
        result.adopted.append(adopted(replace(blank, generation=generation), chosen))
    elif link.intent is not None and link.event is None and _made_by_us(chosen):
        # The unanswered create stands there; a search might go on missing it (F55).
        result.adopted.append(adopted(link, chosen))
    elif link.intent is not None:
        result.unanswered.append(link.booking)  # reconcile finds out, with the intent in hand
        return
    elif chosen.id == link.event:
        _compare_one(result, link, chosen)
    else:
        result.absent.append(Absent(link, tuple(events)))
        return
    _report_copies(result, blank.mailbox, events, chosen)


def _overtaken(link: Link, chosen: Observed) -> bool:
    """The unanswered write is of an older generation than the event that stands: the state was restored from before.

    Sent again, that write would make a second event beside this one (I1).
    """
    mine = link.intent is not None and chosen.id != link.event and _made_by_us(chosen)
    return mine and chosen.mark is not None and chosen.mark.generation > link.generation


def _original(events: Sequence[Observed], linked: EventId | None) -> Observed:
    """The newest generation's own event; a copy by hand carries the mark, but was not made under its key."""
    newest = max(events, key=lambda event: (event.id == linked, event.mark.generation if event.mark else 0))
    same = [event for event in events if event.mark == newest.mark]
    assert newest.mark is not None
    return ours(same, create_key(newest.mark), linked)


def _made_by_us(event: Observed) -> bool:
    return event.mark is not None and event.key == create_key(event.mark)


def _report_copies(result: Compared, mailbox: MailboxId, events: Sequence[Observed], chosen: Observed | None) -> None:
    for event in events:
        if chosen is None or event.id != chosen.id:
            result.findings.append(_finding(mailbox, event, "copy", "a copy of our event; it is never touched"))


def _should_lie_in(link: Link, window: Window | None) -> bool:
    if link.event is None or link.start is None or link.end is None:
        return False
    return window is None or window.holds(link.start, link.end)


def _compare_one(result: Compared, link: Link, event: Observed) -> None:
    """Tell a difference by a hand (D8); take over a mere new etag."""
    different = bool(differences(link, event))
    if link.rewrite and not different and _as_written(link, event):
        result.trusted.append(replace(link, rewrite=False))
    if different and not link.rewrite:
        result.drifted.append(Drifted(link, event))
    if link.declined or (link.restored and not different):
        result.over.append(link.booking)
    if event.etag != link.etag:
        result.etags.append((event.id, event.etag))


def _as_written(link: Link, event: Observed) -> bool:
    """Nobody has touched the event since the write that the link remembers, and it is known what that write said."""
    return link.triggers is not None and (event.etag, event.stamp) == (link.etag, link.stamp)


def _finding(mailbox: MailboxId, event: Observed, kind: str, detail: str) -> Finding:
    booking = event.mark.booking if event.mark else ""
    return Finding(mailbox, event.id, booking, kind, detail)


def settle_absent(found: Compared, there: Mapping[EventId, Observed | None]) -> None:
    """What became of events that the list did not name, each having been read by its id; pure.

    It is there: moved out of the window. It is gone, and another made under our key stands there: that one is ours
    (the state was restored from before it was made). It is gone: a hand took it (D8). It is kept from us: who knows.
    """
    for item in found.absent:
        link = item.link
        assert link.event is not None
        if link.event not in there:
            continue
        current = there.get(link.event)
        if current is not None:
            _compare_one(found, link, current)
            _report_copies(found, link.mailbox, item.others, current)
            continue
        chosen = _original(item.others, None) if item.others else None
        if chosen is not None and chosen.mark is not None and _made_by_us(chosen):
            blank = Link(link.mailbox, link.booking, chosen.mark.generation, None)
            found.adopted.append(adopted(blank, chosen))
            _report_copies(found, link.mailbox, item.others, chosen)
            continue
        found.drifted.append(Drifted(link, None))
        for event in item.others:
            found.findings.append(_finding(link.mailbox, event, "copy", "a copy of our event; it is never touched"))


async def _ask_unknown(site: Site, found: Compared) -> Told:
    """Ask the source by id for the bookings of owned events that the state does not know.

    What the source does not answer for is not taken over this time: nothing is linked that could then be forgotten.
    """
    ids = [link.booking for link in found.adopted]
    known = await site.database.reading(bookings.load, site.environment, ids)
    unknown = [booking for booking in ids if booking not in known]
    try:
        details = await throttle.asked(site, unknown)
    except (ConnectorError, Incomplete) as error:
        raise SourceSilent(f"the source has to say what became of {len(unknown)} bookings first: {error}") from error
    silent = set(details.unknown)
    found.adopted = [link for link in found.adopted if link.booking not in silent]
    return Told(details=details)


def _store(
    tx: Connection, site: Site, held: Held, mailbox: MailboxId, found: Compared, told: Told, run_id: str
) -> leases.Lease:
    now = site.clock.now()
    lease = leases.renew(tx, held.lease, now, LEASE)
    marks.alone(tx, site.environment, [mailbox])
    links.store(tx, site.environment, [*found.adopted, *found.trusted], None)
    links.refresh_etags(tx, site.environment, mailbox, found.etags)
    links.settle_drift(tx, site.environment, mailbox, over=found.over)
    answered = respond(tx, site, mailbox, found.drifted, now)
    feed = feeds.load(tx, site.environment)
    frame = Frame(site.environment, site.settings, site.moment(feed.far_edge).window, feed.reading or "", now)
    absorb(tx, frame, told)
    bookings.store_missing(tx, site.environment, told.details.missing, now)
    marks.mark(tx, site.environment, [(mailbox, link.booking) for link in found.adopted], now, "adopted")
    marks.mark(tx, site.environment, [(mailbox, booking) for booking in found.unanswered], now, "unanswered")
    findings.replace_all(tx, site.environment, mailbox, [*found.findings, *answered.findings], now)
    mailboxes.checked(tx, site.environment, mailbox, now)
    alerts.clear(tx, site.environment, mailbox, gate.CLAIMED)
    lines = [
        Line(mailbox, link.booking, "adopt", "an event of ours stood there", "it is written once more", ok=True, at=now)
        for link in found.adopted
    ]
    history.write(tx, site.environment, run_id, [*lines, *answered.lines])
    return lease
