"""R14: who finds another's claim on a calendar writes nothing there any more, and says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.sync.world import ENVIRONMENT, NOW, SERVER, World

from fieldcal.setup.claims import Claim
from fieldcal.state import alerts, mailboxes, schema

TOMORROW = NOW + timedelta(days=1)


def ours(world: World, **other: str) -> str:
    with world.database.read() as tx:
        given = {"installation": schema.installation(tx), "organization": world.site.organization}
    return Claim(**{**given, "environment": ENVIRONMENT, **other}).text()


def claim(world: World, text: str | None) -> None:
    calendar = world.site.calendars(SERVER).open(world.box("Ana"), world.site.organization)
    world.run(calendar.set_claim(text, lambda: None))
    world.forget_requests()


FOREIGN = [
    ({"installation": "another"}, "Another installation of Fieldcal (another)"),
    ({"installation": "another", "organization": "another"}, "Another environment"),
    ({"environment": "other"}, "The environment other of this installation"),
]


@pytest.mark.parametrize(("other", "words"), FOREIGN)
def test_r14_a_check_that_finds_anothers_claim_switches_the_mailbox_off_and_writes_nothing(
    world: World, other: dict[str, str], words: str
) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.move(booking, TOMORROW + timedelta(hours=1))
    claim(world, ours(world, **other))
    world.check()
    assert world.writes() == 0
    with world.database.read() as tx:
        row = mailboxes.load(tx, ENVIRONMENT, world.box("Ana"))
        assert row is not None
        assert (row.enabled, words in row.disabled_reason) == (False, True)
        [alert] = [alert for alert in alerts.standing(tx, ENVIRONMENT) if alert.code == "claimed-elsewhere"]
        assert (alert.level, alert.mailbox) == ("error", world.box("Ana"))
        assert "--take-over" in alert.message
    world.pass_()
    assert world.writes() == 0
    assert [event.start for event in world.ours("Ana")] == [TOMORROW]


@pytest.mark.parametrize(("other", "words"), FOREIGN)
def test_r14_a_mailbox_that_is_read_first_is_not_written_under_anothers_claim(
    world: World, other: dict[str, str], words: str
) -> None:
    world.worker("Ana", enabled=False)
    world.pass_(workers_in_full=True)
    world.book("Ana", TOMORROW, name="Job")
    claim(world, ours(world, **other))
    world.enable("Ana")
    world.pass_()
    assert world.writes() == 0
    assert world.events("Ana") == []
    with world.database.read() as tx:
        row = mailboxes.load(tx, ENVIRONMENT, world.box("Ana"))
        assert row is not None
        assert words in row.disabled_reason


@pytest.mark.parametrize("text", ["ours", None])
def test_r14_our_own_claim_and_none_at_all_stop_nothing(world: World, text: str | None) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, name="Job")
    claim(world, ours(world) if text else None)
    world.check()
    world.pass_()
    assert world.subjects("Ana") == ["Job"]


def test_the_alert_is_over_when_a_check_finds_the_claim_ours_again(world: World) -> None:
    world.worker("Ana")
    claim(world, ours(world, environment="other"))
    world.check()
    claim(world, ours(world))
    world.enable("Ana")
    world.check()
    with world.database.read() as tx:
        assert [alert.code for alert in alerts.standing(tx, ENVIRONMENT)] == []


def test_a_check_asks_for_the_claim_once_and_a_pass_never_does(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.forget_requests()
    world.book("Ana", TOMORROW, name="Job 2")
    world.pass_()
    assert [entry.method for entry in world.exchange.control.ledger()] == ["POST"]
    world.forget_requests()
    world.check()
    assert sum("FieldcalClaim" in entry.url or "Claim" in entry.url for entry in world.exchange.control.ledger()) == 1
    assert world.exchange.control.count() == 2
