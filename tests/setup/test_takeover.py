"""One environment writes into a mailbox, and no other (R14): claims seen, refused, kept and moved."""

from __future__ import annotations

import pytest
from tests.setup.room import MAIN, Room, person
from tests.values import NOW, ORGANIZATION

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.model import Check
from fieldcal.setup import claims, mailboxes, takeover
from fieldcal.setup.claims import Claim
from fieldcal.setup_model import Role
from fieldcal.state import environments

OTHER, THEIRS = "other", "other-organization"
OURS = Claim("inst-1", ORGANIZATION, MAIN)


@pytest.mark.parametrize(
    ("standing", "ok", "says"),
    [
        (None, True, ""),
        (OURS.text(), True, ""),
        (Claim("inst-1", ORGANIZATION, "an environment that is gone").text(), True, ""),
        (Claim("inst-2", ORGANIZATION, "prod").text(), False, "for this same organization, as its environment prod"),
        (Claim("inst-2", "org-2", "prod").text(), False, "Another environment (prod of the organization org-2)"),
        ("something\nelse", False, "claimed by: something else"),
        ('{"installation": 7}', False, "claimed by"),
    ],
)
def test_r14_a_claim_is_told_from_another(standing: str | None, ok: bool, says: str) -> None:
    verdict: Check = claims.judge(standing, OURS)
    assert verdict.ok == ok
    assert says in verdict.detail
    assert ok or "--take-over" in verdict.remedy


def test_a_claim_reads_back_as_it_was_written() -> None:
    assert claims.read(OURS.text()) == OURS


@pytest.fixture
def two(room: Room) -> Room:
    """Two environments know Anna's mailbox; the main one has it enabled."""
    room.environment(OTHER, THEIRS)
    for environment in (MAIN, OTHER):
        room.mailbox("anna", environment=environment)
        room.prepare("anna", environment=environment)
    room.test("anna")
    return room


def test_r14_a_mailbox_that_another_environment_holds_is_refused_with_the_reason(two: Room) -> None:
    before = two.requests()
    (after,) = two.test("anna", environment=OTHER)
    assert not after.enabled
    assert "The environment main of this installation serves this mailbox" in after.disabled_reason
    assert not [entry for entry in two.exchange.control.ledger()[before:] if "/users/" in entry.path]
    assert two.claim("anna") == two.ours()


def test_r14_a_mailbox_switched_off_there_may_be_enabled_here(two: Room) -> None:
    from tests.setup.room import OPERATOR

    with two.database.write() as tx:
        mailboxes.disable(tx, OPERATOR, NOW, MAIN, [two.boxes["anna"]])
    (after,) = two.test("anna", environment=OTHER)
    assert after.enabled
    assert two.claim("anna") == two.ours(OTHER, THEIRS)


def test_r14_taking_over_switches_it_off_there_moves_the_claim_and_reads_first(two: Room) -> None:
    two.book("anna", 1, environment=OTHER)
    two.take_over("anna", environment=OTHER)
    assert two.why_not("anna", MAIN) == "taken over by the environment other"
    assert two.claim("anna") == two.ours(OTHER, THEIRS)
    assert two.test("anna", environment=OTHER)[0].enabled
    row = two.row("anna", OTHER)
    assert (row.check_first, row.next_due is not None) == (True, True)
    # and it does not come back by itself
    assert not two.test("anna")[0].enabled


def test_r14_the_claim_of_another_installation_is_taken_over_by_a_system_administrator_only(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    foreign = Claim("another-installation", ORGANIZATION, "prod")
    room.set_claim("anna", foreign.text())
    assert "same organization" in room.test("anna")[0].disabled_reason
    with pytest.raises(NotAllowed):
        room.take_over("anna", actor=person(Role.EXCHANGE_ADMIN, Role.MAILBOX_APPROVER))
    assert room.claim("anna") == foreign
    room.take_over("anna", actor=person(Role.SYSTEM_ADMIN))
    assert room.claim("anna") == room.ours()
    assert room.test("anna")[0].enabled


def test_r14_an_environment_of_another_organization_is_not_taken_for_a_forgotten_one(room: Room) -> None:
    with room.database.read() as tx:
        assert [place.id for place in environments.everyone(tx)] == [MAIN]
    room.mailbox("anna")
    room.prepare("anna")
    room.set_claim("anna", Claim("another-installation", THEIRS, MAIN).text())
    assert not room.test("anna")[0].enabled


def test_the_claim_is_shown_as_it_stands(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    reader = person(Role.READER)
    look = lambda bench: takeover.claim_of(bench, reader, MAIN, room.boxes["anna"])  # noqa: E731 - said once, used twice
    assert room.at_work(look) is None
    room.test("anna")
    assert claims.read(room.at_work(look)) == room.ours()


def test_a_mailbox_without_a_profile_is_not_taken_over(room: Room) -> None:
    room.mailbox("anna")
    with pytest.raises(ConfigError, match="no active server profile"):
        room.take_over("anna")
