"""A mailbox's own steps beside what others do to its rows at the same moment; each step is the product's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select
from tests.state.cut_off import taken_and_left
from tests.state.stocked import Second, stock
from tests.values import BOOKING, ENVIRONMENT, NOW, ORDER, ORGANIZATION, SETTINGS, WINDOW, WORKER, show

from fieldcal.clock import PlayedClock
from fieldcal.engine.pace import StoredPace
from fieldcal.model import Detailed, MailboxId
from fieldcal.state import bookings, feeds, leases, links, mailboxes, marks, plans, tables, workers
from fieldcal.state.database import Database
from fieldcal.state.held import LEASE, Held
from fieldcal.sync import approve
from fieldcal.sync.absorb import Told
from fieldcal.sync.apply import Armed
from fieldcal.sync.reconcile import Run, _load, _settle_and_arm, reconcile
from fieldcal.sync.site import Site
from fieldcal.sync.sort import sort_out

#: A mailbox that its source tells by its address, and later by its object id.
BY_ADDRESS = replace(WORKER, mailbox=MailboxId(WORKER.address))
BY_ID = WORKER
HERE = MailboxId(WORKER.address)


def _nobody(*_: Any) -> Any:
    raise AssertionError("nothing is sent here")


@pytest.fixture
def site(database: Database) -> Site:
    """One environment in which one mailbox is ready and one booking is to be written into it."""
    clock = PlayedClock(NOW)
    with database.write() as tx:
        stock(tx, people=[BY_ADDRESS])
        tx.execute(insert(tables.profiles).values(id="p", created_at=NOW, active=True))
        ready = {"profile": "p", "method": "server-side-sync", "test": "success", "claimed_at": NOW}
        tx.execute(tables.mailboxes.update().values(approved_address=tables.mailboxes.c.address, **ready))
        feeds.change(tx, ENVIRONMENT, first_read_at=NOW)
        bookings.store_details(tx, ENVIRONMENT, [Detailed(BOOKING, ORDER)], "")
        marks.mark(tx, ENVIRONMENT, [(HERE, BOOKING.id)], NOW, "changed")
        assert mailboxes.why_not(tx, ENVIRONMENT, HERE) is None
    return Site(
        environment=ENVIRONMENT, organization=ORGANIZATION, settings=SETTINGS, database=database, clock=clock,
        pace=StoredPace(database, clock), source=_nobody, calendars=_nobody, render=show,  # type: ignore[arg-type] -- never asked
        spread=lambda: 0.5, worker="we",
    )  # fmt: skip


def _armed(site: Site) -> tuple[Run, list[Armed]]:
    """A reconciliation that has decided what it is to send, and has stored nothing of it yet."""
    with site.database.write() as tx:
        lease = leases.take(tx, f"mailbox:{HERE}", site.worker, NOW, LEASE)
        assert lease is not None
        armed = sort_out(_load(tx, site, HERE, feeds.load(tx, ENVIRONMENT)), {}, show).armed
    assert len(armed) == 1
    return Run(site, Held(site, lease), HERE, _nobody, "p", "run"), armed  # type: ignore[arg-type] -- no calendar is asked


@pytest.mark.parametrize("writes_first", [True, False], ids=["written first", "told first"])
def test_i1_a_mailbox_takes_on_its_object_id_before_it_is_written_or_not_at_all(writes_first: bool, site: Site) -> None:
    run, armed = _armed(site)
    told: Callable[[Connection], object] = lambda tx: workers.store(tx, ENVIRONMENT, [BY_ID], [], WINDOW, NOW)  # noqa: E731 -- one of two, in an order
    written: Callable[[Connection], object] = lambda tx: _settle_and_arm(tx, run, [], armed)  # noqa: E731 -- likewise
    one, two = (written, told) if writes_first else (told, written)
    with site.database.write() as tx:
        one(tx)
        second = Second(site.database, two)
        second.until_it_waits()
    second.finished()
    with site.database.read() as tx:
        (box,) = tx.scalars(select(tables.mailboxes.c.id))
        sent = tx.execute(select(tables.links.c.mailbox, tables.links.c.intent)).all()
        assert workers.load(tx, ENVIRONMENT, [BY_ID.id])[BY_ID.id][0].mailbox == box
        assert tx.execute(select(tables.marks.c.mailbox, tables.marks.c.booking)).all() == [(box, BOOKING.id)]
    assert box == (HERE if writes_first else BY_ID.mailbox)
    assert [row.mailbox for row in sent if row.intent] == ([box] if writes_first else [])


def test_a_reconciliation_that_is_cancelled_at_its_beginning_leaves_no_lease_behind(site: Site) -> None:
    assert taken_and_left(site.database, f"mailbox:{HERE}", lambda: reconcile(site, HERE, "run"))


def _hold(tx: Connection, *rows: tuple[MailboxId, str]) -> list[plans.Row]:
    plan = plans.hold(tx, ENVIRONMENT, [(box, BOOKING.id, evidence) for box, evidence in rows], "too many", NOW)
    return plans.rows_of(tx, ENVIRONMENT, plan)


def _approve(tx: Connection, site: Site, asked: list[plans.Row]) -> approve.Approved:
    return approve._store(tx, site, asked, Told(), "mia", "", lambda _: None)


def test_a_persons_word_waits_for_a_mailbox_before_it_holds_the_plans(site: Site) -> None:
    with site.database.write() as tx:
        asked = _hold(tx, (HERE, "deleted@1"))
    with site.database.write() as tx:
        marks.clear(tx, ENVIRONMENT, HERE, marks.due(tx, ENVIRONMENT, HERE, NOW, 10))
        person = Second(site.database, lambda tx: _approve(tx, site, asked))
        person.until_it_waits()
        plans.finish(tx, ENVIRONMENT, HERE, [])
        assert plans.take_budget(tx, ENVIRONMENT, 1, NOW) == 1
    assert person.finished() == approve.Approved(1, 0)


def test_i4_what_is_held_while_the_source_is_asked_is_not_approved_unseen(site: Site) -> None:
    other = MailboxId("another")
    with site.database.write() as tx:
        asked = _hold(tx, (HERE, "deleted@1"))
        _hold(tx, (other, "deleted@2"))
        assert _approve(tx, site, asked) == approve.Approved(1, 1)
        (waits,) = plans.load(tx, ENVIRONMENT, "held")
        assert [(row.mailbox, row.state) for row in plans.rows_of(tx, ENVIRONMENT, waits.id)] == [(other, "held")]
        assert links.of_mailbox(tx, ENVIRONMENT, other) == []
