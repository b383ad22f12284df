"""Crews: booking one books each member, who still goes along follows, and nobody is a member twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import pytest
from tests.schedule.shop import NOW, Shop, at

from fieldcal.errors import ConfigError
from fieldcal.schedule import crews, moves, orders, workers
from fieldcal.schedule.moves import Moved
from fieldcal.schedule.values import Became, OrderStatus, Slot


def seen(row: dict[str, object]) -> tuple[str, int]:
    return str(row["bookableresourcebookingid"]), int(str(row["versionnumber"]))


class Gang(Shop):
    """A shop with a crew of Ana, who leads, and Ben; Cleo leaves it on the 23rd."""

    def __init__(self, database: str = ":memory:") -> None:
        super().__init__(database)
        make = self.store.create
        self.crew = make("bookableresource", {"name": "North", "resourcetype": 6, "timezone": 110})
        self.cleo = make("bookableresource", {"name": "Cleo"})
        self.lift = make("bookableresource", {"name": "Lift", "resourcetype": 4})
        self.joins(self.ana, leads=True)
        self.joins(self.ben)
        self.joins(self.cleo, until=23)

    def joins(self, worker: str, since: int = 1, until: int | None = None, *, leads: bool = False) -> None:
        last = date(2026, 11, until) if until else None
        crews.join(self.store, self.crew, worker, date(2026, 11, since), last, leads=leads)

    def book(self, day: int = 24) -> Slot:
        return moves.book(self.store, self.crew, at(day, 9), at(day, 11), order=self.order)

    def stands(self) -> dict[str, tuple[str, str, str]]:
        """Window and status of each booking, by the worker's name."""
        named = {one["bookableresourceid"]: one["name"] for one in self.store.rows("bookableresource")}
        status = {one["bookingstatusid"]: one["name"] for one in self.store.rows("bookingstatus")}
        return {
            named[one["resource"]]: (one["starttime"][8:16], one["endtime"][8:16], status[one["bookingstatus"]])
            for one in self.store.rows("bookableresourcebooking")
        }

    def alone(self, worker: str, change: Moved) -> None:
        """Move only this member's booking."""
        moves.move(self.store, *seen(self.of(worker)), change)

    def of(self, worker: str) -> dict[str, object]:
        return next(one for one in self.store.rows("bookableresourcebooking") if one["resource"] == worker)


@pytest.fixture(params=["sqlite", "postgresql"])
def gang(request: pytest.FixtureRequest) -> Iterator[Gang]:
    made = Gang(":memory:" if request.param == "sqlite" else request.getfixturevalue("empty_postgres"))
    yield made
    made.store.close()


THEN = ("24T09:00", "24T11:00", "Scheduled")
LATER = ("24T13:00", "24T15:00", "Scheduled")


def test_to_book_a_crew_is_to_book_each_member_of_that_day(gang: Gang) -> None:
    slot = gang.book()
    assert gang.stands() == {"North": THEN, "Ana": THEN, "Ben": THEN}
    assert slot.crew == gang.crew
    rows = gang.store.rows("bookableresourcebooking")
    assert {one["msdyn_crew"] for one in rows} == {gang.crew}
    assert {one["msdyn_workorder"] for one in rows} == {gang.order}
    assert len({one["header"] for one in rows}) == 1
    kinds = {one["resource"]: one["msdyn_crewmembertype"] for one in rows}
    assert (kinds[gang.ana], kinds[gang.ben]) == (192350000, 192350001)
    assert gang.order_status() == OrderStatus.SCHEDULED
    other = moves.book(gang.store, gang.crew, at(23, 22, 30), at(23, 23))  # in the crew's zone the 23rd still
    assert sorted(gang.stands()) == ["Ana", "Ben", "Cleo", "North"]
    assert other.worker == gang.crew


