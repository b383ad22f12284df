"""What a review of the whole way found; each case failed before its fix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.asked import tell
from fieldcal.cli import report
from fieldcal.embedded.faults import Fault, Match
from fieldcal.errors import WrongClock
from fieldcal.http import Http, TokenCredential
from fieldcal.sources.dataverse import DataverseSource
from fieldcal.sources.pinned import PinnedSource
from fieldcal.state import bookings, feeds, leases, marks, waiting, workers
from fieldcal.state import mailboxes as mailbox_rows
from fieldcal.state.held import LEASE
from fieldcal.state.tables import mailboxes
from fieldcal.state.tables import marks as mark_rows
from fieldcal.sync.passes import run_pass
from fieldcal.sync.site import Site

TOMORROW = NOW + timedelta(days=1)


def user_of(world: World, name: str) -> str:
    users = world.ask("GET", "systemusers?$select=systemuserid,fullname")["value"]
    [found] = [user["systemuserid"] for user in users if user["fullname"] == name]
    return str(found)


def tell_object_id(world: World, name: str, object_id: str | None) -> None:
    """The source tells the worker's user with this object id (None: by the address only) from the next full read on."""
    world.ask("PATCH", f"systemusers({user_of(world, name)})", {"azureactivedirectoryobjectid": object_id})
    world.pass_(workers_in_full=True)


def known_mailboxes(world: World) -> list[tuple[str, bool]]:
    with world.database.read() as tx:
        found = tx.execute(select(mailboxes.c.id, mailboxes.c.enabled).where(mailboxes.c.environment == ENVIRONMENT))
        return [(row.id, row.enabled) for row in found]


# --- which mailbox a worker has --------------------------------------------------------------------------------------


