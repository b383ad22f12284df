"""What bookings are searched by is kept with each row, goes with its texts, and was filled where it was missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.state.stocked import stock
from tests.values import BOOKING, ENVIRONMENT, NOW, ORDER, booking_id

from fieldcal.model import Detailed
from fieldcal.state import booking_lists, bookings, erasure, pruning
from fieldcal.state.booking_lists import Wanted
from fieldcal.state.database import Database
from fieldcal.state.migrations.versions import v0003_any_calendar as revision
from fieldcal.state.rows import to_json
from fieldcal.state.sought import sought

ASKED = Wanted(number="wo-77")
PERSON = replace(ORDER, number="WO-7701", service_account="Frau Straße  & Söhne")


def fill(database: Database) -> None:
    with database.write() as tx:
        stock(tx)
        bookings.store_details(tx, ENVIRONMENT, [Detailed(BOOKING, PERSON)], "run")
        bookings.store_rows(
            tx, ENVIRONMENT, [replace(BOOKING, id=booking_id(2), name="Van inspection")], "", stale=True
        )


def count(database: Database, wanted: Wanted) -> int:
    with database.read() as tx:
        assert len(booking_lists.page(tx, ENVIRONMENT, wanted)) == booking_lists.count(tx, ENVIRONMENT, wanted)
        return booking_lists.count(tx, ENVIRONMENT, wanted)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ASKED, 1), (Wanted(number="WO-7701"), 1), (Wanted(number="7701"), 0), (Wanted(number="van "), 1),
        (Wanted(account="FRAU STRAß"), 1), (Wanted(account="frau straße &"), 1), (Wanted(account="söhne"), 0),
        (Wanted(number="%"), 0), (Wanted(number="_"), 0), (Wanted(workers=[]), 0), (Wanted(), 2),
        (Wanted(since=BOOKING.start), 2), (Wanted(until=BOOKING.start), 0), (Wanted(number="wo", account="frau"), 1),
    ],
)  # fmt: skip
def test_a_number_and_an_account_are_found_by_how_they_begin(database: Database, wanted: Wanted, found: int) -> None:
    fill(database)
    assert count(database, wanted) == found


def test_a_thin_row_leaves_what_is_searched_by_and_newer_details_take_its_place(database: Database) -> None:
    fill(database)
    with database.write() as tx:
        newer = replace(BOOKING, version=BOOKING.version + 1, name="Another name")
        bookings.store_rows(tx, ENVIRONMENT, [newer], "", stale=False)
    assert count(database, ASKED) == 1
    with database.write() as tx:
        moved = Detailed(replace(newer, version=newer.version + 1), replace(PERSON, number="WO-8"))
        bookings.store_details(tx, ENVIRONMENT, [moved], "run")
    assert (count(database, ASKED), count(database, Wanted(number="wo-8"))) == (0, 1)


@pytest.mark.parametrize("word", ["Frau Straße", "FRAU STRASSE", "Söhne"])
def test_erasing_and_pruning_take_the_searched_texts_too(database: Database, word: str) -> None:
    fill(database)
    wanted = Wanted(account="frau")
    with database.write() as tx:
        erasure.erase_contact(tx, erasure.contact_words("Frau Straße  & Söhne", [word]))
    assert count(database, wanted) == 0
    with database.write() as tx:
        bookings.store_details(tx, ENVIRONMENT, [Detailed(BOOKING, PERSON)], "run")
        pruning.thin(tx, ENVIRONMENT, [BOOKING.id], NOW + timedelta(days=900))
    assert (count(database, wanted), count(database, ASKED)) == (0, 0)


def test_the_migration_fills_what_the_store_would_have_kept() -> None:
    for name, order in (("", PERSON), ("Van  Inspection", None), ("x", replace(ORDER, number="")),
                        ("", replace(PERSON, service_account="", billing_account="Payer"))):  # fmt: skip
        booking = replace(BOOKING, name=name)
        assert revision.sought(name, to_json(order) if order else None) == sought(booking, order)
