"""The budget of the hour and the removals that wait for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection
from tests.state.stocked import Second, stock
from tests.values import BOX, ENVIRONMENT, HOUR, NOW, OTHER_BOX, booking_id, linked

from fieldcal.model import BookingId, MailboxId
from fieldcal.state import links, plans
from fieldcal.state.database import Database
from fieldcal.state.plans import Row

ONE, TWO, THREE = booking_id(1), booking_id(2), booking_id(3)


def take(tx: Connection, wanted: int, now: datetime = NOW) -> int:
    return plans.take_budget(tx, ENVIRONMENT, wanted, now)


def hold(tx: Connection, *ids: BookingId, mailbox: MailboxId = BOX, evidence: str = "deleted@1") -> int:
    return plans.hold(tx, ENVIRONMENT, [(mailbox, booking, evidence) for booking in ids], "too many", NOW)


def states(tx: Connection, plan: int) -> dict[str, str]:
    return {row.booking: row.state for row in plans.rows_of(tx, ENVIRONMENT, plan)}


def state(tx: Connection, plan: int) -> str:
    return next(item.state for item in plans.load(tx, ENVIRONMENT) if item.id == plan)


# --- budget ----------------------------------------------------------------------------------------------------------


def test_f02_fifty_removals_an_hour_go_and_the_rest_does_not(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        assert [take(tx, 30), take(tx, 30), take(tx, 30)] == [30, 20, 0]


def test_the_hour_slides(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        assert take(tx, 30) == 30
        assert take(tx, 30, NOW + HOUR / 2) == 20
        assert take(tx, 60, NOW + HOUR - timedelta(microseconds=1)) == 0
        assert take(tx, 60, NOW + HOUR) == 30
        assert take(tx, 60, NOW + 3 * HOUR / 2) == 20


def test_the_budget_grows_with_the_events_that_have_not_ended(database: Database) -> None:
    many = [replace(linked(), booking=booking_id(number)) for number in range(500)]
    ended = [replace(linked(), booking=booking_id(1000 + number), end=NOW) for number in range(500)]
    with database.write() as tx:
        stock(tx)
        links.store(tx, ENVIRONMENT, [*many, *ended], NOW)
        assert take(tx, 1000) == 100


def test_environments_have_budgets_of_their_own(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        assert take(tx, 50) == 50
        assert plans.take_budget(tx, "other", 50, NOW) == 50


def test_what_was_granted_and_not_carried_out_is_given_back(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        assert plans.take_budget(tx, "other", 50, NOW) == 50
        assert take(tx, 50) == 50
        plans.return_budget(tx, ENVIRONMENT, 0)
        assert take(tx, 50) == 0
        plans.return_budget(tx, ENVIRONMENT, 20)
        assert take(tx, 50) == 20
        plans.return_budget(tx, ENVIRONMENT, 999)
        assert take(tx, 60) == 50
        assert plans.take_budget(tx, "other", 1, NOW) == 0


def test_two_at_once_do_not_both_spend_the_last_of_the_budget(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
    with database.write() as tx:
        first = take(tx, 30)
        second = Second(database, lambda tx: take(tx, 30))
        second.until_it_waits()
    assert (first, second.finished()) == (30, 20)


# --- holding ---------------------------------------------------------------------------------------------------------


def test_held_removals_gather_in_one_open_plan(database: Database) -> None:
    with database.write() as tx:
        plan = hold(tx, ONE)
        assert hold(tx, TWO) == hold(tx, ONE, mailbox=OTHER_BOX) == plan
        (held,) = plans.load(tx, ENVIRONMENT)
        assert (held.id, held.state, held.reason, held.created_at, held.rows) == (plan, "held", "too many", NOW, 3)
        assert plans.load(tx, "other") == []


def test_a_removal_held_again_is_held_once_with_its_newest_evidence(database: Database) -> None:
    with database.write() as tx:
        plan = hold(tx, ONE)
        hold(tx, ONE, evidence="deleted@2")
        assert plans.rows_of(tx, ENVIRONMENT, plan) == [Row(plan, BOX, ONE, "deleted@2", "held")]


@pytest.mark.parametrize("word", ["approved", "rejected"])
def test_a_persons_word_decides_the_whole_plan_once(database: Database, word: str) -> None:
    with database.write() as tx:
        plan = hold(tx, ONE, TWO)
        decided = plans.decide(tx, ENVIRONMENT, plan, word, "mia", "looked at it", NOW + HOUR)
        assert {(row.booking, row.state) for row in decided} == {(ONE, word), (TWO, word)}
        assert plans.decide(tx, ENVIRONMENT, plan, "approved", "tom", "me too", NOW) == []
        (kept,) = plans.load(tx, ENVIRONMENT)
        assert (kept.state, kept.decided_by, kept.decided_at, kept.comment) == (word, "mia", NOW + HOUR, "looked at it")
        assert set(states(tx, plan).values()) == {word}


@pytest.mark.parametrize("environment", ["other", ""])
def test_a_plan_of_another_environment_cannot_be_decided(database: Database, environment: str) -> None:
    with database.write() as tx:
        plan = hold(tx, ONE)
        assert plans.decide(tx, environment, plan, "approved", "mia", "", NOW) == []
        assert states(tx, plan) == {ONE: "held"}


def test_what_is_held_after_a_decision_opens_another_plan(database: Database) -> None:
    with database.write() as tx:
        first = hold(tx, ONE)
        plans.decide(tx, ENVIRONMENT, first, "rejected", "mia", "", NOW)
        second = hold(tx, TWO)
        assert second != first
        assert [plan.id for plan in plans.load(tx, ENVIRONMENT)] == [second, first]


@pytest.mark.parametrize("word", ["held", "approved"])
def test_a_removal_carried_out_closes_its_row_and_the_last_one_the_plan(database: Database, word: str) -> None:
    with database.write() as tx:
        plan = hold(tx, ONE, TWO, THREE)
        if word == "approved":
            plans.decide(tx, ENVIRONMENT, plan, word, "mia", "", NOW)
        plans.finish(tx, ENVIRONMENT, BOX, [ONE])
        assert (states(tx, plan), state(tx, plan)) == ({ONE: "done", TWO: word, THREE: word}, word)
        plans.drop(tx, ENVIRONMENT, BOX, [TWO])
        plans.finish(tx, ENVIRONMENT, BOX, [THREE])
        assert (states(tx, plan), state(tx, plan)) == ({ONE: "done", TWO: "dropped", THREE: "done"}, "done")


def test_a_removal_in_one_mailbox_closes_nothing_in_another(database: Database) -> None:
    with database.write() as tx:
        plan = hold(tx, ONE)
        plans.finish(tx, ENVIRONMENT, OTHER_BOX, [ONE])
        plans.drop(tx, "other", BOX, [ONE])
        assert (states(tx, plan), state(tx, plan)) == ({ONE: "held"}, "held")


def test_a_rejected_removal_stays_rejected(database: Database) -> None:
    with database.write() as tx:
        plan = hold(tx, ONE)
        plans.decide(tx, ENVIRONMENT, plan, "rejected", "mia", "", NOW)
        plans.drop(tx, ENVIRONMENT, BOX, [ONE])
        plans.finish(tx, ENVIRONMENT, BOX, [ONE])
        assert (states(tx, plan), state(tx, plan)) == ({ONE: "rejected"}, "rejected")


def test_verdicts_tell_the_newest_plan_first_and_only_of_this_mailbox(database: Database) -> None:
    with database.write() as tx:
        first = hold(tx, ONE)
        plans.decide(tx, ENVIRONMENT, first, "rejected", "mia", "", NOW)
        second = hold(tx, ONE, evidence="deleted@2")
        hold(tx, ONE, TWO, mailbox=OTHER_BOX)
        assert plans.verdicts(tx, ENVIRONMENT, BOX, [ONE, TWO]) == {
            ONE: [Row(second, BOX, ONE, "deleted@2", "held"), Row(first, BOX, ONE, "deleted@1", "rejected")]
        }
        assert plans.verdicts(tx, ENVIRONMENT, BOX, []) == {}
