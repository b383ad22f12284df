"""The plan before a write: what a pass would do now, booking by booking, each with its reason. Touches nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from fieldcal.model import BookingId, Create, Delete, Link, MailboxId, Update
from fieldcal.plan.decide import Candidate, Decision, Place, decide
from fieldcal.plan.rules import SENTENCES, Reason, home
from fieldcal.state import bookings, feeds, links, mailboxes, workers
from fieldcal.state.bookings import Stored
from fieldcal.state.tables import marks
from fieldcal.sync.site import Site

_VERBS: dict[type, str] = {Create: "create", Update: "update", Delete: "remove"}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the plan. `verb`: create, update, remove, or skip."""

    verb: str
    booking: BookingId
    mailbox: MailboxId | None
    subject: str
    #: the rule's own word, for counting
    code: str
    reason: str


def preview(tx: Connection, site: Site) -> list[Step]:
    """Every step that the next pass would take, and why every other booking of the window has no event."""
    feed = feeds.load(tx, site.environment)
    moment = site.moment(feed.far_edge)
    stored = {item.known.booking.id: item for item in bookings.in_window(tx, site.environment, moment.window)}
    marked = _marked(tx, site.environment)
    stored |= bookings.load(tx, site.environment, set(marked) - set(stored))
    linked = _linked(tx, site.environment, stored)
    people = workers.load(tx, site.environment, {item.known.booking.worker for item in stored.values()})
    closed: dict[MailboxId, str | None] = {}
    steps: list[Step] = []
    for key, item in stored.items():
        worker, gone = people.get(item.known.booking.worker or "", (None, False))
        candidate = Candidate(item.known, worker, gone, None)
        where = home(item.known.booking, worker, gone)
        places = {*marked.get(key, ()), *linked.get(key, {}), *([] if isinstance(where, Reason) else [where])}
        if not places and isinstance(where, Reason):
            steps.append(_skip(item, None, where))
        for mailbox in sorted(places):
            place = Place(site.organization, mailbox, site.settings, moment)
            if mailbox not in closed:
                closed[mailbox] = mailboxes.why_not(tx, site.environment, mailbox)
            at = Candidate(candidate.known, worker, gone, linked.get(key, {}).get(mailbox))
            decision = decide(at, place, site.render)
            steps += _steps(item, mailbox, at.link, decision, closed[mailbox], here=mailbox == where)
    return steps


def _steps(
    item: Stored, mailbox: MailboxId, link: Link | None, decision: Decision, why_not: str | None, *, here: bool
) -> list[Step]:
    live = link is not None and link.event is not None
    if decision.action is None:
        # An event that says what it should, or a mailbox that never was this booking's, is no news.
        return [_skip(item, mailbox, decision.reason)] if here and not live else []
    if why_not is not None:
        return [Step("skip", item.known.booking.id, mailbox, _subject(item), "not_set_up", why_not)]
    verb = _VERBS[type(decision.action)]
    reason = SENTENCES[decision.reason]
    return [Step(verb, item.known.booking.id, mailbox, _subject(item), decision.reason, reason)]


def _skip(item: Stored, mailbox: MailboxId | None, reason: Reason) -> Step:
    return Step("skip", item.known.booking.id, mailbox, _subject(item), reason, SENTENCES[reason])


def _subject(item: Stored) -> str:
    return item.known.snapshot.number if item.known.snapshot else item.known.booking.name


def _marked(tx: Connection, environment: str) -> dict[BookingId, set[MailboxId]]:
    found: dict[BookingId, set[MailboxId]] = {}
    for row in tx.execute(select(marks.c.booking, marks.c.mailbox).where(marks.c.environment == environment)):
        found.setdefault(BookingId(row.booking), set()).add(MailboxId(row.mailbox))
    return found


def _linked(tx: Connection, environment: str, stored: Iterable[BookingId]) -> Mapping[BookingId, dict[MailboxId, Link]]:
    found: dict[BookingId, dict[MailboxId, Link]] = {}
    for link in links.of_bookings(tx, environment, stored):
        found.setdefault(link.booking, {})[link.mailbox] = link
    return found


def counted(steps: Iterable[Step]) -> dict[str, int]:
    """How many bookings are skipped, by reason."""
    return dict(sorted(Counter(step.code for step in steps if step.verb == "skip").items()))
