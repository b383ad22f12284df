"""What may be forgotten by age and what never may, case by case, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update
from tests.state.stocked import mark, stock
from tests.values import BOOKING, BOX, DAY, ENVIRONMENT, HOUR, NOW, ORDER, booking_id, linked, observed, unanswered_link

from fieldcal.clock import PlayedClock
from fieldcal.engine import upkeep
from fieldcal.model import BookingId, Detailed, Link
from fieldcal.plan.drift import differences
from fieldcal.setup_model import Actor
from fieldcal.state import alerts, audit, bookings, findings, history, links, pauses, plans, proofs, pruning, sessions
from fieldcal.state.database import Database
from fieldcal.state.findings import Finding
from fieldcal.state.history import Line, Tally
from fieldcal.state.pace_tables import pauses as pause_table
from fieldcal.state.pass_tables import passes
from fieldcal.state.pruning import Ages, Pruned
from fieldcal.state.sessions import Session
from fieldcal.state.tables import bookings as booking_table
from fieldcal.state.tables import history as history_table
from fieldcal.state.tables import plan_rows
from fieldcal.state.tables import plans as plan_table

AGES = Ages(history=180 * DAY, audit=730 * DAY, bookings=90 * DAY)
OLD = replace(BOOKING, start=NOW - 100 * DAY, end=NOW - 100 * DAY + HOUR)


class Unhurried(PlayedClock):
    """Its sleepers do not wait."""

    async def sleep(self, _seconds: float) -> None:
        await asyncio.sleep(0)


def prune(database: Database, ages: Ages = AGES, *, dry: bool = False) -> Pruned:
    return asyncio.run(upkeep.prune(database, Unhurried(NOW), ages, dry=dry))


def keep(tx: Connection, *found: Any, linked: tuple[Link, ...] = ()) -> None:
    stock(tx, linked=linked)
    bookings.store_details(tx, ENVIRONMENT, [Detailed(one, ORDER) for one in found], "")


def held(tx: Connection) -> None:
    plans.hold(tx, ENVIRONMENT, [(BOX, OLD.id, "deleted@x")], "many", NOW - 99 * DAY)


def found(tx: Connection) -> None:
    findings.replace_all(tx, ENVIRONMENT, BOX, [Finding(BOX, "event-1", OLD.id, "copy", "x")], NOW - 99 * DAY)


def change(**values: Any) -> Callable[[Connection], None]:
    return lambda tx: tx.execute(update(booking_table).values(**values))


def nothing(_tx: Connection) -> None:
    return


LIVE = linked(OLD)
#: name: the booking, its links, what else stands of it; then whether its row stays, and whether its texts do
CASES: dict[str, tuple[Any, tuple[Link, ...], Callable[[Connection], Any], tuple[bool, bool]]] = {
    "nothing stands of it": (OLD, (), nothing, (False, False)),
    "its event stands": (OLD, (LIVE,), nothing, (True, False)),
    "its event is gone, the generation is known": (OLD, (Link(BOX, OLD.id, 3, None),), nothing, (False, False)),
    "its event stands at a later time": (OLD, (replace(LIVE, end=NOW),), nothing, (True, True)),
    "an adopted event without a time": (OLD, (replace(LIVE, end=None),), nothing, (True, True)),
    "a write of it is unanswered": (OLD, (unanswered_link(OLD),), nothing, (True, True)),
    "it is marked": (OLD, (), lambda tx: mark(tx, OLD.id), (True, True)),
    "its removal is held": (OLD, (LIVE,), held, (True, True)),
    "a check has found something": (OLD, (LIVE,), found, (True, True)),
    "its details are still to be read": (OLD, (), change(stale=True), (True, True)),
    "it was deleted yesterday": (OLD, (), change(deleted_at=NOW - DAY), (True, True)),
    "it was deleted long ago": (OLD, (), change(deleted_at=NOW - 95 * DAY), (False, False)),
    "it ended lately": (replace(OLD, end=NOW - 89 * DAY), (), nothing, (True, True)),
    "it ends before it starts, and starts lately": (replace(OLD, start=NOW), (), nothing, (True, True)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_i1_a_booking_goes_by_age_only_where_nothing_stands_of_it_and_nothing_is_open(
    database: Database, name: str
) -> None:
    booking, standing, also, (row_stays, texts_stay) = CASES[name]
    with database.write() as tx:
        keep(tx, booking, linked=standing)
        also(tx)
        before = {link.booking: link.generation for link in links.of_booking(tx, ENVIRONMENT, booking.id)}
    expected = prune(database, dry=True)
    assert prune(database) == expected
    with database.read() as tx:
        stored = bookings.load(tx, ENVIRONMENT, [booking.id])
        after = links.of_booking(tx, ENVIRONMENT, booking.id)
    assert (booking.id in stored) is row_stays
    assert {link.booking: link.generation for link in after} == before
    if row_stays:
        known = stored[booking.id].known
        assert (known.snapshot is not None, known.booking.name != "", known.booking.place != "") == (texts_stay,) * 3
        assert known.booking.version == booking.version
    for link, old in zip(after, standing, strict=True):
        assert (link.event, link.etag, link.end, link.intent) == (old.event, old.etag, old.end, old.intent)
        assert texts_stay or not (link.subject or link.location)
    assert prune(database) == Pruned()


def test_texts_that_come_again_are_kept_until_they_are_old_again_and_a_place_is_forgotten_as_a_trigger(
    database: Database,
) -> None:
    with database.write() as tx:
        keep(tx, OLD, linked=(replace(LIVE, triggers={**(LIVE.triggers or {}), "place": "Lindenweg 4"}),))
    assert prune(database) == Pruned(texts=1)
    with database.write() as tx:
        [link] = links.of_booking(tx, ENVIRONMENT, OLD.id)
        assert link.triggers == LIVE.triggers
        bookings.store_details(tx, ENVIRONMENT, [Detailed(replace(OLD, version=101), ORDER)], "")
        assert bookings.load(tx, ENVIRONMENT, [OLD.id])[OLD.id].known.snapshot == ORDER
    assert prune(database) == Pruned(texts=1)


def test_no_booking_goes_that_any_window_could_still_hold(database: Database) -> None:
    with database.write() as tx:
        keep(tx, *(replace(OLD, id=booking_id(n), end=NOW - n * DAY, start=NOW - n * DAY) for n in (30, 36, 38, 60)))
    assert prune(database, replace(AGES, bookings=DAY)) == Pruned(bookings=2)  # 7 days of the window, and the margin
    with database.read() as tx:
        assert set(bookings.load(tx, ENVIRONMENT, [booking_id(n) for n in (30, 36, 38, 60)])) == {
            booking_id(30), booking_id(36),
        }  # fmt: skip


def test_more_than_a_batch_goes_and_what_has_to_stay_stops_nothing_behind_it(database: Database) -> None:
    many = [replace(OLD, id=booking_id(n), end=OLD.end + timedelta(seconds=n // 7)) for n in range(1, 1200)]
    with database.write() as tx:
        keep(tx, *many)
        mark(tx, *(one.id for one in many[:600]))
        tx.execute(insert(history_table), [_line(NOW - 200 * DAY) for _ in range(1100)])
    assert prune(database) == Pruned(bookings=599, history=1100)


def _line(at: Any) -> dict[str, Any]:
    return {"environment": ENVIRONMENT, "mailbox": BOX, "booking": "b", "at": at, "pass": "p", "ok": True}


def test_history_passes_and_audit_go_by_their_own_ages_and_the_newest_pass_stays(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        for days in (600, 400, 100):
            at = NOW - days * DAY
            history.write(tx, ENVIRONMENT, f"p{days}", [Line(BOX, BookingId("b"), "create", "", "", True, at)])
            history.begin(tx, ENVIRONMENT, f"p{days}", "asked", at)
            if days != 400:
                history.end(tx, f"p{days}", Tally(), "", at)
        history.begin(tx, "elsewhere", "p", "asked", NOW - 600 * DAY)
        for days in (800, 700):
            audit.record(tx, Actor("root"), NOW - days * DAY, "user add", [f"eve{days}"])
    assert prune(database) == Pruned(history=2, passes=1, audit=1)
    with database.read() as tx:
        assert [line.run for line in history.of_booking(tx, ENVIRONMENT, "b")] == ["p100"]
        assert set(tx.scalars(select(passes.c.id))) == {"p400", "p100", "p"}  # p400 has not ended
        assert [line.subject for line in audit.latest(tx)] == ["eve700"]
    with database.write() as tx:
        history.end(tx, "p100", Tally(), "", NOW)
    assert prune(database, replace(AGES, history=DAY)) == Pruned(history=1)  # the newest pass stays


def test_sessions_and_tries_go_with_their_addresses_though_nobody_signs_in(database: Database) -> None:
    later = NOW - sessions.KEPT - timedelta(seconds=1)
    with database.write() as tx:
        for key, ends in (("old", later), ("new", NOW - sessions.KEPT)):
            sessions.keep(tx, Session(key, "alice", "password", "192.0.2.1", "x", later - DAY, later, ends))
            proofs.set_tries(tx, f"address:{key}", proofs.Tries(1, ends + sessions.KEPT - proofs.FORGOTTEN, None))
        proofs.invite(tx, proofs.Invitation("link", "alice", "operator", NOW - DAY, NOW))
    prune(database, dry=True)
    with database.read() as tx:
        assert len(sessions.of_user(tx, "alice")) == 2
    prune(database, upkeep.ages(0, 0, 0))
    with database.read() as tx:
        assert [one.digest for one in sessions.of_user(tx, "alice")] == ["new"]
        assert (proofs.tries(tx, "address:old"), bool(proofs.tries(tx, "address:new"))) == (None, True)
        assert proofs.invitation(tx, "link", NOW - DAY) is None


def test_a_pause_that_ended_an_hour_ago_goes_and_one_that_may_last_by_another_clock_stays(database: Database) -> None:
    with database.write() as tx:
        for number in range(pruning.BATCH + 1):
            pauses.pause(tx, f"box-{number}", NOW - 2 * HOUR, "it is over")
        for scope, until in (("a moment ago", NOW - HOUR / 2), ("for a while", NOW + HOUR)):
            pauses.pause(tx, scope, until, "busy")
    prune(database, upkeep.ages(0, 0, 0), dry=True)
    with database.read() as tx:
        assert len(tx.execute(select(pause_table)).all()) == pruning.BATCH + 3
    prune(database, upkeep.ages(0, 0, 0))
    with database.read() as tx:
        assert set(tx.scalars(select(pause_table.c.scope))) == {"a moment ago", "for a while"}
        assert pauses.ends(tx, NOW) == {"for a while": NOW + HOUR}


def test_an_alert_goes_only_when_it_was_acknowledged_and_was_not_raised_since(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        for code, days, seen in (("a", 200, True), ("b", 200, False), ("c", 100, True)):
            alerts.raise_alert(tx, ENVIRONMENT, "", code, "error", code, NOW - days * DAY)
            if seen:
                alerts.acknowledge(tx, ENVIRONMENT, [""], [code], "eve", NOW)
    assert prune(database) == Pruned(alerts=1)
    with database.read() as tx:
        assert {one.code for one in alerts.standing(tx, ENVIRONMENT)} == {"b", "c"}


@pytest.mark.parametrize(
    ("state", "row", "link", "days", "stays"),
    [
        ("done", "done", None, 200, False),
        ("done", "dropped", LIVE, 200, False),
        ("done", "done", None, 100, True),
        ("rejected", "rejected", LIVE, 200, True),
        ("rejected", "rejected", unanswered_link(OLD), 200, True),
        ("rejected", "rejected", Link(BOX, OLD.id, 1, None), 200, False),
        ("approved", "approved", LIVE, 200, True),
        ("held", "held", LIVE, 200, True),
    ],
)
def test_i4_a_decided_plan_goes_by_age_but_never_a_rejection_that_still_protects_an_event(
    database: Database, state: str, row: str, link: Link | None, days: int, stays: bool
) -> None:
    with database.write() as tx:
        keep(tx, OLD, linked=(link,) if link else ())
        plan = plans.hold(tx, ENVIRONMENT, [(BOX, OLD.id, "deleted@x")], "many", NOW - days * DAY)
        tx.execute(update(plan_table).values(state=state, decided_at=NOW - days * DAY))
        tx.execute(update(plan_rows).values(state=row))
    prune(database, replace(AGES, bookings=None))
    with database.read() as tx:
        assert [one.id for one in plans.load(tx, ENVIRONMENT)] == ([plan] if stays else [])
        assert len(plans.rows_of(tx, ENVIRONMENT, plan)) == stays


def test_what_is_kept_for_ever_is_kept(database: Database) -> None:
    with database.write() as tx:
        keep(tx, replace(OLD, start=NOW - 9000 * DAY, end=NOW - 9000 * DAY))
        history.write(tx, ENVIRONMENT, "p", [Line(BOX, OLD.id, "create", "", "", True, NOW - 9000 * DAY)])
        audit.record(tx, Actor("root"), NOW - 9000 * DAY, "user add", ["eve"])
    assert prune(database, upkeep.ages(0, 0, 0)) == Pruned()
    assert prune(database, upkeep.ages(1, 1, 1)).total == 3


def test_a_booking_that_comes_back_between_the_look_and_the_deletion_stays(database: Database) -> None:
    with database.write() as tx:
        keep(tx, OLD, replace(OLD, id=booking_id(2)), linked=(replace(LIVE, booking=booking_id(2)),))
    before = NOW - 90 * DAY
    with database.write() as tx:
        old = pruning.old_bookings(tx, ENVIRONMENT, before)
        assert (len(old.gone), len(old.thin)) == (1, 1)
        moved = [replace(OLD, id=key, start=NOW, end=NOW + HOUR, version=200) for key in (*old.gone, *old.thin)]
        bookings.store_details(tx, ENVIRONMENT, [Detailed(one, ORDER) for one in moved], "")
        pruning.forget(tx, ENVIRONMENT, old.gone, before)
        pruning.thin(tx, ENVIRONMENT, old.thin, before)
        assert {one.known.snapshot for one in bookings.load(tx, ENVIRONMENT, [one.id for one in moved]).values()} == {
            ORDER
        }
        assert len(bookings.load(tx, ENVIRONMENT, [one.id for one in moved])) == 2


def test_by_schedule_it_is_done_once_a_day_whatever_the_clock_did(database: Database) -> None:
    instants = (NOW, NOW + HOUR, NOW + DAY, NOW + DAY + HOUR, NOW - DAY, NOW - DAY + HOUR)
    with database.write() as tx:
        begun = [upkeep._begin(tx, now) for now in instants]
    assert begun == [True, False, True, False, True, False]


def test_an_event_of_which_no_texts_are_remembered_is_compared_by_its_times_alone() -> None:
    seen = replace(observed(), subject="Boiler by hand", location="elsewhere")
    assert len(differences(linked(), seen)) == 2
    assert differences(replace(linked(), subject="", location=""), seen) == []
    assert len(differences(replace(linked(), subject="", location=""), replace(seen, start=NOW))) == 1
