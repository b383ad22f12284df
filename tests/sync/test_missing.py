"""What a dispatcher looks for in the morning: bookings that should stand in a calendar and do not, as `why` tells them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest
from sqlalchemy import Connection
from tests.state.stocked import mark, stock
from tests.values import (
    BOOKING,
    BOX,
    COLLEAGUE,
    DAY,
    ENVIRONMENT,
    HOUR,
    NOW,
    ORGANIZATION,
    OTHER_BOX,
    SETTINGS,
    WORKER,
    booking_id,
    linked,
    show,
)

from fieldcal.clock import PlayedClock
from fieldcal.model import Booking, EventId, Known, Link, StatusKind, WorkerId, WorkerKind
from fieldcal.plan.settings import Drift, Proposed, Settings, WithoutWorkOrder
from fieldcal.state import booking_lists, bookings, findings
from fieldcal.state.booking_lists import Missing, Wanted
from fieldcal.state.bookings import Stored
from fieldcal.state.database import Database
from fieldcal.state.feeds import Feed
from fieldcal.state.findings import Finding
from fieldcal.state.marks import Waiting
from fieldcal.sync import stations
from fieldcal.sync.explain import several
from fieldcal.sync.site import Site

VAN = replace(WORKER, id=WorkerId("van"), kind=WorkerKind.EQUIPMENT, mailbox=None)
UNREACHED = replace(WORKER, id=WorkerId("unreached"), mailbox=None)
BOTH = (False, True)
SKIP = replace(SETTINGS, without_work_order=WithoutWorkOrder.SKIP)
LEFT_OUT = replace(SETTINGS, proposed=Proposed.LEAVE_OUT)
RESPECT = replace(SETTINGS, drift=Drift.RESPECT)

#: what is so of the booking -> whether it is missing without an event, and with one in the worker's mailbox
CASES: dict[str, tuple[Callable[[Booking], Booking], Settings, tuple[bool, bool]]] = {
    "nothing special": (lambda row: row, SETTINGS, (True, False)),
    "canceled": (lambda row: replace(row, kind=StatusKind.CANCELED), SETTINGS, (False, False)),
    "inactive": (lambda row: replace(row, active=False), SETTINGS, (False, False)),
    "last week": (lambda row: replace(row, start=NOW - 9 * DAY, end=NOW - 8 * DAY), SETTINGS, (False, False)),
    "into the window": (lambda row: replace(row, start=NOW - 9 * DAY, end=NOW - 6 * DAY), SETTINGS, (True, False)),
    "far ahead": (lambda row: replace(row, start=NOW + 14 * DAY, end=NOW + 15 * DAY), SETTINGS, (False, False)),
    "backwards": (lambda row: replace(row, end=row.start - HOUR), SETTINGS, (True, False)),
    "no work order": (lambda row: replace(row, work_order=None), SETTINGS, (True, False)),
    "no work order, left out": (lambda row: replace(row, work_order=None), SKIP, (False, False)),
    "proposed": (lambda row: replace(row, kind=StatusKind.PROPOSED), SETTINGS, (True, False)),
    "proposed, left out": (lambda row: replace(row, kind=StatusKind.PROPOSED), LEFT_OUT, (False, False)),
    "nobody's": (lambda row: replace(row, worker=None), SETTINGS, (True, False)),
    "a stranger's": (lambda row: replace(row, worker=WorkerId("stranger")), SETTINGS, (True, False)),
    "a van's": (lambda row: replace(row, worker=VAN.id), SETTINGS, (False, False)),
    "of one without a mailbox": (lambda row: replace(row, worker=UNREACHED.id), SETTINGS, (True, False)),
    "given to a colleague": (lambda row: replace(row, worker=COLLEAGUE.id), SETTINGS, (True, True)),
}


def site_of(database: Database, settings: Settings) -> Site:
    """A site for questions that the state alone answers."""
    return Site(
        ENVIRONMENT, ORGANIZATION, settings, database, PlayedClock(NOW), cast("Any", None), cast("Any", None),
        cast("Any", None), show, lambda: 0.5, "test",
    )  # fmt: skip


def missing(tx: Connection, site: Site, row: Booking) -> tuple[bool, bool]:
    """Whether the list names it, and whether its *Why?* says so."""
    by = Missing(site.moment(None).window, site.settings)
    listed = booking_lists.ids(tx, ENVIRONMENT, Wanted(missing=by))
    assert len(listed) == booking_lists.count(tx, ENVIRONMENT, Wanted(missing=by))
    return row.id in listed, several(tx, site, [row.id])[row.id].missing


@pytest.mark.parametrize("name", CASES)
def test_the_list_and_the_answer_agree_on_what_is_missing(database: Database, name: str) -> None:
    change, settings, (without, with_event) = CASES[name]
    row = change(BOOKING)
    site = site_of(database, settings)
    with database.write() as tx:
        stock(tx, [row], people=[WORKER, COLLEAGUE, VAN, UNREACHED])
        assert missing(tx, site, row) == (without, without)
        _link(tx, linked(BOOKING))
        assert missing(tx, site, row) == (with_event, with_event)


def _link(tx: Connection, link: Link) -> None:
    from fieldcal.state import links

    links.store(tx, ENVIRONMENT, [link], NOW)


@pytest.mark.parametrize(
    ("declined", "found", "settings", "expected"),
    [
        (False, "deleted", SETTINGS, True), (False, "changed", SETTINGS, False), (True, "", RESPECT, False),
        (True, "", SETTINGS, True), (False, "deleted", RESPECT, True),
    ],
)  # fmt: skip
def test_an_event_that_a_hand_took_is_missing_unless_that_is_respected(
    database: Database, declined: bool, found: str, settings: Settings, expected: bool
) -> None:
    site = site_of(database, settings)
    with database.write() as tx:
        stock(tx, [BOOKING])
        _link(tx, replace(linked(BOOKING), declined=declined))
        if found:
            findings.replace_all(tx, ENVIRONMENT, BOX, [Finding(BOX, "event-1", BOOKING.id, found, "gone")], NOW)
        assert missing(tx, site, BOOKING) == (expected, expected)


def test_a_deleted_booking_is_not_missing_and_an_unanswered_write_is(database: Database) -> None:
    site, gone = site_of(database, SETTINGS), replace(BOOKING, id=booking_id(2))
    with database.write() as tx:
        stock(tx, [BOOKING, gone])
        bookings.store_missing(tx, ENVIRONMENT, [gone.id], NOW)
        assert missing(tx, site, gone) == (False, False)
        _link(tx, replace(linked(BOOKING), event=None))
        assert missing(tx, site, BOOKING) == (True, True)
        _link(tx, replace(linked(BOOKING), mailbox=OTHER_BOX, event=EventId("elsewhere")))
        assert missing(tx, site, BOOKING) == (True, True)


def test_each_station_tells_since_when_it_is_so(database: Database) -> None:
    site = site_of(database, SETTINGS)
    with database.write() as tx:
        stock(tx, [BOOKING])
        mark(tx, BOOKING.id)
        way = {one.name: one for one in several(tx, site, [BOOKING.id])[BOOKING.id].stations}
    assert {name: one.at for name, one in way.items()} == {
        "source": None, "window": NOW, "worker": None, "set-up": None, "decision": NOW, "event": None, "next try": None,
    }  # fmt: skip
    assert "until 2026-11-30 11:00 UTC" in way["window"].text
    # what helps is a command of its own, so that a page can show a link in its place
    assert way["set-up"].good is False
    assert "`" not in way["set-up"].text
    assert way["set-up"].remedy.startswith("`fieldcal mailbox edit")


def test_a_booking_canceled_before_it_had_an_event_is_as_it_should_be(database: Database) -> None:
    site, row = site_of(database, SETTINGS), replace(BOOKING, kind=StatusKind.CANCELED)
    with database.write() as tx:
        stock(tx, [row])
        tx.exec_driver_sql("UPDATE mailboxes SET profile = 'exchange', method = 'server-side-sync'")
        way = {one.name: one for one in several(tx, site, [row.id])[row.id].stations}
    assert (way["event"].good, way["event"].text) == (
        None, "no event of ours stands in the calendar, and none has to",
    )  # fmt: skip
    assert way["decision"].text == "nothing to do: it was canceled before it had an event"


LATER = NOW + HOUR
FEED = Feed(None, None, None, None, None, None, None, None, None, "", LATER, None)


@pytest.mark.parametrize(
    ("waiting", "pause", "closed", "told"),
    [
        (Waiting(NOW, ""), None, "", (None, "with the next pass", LATER)),
        (Waiting(LATER, "HTTP 503", attempts=3), None, "",
         (False, "then, or with the next pass after it, tried 3 times (HTTP 503)", LATER)),
        (Waiting(NOW, ""), (LATER + HOUR, "HTTP 429"), "", (False, "when the pause ends (HTTP 429)", LATER + HOUR)),
        (Waiting(LATER, "HTTP 503"), (NOW + HOUR / 2, "HTTP 429"), "",
         (False, "then, or with the next pass after it (HTTP 503)", LATER)),
        (Waiting(None, "HTTP 400", attempts=2), None, "",
         (False, "set aside until the booking changes, tried 2 times: HTTP 400", None)),
        (Waiting(NOW, ""), None, "it is switched off",
         (False, "as soon as the mailbox may be written to; what waits is kept", None)),
    ],
)  # fmt: skip
def test_the_next_try_is_told_with_its_time_and_what_the_last_one_met(
    waiting: Waiting, pause: tuple[datetime, str] | None, closed: str, told: tuple[bool | None, str, datetime | None]
) -> None:
    said = stations.next_try(waiting, None, pause, closed, FEED, NOW)
    assert (said.good, said.text, said.at) == told


def test_a_source_that_does_not_answer_is_told_with_the_next_read() -> None:
    stored = Stored(Known(BOOKING), stale=False)
    failing = replace(FEED, last_error="HTTP 503", last_pull_at=NOW)
    said = stations.source(stored, failing, None)
    assert (said.good, said.at) == (False, NOW)
    assert said.text.endswith("the last read failed: HTTP 503; it is read again at 2026-11-23 09:00 UTC")
    paused = stations.source(stored, failing, (LATER, "HTTP 429"))
    assert paused.text.endswith("nothing is read until 2026-11-23 09:00 UTC: HTTP 429")
