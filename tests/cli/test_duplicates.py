"""`fieldcal duplicates`: shown, asked, removed, told; and who may."""

from __future__ import annotations

import pytest
from tests.cli.company import ENVIRONMENT, Company
from tests.cli.conftest import Fieldcal

from fieldcal.calendars.graph import wire
from fieldcal.model import Create, Event, MailboxId, ShowAs
from fieldcal.plan.keys import create_key, fingerprint, mark_of
from fieldcal.state import environments, links


@pytest.fixture
def doubled(attached: Company, fieldcal: Fieldcal) -> Company:
    """One job of the first technician stands twice, made under another key of ours, and that twin was copied by hand."""
    assert fieldcal("sync").status == 0
    box = MailboxId(attached.sample.mailboxes[0].object_id)
    with attached.state() as state, state.read() as tx:
        organization = environments.get(tx, ENVIRONMENT).organization
        link = links.of_mailbox(tx, ENVIRONMENT, box)[0]
    assert link.start is not None
    assert link.end is not None
    mark = mark_of(organization, link.booking, box, 9)
    event = Event("Twin", "", link.start, link.end, "", ShowAs.BUSY)
    hands = attached.exchange.hands
    hands.copy(box, hands.add(box, wire.create_body(Create(mark, create_key(mark), event, fingerprint(event)))))
    return attached


def _count(company: Company) -> int:
    return len(company.events()[company.sample.mailboxes[0].object_id])


def test_duplicates_are_shown_asked_about_and_removed_a_copy_only_by_its_name(
    doubled: Company, fieldcal: Fieldcal
) -> None:
    before, address = _count(doubled), doubled.sample.mailboxes[0].address
    told = fieldcal("duplicates", "list", "--json").json()
    assert sorted((row["made_by"], row["removable"]) for row in told["duplicates"]) == [
        ("perhaps a hand", "only if named with --event"),
        ("us", "yes"),
    ]
    assert {row["address"] for row in told["duplicates"]} == {address}
    assert all(row["true_event"] and row["because"] for row in told["duplicates"])
    assert "2 events stand double" in fieldcal("duplicates", "list", "--mailbox", address).out
    asked = fieldcal("duplicates", "remove")
    assert (asked.status, "Remove 1 event that stands double?" in asked.err) == (1, True)
    assert _count(doubled) == before
    done = fieldcal("duplicates", "remove", "--yes")
    assert (done.status, done.out.splitlines()[-1]) == (0, "main: 1 event removed.")
    [copy] = fieldcal("duplicates", "list", "--json").json()["duplicates"]
    asked = fieldcal("duplicates", "remove", "--event", copy["event"])
    assert "1 of which a hand may have made" in asked.err
    [box] = fieldcal("duplicates", "remove", "--event", copy["event"], "--yes", "--json").json()["mailboxes"]
    assert box["removed"] == [copy["event"]]
    assert _count(doubled) == before - 2
    unknown = fieldcal("duplicates", "remove", "--event", copy["event"], "--yes")
    assert (unknown.status, "duplicates list" in unknown.err) == (1, True)
    assert fieldcal("duplicates", "remove", "--yes").out.splitlines()[-1] == "main: nothing was removed."


def test_everybody_with_an_overview_may_look_and_only_a_system_administrator_removes(
    doubled: Company, fieldcal: Fieldcal
) -> None:
    before = _count(doubled)
    fieldcal("user", "add", "eve")
    fieldcal("user", "grant", "eve", "exchange_admin")
    assert fieldcal("duplicates", "list", "--as", "eve").status == 0
    refused = fieldcal("duplicates", "remove", "--yes", "--as", "eve")
    assert (refused.status, "system_admin" in refused.err) == (1, True)
    assert _count(doubled) == before