def test_a_worker_told_once_without_the_object_id_keeps_the_mailbox_and_every_event(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    [before] = world.events("Ana")
    tell_object_id(world, "Ana", None)
    world.book("Ana", TOMORROW + timedelta(hours=3), name="later")
    world.pass_()
    assert known_mailboxes(world) == [(world.box("Ana"), True)]
    assert world.subjects("Ana") == ["Job", "later"]
    tell_object_id(world, "Ana", world.box("Ana"))
    assert world.events("Ana")[0].key == before.key


def test_a_worker_without_any_mailbox_for_a_while_comes_back_by_address_into_the_same_one(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    for disabled in (True, False):
        world.ask("PATCH", f"systemusers({user_of(world, 'Ana')})", {"isdisabled": disabled})
        tell_object_id(world, "Ana", None)
    assert known_mailboxes(world) == [(world.box("Ana"), True)]
    assert world.subjects("Ana") == ["Job"]


@pytest.mark.parametrize("written", [True, False])
def test_a_worker_known_by_address_takes_on_the_object_id_only_while_nothing_of_ours_stands_there(
    world: World, written: bool
) -> None:
    world.worker("Ana", enabled=False)
    object_id, address = world.box("Ana"), "ana@northwind-trades.example"
    tell_object_id(world, "Ana", None)
    world.boxes["Ana"] = address
    world.pass_(workers_in_full=True)
    world.enable("Ana")
    if written:
        world.book("Ana", TOMORROW, name="Job")
        world.pass_()
    tell_object_id(world, "Ana", object_id)
    assert known_mailboxes(world) == [(address if written else object_id, True)]
    world.book("Ana", TOMORROW + timedelta(hours=3), name="later")
    world.pass_()
    world.boxes["Ana"] = object_id
    assert world.subjects("Ana") == [*(["Job"] if written else []), "later"]


def test_an_event_stays_while_the_other_mailbox_its_worker_is_said_to_have_is_not_set_up(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben", enabled=False)
    world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    change = {"azureactivedirectoryobjectid": world.box("Ben"), "internalemailaddress": "ben@northwind-trades.example"}
    world.ask("PATCH", f"systemusers({user_of(world, 'Ana')})", change)
    world.pass_(workers_in_full=True)
    assert world.subjects("Ana") == ["Job"]
    world.enable("Ben")
    world.clock.advance(timedelta(hours=2))
    world.pass_()
    assert (world.subjects("Ana"), world.subjects("Ben")) == ([], ["Job"])


# --- when a mailbox is switched off ----------------------------------------------------------------------------------


def refused(world: World, name: str, times: int | None, status: int = 403) -> None:
    """The mailbox answers so to this many requests (None: to all)."""
    code = "ErrorAccessDenied" if status == 403 else ""
    match = Match(path=world.box(name))
    world.exchange.control.add_fault(Fault(kind="status", status=status, times=times, code=code, match=match))


def switched_on(world: World, name: str) -> bool:
    with world.database.read() as tx:
        known = mailbox_rows.load(tx, ENVIRONMENT, world.box(name))
    assert known is not None
    return known.enabled


def passes(world: World, count: int) -> None:
    for _ in range(count):
        world.pass_()
        world.clock.advance(timedelta(minutes=20))


def test_f54_one_refusal_after_other_failures_switches_no_mailbox_off(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    refused(world, "Ana", None, 503)
    passes(world, 4)
    world.exchange.control.clear_faults()
    refused(world, "Ana", 1)
    passes(world, 3)
    assert switched_on(world, "Ana")
    assert world.subjects("Ana") == ["Job"]


def test_f54_refusals_with_another_failure_in_between_are_counted_anew(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    for status in (403, 403, 503, 403, 403):
        refused(world, "Ana", None, status)
        passes(world, 1)
        world.exchange.control.clear_faults()
    assert switched_on(world, "Ana")


def test_f54_a_mailbox_that_the_test_finds_well_is_not_switched_off(world: World) -> None:
    """Every pass meets a refusal, but what is tested then works: a rule on some requests, or overload."""
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    for _ in range(4):
        refused(world, "Ana", 1)
        passes(world, 1)
    assert switched_on(world, "Ana")
    passes(world, 2)
    assert world.subjects("Ana") == ["Job"]


def test_f54_a_mailbox_that_is_refused_for_good_is_switched_off_and_told(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    refused(world, "Ana", None)
    passes(world, 2)
    assert switched_on(world, "Ana")
    passes(world, 1)
    assert not switched_on(world, "Ana")


# --- what a killed process leaves held -------------------------------------------------------------------------------


def died_at_work(world: World, name: str, span: timedelta = LEASE, at: datetime | None = None) -> None:
    """A process was killed that had just taken this lease."""
    with world.database.write() as tx:
        assert leases.take(tx, name, "killed", at or world.clock.now(), span)


def test_a_person_waits_for_a_mailbox_that_a_killed_process_holds(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    died_at_work(world, f"mailbox:{world.box('Ana')}")
    done = world.pass_(kind="asked", patient=True)
    assert (done.tally.created, done.tally.busy) == (1, 0)
    assert world.subjects("Ana") == ["Job"]


def test_a_person_is_told_of_a_mailbox_that_stays_busy(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    died_at_work(world, f"mailbox:{world.box('Ana')}", timedelta(seconds=240))
    done = world.pass_(kind="asked", patient=True)
    told = world.run(tell(world.site, done, 0.1, {}))
    assert (told.created, told.busy, told.good) == (0, 1, False)
    assert any("another was at work in 1 mailbox" in line for line in report.lines(told))


def test_a_scheduled_pass_leaves_a_busy_mailbox_due_and_waits_for_nobody(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    died_at_work(world, f"mailbox:{world.box('Ana')}")
    began = world.clock.now()
    assert world.pass_().tally.busy == 1
    assert world.clock.now() == began
    world.clock.advance(timedelta(minutes=3))
    world.pass_()
    assert world.subjects("Ana") == ["Job"]


# --- a clock that is wrong for a while -------------------------------------------------------------------------------


@dataclass(slots=True)
class Ahead:
    """Our clock, by `by` ahead of both servers'; what happens in the world meanwhile happens at their time."""

    world: World
    by: timedelta

    def now(self) -> datetime:
        return self.world.clock.now() + self.by

    def monotonic(self) -> float:
        return self.world.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.world.clock.sleep(seconds)


def at_home_in(world: World, clock: Ahead) -> Site:
    """The environment at work with this clock, its source held to the same time as it."""

    async def nobody_asks(_identity: object) -> None:
        return

    http = Http(world.source_url, TokenCredential(world.source_token), clock)
    source = PinnedSource(DataverseSource(http, clock), http.token, nobody_asks, lambda: http.ahead)
    return replace(world.site, clock=clock, source=source)


@pytest.mark.parametrize("minutes", [-14_400, -6, 6, 14_400])
def test_nothing_is_planned_while_our_clock_is_not_the_sources_and_all_goes_on_when_it_is(
    world: World, minutes: int
) -> None:
    world.worker("Ana")
    gone = world.book("Ana", TOMORROW, name="gone")
    world.pass_()
    clock = Ahead(world, timedelta(minutes=minutes))
    site = at_home_in(world, clock)
    world.delete(gone)
    world.book("Ana", TOMORROW, name="new")
    world.forget_requests()
    try:
        with pytest.raises(WrongClock, match=r"minutes (ahead of|behind) the source's"):
            world.run(run_pass(site))
        assert world.writes() == 0
        assert world.subjects("Ana") == ["gone"]
        clock.by = timedelta(seconds=20)
        assert world.run(run_pass(site)).error == ""
        assert world.subjects("Ana") == ["new"]
    finally:
        world.run(site.source.close())


@pytest.mark.parametrize("kind", ["pull", "mailbox"])
def test_a_lease_that_ends_farther_ahead_than_any_may_holds_nothing_up(world: World, kind: str) -> None:
    world.worker("Ana")
    world.pass_()
    name = f"pull:{ENVIRONMENT}" if kind == "pull" else f"mailbox:{world.box('Ana')}"
    died_at_work(world, name, at=world.clock.now() + timedelta(days=10))
    world.book("Ana", TOMORROW, name="Job")
    with world.database.read() as tx:
        assert waiting.held_until(tx, name, world.clock.now()) is None
    world.pass_()
    assert world.subjects("Ana") == ["Job"]


def test_a_pause_of_a_wrong_clock_ends_and_gives_way_to_a_true_one(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    now, box = world.clock.now(), world.box("Ana")
    world.run(world.site.pace.pause(box, now + timedelta(days=10), "a wrong clock's"))
    world.restart()
    assert world.run(world.site.pace.paused([box])) is None
    world.run(world.site.pace.pause(box, now + timedelta(minutes=5), "a true one"))
    world.restart()
    assert world.run(world.site.pace.paused([box])) == now + timedelta(minutes=5)


def test_a_mark_of_a_wrong_clock_is_due(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    world.clock.advance(timedelta(days=5))
    refused(world, "Ana", 1)
    world.pass_()
    world.clock.advance(timedelta(days=-5))
    world.clock.advance(timedelta(minutes=1))  # what a process remembers of pauses is read anew
    world.pass_()
    assert world.subjects("Ana") == ["Job"]


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(hours=20), timedelta(days=400)])
def test_workers_read_in_the_future_are_read_again_at_once(world: World, ahead: timedelta) -> None:
    """The clock was set back: users and addresses would not have been read before that day had come again."""
    world.worker("Ana")
    world.pass_(workers_in_full=True)
    world.ask("PATCH", f"systemusers({user_of(world, 'Ana')})", {"isdisabled": True})
    world.clock.advance(-ahead)
    world.pass_()
    with world.database.read() as tx:
        assert [worker.mailbox for worker in workers.everyone(tx, ENVIRONMENT)] == [None]
        assert feeds.load(tx, ENVIRONMENT).workers_read_at == world.clock.now()


# --- what is due, and what a pass without a request means ------------------------------------------------------------


def test_a_mailbox_is_not_ready_while_its_bookings_wait_for_their_details(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    now, box = world.clock.now(), world.box("Ana")
    with world.database.write() as tx:
        marks.mark(tx, ENVIRONMENT, [(box, booking)], now, "changed")
        assert waiting.ready(tx, ENVIRONMENT, now) == [box]
        bookings.set_stale(tx, ENVIRONMENT, [booking])
        assert waiting.ready(tx, ENVIRONMENT, now) == []
    world.pass_()
    with world.database.read() as tx:
        assert marks.one(tx, ENVIRONMENT, box, booking) is None


def test_f54_a_pass_that_sends_nothing_does_not_end_a_row_of_refusals(world: World) -> None:
    world.worker("Ana")
    first = world.book("Ana", TOMORROW, name="first")
    world.pass_()
    refused(world, "Ana", None)
    for hour in range(3):
        world.book("Ana", TOMORROW + timedelta(hours=3 + hour), name="later")
        passes(world, 1)
        with world.database.write() as tx:
            marks.mark(tx, ENVIRONMENT, [(world.box("Ana"), first)], world.clock.now(), "nothing changed")
            tx.execute(update(mark_rows).where(mark_rows.c.booking != first).values(due=None))
            marks.recompute(tx, ENVIRONMENT, [world.box("Ana")])
        if hour < 2:
            passes(world, 1)
            assert switched_on(world, "Ana")
    assert not switched_on(world, "Ana")
