"""The doors of the state: what a view sees beside others' commits, and how long anybody is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from tests.values import BOX, NOW

from fieldcal.errors import ConfigError, StateAway
from fieldcal.state import beside, leases
from fieldcal.state.database import Database, reached, take_time
from fieldcal.state.held import LEASE
from fieldcal.state.schema import upgrade

NAME = f"mailbox:{BOX}"


def test_a_view_stays_as_it_was_and_a_glance_sees_what_was_committed_meanwhile(
    new_postgres: Callable[[], str],
) -> None:
    ours, theirs = Database(new_postgres()), None
    try:
        theirs = Database(ours.url.render_as_string(hide_password=False))
        asked = text("SELECT count(*) FROM leases")
        with ours.read() as view, ours.glance() as glance:
            assert (view.scalar(asked), glance.scalar(asked)) == (0, 0)
            with theirs.write() as tx:
                leases.take(tx, NAME, "they", NOW, LEASE)
            assert (view.scalar(asked), glance.scalar(asked)) == (0, 1)
        with ours.read() as view, pytest.raises(Exception, match="read-only"):
            view.execute(text("DELETE FROM leases"))
        with ours.write() as tx:
            assert tx.scalar(asked) == 1, "the next transaction is one like any other"
            tx.execute(text("DELETE FROM leases"))
        with ours.read() as view:
            assert view.scalar(asked) == 0
    finally:
        ours.close()
        if theirs is not None:
            theirs.close()


def test_what_was_prepared_stays_so_after_a_view(new_postgres: Callable[[], str]) -> None:
    """Else each statement is parsed and planned anew, which costs more than carrying it out."""
    ours = Database(new_postgres())
    try:
        for _ in range(8):
            with ours.read() as view:
                view.execute(text("SELECT fence FROM leases WHERE name = 'any'"))
        with ours.read() as view:
            kept = view.scalars(text("SELECT statement FROM pg_prepared_statements")).all()
        assert "SELECT fence FROM leases WHERE name = 'any'" in kept
    finally:
        ours.close()


def test_who_hangs_within_a_transaction_holds_the_others_up_for_a_while_and_is_ended(
    new_postgres: Callable[[], str],
) -> None:
    """As a worker does that is stopped there, or whose machine is gone without a word."""
    url = make_url(new_postgres())
    quick = url.update_query_dict({"options": "-c idle_in_transaction_session_timeout=300ms"})
    hangs, other = Database(quick.render_as_string(hide_password=False)), Database(url.render_as_string(False))
    in_hand, over = threading.Event(), threading.Event()
    said: list[BaseException] = []

    def hang() -> None:
        try:
            with hangs.write() as tx:
                leases.take(tx, NAME, "hangs", NOW, LEASE)
                in_hand.set()
                over.wait(30)
                leases.take(tx, NAME, "hangs", NOW, LEASE)
        except BaseException as error:  # noqa: BLE001 - whatever it is told is looked at below
            said.append(error)

    thread = threading.Thread(target=hang)
    try:
        thread.start()
        assert in_hand.wait(30)
        with other.write() as tx:
            assert leases.take(tx, NAME, "other", NOW, LEASE) is not None
    finally:
        over.set()
        thread.join()
        hangs.close()
        other.close()
    assert [type(error) for error in said] == [StateAway]


def test_a_lock_that_is_not_given_is_asked_for_again_and_then_told_of(new_postgres: Callable[[], str]) -> None:
    url = make_url(new_postgres())
    short = url.update_query_dict({"options": "-c lock_timeout=50ms"})
    waits, holds = Database(short.render_as_string(hide_password=False)), Database(url.render_as_string(False))
    try:
        with holds.write() as tx:
            leases.take(tx, NAME, "holds", NOW, LEASE)
            with pytest.raises(StateAway, match="took a transaction back"), waits.write() as mine:
                leases.take(mine, NAME, "waits", NOW, LEASE)
        with waits.write() as mine:
            take_time(mine)
            assert mine.scalar(text("SHOW lock_timeout")) == "0"
            assert leases.take(mine, NAME, "waits", NOW, LEASE) is None, "who held it has it"
    finally:
        waits.close()
        holds.close()


OPTIONS = "-c idle_in_transaction_session_timeout=30s -c lock_timeout=15s"
ADDRESSES = [
    ("postgresql://h/d", {"options": OPTIONS, "connect_timeout": "10"}),
    ("postgresql://h/d?connect_timeout=3", {"options": OPTIONS, "connect_timeout": "3"}),
    ("postgresql://h/d?options=-c%20lock_timeout%3D1s", {"options": f"{OPTIONS} -c lock_timeout=1s"}),
    ("postgresql://h/d?sslmode=require&keepalives_idle=5", {"sslmode": "require", "keepalives_idle": "5"}),
]


@pytest.mark.parametrize(("address", "has"), ADDRESSES)
def test_what_an_address_says_itself_counts_and_the_rest_is_our_patience(address: str, has: dict[str, str]) -> None:
    query = reached(make_url(address)).query
    assert {name: query[name] for name in has} == has
    assert {"connect_timeout", "keepalives_idle", "keepalives_count", "tcp_user_timeout"} <= query.keys()


def test_the_queue_is_reached_with_the_same_patience() -> None:
    there = make_url(beside.address(make_url("postgresql://h/d"), beside.QUEUE)).query
    assert there["options"] == f"{OPTIONS} -csearch_path=procrastinate"
    assert there["keepalives_idle"] == "30"


def test_what_is_beside_the_state_is_reached_so_by_psycopg_too(new_postgres: Callable[[], str]) -> None:
    with psycopg.connect(beside.address(make_url(new_postgres()), beside.QUEUE)) as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone() for name in ("search_path", "lock_timeout")]  # type: ignore[call-overload] -- two names of ours
    assert shown == [("procrastinate",), ("15s",)]


def test_a_transaction_that_takes_its_time_is_one_like_any_other_on_sqlite(new_sqlite: Callable[[], str]) -> None:
    database = Database(new_sqlite())
    try:
        with database.write() as tx:
            take_time(tx)
            assert leases.take(tx, NAME, "we", NOW, LEASE) is not None
    finally:
        database.close()


def test_a_user_without_rights_in_the_database_is_told_what_its_owner_has_to_do(postgres: str) -> None:
    owner = create_engine(make_url(postgres).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with owner.connect() as tx:
        for statement in ("CREATE ROLE newcomer LOGIN", "CREATE DATABASE of_another"):
            tx.execute(text(statement))
    database = Database(
        make_url(postgres).set(username="newcomer", database="of_another").render_as_string(hide_password=False)
    )
    try:
        with pytest.raises(ConfigError, match=r"ALTER DATABASE of_another OWNER TO newcomer"):
            upgrade(database)
    finally:
        database.close()
        with owner.connect() as tx:
            for statement in ("DROP DATABASE of_another", "DROP ROLE newcomer"):
                tx.execute(text(statement))
        owner.dispose()


@pytest.mark.parametrize("address", ["postgresql://u:word@:abc/x", "nothing", ""])
def test_an_address_that_is_none_is_told_in_one_line_that_repeats_no_password(address: str) -> None:
    with pytest.raises(ConfigError, match="FIELDCAL_DATABASE_URL") as told:
        Database(address)
    assert "word" not in str(told.value).lower().replace("password", "")
