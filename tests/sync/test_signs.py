"""The one word for where a booking stands: it never promises a write that nobody will do, and agrees with *Why?*."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.state.stocked import mark, stock
from tests.sync.test_missing import site_of
from tests.values import ANNA, BOOKING, BOX, COLLEAGUE, ENVIRONMENT, HOUR, NOW, OTHER_BOX, SETTINGS, WORKER, linked

from fieldcal import seeing
from fieldcal.model import Link, MailboxId, WorkerId, WorkerKind
from fieldcal.state.database import Database
from fieldcal.state.tables import mailboxes, profiles
from fieldcal.sync import signs
from fieldcal.sync.answer import IN
from fieldcal.sync.explain import several

MOVED = replace(BOOKING, start=BOOKING.start + HOUR, end=BOOKING.end + HOUR)
CREW = replace(WORKER, id=WorkerId("crew"), kind=WorkerKind.CREW, mailbox=None)
READY: dict[str, Any] = {"profile": "exchange", "method": "server-side-sync", "approval": "approved", "enabled": True}


def stocked(tx: Connection, *found: Link, **box: Any) -> None:
    """The booking as it is after it was moved; both mailboxes are written to, but for what `box` says of its own."""
    stock(tx, [MOVED], found, people=[WORKER, COLLEAGUE, CREW])
    tx.execute(profiles.insert().values(id="exchange", kind="exchange-online", active=True, created_at=NOW))
    tx.execute(mailboxes.update().values(**READY, approved_address=mailboxes.c.address))
    if box:
        tx.execute(mailboxes.update().where(mailboxes.c.id == BOX).values(**box))


def told(tx: Connection) -> str:
    return seeing.standings(tx, ENVIRONMENT, [BOOKING.id])[BOOKING.id][1]


@pytest.mark.parametrize(
    "box", [{"enabled": False}, {"approval": "rejected"}, {"enabled": False, "test": "failure"}, {"profile": None}],
)  # fmt: skip
def test_nothing_is_on_its_way_into_a_mailbox_that_is_not_written_to(database: Database, box: dict[str, Any]) -> None:
    with database.write() as tx:
        stocked(tx, **box)
        mark(tx, BOOKING.id)
        assert told(tx) == "none"
        why = signs.unwritten(tx, ENVIRONMENT, [ANNA])[ANNA]
        assert why
        assert why in several(tx, site_of(database, SETTINGS), [BOOKING.id])[BOOKING.id].answer
        # set up again it turns by itself, for what waits is kept
        tx.execute(mailboxes.update().values(**READY, approved_address=mailboxes.c.address))
        assert told(tx) == "waits"
        assert signs.unwritten(tx, ENVIRONMENT, [ANNA]) == {}


def test_a_change_that_nobody_will_write_is_told_so(database: Database) -> None:
    with database.write() as tx:
        stocked(tx, linked(BOOKING), enabled=False)
        mark(tx, BOOKING.id)
        assert told(tx) == "outdated"
        tx.execute(mailboxes.update().values(enabled=True))
        assert told(tx) == "behind"


@pytest.mark.parametrize("where", [BOX, OTHER_BOX])
def test_a_mark_that_leads_to_no_write_is_no_change_on_its_way(database: Database, where: MailboxId) -> None:
    with database.write() as tx:
        stocked(tx, linked(MOVED))
        # the booking went to another mailbox and came back, and both keep a mark
        mark(tx, BOOKING.id, mailbox=where)
        tx.execute(mailboxes.update().where(mailboxes.c.id == OTHER_BOX).values(enabled=False))
        assert several(tx, site_of(database, SETTINGS), [BOOKING.id])[BOOKING.id].answer.startswith(IN)
        assert told(tx) == "stands"


def test_what_was_not_read_yet_is_on_its_way_only_where_it_will_be_written(database: Database) -> None:
    with database.write() as tx:
        stocked(tx, enabled=False)
        people = {"anna": ANNA, "bernd": str(COLLEAGUE.id), "crew": "crew", "new": "nobody yet"}
        found = seeing.standing_now(tx, ENVIRONMENT, {key: (1, worker) for key, worker in people.items()})
    assert found == {"anna": "none", "bernd": "waits", "crew": "none", "new": "waits"}
