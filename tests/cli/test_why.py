"""`fieldcal why`: one booking, its answer first, then every station of its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.cli.company import ENVIRONMENT, Company
from tests.cli.conftest import Fieldcal

from fieldcal.embedded.faults import Fault, Match


@pytest.fixture
def filled(attached: Company, fieldcal: Fieldcal) -> Company:
    assert fieldcal("sync").status == 0
    return attached


def stations(told: Any) -> dict[str, str]:
    return {station["name"]: station["text"] for station in told["stations"]}


def test_a_booking_that_stands_in_the_calendar_says_where_and_what_was_done(
    filled: Company, fieldcal: Fieldcal
) -> None:
    booking = filled.coming()[0]
    told = fieldcal("why", booking.id, "--json").json()
    way = stations(told)
    assert told["answer"].startswith("It is in the calendar")
    assert {"source", "window", "worker", "set-up", "decision", "event"} <= way.keys()
    assert way["window"].startswith("it lies in the window")
    assert "mailbox is set up" in way["set-up"]
    (line,) = told["history"]
    assert (line["action"], line["ok"], line["status"]) == ("create", True, 201)
    assert line["request"] == f"POST /users/…{filled.mailbox_of(booking)[-8:]}/events"
    people = fieldcal("why", booking.id.upper()).out.splitlines()
    assert people[0] == told["answer"]
    assert any("the event was made: it lies in the window and has no event yet" in line for line in people)
    assert "create" not in str(people)
    assert any(line.endswith("/events: 201]") for line in people)
    assert [line for line in people if line.strip().startswith("ok  source") and line.endswith(" UTC]")], people


@pytest.mark.parametrize(
    ("kind", "text"), [("crew", "have no mailbox"), ("equipment", "have no mailbox"), ("unreachable", "no mailbox")]
)
def test_a_booking_of_nobody_with_a_mailbox_says_so(filled: Company, fieldcal: Fieldcal, kind: str, text: str) -> None:
    with filled.state() as database, database.read() as tx:
        from fieldcal.state import bookings

        wanted = [booking.id for booking in filled.sample.bookings if booking.kind == kind]
        (known, *_) = bookings.load(tx, ENVIRONMENT, wanted)
    answer = fieldcal("why", known, "--json").json()["answer"]
    assert text in answer


@pytest.mark.parametrize(
    ("choice", "before", "after"),
    [
        (
            "mark", 'its event is then marked "Canceled: ", and the time shown as free',
            'The booking was canceled: the worker sees its event marked "Canceled: ", and the time shown as free',
        ),
        (
            "keep", "The worker sees the event as before, and the time as taken",
            "by setting its event stays as it is. The worker sees the event as before, and the time as taken",
        ),
        ("remove", "it still stands there, though the booking was canceled", "the worker sees nothing of it any more"),
    ],
)  # fmt: skip
def test_of_a_canceled_booking_is_told_what_the_worker_sees(
    filled: Company, fieldcal: Fieldcal, choice: str, before: str, after: str
) -> None:
    booking = filled.coming()[0]
    assert fieldcal("environment", "set", ENVIRONMENT, f"canceled={choice}").status == 0
    statuses = filled.field_service.store.rows("bookingstatus")
    canceled = next(row["bookingstatusid"] for row in statuses if row["status"] == 3)
    filled.field_service.store.change("bookableresourcebooking", booking.id, {"bookingstatus": canceled})
    assert fieldcal("sync", "--dry-run").status == 0
    assert before in fieldcal("why", booking.id, "--json").json()["answer"]
    assert fieldcal("sync").status == 0
    answer = fieldcal("why", booking.id, "--json").json()["answer"]
    assert after in answer
    assert answer.startswith("It is not in" if choice == "remove" else "It is in the calendar")
    marked = ["Canceled: " in str(event) for event in filled.events()[filled.mailbox_of(booking)]]
    assert any(marked) == (choice == "mark")


def test_a_worker_without_an_address_is_named_as_the_reason(filled: Company, fieldcal: Fieldcal) -> None:
    booking = filled.coming()[0]
    technician = filled.field_service.store.get("bookableresource", booking.worker)
    assert technician is not None
    filled.field_service.store.change("systemuser", technician["userid"], {"internalemailaddress": None,
                                      "azureactivedirectoryobjectid": None})  # fmt: skip
    filled.field_service.store.change("bookableresource", booking.worker, {"msdyn_primaryemail": None})
    assert fieldcal("sync").status == 0
    told = fieldcal("why", booking.id, "--json").json()
    assert "no mailbox" in told["answer"] or "no mailbox" in stations(told)["worker"]


def test_a_booking_whose_end_precedes_its_start_is_told_to_be_corrected(filled: Company, fieldcal: Fieldcal) -> None:
    booking = filled.coming()[0]
    early = f"{booking.start.replace(hour=0):%Y-%m-%dT%H:%M:%SZ}"
    filled.field_service.store.change("bookableresourcebooking", booking.id, {"endtime": early})
    (did,) = fieldcal("sync", "--json").json()
    assert did["error"] == ""
    assert "it ends before it starts" in str(fieldcal("why", booking.id, "--json").json())


def test_a_write_that_the_server_refused_for_good_shows_its_answer_and_that_it_is_set_aside(
    attached: Company, fieldcal: Fieldcal
) -> None:
    item = Match(method="POST", item=True)
    attached.exchange.control.add_fault(Fault(kind="status", status=400, code="ErrorInvalidPropertySet", match=item))
    (did,) = fieldcal_told(fieldcal("sync", "--json").out)
    assert did["failed"] == 1
    with attached.state() as database, database.read() as tx:
        from sqlalchemy import select

        from fieldcal.state.tables import marks

        refused = tx.scalar(select(marks.c.booking).where(marks.c.due.is_(None)))
    told = fieldcal("why", refused, "--json").json()
    assert "ErrorInvalidPropertySet" in str(told["history"])
    assert [line["status"] for line in told["history"]] == [400]
    assert told["missing"] is True
    assert "set aside until the booking changes" in stations(told)["next try"]


@pytest.mark.parametrize(("status", "headers", "later"), [(429, {"Retry-After": "600"}, 480), (503, {}, -60)])
def test_what_a_server_in_trouble_leaves_waiting_is_told_with_the_next_try_and_its_time(
    attached: Company, fieldcal: Fieldcal, status: int, headers: dict[str, str], later: int
) -> None:
    item = Match(method="POST", item=True)
    attached.exchange.control.add_fault(
        Fault(kind="status", status=status, times=None, headers=headers, match=item)
    )  # fmt: skip
    fieldcal("sync")
    with attached.state() as database, database.read() as tx:
        from sqlalchemy import select

        from fieldcal.state.tables import history

        # the first throttle pauses all that is behind the profile, so not every booking was tried
        tried = tx.scalar(select(history.c.booking).where(history.c.status == status).limit(1))
    told = fieldcal("why", tried, "--json").json()
    way = {one["name"]: one for one in told["stations"]}
    assert told["missing"] is True
    assert "nothing is sent there until" in told["answer"]
    assert (way["next try"]["good"], f"HTTP {status}" in way["next try"]["text"]) == (False, True)
    for name in ("next try", "pause"):
        assert datetime.fromisoformat(way[name]["at"]) > datetime.now(UTC) + timedelta(seconds=later)
    assert f"HTTP {status}" in str(told["history"])
    assert {line["status"] for line in told["history"]} <= {status, 0}
    assert {line["request"][:12] for line in told["history"]} == {"POST /users/"}


def test_several_of_one_number_are_told_with_worker_time_subject_and_state(filled: Company, fieldcal: Fieldcal) -> None:
    with filled.state() as database, database.read() as tx:
        from fieldcal.state import bookings

        window = bookings.load(tx, ENVIRONMENT, [booking.id for booking in filled.sample.bookings]).values()
        numbers = [stored.known.snapshot.number for stored in window if stored.known.snapshot]
    number = next(number for number in numbers if numbers.count(number) > 1)
    found = fieldcal("why", number, "--json").json()["matches"]
    assert len(found) == numbers.count(number)
    assert [one["booking"]["start"] for one in found] == sorted(one["booking"]["start"] for one in found)
    said = fieldcal("why", number)
    assert (said.status, said.err) == (0, "")
    assert f"{len(found)} bookings are called" in said.out
    for one in found:
        assert {"worker", "subject", "answer", "zone"} <= one.keys()
        assert one["answer"].startswith(("It is in the calendar", "It is not in the calendar"))
        assert f"): {one['worker']}, {one['subject']}" in said.out
        assert one["answer"] in said.out
        assert one["booking"]["id"] in said.out


@pytest.mark.parametrize("spelt", [str.upper, str.lower, str.title])
def test_numbers_and_names_are_found_in_whatever_case(
    filled: Company, fieldcal: Fieldcal, spelt: Callable[[str], str]
) -> None:
    change = filled.field_service.store.change
    booking = filled.coming()[0]
    assert booking.work_order is not None
    change("msdyn_workorder", booking.work_order, {"msdyn_name": "Wo-Ab%7"})
    change("bookableresourcebooking", booking.id, {"name": "Öl_wechsel bei \\ Jürgens", "endtime":
                                                   f"{booking.end + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"})  # fmt: skip
    assert fieldcal("sync").status == 0
    for text in ("Wo-Ab%7", "Öl_wechsel bei \\ Jürgens", booking.id):
        assert fieldcal("why", spelt(text), "--json").json()["booking"] == booking.id
    assert fieldcal("why", "Wo-Ab_7").status == 1


def test_a_booking_whose_removal_is_held_is_said_to_stand_and_what_to_decide(
    filled: Company, fieldcal: Fieldcal
) -> None:
    with filled.state() as database, database.write() as tx:
        from fieldcal.clock import SystemClock
        from fieldcal.state import plans

        plans.take_budget(tx, ENVIRONMENT, 50, SystemClock().now())
    booking = filled.coming()[0]
    filled.field_service.store.remove("bookableresourcebooking", booking.id)
    assert fieldcal("sync").status == 0
    told = fieldcal("why", booking.id).out
    assert told.startswith("It is in the calendar: it still stands there, though the booking was deleted; its removal is "
                           "held in plan 1")  # fmt: skip
    for part in (
        "`fieldcal plan approve 1`",
        "`fieldcal plan reject 1`",
        "the removal was held for a person: the booking",
    ):
        assert part in told
    assert "deleted@" not in told
    address = next(box.address for box in filled.sample.mailboxes if box.object_id == filled.mailbox_of(booking))
    (plan,) = fieldcal("plan", "list", "--json").json()
    assert plan["reason"] == f"1 more removal in {address} than the hour allows"
    assert fieldcal("plan", "reject", 1).status == 0
    assert "was rejected in plan 1, so it stays" in fieldcal("why", booking.id).out


def test_after_a_clean_it_is_said_that_the_clean_took_it_out(filled: Company, fieldcal: Fieldcal) -> None:
    booking = filled.coming()[0]
    address = next(box.address for box in filled.sample.mailboxes if box.object_id == filled.mailbox_of(booking))
    assert fieldcal("mailbox", "clean", address, "--yes").status == 0
    told = fieldcal("why", booking.id).out
    assert told.startswith("It is not in the calendar: it was taken out at ")
    assert "when the mailbox was cleaned on behalf of" in told.splitlines()[0]
    assert f"`fieldcal mailbox enable {address}`" in told.splitlines()[0]


def test_what_is_switched_off_is_the_answer_with_the_command_that_helps(attached: Company, fieldcal: Fieldcal) -> None:
    from fieldcal.state import profiles

    booking = attached.coming()[0].id
    with attached.state() as database, database.write() as tx:
        profiles.save(tx, replace(profiles.get(tx, "exchange"), active=False))
    closed = "It is not in the calendar: nothing is written into the mailbox: "
    answer = fieldcal("why", booking, "--json").json()["answer"]
    assert answer == f"{closed}the server profile exchange is not active (`fieldcal profile activate exchange`)."
    assert fieldcal("environment", "set", ENVIRONMENT, "--disable", "--yes").status == 0
    answer = fieldcal("why", booking, "--json").json()["answer"]
    assert answer.startswith(f"{closed}the environment {ENVIRONMENT} is switched off")
    assert f"`fieldcal environment set {ENVIRONMENT} --enable`" in answer


def test_an_unknown_booking_is_one_line_and_exit_1(filled: Company, fieldcal: Fieldcal) -> None:
    for text in ("nonsense", "00000000-0000-4000-8000-000000000000", "'; drop table bookings; --", "\x1b[31mred"):
        said = fieldcal("why", text)
        assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
        assert "is known" in said.err
        assert "\x1b" not in said.err


def test_a_worker_sees_the_own_bookings_only(filled: Company, fieldcal: Fieldcal) -> None:
    mine = filled.coming()[0]
    other = next(booking for booking in filled.coming() if booking.worker != mine.worker)
    address = next(box.address for box in filled.sample.mailboxes if box.object_id == filled.mailbox_of(mine))
    for words in (("add", "kim", "--sign-in", address), ("grant", "kim", "worker"), ("add", "nobody")):
        assert fieldcal("user", *words).status == 0
    assert fieldcal("why", mine.id, "--as", "kim").out.startswith("It is in the calendar")
    hidden = fieldcal("why", other.id, "--as", "kim")
    assert (hidden.status, "is known" in hidden.err) == (1, True)
    refused = fieldcal("why", mine.id, "--as", "nobody")
    assert (refused.status, "may not see bookings" in refused.err) == (1, True)


def test_why_asks_neither_end(filled: Company, fieldcal: Fieldcal) -> None:
    before = filled.requests()
    assert fieldcal("why", filled.coming()[0].id).status == 0
    assert filled.requests() == before


def fieldcal_told(text: str) -> Any:
    import msgspec

    return msgspec.json.decode(text)


def test_a_booking_that_cannot_be_read_says_what_is_wrong_and_what_helps(filled: Company, fieldcal: Fieldcal) -> None:
    standing, fresh = filled.coming()[0].id, "0c000000-0000-4000-8000-00000000000f"
    row = filled.field_service.store.get("bookableresourcebooking", standing)
    assert row is not None
    filled.field_service.store.load("bookableresourcebooking", [row | {"bookableresourcebookingid": fresh}])
    filled.field_service.store.change("bookableresourcebooking", standing, {"name": "changed"})
    filled.field_service.control.change(spoiled={standing: {"starttime": None}, fresh: {"endtime": "x"}})
    synced = fieldcal("sync")
    assert synced.status == 0
    assert "2 bookings are set aside, for their rows cannot be read" in synced.out
    told = fieldcal("why", standing, "--json").json()
    assert told["answer"].startswith("It is in the calendar: as it was when its row could last be read")
    assert "correct it at the source" in stations(told)["set aside"]
    assert "it has no start" in stations(told)["set aside"]
    told = fieldcal("why", fresh.upper(), "--json").json()
    assert told["answer"].startswith("It is not in the calendar: what the source says of it now cannot be read")
    assert "its end (endtime) cannot be read" in told["answer"]
    assert fieldcal("why", fresh).out.splitlines()[0] == told["answer"]
    status = fieldcal("status").out
    assert "2 bookings are set aside until their rows can be read" in status
    assert standing in status
    assert fieldcal("status", "--json").json()["environments"][0]["unreadable"] == 2
    assert fieldcal("sync", "--json").json()[0]["unreadable"] == 2
    filled.field_service.control.change(spoiled={})
    assert fieldcal("sync", "--json").json()[0]["unreadable"] == 0
    assert fieldcal("why", fresh, "--json").json()["answer"].startswith("It is in the calendar")
