"""The dispatcher's moves on the field service's own database, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.schedule.shop import NOW, Shop, at

from fieldcal.errors import ConfigError
from fieldcal.schedule import board, moves
from fieldcal.schedule.board import Wanted
from fieldcal.schedule.moves import Moved, Overtaken
from fieldcal.schedule.values import OrderStatus, Slot, Step


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    made = Shop(":memory:" if request.param == "sqlite" else request.getfixturevalue("empty_postgres"))
    yield made
    made.store.close()


def shown(shop: Shop, day: int = 23) -> list[Slot]:
    with shop.store.reading() as tx:
        return board.between(tx, at(day, 0), at(day + 1, 0))


def test_a_booking_stands_on_the_board_with_what_has_to_be_done(shop: Shop) -> None:
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11), order=shop.order)
    assert shown(shop) == [made]
    assert (made.worker, made.start, made.end) == (shop.ana, at(23, 9), at(23, 11))
    assert (made.number, made.summary, made.type, made.account, made.address) == (
        "WO-1", "The oven is cold", "Repair", "Northwind Bakery", "Graz",
    )  # fmt: skip
    assert made.status.step is Step.SCHEDULED
    assert shop.order_status() == OrderStatus.SCHEDULED
    assert shown(shop, 24) == []


def test_a_move_gives_time_length_and_worker_and_a_new_version(shop: Shop) -> None:
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11))
    moved = moves.move(shop.store, made.id, made.version, Moved(shop.ben, at(24, 8), at(24, 12)))
    assert (moved.worker, moved.start, moved.end) == (shop.ben, at(24, 8), at(24, 12))
    assert moved.version > made.version
    back = moves.move(shop.store, made.id, moved.version, Moved(made.worker, made.start, made.end))  # undone
    assert (back.worker, back.start, back.end) == (made.worker, made.start, made.end)


def test_who_decides_by_an_old_look_is_told_how_it_stands_and_writes_nothing(shop: Shop) -> None:
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11))
    first = moves.move(shop.store, made.id, made.version, Moved(start=at(23, 10)))
    with pytest.raises(Overtaken, match="changed by somebody else") as told:
        moves.move(shop.store, made.id, made.version, Moved(worker=shop.ben))
    assert told.value.now == first
    with pytest.raises(Overtaken):
        moves.set_status(shop.store, made.id, made.version, shop.status["Canceled"], NOW)
    assert shown(shop) == [first]
    moves.remove(shop.store, made.id, first.version)
    with pytest.raises(Overtaken, match="removed by somebody else") as gone:
        moves.move(shop.store, made.id, first.version, Moved(worker=shop.ben))
    assert gone.value.now is None


def test_the_worker_goes_through_a_job_and_the_order_follows(shop: Shop) -> None:
    job = moves.book(shop.store, shop.ana, at(23, 13), at(23, 15), order=shop.order)
    came = []
    for name, minutes in (("Traveling", 0), ("In Progress", 20), ("Completed", 80)):
        now = NOW + timedelta(minutes=minutes)
        job = moves.set_status(shop.store, job.id, job.version, shop.status[name], now, own=True)
        came.append((job.start, job.end, shop.order_status()))
    assert came == [
        (NOW, at(23, 14), OrderStatus.IN_PROGRESS),
        (NOW, at(23, 14, 20), OrderStatus.IN_PROGRESS),
        (NOW, at(23, 13, 20), OrderStatus.COMPLETED),
    ]
    row = shop.store.get("bookableresourcebooking", job.id)
    assert row is not None
    assert (row["duration"], row["msdyn_actualarrivaltime"]) == (80, "2026-11-23T12:20:00Z")


def test_an_order_waits_again_when_its_only_booking_is_canceled_or_removed(shop: Shop) -> None:
    job = moves.book(shop.store, shop.ana, at(23, 13), at(23, 15), order=shop.order)
    job = moves.set_status(shop.store, job.id, job.version, shop.status["Canceled"], NOW)
    assert shop.order_status() == OrderStatus.UNSCHEDULED
    other = moves.book(shop.store, shop.ben, at(24, 13), at(24, 15), order=shop.order)
    assert shop.order_status() == OrderStatus.SCHEDULED
    moves.remove(shop.store, other.id, other.version)
    assert shop.order_status() == OrderStatus.UNSCHEDULED


def test_a_closed_order_is_not_opened_by_a_booking(shop: Shop) -> None:
    closed = shop.opens("WO-2", msdyn_systemstatus=int(OrderStatus.POSTED))
    moves.book(shop.store, shop.ana, at(23, 13), at(23, 15), order=closed)
    assert shop.order_status(closed) == OrderStatus.POSTED


@pytest.mark.parametrize("what", ["worker", "order", "status", "backwards", "empty"])
def test_a_booking_that_cannot_be_is_refused_and_nothing_is_kept(shop: Shop, what: str) -> None:
    nobody = "ffffffff-0000-4000-8000-00000000000f"
    end = {"backwards": at(23, 8), "empty": at(23, 9)}.get(what, at(23, 10))
    with pytest.raises(ConfigError, match="nothing was"):
        moves.book(
            shop.store, nobody if what == "worker" else shop.ana, at(23, 9), end,
            order=nobody if what == "order" else None, status=nobody if what == "status" else None,
        )  # fmt: skip
    assert shown(shop) == []


def test_a_move_that_would_end_before_it_begins_is_refused(shop: Shop) -> None:
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11))
    with pytest.raises(ConfigError, match="ends after it begins"):
        moves.move(shop.store, made.id, made.version, Moved(start=at(23, 11)))
    assert shown(shop) == [made]


def test_orders_that_wait_are_found_by_what_stands_in_them(shop: Shop) -> None:
    promised = shop.opens("WO-2", msdyn_timetopromised="2026-11-24T10:00:00Z", msdyn_priority=shop.high)
    shop.opens("WO-3", statecode=1)
    booked = shop.opens("WO-4")
    moves.book(shop.store, shop.ana, at(23, 9), at(23, 11), order=booked)
    with shop.store.reading() as tx:
        found = {
            told: [one.number for one in board.waiting(tx, wanted)]
            for told, wanted in (
                ("all", Wanted()), ("words", Wanted("OVEN")), ("account", Wanted("bakery")), ("town", Wanted("graz")),
                ("priority", Wanted(priority=shop.high)), ("none", Wanted("50%")),
            )
        }  # fmt: skip
        assert board.waiting_count(tx, Wanted()) == 2
        assert [one.number for one in board.waiting(tx, Wanted(), offset=1, limit=1)] == ["WO-1"]
        first = board.waiting(tx, Wanted())[0]
    assert found == {
        "all": ["WO-2", "WO-1"], "words": ["WO-1"], "account": ["WO-2", "WO-1"], "town": ["WO-1"],
        "priority": ["WO-2"], "none": [],
    }  # fmt: skip
    assert (first.id, first.priority, first.promised_until) == (promised, "High", at(24, 10))


def test_every_active_worker_has_a_lane_in_the_own_zone_and_hours(shop: Shop) -> None:
    shop.store.create("bookableresource", {"name": "Gone", "statecode": 1})
    shop.store.create("bookableresource", {"name": "Odd", "timezone": 999, "fieldcal_workinghours": "whenever"})
    with shop.store.reading() as tx:
        told = [(lane.name, lane.zone, str(lane.hours)) for lane in board.lanes(tx)]
    assert told == [
        ("Ana", "Europe/Berlin", "Mon-Fri 08:00-17:00"), ("Ben", "America/New_York", "Mon-Sun 00:00-24:00"),
        ("Odd", "UTC", "Mon-Fri 08:00-17:00"),
    ]  # fmt: skip
