"""Erasing a person leaves the events and calendars of others at a CalDAV server where they are remembered to be."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select, update
from tests.values import BOX, COLLEAGUE, ENVIRONMENT, NOW, OTHER_BOX, WINDOW, WORKER, booking_id, linked

from fieldcal.model import EventId
from fieldcal.setup import erasing
from fieldcal.setup_model import Actor
from fieldcal.state import alerts, links, workers
from fieldcal.state.database import Database
from fieldcal.state.scrub import Words
from fieldcal.state.tables import links as link_table
from fieldcal.state.tables import mailboxes

HERS, OTHERS = EventId("/anna/1.ics"), EventId("/anna-maria/2.ics")
OPERATOR = Actor("root")


def stocked(database: Database) -> None:
    """Two workers whose accounts at the server are called alike; an event of ours stands in the second's calendar."""
    with database.write() as tx:
        workers.store(tx, ENVIRONMENT, [WORKER, COLLEAGUE], [], WINDOW, NOW)
        for box, name in ((BOX, "anna"), (OTHER_BOX, "anna-maria")):
            here = mailboxes.c.id == box
            tx.execute(update(mailboxes).where(here).values(user_name=name, secret="env:P", collection=f"/{name}/"))
        standing = replace(linked(mailbox=OTHER_BOX), booking=booking_id(2), event=OTHERS)
        links.store(tx, ENVIRONMENT, [standing], NOW)
        said = "no answer from https://dav.example to PUT /anna%40x.example/1.ics"
        alerts.raise_alert(tx, ENVIRONMENT, OTHER_BOX, "mailbox-failing", "warning", said, NOW)


def kept(database: Database) -> tuple[list[str | None], list[tuple[str, str, str]]]:
    with database.read() as tx:
        events = list(tx.scalars(select(link_table.c.event)))
        accounts = tx.execute(
            select(mailboxes.c.user_name, mailboxes.c.secret, mailboxes.c.collection).order_by(mailboxes.c.id)
        )
        return events, [(row.user_name, row.secret, row.collection) for row in accounts]


def test_i1_the_path_of_an_event_is_an_id_whoever_is_called_like_the_account(database: Database) -> None:
    stocked(database)
    with database.write() as tx:
        erasing.contact(tx, OPERATOR, NOW, "Anna", ("maria",))
    assert kept(database) == ([OTHERS], [("anna", "env:P", "/anna/"), ("anna-maria", "env:P", "/anna-maria/")])


def test_of_a_worker_account_secret_and_calendar_are_forgotten_and_a_colleague_s_are_not(database: Database) -> None:
    stocked(database)
    with database.write() as tx:
        erasing.worker(tx, OPERATOR, NOW, ENVIRONMENT, WORKER.address, ())
        told = [alert.message for alert in alerts.standing(tx, ENVIRONMENT)]
    assert kept(database) == ([OTHERS], [("", "", ""), ("anna-maria", "env:P", "/anna-maria/")])
    assert [text for text in told if "anna" in text] == []


def test_an_address_is_found_as_it_stands_in_a_path() -> None:
    assert Words(("zoë@x.example",)).without("PUT /zo%C3%AB%40x.example/1.ics") == "PUT /[erased]/1.ics"