def test_who_still_goes_along_follows_the_crew_and_who_was_moved_alone_does_not(gang: Gang) -> None:
    slot = gang.book()
    gang.alone(gang.ben, Moved(start=at(24, 10)))
    moved = moves.move(gang.store, slot.id, slot.version, Moved(start=at(24, 13), end=at(24, 15)))
    assert [(one.slot.worker, one.became) for one in moved.along] == [(gang.ana, Became.MOVED)]
    alone = ("24T10:00", "24T11:00", "Scheduled")
    assert gang.stands() == {"North": LATER, "Ana": LATER, "Ben": alone}
    canceled = moves.set_status(gang.store, moved.id, moved.version, gang.status["Canceled"], NOW)
    assert [(one.slot.worker, one.became) for one in canceled.along] == [(gang.ana, Became.STATUS)]
    off = ("24T13:00", "24T15:00", "Canceled")
    assert gang.stands() == {"North": off, "Ana": off, "Ben": alone}
    gone = moves.remove(gang.store, canceled.id, canceled.version)
    assert [(one.slot.worker, one.became) for one in gone.along] == [(gang.ana, Became.REMOVED)]
    assert gang.stands() == {"Ben": alone}
    assert gang.store.rows("bookableresourcebookingheader") == []


def test_what_a_member_has_done_stays_where_the_crew_s_booking_goes_and_comes_back(gang: Gang) -> None:
    slot = gang.book()
    ana = gang.of(gang.ana)
    done = moves.set_status(gang.store, *seen(ana), gang.status["Completed"], NOW)
    with gang.store.reading() as tx:
        assert [one.worker for one in crews.along(tx, slot.id)] == [gang.ben]
        assert crews.along(tx, done.id) == []
    gone = moves.remove(gang.store, slot.id, slot.version)
    kept = {"Ana": ("24T09:00", "24T11:00", "Completed")}
    assert gang.stands() == kept
    assert gang.of(gang.ana)["versionnumber"] == done.version
    # undone: whom it took comes back, and nobody else is booked a second time
    taken = [one.slot.worker for one in gone.along]
    back = moves.book(gang.store, gang.crew, slot.start, slot.end, order=gang.order, again=True, members=taken)
    assert gang.stands() == kept | {"North": THEN, "Ben": THEN}
    assert [(one.slot.worker, one.became) for one in back.along] == [(gang.ben, Became.MADE)]
    given = moves.move(gang.store, back.id, back.version, Moved(worker=gang.cleo))
    assert gang.stands() == kept | {"Cleo": THEN}
    moves.move(gang.store, given.id, given.version, Moved(worker=gang.crew), members=taken)
    assert gang.stands() == kept | {"North": THEN, "Ben": THEN}
    assert len(gang.store.rows("bookableresourcebooking")) == 3


def test_a_member_s_booking_that_is_given_to_another_worker_goes_alone_until_it_is_given_back(gang: Gang) -> None:
    slot = gang.book()
    gang.alone(gang.ben, Moved(worker=gang.cleo))
    moved = moves.move(gang.store, slot.id, slot.version, Moved(start=at(24, 13), end=at(24, 15)))
    assert gang.stands() == {"North": LATER, "Ana": LATER, "Cleo": THEN}
    back = moves.move(gang.store, slot.id, moved.version, Moved(start=slot.start, end=slot.end))
    gang.alone(gang.cleo, Moved(worker=gang.ben))
    moves.move(gang.store, slot.id, back.version, Moved(start=at(24, 13), end=at(24, 15)))
    assert gang.stands() == {"North": LATER, "Ana": LATER, "Ben": LATER}


def test_a_crew_s_booking_that_is_given_to_one_worker_is_that_worker_s_alone_and_the_other_way_round(
    gang: Gang,
) -> None:
    slot = gang.book()
    given = moves.move(gang.store, slot.id, slot.version, Moved(worker=gang.cleo))
    assert (gang.stands(), given.crew) == ({"Cleo": THEN}, "")
    back = moves.move(gang.store, given.id, given.version, Moved(worker=gang.crew))
    assert (sorted(gang.stands()), back.crew) == (["Ana", "Ben", "North"], gang.crew)


