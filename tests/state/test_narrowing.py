"""Mailboxes narrowed in the database: as the rules say of each, all at once, and by an index."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import insert
from tests.state.stocked import stock
from tests.values import ENVIRONMENT, NOW

from fieldcal.plan.ready import ready
from fieldcal.plan.standing import standing
from fieldcal.setup_model import (
    NO_PROFILE,
    WIDE,
    AddressState,
    AlertState,
    Approval,
    MailboxStanding,
    MailboxState,
    Method,
    PauseState,
    Selection,
    TrialStatus,
)
from fieldcal.state import alerts, environments, pauses, profiles
from fieldcal.state import mailboxes as rows
from fieldcal.state.database import Database
from fieldcal.state.tables import environments as environment_table
from fieldcal.state.tables import mailboxes
from fieldcal.state.tables import profiles as profile_table

FINE = [one for one in MailboxStanding if one not in WIDE]
#: approval, approved address
ADDRESSES = [
    ("empty", ""),
    ("pending", ""),
    ("approved", "A@X.example"),
    ("approved", "old@x.example"),
    ("rejected", ""),
]


@pytest.fixture
def every(database: Database) -> Database:
    """One mailbox of each kind that there can be."""
    kinds = product(
        (None, "gone", "good", "off", "strange"),
        Method,
        ADDRESSES,
        (True, False),
        TrialStatus,
        ((0, ""), (2, "it fails")),
    )
    boxes = [
        {"environment": ENVIRONMENT, "id": f"box-{number}", "address": "a@x.example", "profile": profile,
         "method": method.value, "approval": approval, "approved_address": approved, "enabled": on, "test": test.value,
         "failures": failures, "trouble": trouble, "disabled_reason": "" if on else f"by {'ab'[number % 2]}"}
        for number, (profile, method, (approval, approved), on, test, (failures, trouble)) in enumerate(kinds)
    ]  # fmt: skip
    servers = [{"id": name, "active": name != "off", "tenant": "else" if name == "strange" else "here", "created_at": NOW}
               for name in ("good", "off", "strange")]  # fmt: skip
    with database.write() as tx:
        stock(tx, people=())
        tx.execute(environment_table.update().values(tenant="here"))
        tx.execute(insert(profile_table), servers)
        tx.execute(insert(mailboxes), boxes)
        for number, level in enumerate(alerts.LEVELS):
            alerts.raise_alert(tx, ENVIRONMENT, f"box-{number}", "code", level, "it", NOW)
            alerts.raise_alert(tx, ENVIRONMENT, f"box-{number + 10}", "code", level, "it", NOW)
        for scope, minutes in (("box-7", 5), ("box-8", -5), ("connector:strange", 5), ("connector:good", 0)):
            pauses.pause(tx, scope, NOW + timedelta(minutes=minutes), "it asked to wait")
        alerts.acknowledge(tx, ENVIRONMENT, [f"box-{number}" for number in range(10, 13)], ["code"], "anna", NOW)
    return database


def found(database: Database, **narrowing: object) -> set[str]:
    with database.read() as tx:
        return set(rows.ids(tx, ENVIRONMENT, Selection(**narrowing)))  # type: ignore[arg-type] # a table of them


@pytest.mark.parametrize("on", [True, False])
def test_the_database_finds_by_its_standing_whom_the_rules_say(every: Database, on: bool) -> None:
    with every.write() as tx:
        tx.execute(environment_table.update().values(enabled=on))
        place, known = environments.get(tx, ENVIRONMENT), {one.id: one for one in profiles.everyone(tx)}
        boxes = rows.page(tx, ENVIRONMENT, Selection(), limit=5_000).rows
    told: dict[MailboxStanding, set[str]] = {one: set() for one in FINE}
    for box in boxes:
        profile = known.get(box.profile or "")
        stands = standing(box, profile, place)
        told[stands].add(box.id)
        written = stands in (MailboxStanding.WRITTEN, MailboxStanding.TROUBLED)
        assert written is (ready(box, profile, place) is None), box
    assert {one: found(every, standing=one) for one in FINE} == told
    assert all(told.values()) or not on or [one for one, some in told.items() if not some] == [MailboxStanding.CLOSED]
    for wide, fine in WIDE.items():
        assert found(every, standing=wide) == set().union(*(told[one] for one in fine))


def test_every_filter_narrows_and_all_of_them_narrow_together(every: Database) -> None:
    with every.read() as tx:
        boxes = rows.page(tx, ENVIRONMENT, Selection(), limit=5_000).rows
    urgent = {"box-1", "box-2"}
    filters = [
        ({"approval": AddressState.APPROVED}, lambda box: box.approved),
        ({"approval": AddressState.CHANGED}, lambda box: box.approved_address == "old@x.example"),
        ({"approval": AddressState.REJECTED}, lambda box: box.approval is Approval.REJECTED),
        ({"approval": AddressState.WAITING}, lambda box: box.approval in (Approval.EMPTY, Approval.PENDING)),
        ({"test": TrialStatus.FAILURE}, lambda box: box.status is TrialStatus.FAILURE),
        ({"server_profile": "good"}, lambda box: box.profile == "good"),
        ({"server_profile": NO_PROFILE}, lambda box: box.profile is None),
        ({"appointments": Method.NONE}, lambda box: box.method is Method.NONE),
        ({"state": MailboxState.ENABLED}, lambda box: box.enabled),
        ({"alerts": AlertState.ANY}, lambda box: box.id in urgent),
        ({"alerts": AlertState.ERROR}, lambda box: box.id == "box-2"),
        ({"alerts": AlertState.NONE}, lambda box: box.id not in urgent),
        ({"reason": "by a"}, lambda box: box.disabled_reason == "by a"),
        ({"search": "A@x"}, lambda box: "a@x" in box.address),
        ({"paused": PauseState.PAUSED, "now": NOW}, lambda box: box.id == "box-7" or box.profile == "strange"),
        ({"paused": PauseState.NONE, "now": NOW}, lambda box: box.id != "box-7" and box.profile != "strange"),
    ]  # fmt: skip
    for (one, fits), (other, fits_too) in product(filters, filters):
        if one.keys() != other.keys():
            assert found(every, **one, **other) == {box.id for box in boxes if fits(box) and fits_too(box)}, (
                one,
                other,
            )
