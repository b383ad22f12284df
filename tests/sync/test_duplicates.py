"""Duplicates: shown with the true one, taken out when approved, and never what a hand made unless it is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from tests.sync.test_claims import claim, ours
from tests.sync.test_installations import Installation
from tests.sync.world import ENVIRONMENT, NOW, Shown, World

from fieldcal.embedded.control import Entry
from fieldcal.embedded.faults import Fault, Match
from fieldcal.model import EventId
from fieldcal.plan.duplicates import wanted
from fieldcal.state import findings, history, links, mailboxes, plans
from fieldcal.state.tables import leases as lease_table
from fieldcal.state.tables import links as link_table
from fieldcal.sync import duplicates
from fieldcal.sync.duplicates import Found, Removed
from fieldcal.sync.passes import run_find, run_remove
from fieldcal.sync.site import Site

TOMORROW = NOW + timedelta(days=1)


def find(world: World) -> Found:
    [found] = world.run(run_find(world.site, [world.box("Ana")]))
    return found


def remove(world: World, found: Found, *named: EventId, site: Site | None = None) -> Removed:
    chosen = wanted(found.doubles, frozenset(named))
    with world.database.write() as tx:
        plan = duplicates.approve(tx, world.site, [(found.mailbox, one) for one in chosen], "petra")
    events = frozenset(one.event.id for one in chosen)
    work = run_remove(site or world.site, plan, "petra", {found.mailbox: ("ana", events)}, lambda _done, _of: None)
    [removed] = world.run(work)
    return removed


def doubled(world: World, jobs: int = 2) -> dict[str, set[bytes]]:
    """Ana with jobs that stand twice, made by us both times; an appointment and a copy of her own."""
    world.worker("Ana")
    ids = [world.book("Ana", TOMORROW + timedelta(hours=2 * hour), 1, name=f"Job {hour}") for hour in range(jobs)]
    world.pass_()
    first = {event.key for event in world.ours("Ana")}
    with world.database.write() as tx:
        # As if it had been forgotten that these stand, and their keys were used: what no run of ours may come to.
        tx.execute(update(link_table).where(link_table.c.booking.in_(ids)).values(event=None, generation=7))
    for hour, booking in enumerate(ids):
        world.move(booking, TOMORROW + timedelta(hours=2 * hour, minutes=5), 1)
    world.pass_()
    true = {event.key for event in world.ours("Ana")} - first
    assert (len(first), len(true)) == (jobs, jobs)
    at = {"dateTime": "2026-11-24T18:00:00", "timeZone": "UTC"}
    world.exchange.hands.add(world.box("Ana"), {"subject": "Dentist", "start": at, "end": at})
    return {"twin": first, "true": true}


def a_copy(world: World, key: bytes) -> Shown:
    before = {event.key for event in world.events("Ana")}
    world.copy("Ana", next(event for event in world.events("Ana") if event.key == key))
    return next(event for event in world.events("Ana") if event.key not in before)


def keys(world: World) -> set[bytes]:
    return {event.key for event in world.events("Ana")}


def test_i4_duplicates_are_shown_then_removed_and_stand_on_record(world: World) -> None:
    there = doubled(world)
    before = keys(world)
    world.check()
    world.forget_requests()
    found = find(world)
    assert world.writes() == 0
    assert [(one.made_by_us, one.obstacle, one.true is not None) for one in found.doubles] == [(True, "", True)] * 2
    done = remove(world, found)
    assert (len(done.removed), done.left, done.problem) == (2, {}, "")
    assert keys(world) == before - there["twin"]
    with world.database.read() as tx:
        [plan] = plans.load(tx, ENVIRONMENT)
        assert (plan.kind, plan.state, plan.decided_by, plan.rows) == ("duplicates", "done", "petra", 2)
        assert {row.state for row in plans.rows_of(tx, ENVIRONMENT, plan.id)} == {"done"}
        [last, *_] = history.last_passes(tx, ENVIRONMENT)
        assert (last.kind, last.tally.removed) == ("duplicates", 2)
        booking = found.doubles[0].event.mark
        assert booking is not None
        line = history.of_booking(tx, ENVIRONMENT, booking.booking)[0]
        assert (line.action, line.answer, "petra" in line.reason) == ("remove duplicate", "done", True)
        assert findings.load(tx, ENVIRONMENT) == []
        assert links.live(tx, ENVIRONMENT) == 2
    world.forget_requests()
    world.pass_()
    world.check()
    assert world.writes() == 0
    assert find(world).doubles == ()


def test_i3_a_copy_by_hand_stays_unless_it_is_named(world: World) -> None:
    there = doubled(world, jobs=1)
    copy = a_copy(world, next(iter(there["true"])))
    found = find(world)
    assert sorted(one.made_by_us for one in found.doubles) == [False, True]
    remove(world, found)
    assert keys(world) >= {copy.key} | there["true"]
    [left] = find(world).doubles
    assert (left.made_by_us, left.offered) == (False, False)
    done = remove(world, find(world), left.event.id)
    assert done.removed == [left.event.id]
    assert (copy.key in keys(world), there["true"] <= keys(world)) == (False, True)


def _the_true_one_goes(world: World, there: dict[str, set[bytes]]) -> None:
    for event in world.ours("Ana"):
        if event.key in there["true"]:
            world.remove("Ana", event)


def _the_true_one_is_forgotten(world: World, _there: dict[str, set[bytes]]) -> None:
    with world.database.write() as tx:
        tx.execute(delete(link_table))


@pytest.mark.parametrize(
    "change",
    [_the_true_one_goes, _the_true_one_is_forgotten],
    ids=lambda change: change.__name__.strip("_"),
)
def test_i4_what_changed_since_it_was_shown_removes_nothing(
    world: World, change: Callable[[World, dict[str, set[bytes]]], None]
) -> None:
    there = doubled(world)
    found = find(world)
    change(world, there)
    before = keys(world)
    done = remove(world, found)
    assert (done.removed, len(done.left)) == ([], 2)
    assert keys(world) == before
    with world.database.read() as tx:
        [plan] = plans.load(tx, ENVIRONMENT)
        assert (plan.state, {row.state for row in plans.rows_of(tx, ENVIRONMENT, plan.id)}) == ("done", {"dropped"})


def test_a_duplicate_that_a_hand_changes_between_looking_and_removing_stays(world: World) -> None:
    there = doubled(world, jobs=1)
    found = find(world)
    [twin] = [event for event in world.ours("Ana") if event.key in there["twin"]]

    def meddle(entry: Entry | None, _name: str, _writing: bool, late: bool) -> None:
        """Right after the true event was read, before the removal is sent."""
        if entry is not None and not late and entry.method == "GET" and "/events/" in entry.url:
            world.edit("Ana", twin, subject="My own words")

    process = world.start("a process")
    world.wires[1].watch = meddle
    done = remove(world, found, site=process.site)
    process.database.close()
    assert list(done.left.values()) == ["it was changed meanwhile; look again"]
    assert keys(world) >= there["twin"] | there["true"]


def test_i4_the_true_event_is_read_right_before_a_removal(world: World) -> None:
    """The list says that it stands; the read by id says that it is gone, and the read is what counts."""
    there = doubled(world, jobs=1)
    found = find(world)
    gone = Fault(kind="status", status=404, code="ErrorItemNotFound", match=Match(method="GET", path="/events/"))
    world.exchange.control.add_fault(gone)
    done = remove(world, found)
    assert list(done.left.values()) == ["the event that counts is not there any more"]
    assert keys(world) >= there["twin"]


@pytest.mark.parametrize("lost", ["drop_before", "drop_after"])
def test_i1_a_removal_without_an_answer_touches_the_true_one_neither_now_nor_later(world: World, lost: str) -> None:
    there = doubled(world, jobs=1)
    world.exchange.control.add_fault(Fault(kind=lost, match=Match(method="DELETE")))  # type: ignore[arg-type]
    done = remove(world, find(world))
    assert done.removed == []
    world.exchange.control.clear_faults()
    world.clock.advance(timedelta(minutes=30))
    world.pass_()
    remove(world, find(world))
    assert keys(world) >= there["true"]
    assert not keys(world) & there["twin"]
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def test_i5_a_removal_whose_lease_another_takes_removes_nothing_more_and_its_plan_is_closed(world: World) -> None:
    doubled(world, jobs=1)
    found = find(world)
    before = keys(world)
    process = world.start("a process")

    def steal(entry: Entry | None, _name: str, _writing: bool, late: bool) -> None:
        """While the mailbox is read: this process stood still for longer than its lease lasts."""
        if entry is not None and not late and entry.method == "GET":
            with world.database.write() as tx:
                tx.execute(update(lease_table).values(fence=lease_table.c.fence + 1, owner="another"))

    world.wires[1].watch = steal
    done = remove(world, found, site=process.site)
    process.database.close()
    assert (done.removed, "taken by another" in done.problem) == ([], True)
    assert keys(world) == before
    with world.database.read() as tx:
        [plan] = plans.load(tx, ENVIRONMENT)
        assert (plan.state, {row.state for row in plans.rows_of(tx, ENVIRONMENT, plan.id)}) == ("done", {"dropped"})


def _off(world: World) -> None:
    world.disable("Ana")


def _unread(world: World) -> None:
    with world.database.write() as tx:
        mailboxes.check_first(tx, ENVIRONMENT, [world.box("Ana")])


def _claimed(world: World) -> None:
    claim(world, ours(world, installation="another"))


@pytest.mark.parametrize(
    ("state", "words"), [(_off, "switched off"), (_unread, "read first"), (_claimed, "another serves")]
)
def test_i5_r14_nothing_is_removed_from_a_mailbox_that_is_off_unread_or_anothers(
    world: World, state: Callable[[World], None], words: str
) -> None:
    doubled(world)
    found = find(world)
    before = keys(world)
    state(world)
    done = remove(world, found)
    assert (done.removed, words in done.problem) == ([], True)
    assert keys(world) == before


def test_what_two_installations_left_is_removed_after_one_has_taken_over(world: World) -> None:
    """A state was lost, and set up anew while a search found nothing: the worst that can be."""
    there = doubled(world, jobs=1)
    old = Installation(world, world.database, fresh=False)
    old.test("Ana")
    world.forget_state()
    new = Installation(world, world.database, fresh=False)
    new.test("Ana")
    new.take_over("Ana")
    new.test("Ana")
    world.pass_()
    # The newest generation is ours again, as it was.
    found = find(world)
    assert [one.offered for one in found.doubles] == [True]
    assert len(remove(world, found).removed) == 1
    assert keys(world) >= there["true"]
    assert not keys(world) & there["twin"]
