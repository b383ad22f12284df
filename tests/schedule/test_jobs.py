"""A worker's jobs as the field service tells them, and their steps, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.schedule.shop import NOW, Shop, at, slot

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.schedule import jobs, moves, steps
from fieldcal.schedule.jobs import Job
from fieldcal.schedule.moves import Overtaken
from fieldcal.schedule.values import Step

TODAY = (at(23, 0), at(24, 0))


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    made = Shop(":memory:" if request.param == "sqlite" else request.getfixturevalue("empty_postgres"))
    yield made
    made.store.close()


def own(shop: Shop) -> list[Job]:
    with shop.store.reading() as tx:
        return jobs.here(tx, [shop.ana], at(23, 0), at(24, 0))


def test_a_job_tells_all_that_its_worker_needs_on_the_way(shop: Shop) -> None:
    make, change = shop.store.create, shop.store.change
    first = make("contact", {"firstname": "Tess", "lastname": "Barlow", "mobilephone": "+44 7700 900123"})
    change("account", shop.account, {"primarycontactid": first, "telephone1": "+44 20 7946 0000"})
    order = shop.opens(
        "WO-9", msdyn_instructions="Ring twice", msdyn_latitude=51.45, msdyn_longitude=-2.58,
        msdyn_timefrompromised="2026-11-23T09:00:00Z", msdyn_primaryincidenttype=make(
            "msdyn_incidenttype", {"msdyn_name": "No heat"}),
    )  # fmt: skip
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11), order=order)
    moves.book(shop.store, shop.ben, at(23, 9), at(23, 11), order=shop.order)
    moves.book(shop.store, shop.ana, at(22, 9), at(22, 11))
    moves.book(shop.store, shop.ana, at(24, 0), at(24, 1))
    (job,) = own(shop)
    assert job == Job(
        made, "No heat", "Ring twice", "Tess Barlow", "+44 7700 900123", (51.45, -2.58), at(23, 9), None
    )  # fmt: skip
    assert job.map == "https://www.openstreetmap.org/?mlat=51.45000&mlon=-2.58000#map=17/51.45000/-2.58000"
    assert job.dialed == "+447700900123"
    # who reported it is called, where somebody did (D11); without a number of a person, the customer's
    caller = make("contact", {"firstname": "Owen", "lastname": "Pryce"})
    change("msdyn_workorder", order, {"msdyn_reportedbycontact": caller})
    change("contact", first, {"mobilephone": None})
    assert (own(shop)[0].contact, own(shop)[0].phone) == ("Owen Pryce", "+44 20 7946 0000")


def test_a_job_under_way_stays_in_sight_when_its_day_is_over(shop: Shop) -> None:
    made = moves.book(shop.store, shop.ana, at(22, 9), at(22, 11))
    assert own(shop) == []
    steps.take(shop.store, [shop.ana], made.id, made.version, Step.IN_PROGRESS, at(22, 9), (at(22, 0), at(23, 0)))
    (job,) = own(shop)
    assert job.under_way


def test_the_next_job_is_the_one_under_way_else_the_first_that_is_not_over() -> None:
    done, waits, begun, off = (
        Job(slot(step.name, at(23, hour), at(23, hour + 1), step=step))
        for hour, step in enumerate((Step.COMPLETED, Step.SCHEDULED, Step.IN_PROGRESS, Step.CANCELED), 8)
    )
    assert jobs.next_of([done, waits, begun, off]) == begun
    assert jobs.next_of([done, waits, off]) == waits
    assert jobs.next_of([done, off]) is None


def test_who_was_called_off_takes_no_step_whatever_the_status_is_called(shop: Shop) -> None:
    off = shop.store.create("bookingstatus", {"name": "Rained off", "status": 3})
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11), status=off)
    assert steps.after(made) == ()
    with pytest.raises(ConfigError, match="does not follow"):
        steps.take(shop.store, [shop.ana], made.id, made.version, Step.TRAVELING, NOW, TODAY)


def test_a_step_is_taken_once_by_its_worker_and_taken_back_whole(shop: Shop) -> None:
    made = moves.book(shop.store, shop.ana, at(23, 9), at(23, 11), order=shop.order)
    with pytest.raises(NotAllowed):
        steps.take(shop.store, [shop.ben], made.id, made.version, Step.TRAVELING, NOW, TODAY)
    taken = steps.take(shop.store, [shop.ana], made.id, made.version, Step.IN_PROGRESS, NOW, TODAY)
    again = steps.take(
        shop.store, [shop.ana], made.id, made.version, Step.IN_PROGRESS, NOW + timedelta(seconds=1), TODAY
    )
    assert (again.slot, again.before) == (taken.slot, None)
    with pytest.raises(Overtaken):
        steps.take(shop.store, [shop.ana], made.id, made.version, Step.COMPLETED, NOW, TODAY)
    assert taken.before is not None
    back = steps.take_back(shop.store, [shop.ana], made.id, taken.slot.version, taken.before)
    assert (back.start, back.end, back.status) == (made.start, made.end, made.status)
    row = shop.store.get("bookableresourcebooking", made.id)
    assert row is not None
    assert row["msdyn_actualarrivaltime"] is None
    with pytest.raises(Overtaken):
        steps.take_back(shop.store, [shop.ana], made.id, taken.slot.version, taken.before)
