"""`fieldcal plan`: removals over the budget wait for a person, who approves or rejects them."""

from __future__ import annotations

import io

import pytest
from tests.cli.company import ENVIRONMENT, Company
from tests.cli.conftest import Fieldcal

from fieldcal.clock import SystemClock
from fieldcal.embedded.fieldservice.sample import SampleBooking
from fieldcal.state import plans


@pytest.fixture
def held(attached: Company, fieldcal: Fieldcal) -> tuple[Company, list[SampleBooking]]:
    """Two bookings deleted after the hour's budget was spent: their removals are held in plan 1."""
    assert fieldcal("sync").status == 0
    with attached.state() as database, database.write() as tx:
        assert plans.take_budget(tx, ENVIRONMENT, 50, SystemClock().now()) == 50
    doomed = attached.coming()[:2]
    for booking in doomed:
        attached.field_service.store.remove("bookableresourcebooking", booking.id)
    (did,) = fieldcal("sync", "--json").json()
    assert (did["held"], did["removed"]) == (2, 0)
    return attached, doomed


def standing(company: Company) -> int:
    return sum(len(events) for events in company.events().values())


def test_a_held_plan_is_listed_and_shown_with_evidence_and_the_pass_points_to_it(
    held: tuple[Company, list[SampleBooking]], fieldcal: Fieldcal
) -> None:
    _, doomed = held
    (plan,) = fieldcal("plan", "list", "--json").json()
    assert (plan["id"], plan["state"], plan["rows"], plan["environment"]) == (1, "held", 2, ENVIRONMENT)
    shown = fieldcal("plan", "show", 1, "--json").json()
    assert {row["booking"] for row in shown["rows"]} == {booking.id for booking in doomed}
    assert all(row["evidence"] and "@" in row["address"] and row["state"] == "held" for row in shown["rows"])
    assert doomed[0].id in fieldcal("plan", "show", 1).out
    assert "held" in fieldcal("plan", "list").out
    assert "1 plan waits for a person" in fieldcal("status").out


def test_an_approved_plan_is_carried_out_by_the_next_pass(
    held: tuple[Company, list[SampleBooking]], fieldcal: Fieldcal
) -> None:
    company, _ = held
    before = standing(company)
    said = fieldcal("plan", "approve", 1, "--yes", "--comment", "the crew left")
    assert said.status == 0
    assert "the next pass removes 2 events, each only if the source still says so" in said.out
    assert standing(company) == before
    (did,) = fieldcal("sync", "--json").json()
    assert (did["removed"], did["held"], standing(company)) == (2, 0, before - 2)
    (plan,) = fieldcal("plan", "list", "--all", "--json").json()
    assert (plan["state"], plan["decided_by"], plan["comment"]) == ("done", "operator", "the crew left")
    assert fieldcal("plan", "list").out.startswith("No plan waits")


def test_an_approval_carries_out_only_what_is_still_true(
    held: tuple[Company, list[SampleBooking]], fieldcal: Fieldcal
) -> None:
    company, doomed = held
    row = {
        "starttime": f"{doomed[0].start:%Y-%m-%dT%H:%M:%SZ}", "endtime": f"{doomed[0].end:%Y-%m-%dT%H:%M:%SZ}",
        "resource": doomed[0].worker, "bookingstatus": company.sample.statuses["Scheduled"],
        "msdyn_workorder": doomed[0].work_order,
    }  # fmt: skip
    company.field_service.store.create("bookableresourcebooking", row, doomed[0].id)
    before = standing(company)
    assert fieldcal("plan", "approve", 1, "--yes").status == 0
    fieldcal("sync")
    assert standing(company) == before - 1


def test_a_rejected_plan_leaves_the_events_and_does_not_come_again(
    held: tuple[Company, list[SampleBooking]], fieldcal: Fieldcal
) -> None:
    company, _ = held
    before = standing(company)
    assert "2 events stay where they are" in fieldcal("plan", "reject", 1).out
    (did,) = fieldcal("sync", "--json").json()
    assert (did["removed"], did["held"], standing(company)) == (0, 0, before)
    assert fieldcal("plan", "list", "--json").json() == []
    assert fieldcal("plan", "reject", 1).status == 1


def test_a_plan_that_there_is_not_is_one_line(attached: Company, fieldcal: Fieldcal) -> None:
    for words in (("show", 7), ("approve", 7), ("reject", 7)):
        said = fieldcal("plan", *words)
        assert (said.status, len(said.err.splitlines())) == (1, 1)
        assert "there is no plan 7" in said.err


def test_only_a_system_administrator_decides(held: tuple[Company, list[SampleBooking]], fieldcal: Fieldcal) -> None:
    for words in (("add", "ada"), ("grant", "ada", "mailbox_approver")):
        assert fieldcal("user", *words).status == 0
    assert fieldcal("plan", "list", "--as", "ada").status == 0
    for verb in ("approve", "reject"):
        said = fieldcal("plan", verb, 1, "--as", "ada")
        assert (said.status, len(said.err.splitlines())) == (1, 1)
        assert "may not" in said.err
    assert len(fieldcal("plan", "list", "--json").json()) == 1


def test_an_approval_is_asked_for_and_nothing_is_done_without_it(
    held: tuple[Company, list[SampleBooking]], fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = fieldcal("plan", "approve", 1)
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert "nothing was done: Remove 2 events" in said.err
    for typed in ("n\n", ""):
        terminal = io.StringIO(typed)
        terminal.isatty = lambda: True  # type: ignore[method-assign] # a person at a terminal
        monkeypatch.setattr("sys.stdin", terminal)
        said = fieldcal("plan", "approve", 1)
        assert said.status == 1
        assert said.err.strip().endswith("fieldcal: nothing was done, for you did not say yes")
        assert "Aborted" not in said.err
    assert [plan["state"] for plan in fieldcal("plan", "list", "--json").json()] == ["held"]


def test_a_plan_is_shown_by_mailbox_and_time_with_evidence_in_words(
    held: tuple[Company, list[SampleBooking]], fieldcal: Fieldcal
) -> None:
    rows = fieldcal("plan", "show", 1, "--json").json()["rows"]
    assert [(row["address"], row["start"]) for row in rows] == sorted((row["address"], row["start"]) for row in rows)
    people = fieldcal("plan", "show", 1).out
    assert people.count("the booking was deleted, as the source said at ") == len(rows)
    assert "deleted@" not in people
    assert all(row["when"] in people and row["subject"] in people for row in rows)