@pytest.mark.parametrize(
    ("worker", "since", "until", "leads", "words"),
    [
        ("ana", 5, 6, False, "Ana is a member on some of these days already"),
        ("cleo", 23, None, False, "Cleo is a member on some of these days already"),
        ("cleo", 26, 25, False, "the last day is before the first one"),
        ("lift", 1, None, True, "Lift is no person, and cannot lead a crew"),
        ("crew", 1, None, False, "choose a worker who can be a member"),
        ("order", 1, None, False, "choose a worker who can be a member"),
    ],
)
def test_a_member_that_cannot_be_is_refused(
    gang: Gang, worker: str, since: int, until: int | None, leads: bool, words: str
) -> None:
    with gang.store.reading() as tx:
        before = crews.members(tx, gang.crew)
    with pytest.raises(ConfigError, match=words):
        gang.joins(getattr(gang, worker), since, until, leads=leads)
    with gang.store.reading() as tx:
        assert crews.members(tx, gang.crew) == before


def test_members_are_told_with_their_days_and_part_without_touching_bookings(gang: Gang) -> None:
    gang.joins(gang.cleo, since=24)
    with gang.store.reading() as tx:
        told = crews.members(tx, gang.crew)
        assert [name for _, name in crews.candidates(tx)] == ["Ana", "Ben", "Cleo", "Lift"]
    first = date(2026, 11, 1)
    assert [(one.name, one.since, one.until, one.leads) for one in told] == [
        ("Ana", first, None, True), ("Ben", first, None, False), ("Cleo", first, date(2026, 11, 23), False),
        ("Cleo", date(2026, 11, 24), None, False),
    ]  # fmt: skip
    gang.book()
    assert crews.part(gang.store, gang.crew, told[1].id) == "Ben"
    assert sorted(gang.stands()) == ["Ana", "Ben", "Cleo", "North"]
    with pytest.raises(ConfigError, match="not there any more"):
        crews.part(gang.store, gang.crew, told[1].id)


def test_who_was_booked_is_put_out_of_the_schedule_and_not_forgotten(gang: Gang) -> None:
    gang.book()
    moves.book(gang.store, gang.ben, at(20, 9), at(20, 10))
    with gang.store.reading() as tx:
        assert workers.held(tx, gang.ben, NOW) == workers.Held(1, 2)
        assert workers.held(tx, gang.lift, NOW) == workers.Held(0, 0)
    with pytest.raises(ConfigError, match="deactivate instead"):
        workers.remove(gang.store, gang.ben)
    with pytest.raises(ConfigError, match="more or fewer"):
        workers.switch(gang.store, gang.ben, NOW, active=False, expected=2)
    workers.switch(gang.store, gang.ben, NOW, active=False, expected=1)
    moves.book(gang.store, gang.crew, at(25, 9), at(25, 11))
    assert [one["resource"] for one in gang.store.rows("bookableresourcebooking")].count(gang.ben) == 2
    workers.remove(gang.store, gang.lift)
    assert gang.store.get("bookableresource", gang.lift) is None


def test_a_worker_s_days_are_of_the_crew_s_zone() -> None:
    made = Gang()
    group = next(one for one in made.store.rows("bookableresourcegroup") if one["childresource"] == made.cleo)
    assert (group["fromdate"], group["todate"]) == ("2026-10-31T23:00:00Z", "2026-11-23T23:00:00Z")
    assert datetime.fromisoformat(group["todate"]) > at(23, 22, 30)
    made.store.close()


def test_a_work_order_that_goes_leaves_no_header_behind_and_whoever_went_with_it_for_another_goes_alone(
    gang: Gang,
) -> None:
    gang.book()
    other = gang.opens("WO-2")
    ben = str(gang.of(gang.ben)["bookableresourcebookingid"])
    gang.store.change("bookableresourcebooking", ben, {"msdyn_workorder": other})
    again = moves.book(gang.store, gang.crew, at(25, 9), at(25, 11), order=other, again=True)
    assert len(gang.store.rows("bookableresourcebookingheader")) == 2
    orders.remove(gang.store, gang.order, 2)
    left = {one["bookableresourcebookingid"]: one for one in gang.store.rows("bookableresourcebooking")}
    assert len(left) == 4
    assert (left[ben]["header"], left[ben]["msdyn_crew"]) == (None, None)
    (header,) = gang.store.rows("bookableresourcebookingheader")
    assert left[again.id]["header"] == header["bookableresourcebookingheaderid"]
    orders.remove(gang.store, other, 4)
    assert gang.store.rows("bookableresourcebookingheader") == []
