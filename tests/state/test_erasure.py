"""A person is erased from every text of every table; what the sync stands on stays, and nothing is written for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import Boolean, Connection, Integer, String, insert, select
from tests.state.stocked import stock
from tests.values import (
    BOOKING,
    BOX,
    COLLEAGUE,
    ENVIRONMENT,
    NOW,
    ORDER,
    OTHER_BOX,
    WINDOW,
    WORKER,
    booking_id,
    linked,
    unanswered_link,
)

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.model import Detailed, Link, MailboxId
from fieldcal.setup import erasing, users
from fieldcal.setup_model import Actor, Role, User
from fieldcal.state import audit, bookings, erasure, links, mailboxes, marks, soundness, wipe, workers
from fieldcal.state.columns import Instant, metadata
from fieldcal.state.database import Database
from fieldcal.state.scrub import ERASED, Words, take_out
from fieldcal.state.tables import bookings as booking_table
from fieldcal.state.tables import links as link_table
from fieldcal.state.tables import mailboxes as mailbox_table

NAME, ADDRESS = "Zoë O'Brien", "zoe.obrien@x.example"
ZOE = replace(WORKER, name=NAME, address=ADDRESS, sign_in=ADDRESS)
OPERATOR = Actor("root")
#: set up by the operator; names ends, not people
SET_UP = {"environments", "profiles", "webhooks", "meta"}
FORMS = (NAME, NAME.upper(), "Zoe\u0308 O'Brien", "Zo\\u00eb O'Brien", "Zoë O&#x27;Brien", f"<{ADDRESS}>", "\\n" + NAME)


def plant(tx: Connection, text: str) -> None:
    """A row in every table that can tell of people, with this text in every column that holds text."""
    for table in metadata.sorted_tables:
        if table.name in SET_UP:
            continue
        row: dict[str, Any] = {}
        for column in table.columns:
            if isinstance(column.type, Instant):
                row[column.name] = NOW
            elif isinstance(column.type, Boolean):
                row[column.name] = False
            elif isinstance(column.type, String):
                row[column.name] = "planted" if column.primary_key else f"before {text} after"
            elif isinstance(column.type, Integer):
                row[column.name] = 77
        if "environment" in row:
            row["environment"] = ENVIRONMENT
        json = {"snapshot": None, "triggers": msgspec.json.encode({"status": "1", "place": text}).decode(),
                "intent": None, "checks": "[]"}  # fmt: skip
        tx.execute(insert(table).values(row | {name: value for name, value in json.items() if name in row}))


def everything(tx: Connection) -> Iterator[tuple[str, str, str]]:
    for table in metadata.sorted_tables:
        for row in tx.execute(select(table)).mappings():
            yield from ((table.name, name, value) for name, value in row.items() if isinstance(value, str))


def telling(tx: Connection) -> list[tuple[str, str, str]]:
    return [found for found in everything(tx) if "brien" in found[2].lower()]


@pytest.mark.parametrize("form", FORMS)
def test_a_name_is_taken_out_of_every_text_of_every_table_in_whatever_form_it_stands(
    database: Database, form: str
) -> None:
    with database.write() as tx:
        stock(tx)
        plant(tx, form)
        planted = {table for table, _, _ in telling(tx)}
        assert planted >= {"bookings", "links", "history", "audit", "alerts", "findings", "plans", "mailboxes", "users"}
        done = take_out(tx, Words((NAME, ADDRESS)))
        assert telling(tx) == []
        assert done.keys() == planted
        assert sum(ERASED in value for _, _, value in everything(tx)) > 20


@pytest.mark.parametrize("text", ["Joanna Schmidtke", "anna schmidts", "hanna schmidt", "the Annas Schmidt"])
def test_a_longer_word_that_holds_the_name_is_somebody_elses(text: str) -> None:
    assert Words(("Anna Schmidt", "anna@x.example")).without(text) == text


def test_what_is_set_up_by_the_operator_and_what_belongs_to_another_environment_is_left(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        plant(tx, NAME)
        tx.execute(booking_table.update().where(booking_table.c.id == "planted").values(environment="elsewhere"))
        assert "bookings" not in take_out(tx, Words((NAME,)), environment=ENVIRONMENT)
        assert take_out(tx, Words((NAME,)))["bookings"] == 1


def gone_worker(tx: Connection, *more: Link) -> None:
    """Zoë has left; her mailbox is off and clean, and the generations of her bookings are known."""
    dead = Link(BOX, BOOKING.id, 4, None)
    stock(tx, [BOOKING], [dead, *more], (ZOE, COLLEAGUE))
    mailboxes.disable(tx, ENVIRONMENT, [BOX], f"{NAME} has left")
    workers.store(tx, ENVIRONMENT, [], [ZOE.id], WINDOW, NOW)
    marks.mark(tx, ENVIRONMENT, [(BOX, BOOKING.id)], NOW, "changed")


def test_i1_of_a_worker_only_ids_and_generations_stay(database: Database) -> None:
    with database.write() as tx:
        gone_worker(tx)
        users.add(tx, OPERATOR, NOW, "zoe", full_name=NAME, sign_in=ADDRESS)
        users.grant(tx, OPERATOR, NOW, "zoe", Role.WORKER)
        audit.record(tx, Actor("root", User("zoe", NAME, ADDRESS, "", frozenset(), NOW)), NOW, "mailbox approve", ["x"])
        plant(tx, f"{NAME} <{ADDRESS}>")
    with database.write() as tx:
        done = erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, ADDRESS.upper(), ())
    with database.read() as tx:
        assert telling(tx) == []
        assert [value for _, name, value in everything(tx) if value == "zoe"] == []
        assert [link.generation for link in links.of_booking(tx, ENVIRONMENT, BOOKING.id)] == [4]
        [line] = [one for one in audit.latest(tx) if one.action == "erase worker"]
        kept = mailboxes.load(tx, ENVIRONMENT, BOX)
        assert kept is not None
        assert (kept.name, kept.address, kept.profile, kept.enabled) == ("", "", None, False)
        assert set(workers.load(tx, ENVIRONMENT, [ZOE.id, COLLEAGUE.id])) == {COLLEAGUE.id}
        assert [fault for fault in soundness.faults(tx) if "planted" not in fault and "not there" not in fault] == []
    assert (line.operator, line.actor, line.action, line.subject) == (
        "root", "operator", "erase worker", f"{ENVIRONMENT}/{ZOE.id}",
    )  # fmt: skip
    assert line.detail.startswith(f"{done.total} rows: ")
    assert done.left == []
    wipe.wipe(database)


def test_a_worker_whom_the_source_still_tells_of_is_erased_and_that_is_said(database: Database) -> None:
    with database.write() as tx:
        stock(tx, people=(ZOE,))
        mailboxes.disable(tx, ENVIRONMENT, [BOX], "")
        done = erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, NAME, ())
        assert telling(tx) == []
    assert "the next read of the workers brings the name again" in done.left[0]


@pytest.mark.parametrize(
    ("link", "on", "says"),
    [
        (linked(), False, "events of ours stand"),
        (unanswered_link(), False, "events of ours stand"),
        (Link(BOX, BOOKING.id, 4, None), True, "is switched on"),
    ],
)
def test_a_worker_is_not_erased_while_anything_of_ours_may_stand_in_the_mailbox(
    database: Database, link: Link, on: bool, says: str
) -> None:
    with database.write() as tx:
        stock(tx, [BOOKING], [link], (ZOE, COLLEAGUE))
        if not on:
            mailboxes.disable(tx, ENVIRONMENT, [BOX], "")
        with pytest.raises(ConfigError, match=rf"{says}.*fieldcal mailbox clean {ADDRESS}"):
            erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, ZOE.id, ())
        assert telling(tx)


def test_a_mailbox_that_is_known_by_its_address_goes_with_all_that_was_told_under_it(database: Database) -> None:
    box = MailboxId(ADDRESS)
    with database.write() as tx:
        stock(tx, [BOOKING], [Link(box, BOOKING.id, 2, None)], (replace(ZOE, mailbox=box), COLLEAGUE))
        mailboxes.disable(tx, ENVIRONMENT, [box], "")
        erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, ADDRESS, ())
        assert telling(tx) == []
        assert soundness.faults(tx) == []
        assert tx.scalars(select(mailbox_table.c.id)).all() == [OTHER_BOX]


def test_of_a_shared_mailbox_only_the_one_who_left_is_erased(database: Database) -> None:
    shared = replace(COLLEAGUE, mailbox=BOX, address=ADDRESS)
    with database.write() as tx:
        stock(tx, [BOOKING], [linked()], (replace(ZOE, sign_in="zoe@x.example"), shared))
        with pytest.raises(ConfigError, match="events of ours stand"):
            erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, NAME, ())
        links.store(tx, ENVIRONMENT, [linked(replace(BOOKING, id=booking_id(9), worker=shared.id))], NOW)
        links.store(tx, ENVIRONMENT, [Link(BOX, BOOKING.id, 1, None)], NOW)
        done = erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, NAME, ())
        kept = mailboxes.load(tx, ENVIRONMENT, BOX)
    assert kept is not None
    assert (kept.address, kept.enabled) == (ADDRESS, True)
    assert any("shared" in one for one in done.left)


@pytest.mark.parametrize(
    ("people", "named", "says"),
    [
        ((ZOE, COLLEAGUE), "Nobody", "there is no worker"),
        ((ZOE, replace(COLLEAGUE, name=NAME)), NAME, "several workers.*" + COLLEAGUE.id),
    ],
)
def test_whom_is_meant_has_to_be_clear(sqlite_database: Database, people: Any, named: str, says: str) -> None:
    with sqlite_database.write() as tx:
        stock(tx, people=people)
        with pytest.raises(ConfigError, match=says):
            erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, named, ())


def test_only_a_system_administrator_erases(sqlite_database: Database) -> None:
    others = User("eve", "Eve", "", "", frozenset(set(Role) - {Role.SYSTEM_ADMIN}), NOW)
    with sqlite_database.write() as tx:
        stock(tx)
        for act in (
            lambda: erasing.worker(tx, Actor("root", others), NOW, ENVIRONMENT, WORKER.id, ()),
            lambda: erasing.contact(tx, Actor("root", others), NOW, NAME, ()),
        ):
            with pytest.raises(NotAllowed, match="system_admin"):
                act()


FIELDS = ("reported_by", "account_contact", "service_account", "billing_account")


@pytest.mark.parametrize("field", FIELDS)
def test_of_a_contact_the_summary_and_address_go_too_where_the_work_order_is_the_persons(
    database: Database, field: str
) -> None:
    theirs = replace(ORDER, **{field: NAME}, summary="Boiler in the cellar", location="Lindenweg 4")
    other = replace(ORDER, summary=f"Call {NAME} first", location="Hauptstr. 1", service_account="Northwind")
    neighbour = replace(BOOKING, id=booking_id(2), name=f"Job for\n{NAME}", place="Hauptstr. 1")
    written = replace(linked(), subject=f"WO-1 · {NAME}", triggers={"status": "1", "place": "Lindenweg 4"})
    with database.write() as tx:
        stock(tx, linked=[written, replace(linked(neighbour), subject="WO-2", location="Hauptstr. 1")])
        details = [Detailed(BOOKING, theirs), Detailed(neighbour, other)]
        bookings.store_details(tx, ENVIRONMENT, details, "")
        done = erasing.contact(tx, OPERATOR, NOW, NAME.upper(), ())
        assert telling(tx) == []
        stored = bookings.load(tx, ENVIRONMENT, [BOOKING.id, neighbour.id])
        first, second = stored[BOOKING.id].known, stored[neighbour.id].known
        found = {link.booking: link for link in links.of_mailbox(tx, ENVIRONMENT, BOX)}
    assert first.snapshot == replace(ORDER, **{field: ERASED}, summary="", location="")
    assert first.booking.place == ""
    assert second.snapshot == replace(other, summary=f"Call {ERASED} first")
    assert (second.booking.name, second.booking.place) == (f"Job for\n{ERASED}", "Hauptstr. 1")
    link = found[BOOKING.id]
    assert (link.subject, link.location, link.triggers) == ("", "", {"status": "1"})
    assert (link.event, link.etag, link.stamp, link.generation, link.rewrite) == (
        written.event, written.etag, written.stamp, written.generation, False,
    )  # fmt: skip
    assert (found[neighbour.id].subject, found[neighbour.id].location) == ("WO-2", "Hauptstr. 1")
    assert any("1 events in calendars name the person still" in one for one in done.left)


def test_i1_an_unanswered_write_keeps_its_bytes_so_the_erasure_waits(database: Database) -> None:
    with database.write() as tx:
        stock(tx, linked=[unanswered_link()])
        before = tx.scalar(select(link_table.c.intent))
        with pytest.raises(ConfigError, match=r"1 unanswered writes.*fieldcal sync"):
            erasing.contact(tx, OPERATOR, NOW, "Boiler", ())
        assert tx.scalar(select(link_table.c.intent)) == before


def test_a_contact_does_not_take_a_worker_of_the_same_name_along(database: Database) -> None:
    with database.write() as tx:
        stock(tx, people=(ZOE,))
        assert erasing.contact(tx, OPERATOR, NOW, NAME, ()).total == 0
        assert telling(tx)
        assert audit.latest(tx) == []


def test_a_count_keeps_nothing_of_what_it_did(database: Database) -> None:
    with database.write() as tx:
        gone_worker(tx)
    found = erasing.counted(database, lambda tx: erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, NAME, ["Lindenweg"]))
    assert found.total > 1
    with database.read() as tx:
        assert len(telling(tx)) > 2
        assert audit.latest(tx) == []
        assert erasure.find_worker(tx, ENVIRONMENT, NAME).gone


def test_a_name_that_is_too_short_is_refused(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx, pytest.raises(ConfigError, match="at least 3 letters"):
        erasing.contact(tx, OPERATOR, NOW, "Al", ())
