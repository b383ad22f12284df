"""What a check found is written again because a person asks for it (D8): that, where the rules want it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sync.test_drift import HANDS, TOMORROW, found, job, the_event
from tests.sync.world import ENVIRONMENT, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.model import MailboxId
from fieldcal.state import findings, history, mailboxes
from fieldcal.state.findings import Finding
from fieldcal.sync.passes import Rewritten, run_write_again


def listed(world: World) -> list[Finding]:
    with world.database.read() as tx:
        return findings.load(tx, ENVIRONMENT)


def write_again(world: World, chosen: list[Finding]) -> Rewritten:
    world.forget_requests()
    return world.run(run_write_again(world.site, chosen, "petra"))


@pytest.mark.parametrize("drift", ["report", "respect"])
@pytest.mark.parametrize("hand", HANDS)
def test_d8_i2_what_a_person_chooses_is_written_again_once_whatever_the_setting_says(
    world: World, hand: str, drift: str
) -> None:
    job(world, drift)
    before = the_event(world)
    HANDS[hand](world)
    world.check()
    done = write_again(world, listed(world))
    after = the_event(world)
    assert (after.subject, after.start, after.end, after.location) == ("Job", before.start, before.end, before.location)
    assert (done.written, done.left, done.tally.churn, listed(world)) == (1, {}, 0, [])
    with world.database.read() as tx:
        [line] = [
            line for line in history.of_mailbox(tx, ENVIRONMENT, world.box("Ana"), 20) if line.action == "restore"
        ]
        assert "on behalf of petra" in line.answer
    for look in (world.pass_, world.check):
        world.forget_requests()
        look()
        assert (world.writes(), found(world)) == (0, [])


def test_i3_copies_what_was_found_otherwise_and_what_the_rules_leave_stay_and_are_told(world: World) -> None:
    booking = job(world, "report")
    mine = the_event(world)
    world.copy("Ana", mine)
    world.edit("Ana", mine, subject="Mine")
    world.check()
    rows = {one.kind: one for one in listed(world)}
    assert rows.keys() == {"copy", "changed"}
    before = sorted((event.subject, event.start) for event in world.events("Ana"))
    stale = replace(rows["changed"], event="an event that was there before")
    done = write_again(world, [rows["copy"], stale])
    assert (world.writes(), done.written) == (0, 0)
    told = {str(event): why for event, why in done.left.items()}
    assert "copy" in told[rows["copy"].event]
    assert "run the check again" in told[stale.event]
    assert sorted((event.subject, event.start) for event in world.events("Ana")) == before
    # canceled and to be kept as it is: the rules write it no more
    world.change_settings(canceled="keep")
    world.set_status(booking, "Canceled")
    world.pass_()
    done = write_again(world, [rows["changed"]])
    assert world.writes() == 0
    assert ["the rules leave it as it is" in why for why in done.left.values()] == [True]


def test_r13_nothing_is_written_again_in_a_mailbox_that_is_switched_off(world: World) -> None:
    job(world, "report")
    HANDS["deleted"](world)
    world.check()
    chosen = listed(world)
    with world.database.write() as tx:
        mailboxes.disable(tx, ENVIRONMENT, [MailboxId(world.box("Ana"))], "a test")
    done = write_again(world, chosen)
    assert (world.writes(), done.written, len(done.left)) == (0, 0, 1)
    assert listed(world) == chosen


def test_what_cannot_be_written_now_stays_listed_and_due(world: World) -> None:
    job(world, "report")
    HANDS["subject"](world)
    world.check()
    world.exchange.control.add_fault(Fault(kind="status", status=503, times=None, match=Match(method="PATCH")))
    chosen = listed(world)
    done = write_again(world, chosen)
    assert (done.written, listed(world)) == (0, chosen)
    assert ["tried again by itself" in why for why in done.left.values()] == [True]
    world.exchange.control.clear_faults()
    for _ in range(3):
        world.clock.advance(timedelta(hours=1))
        world.pass_()
    assert (the_event(world).subject, the_event(world).start) == ("Job", TOMORROW)
