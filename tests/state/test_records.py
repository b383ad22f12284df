"""The small tables: pauses, findings, history, feeds, and what values survive them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.values import BOX, ENVIRONMENT, HOUR, NOW, OTHER_BOX

from fieldcal.state import feeds, findings, history, pauses
from fieldcal.state.columns import Instant
from fieldcal.state.database import Database
from fieldcal.state.feeds import Feed
from fieldcal.state.findings import Finding
from fieldcal.state.history import Line, Tally
from fieldcal.state.tables import leases

# --- pauses ----------------------------------------------------------------------------------------------------------


def test_the_later_of_two_pauses_holds(database: Database) -> None:
    with database.write() as tx:
        pauses.pause(tx, BOX, NOW + 2 * HOUR, "quota")
        pauses.pause(tx, BOX, NOW + HOUR, "busy")
        assert pauses.lasting(tx, NOW) == {BOX: (NOW + 2 * HOUR, "quota")}
        pauses.pause(tx, BOX, NOW + 3 * HOUR, "x" * 1000)
        assert pauses.until(tx, [BOX], NOW) == NOW + 3 * HOUR


def test_of_several_scopes_the_longest_pause_counts_and_one_that_is_over_does_not(database: Database) -> None:
    with database.write() as tx:
        pauses.pause(tx, BOX, NOW + HOUR, "busy")
        pauses.pause(tx, "connector:main", NOW + 2 * HOUR, "throttled")
        assert pauses.until(tx, [BOX, "connector:main"], NOW) == NOW + 2 * HOUR
        assert pauses.until(tx, [BOX, "connector:main"], NOW + HOUR) == NOW + 2 * HOUR
        assert pauses.until(tx, [BOX], NOW + HOUR) is None
        assert pauses.until(tx, [OTHER_BOX], NOW) is None
        assert pauses.until(tx, [], NOW) is None
        assert set(pauses.lasting(tx, NOW + HOUR)) == {"connector:main"}


def test_a_pause_that_is_lifted_is_over(database: Database) -> None:
    with database.write() as tx:
        pauses.pause(tx, BOX, NOW + HOUR, "busy")
        pauses.lift(tx, BOX)
        assert pauses.until(tx, [BOX], NOW) is None


# --- findings --------------------------------------------------------------------------------------------------------


def test_a_check_puts_its_findings_in_place_of_the_last_checks_in_that_mailbox(database: Database) -> None:
    first, second = Finding(BOX, "e1", "b1", "changed", "start"), Finding(BOX, "e2", "b2", "copy", "x")
    elsewhere = Finding(OTHER_BOX, "e1", "b1", "deleted", "y")
    with database.write() as tx:
        findings.replace_all(tx, ENVIRONMENT, BOX, [first], NOW)
        findings.replace_all(tx, ENVIRONMENT, OTHER_BOX, [elsewhere], NOW)
        findings.replace_all(tx, ENVIRONMENT, BOX, [second], NOW)
        assert findings.load(tx, ENVIRONMENT) == [second, elsewhere]
        findings.replace_all(tx, ENVIRONMENT, BOX, [], NOW)
        assert findings.load(tx, ENVIRONMENT) == [elsewhere]


def test_two_findings_for_one_event_do_not_stop_the_check(database: Database) -> None:
    # Two links may come to name one event: a server that answers two creations with one id (F13).
    first, second = Finding(BOX, "e1", "b1", "changed", "x"), Finding(BOX, "e1", "b2", "changed", "y")
    with database.write() as tx:
        findings.replace_all(tx, ENVIRONMENT, BOX, [first, second], NOW)
        assert findings.load(tx, ENVIRONMENT) == [second]


# --- history ---------------------------------------------------------------------------------------------------------

LINE = Line(BOX, "b1", "create", "it is new", "done", ok=True, at=NOW)


def test_the_last_lines_of_a_booking_come_first(database: Database) -> None:
    with database.write() as tx:
        history.write(tx, ENVIRONMENT, "run-1", [LINE, replace(LINE, booking="b2"), replace(LINE, answer="x" * 900)])
        history.write(tx, ENVIRONMENT, "run-2", [replace(LINE, ok=False)])
        lines = history.of_booking(tx, ENVIRONMENT, "b1")
        assert lines[0] == replace(LINE, ok=False, run="run-2")
        assert [(line.run, len(line.answer)) for line in lines] == [("run-2", 4), ("run-1", 500), ("run-1", 4)]
        assert len(history.of_booking(tx, ENVIRONMENT, "b1", 2)) == 2
        assert history.of_booking(tx, "other", "b1") == []


def test_a_pass_is_remembered_with_what_it_did(database: Database) -> None:
    tally = Tally(1, 2, 3, 4, 5, 6, 7)
    with database.write() as tx:
        history.begin(tx, ENVIRONMENT, "run-1", "scheduled", NOW)
        history.begin(tx, ENVIRONMENT, "run-2", "check", NOW + HOUR)
        history.end(tx, "run-1", tally, "", NOW + HOUR)
        second, first = history.last_passes(tx, ENVIRONMENT)
        assert (first.id, first.kind, first.tally, first.ended_at) == ("run-1", "scheduled", tally, NOW + HOUR)
        assert (second.id, second.ended_at, second.tally) == ("run-2", None, Tally())


def test_what_two_passes_did_adds_up() -> None:
    assert Tally(1, 2, 3, 4, 5, 6, 7) + Tally(10, 20, 30, 40, 50, 60, 70) == Tally(11, 22, 33, 44, 55, 66, 77)
    assert Tally(changes=1, created=2, updated=3, removed=4, adopted=5, failed=6, held=7).writes == 15


# --- feeds -----------------------------------------------------------------------------------------------------------


def test_a_feed_that_was_never_read_begins_with_nothing(database: Database) -> None:
    with database.read() as tx:
        assert feeds.load(tx, ENVIRONMENT) == Feed(None, None, None, None, None, None, None, None, None, "", None, None)


def test_a_feed_keeps_what_was_set_and_nothing_else_changes(database: Database) -> None:
    with database.write() as tx:
        feeds.change(tx, ENVIRONMENT, cursor="link", far_edge=NOW)
        feeds.change(tx, ENVIRONMENT, first_read_at=NOW + HOUR, last_error="down")
        feed = feeds.load(tx, ENVIRONMENT)
        assert (feed.cursor, feed.far_edge, feed.first_read_at, feed.last_error) == ("link", NOW, NOW + HOUR, "down")
        feeds.change(tx, ENVIRONMENT, cursor=None)
        assert feeds.load(tx, ENVIRONMENT).cursor is None
        assert feeds.load(tx, "other").cursor is None


# --- instants --------------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(at=st.datetimes(timezones=st.just(UTC)), hours=st.integers(-12, 14))
def test_an_instant_comes_back_to_the_microsecond_in_utc_whatever_zone_it_was_given_in(
    sqlite_database: Database, at: datetime, hours: int
) -> None:
    column = Instant()
    dialect = sqlite_database._reader.dialect
    try:
        there = at.astimezone(timezone(timedelta(hours=hours)))
    except OverflowError:
        there = at
    kept = column.process_bind_param(there, dialect)
    assert column.process_result_value(kept, dialect) == at
    assert column.process_result_value(kept, dialect).tzinfo is UTC


@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)])
def test_both_databases_keep_the_ends_of_the_calendar(database: Database, at: datetime) -> None:
    with database.write() as tx:
        tx.execute(leases.insert().values(name="x", fence=1, until=at))
        assert tx.scalar(select(leases.c.until)) == at


def test_a_pass_that_is_begun_again_by_another_worker_is_one(database: Database) -> None:
    with database.write() as tx:
        for _ in range(2):
            history.begin(tx, ENVIRONMENT, "run", "hinted", NOW)
        history.end(tx, "run", Tally(created=1), "", NOW)
        assert [one.tally.created for one in history.last_passes(tx, ENVIRONMENT)] == [1]
