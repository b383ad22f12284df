"""The dispatcher's moves on the field service's own database, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.schedule.shop import NOW, Shop, at

from fieldcal.errors import ConfigError
from fieldcal.schedule import board, moves
from fieldcal.schedule.board import Wanted
from fieldcal.schedule.bookable import NotWaiting, TimeTaken
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


def test_an_order_that_is_booked_already_is_booked_again_only_where_that_is_wanted(shop: Shop) -> None:
    first = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11), order=shop.order)
    with pytest.raises(NotWaiting, match="WO-1 has been booked by somebody else meanwhile") as told:
        moves.book(shop.store, shop.ben, at(24, 9), at(24, 11), order=shop.order)
    assert told.value.slots == [first]
    assert shown(shop, 24) == []
    second = moves.book(shop.store, shop.ben, at(24, 9), at(24, 11), order=shop.order, again=True)
    for one in (first, second):
        moves.set_status(shop.store, one.id, one.version, shop.status["Canceled"], NOW)
    moves.book(shop.store, shop.ana, at(25, 9), at(25, 11), order=shop.order)  # what is canceled takes nobody's time


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_two_at_the_same_moment_one_books_or_moves_and_the_other_is_told(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shop = Shop(str(tmp_path / "fs.sqlite3") if kind == "sqlite" else request.getfixturevalue("empty_postgres"))

    def at_once(deed: Callable[[str], Slot]) -> list[Slot | None]:
        together = threading.Barrier(2)

        def run(worker: str) -> Slot | None:
            together.wait(10)
            try:
                return deed(worker)
            except NotWaiting as error:
                return error.slots[0]
            except Overtaken as error:
                return error.now

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(run, (shop.ana, shop.ben)))

    (made,) = set(at_once(lambda worker: moves.book(shop.store, worker, at(23, 9), at(23, 11), order=shop.order)))
    assert shown(shop) == [made]
    hours = {shop.ana: 12, shop.ben: 13}
    (moved,) = set(at_once(
        lambda worker: moves.move(shop.store, made.id, made.version, Moved(start=at(23, 8), end=at(23, hours[worker])))
    ))  # fmt: skip
    assert shown(shop) == [moved]
    shop.store.close()


def test_who_was_taken_out_of_the_schedule_is_neither_booked_nor_given_a_booking(shop: Shop) -> None:
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11))
    for worker in (shop.ana, shop.ben):
        shop.store.change("bookableresource", worker, {"statecode": 1})
    for refused in (
        lambda: moves.book(shop.store, shop.ben, at(23, 9), at(23, 11)),
        lambda: moves.move(shop.store, made.id, made.version, Moved(worker=shop.ben)),
    ):
        with pytest.raises(ConfigError, match="Ben is not active any more"):
            refused()
    assert moves.move(shop.store, made.id, made.version, Moved(end=at(23, 12))).worker == shop.ana


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-11-23T10:00:00.1+00:00", "2026-11-23T10:00:00.9+00:00", "ends after it begins"),
        ("2026-11-23T09:00:00+00:00", "9999-12-31T23:59:59+00:00", "lies between 1990 and 2036"),
        ("0026-11-23T09:00:00+00:00", "0026-11-23T10:00:00+00:00", "lies between 1990 and 2036"),
        ("0001-01-01T00:00:00+14:00", "2026-11-23T10:00:00+00:00", "lies between 1990 and 2036"),
        ("2036-12-31T23:00:00+00:00", "2037-01-01T00:00:01+00:00", "lies between 1990 and 2036"),
        ("2026-11-23T09:00:00+00:00", "2026-12-25T09:00:01+00:00", "lasts up to 32 days"),
    ],
)
def test_a_time_that_cannot_be_meant_is_neither_booked_nor_moved_to(
    start: str, end: str, words: str
) -> None:  # fmt: skip
    shop = Shop()
    begin, until = datetime.fromisoformat(start), datetime.fromisoformat(end)
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11))
    with pytest.raises(ConfigError, match=words):
        moves.book(shop.store, shop.ana, begin, until)
    with pytest.raises(ConfigError, match=words):
        moves.move(shop.store, made.id, made.version, Moved(start=begin, end=until))
    assert shown(shop) == [made]
    shop.store.close()


def test_what_came_another_way_is_given_away_and_moved_with_its_odd_length() -> None:
    shop = Shop()
    odd = shop.store.create("bookableresourcebooking", {
        "resource": shop.ana, "bookingstatus": shop.status["Scheduled"], "starttime": "1980-01-01T09:00:00Z",
        "endtime": "1980-05-01T09:00:00Z",
    })  # fmt: skip
    with shop.store.reading() as tx:
        seen = board.some(tx, [odd])[odd]
    given = moves.move(shop.store, odd, seen.version, Moved(shop.ben, seen.start, seen.end))
    moved = moves.move(shop.store, odd, given.version, Moved(start=at(1, 9), end=at(1, 9) + (seen.end - seen.start)))
    assert (moved.worker, moved.end - moved.start) == (shop.ben, timedelta(days=121))
    shop.store.close()


def test_a_closed_order_is_not_opened_by_a_booking(shop: Shop) -> None:
    closed = shop.opens("WO-2", msdyn_systemstatus=int(OrderStatus.POSTED))
    with pytest.raises(NotWaiting, match="WO-2 is posted") as told:
        moves.book(shop.store, shop.ana, at(23, 13), at(23, 15), order=closed)
    assert (told.value.slots, told.value.there) == ([], True)
    moves.book(shop.store, shop.ana, at(23, 13), at(23, 15), order=closed, again=True)
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


def test_a_canceled_booking_takes_its_time_again_only_where_it_is_free_or_that_is_wanted(shop: Shop) -> None:
    def status(one: Slot, name: str, *, again: bool = False) -> Slot:
        return moves.set_status(shop.store, one.id, one.version, shop.status[name], NOW, again=again)

    first = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11), order=shop.order)
    first = status(status(status(first, "Canceled"), "Scheduled"), "Canceled")  # nobody took it: it comes back unasked
    second = moves.book(shop.store, shop.ben, at(24, 9), at(24, 11), order=shop.order)
    with pytest.raises(NotWaiting, match="WO-1 has been booked") as booked:
        status(first, "Scheduled")
    assert booked.value.slots == [second]
    moves.remove(shop.store, second.id, second.version)
    other = moves.book(shop.store, shop.ana, at(23, 10), at(23, 12))
    for name in ("Scheduled", "In Progress"):
        with pytest.raises(TimeTaken, match="booked for something else at that time") as taken:
            status(first, name)
        assert taken.value.slots == [other]
    assert [one.status.step for one in shown(shop)] == [Step.CANCELED, Step.SCHEDULED]
    first = status(first, "Scheduled", again=True)
    assert first.status.step is Step.SCHEDULED
    status(first, "Completed")  # what takes its time already is not asked about
    # a second visit, and a neighbour that stood there before, are no news
    beside = moves.book(shop.store, shop.ana, at(25, 9), at(25, 10))
    back = moves.book(shop.store, shop.ana, at(25, 9), at(25, 11), order=shop.order, again=True)
    back = status(back, "Canceled")
    assert beside.version < back.version
    moves.book(shop.store, shop.ana, at(25, 11), at(25, 12))  # which begins when it ends
    assert status(back, "Scheduled").status.step is Step.SCHEDULED
