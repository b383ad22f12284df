"""The sample organization: what a demo needs is there, it is the same each time, and it scales."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.embedded.fieldservice.room import NOW, Room

from fieldcal.embedded.fieldservice.sample import DAYS_AHEAD, DAYS_BACK, load_sample
from fieldcal.schedule import crews


@pytest.fixture(scope="module")
def filled():
    room = Room()
    room.sample = load_sample(room.store)
    yield room
    room.service.close()


def test_it_has_the_promised_numbers(filled):
    assert (len(filled.sample.mailboxes), len(filled.sample.work_orders), len(filled.sample.bookings)) == (12, 60, 150)
    assert len({box.zone for box in filled.sample.mailboxes}) == 3
    assert len(filled.store.rows("bookableresourcebooking")) == 150


def test_it_has_each_kind_of_booking(filled):
    kinds = Counter(booking.kind for booking in filled.sample.bookings)
    assert {kind: number for kind, number in kinds.items() if kind != "job"} == {
        "crew": 1, "member": 3, "equipment": 1, "internal": 1, "unreachable": 2,
    }  # fmt: skip
    statuses = Counter(booking.status for booking in filled.sample.bookings)
    assert all(statuses[name] >= 3 for name in ("Scheduled", "Completed", "Canceled", "Proposed"))


def test_bookings_reach_from_ten_days_ago_to_twenty_five_days_ahead(filled):
    first = min(booking.start for booking in filled.sample.bookings)
    last = max(booking.start for booking in filled.sample.bookings)
    assert first.date() == (NOW - timedelta(days=DAYS_BACK)).date()
    assert last.date() == (NOW + timedelta(days=DAYS_AHEAD)).date()


def test_nobody_is_in_two_places(filled):
    by_worker = {}
    for booking in sorted(filled.sample.bookings, key=lambda each: each.start):
        by_worker.setdefault(booking.worker, []).append(booking)
    assert all(a.end <= b.start for bookings in by_worker.values() for a, b in pairwise(bookings))


def test_the_rows_hang_together(filled):
    store = filled.store
    orders = {row["msdyn_workorderid"]: row for row in store.rows("msdyn_workorder")}
    workers = {row["bookableresourceid"]: row for row in store.rows("bookableresource")}
    for row in store.rows("bookableresourcebooking"):
        order = orders[row["msdyn_workorder"]] if row["msdyn_workorder"] else None
        worker = workers[row["resource"]]
        if order and worker["resourcetype"] == 3 and not row["msdyn_crew"]:
            assert order["utcconversiontimezonecode"] == worker["timezone"], "technicians work in their own region"
    assert all(row["msdyn_displayaddress"] for row in orders.values())
    assert all(row["fullname"] for row in store.rows("contact"))


def test_one_technician_has_no_address(filled):
    users = filled.store.rows("systemuser")
    assert sum(user["internalemailaddress"] is None for user in users) == 1
    known = {user["azureactivedirectoryobjectid"] for user in users} - {None}
    assert known == {box.object_id for box in filled.sample.mailboxes}


def test_the_crew_s_booking_and_its_members_are_held_together_so_that_they_go_together(filled):
    rows = {row["bookableresourcebookingid"]: row for row in filled.store.rows("bookableresourcebooking")}
    crew, *members = [rows[one.id] for one in filled.sample.bookings if one.kind in {"crew", "member"}]
    (header,) = filled.store.rows("bookableresourcebookingheader")
    assert {row["header"] for row in (crew, *members)} == {header["bookableresourcebookingheaderid"]}
    with filled.store.reading() as tx:
        going = crews.along(tx, crew["bookableresourcebookingid"])
    assert {one.worker for one in going} == {row["resource"] for row in members}


def test_the_same_seed_and_day_make_the_same_rows(filled):
    again, other = Room(), Room()
    try:
        assert load_sample(again.store) == filled.sample
        assert load_sample(other.store, seed=2) != filled.sample
    finally:
        again.service.close()
        other.service.close()


@pytest.mark.parametrize(("workers", "bookings"), [(3, 20), (7, 700), (50, 2000)])
def test_it_scales(workers, bookings):
    room = Room()
    try:
        sample = load_sample(room.store, workers=workers, bookings=bookings)
        assert (len(sample.mailboxes), len(sample.bookings)) == (workers, bookings)
        assert len({box.address for box in sample.mailboxes}) == workers
    finally:
        room.service.close()


@pytest.mark.parametrize(("workers", "bookings"), [(2, 100), (12, 10)])
def test_too_small_a_size_is_refused(workers, bookings):
    room = Room()
    try:
        with pytest.raises(ValueError, match="at least"):
            load_sample(room.store, workers=workers, bookings=bookings)
    finally:
        room.service.close()
