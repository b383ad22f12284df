"""A clean takes out what is ours, all of it and nothing else, whatever interrupts it; enabling later makes it anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update
from tests.sync.world import ENVIRONMENT, NOW, SERVER, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.setup.claims import Claim
from fieldcal.state import findings, history, leases, links, mailboxes, marks, plans, schema
from fieldcal.state.tables import links as link_table
from fieldcal.state.tables import marks as mark_table
from fieldcal.sync import clean as cleaning
from fieldcal.sync.clean import Cleaned
from fieldcal.sync.passes import run_clean, run_survey
from fieldcal.sync.survey import Survey

TOMORROW = NOW + timedelta(days=1)


def surveyed(world: World, *names: str) -> list[Survey]:
    return world.run(run_survey(world.site, [world.box(name) for name in names]))


def clean(world: World, *names: str) -> list[Cleaned]:
    surveys = surveyed(world, *names)
    with world.database.write() as tx:
        plan = cleaning.approve(tx, world.site, surveys, "petra")
    return world.run(run_clean(world.site, plan, "petra", surveys, lambda _removed, _of: None))


def stocked(world: World, jobs: int = 3) -> None:
    """Ana with some jobs of ours and an appointment of her own."""
    world.worker("Ana")
    for hour in range(jobs):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1, name=f"Job {hour}")
    world.pass_()
    world.exchange.hands.add(world.box("Ana"), _own())


def _own() -> dict[str, object]:
    at = {"dateTime": "2026-11-24T18:00:00", "timeZone": "UTC"}
    return {"subject": "Dentist", "start": at, "end": {**at, "dateTime": "2026-11-24T19:00:00"}}


def our_claim(world: World, **other: str) -> Claim:
    with world.database.read() as tx:
        given = {"installation": schema.installation(tx), "organization": world.site.organization}
    return Claim(**{**given, "environment": ENVIRONMENT, **other})


def set_claim(world: World, text: str | None) -> None:
    calendar = world.site.calendars(SERVER).open(world.box("Ana"), world.site.organization)
    world.run(calendar.set_claim(text, lambda: None))


def claim(world: World) -> str | None:
    calendar = world.site.calendars(SERVER).open(world.box("Ana"), world.site.organization)
    return world.run(calendar.claim(lambda: None))


def test_i3_a_clean_removes_every_event_of_ours_and_nothing_else(world: World) -> None:
    stocked(world)
    [first, *_] = world.ours("Ana")
    world.copy("Ana", first)
    [survey] = surveyed(world, "Ana")
    assert (len(survey.found.ours), len(survey.found.copies)) == (3, 1)
    [done] = clean(world, "Ana")
    assert (done.removed, done.copies, done.problem) == (3, 1, "")
    assert sorted(world.subjects("Ana")) == ["Dentist", first.subject]
    with world.database.read() as tx:
        assert [(found.kind, found.mailbox) for found in findings.load(tx, ENVIRONMENT)] == [("copy", world.box("Ana"))]


@pytest.mark.parametrize(("seconds", "events", "problem"), [(5, 3, ""), (60, 0, "the mailbox is being worked on")])
def test_a_mailbox_that_a_pass_is_at_is_waited_for_and_not_counted_as_empty(
    world: World, seconds: int, events: int, problem: str
) -> None:
    stocked(world)
    with world.database.write() as tx:
        leases.take(tx, f"mailbox:{world.box('Ana')}", "a pass", world.clock.now(), timedelta(seconds=seconds))
    [survey] = surveyed(world, "Ana")
    assert (len(survey.found.ours), survey.problem, survey.passing) == (events, problem, bool(problem))


def test_events_that_the_state_forgot_go_too(world: World) -> None:
    stocked(world)
    with world.database.write() as tx:
        tx.execute(delete(link_table))
    [done] = clean(world, "Ana")
    assert done.removed == 3
    assert world.subjects("Ana") == ["Dentist"]


def test_i5_the_mailbox_is_switched_off_first_and_a_pass_afterwards_sends_nothing(world: World) -> None:
    stocked(world)
    clean(world, "Ana")
    with world.database.read() as tx:
        row = mailboxes.load(tx, ENVIRONMENT, world.box("Ana"))
        assert row is not None
        assert not row.enabled
        assert "petra" in row.disabled_reason
    world.book("Ana", TOMORROW, name="later")
    world.forget_requests()
    world.pass_()
    assert world.exchange.control.count() == 0


def test_i4_it_is_on_record_who_approved_what_and_what_became_of_it(world: World) -> None:
    stocked(world)
    clean(world, "Ana")
    with world.database.read() as tx:
        [plan] = plans.load(tx, ENVIRONMENT)
        assert (plan.kind, plan.state, plan.decided_by, plan.rows) == ("clean", "done", "petra", 3)
        assert {row.state for row in plans.rows_of(tx, ENVIRONMENT, plan.id)} == {"done"}
        [last, *_] = history.last_passes(tx, ENVIRONMENT)
        assert (last.kind, last.tally.removed) == ("clean", 3)
        booking = tx.scalar(select(link_table.c.booking))
        line = history.of_booking(tx, ENVIRONMENT, booking)[0]
        assert (line.action, line.answer, line.reason) == (
            "remove",
            "done",
            "the mailbox was cleaned on behalf of petra",
        )


@pytest.mark.parametrize("behaviour", ["new", "error", "dead"])
def test_enabling_later_makes_each_event_once_with_the_next_generation(world: World, behaviour: str) -> None:
    world.exchange.control.change(dead_key=behaviour)
    stocked(world)
    before = {event.mark for event in world.ours("Ana")}
    clean(world, "Ana")
    with world.database.read() as tx:
        assert {row.generation for row in tx.execute(select(link_table.c.generation))} == {1}
        assert links.live(tx, ENVIRONMENT) == 0
        assert tx.execute(select(mark_table)).all() == []
    world.enable("Ana")
    world.pass_()
    assert sorted(world.subjects("Ana")) == ["Dentist", "Job 0", "Job 1", "Job 2"]
    assert before.isdisjoint({event.mark for event in world.ours("Ana")})
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def test_f36_a_copy_that_outlives_a_clean_is_not_taken_for_ours_when_the_mailbox_is_enabled_again(world: World) -> None:
    stocked(world, 1)
    [ours] = world.ours("Ana")
    world.copy("Ana", ours)
    clean(world, "Ana")
    [copy] = world.ours("Ana")
    world.enable("Ana")
    world.pass_()
    world.check(everything=True)
    assert copy.key in {event.key for event in world.ours("Ana")}
    assert len(world.ours("Ana")) == 2
    [plain] = [event for event in world.ours("Ana") if event.key == copy.key]
    assert (plain.start, plain.mark) == (copy.start, copy.mark)


def test_f36_a_copy_that_outlives_its_booking_is_not_taken_for_ours(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.copy("Ana", world.ours("Ana")[0])
    world.delete(booking)
    world.pass_()
    [copy] = world.events("Ana")
    world.check(everything=True)
    world.pass_()
    assert [event.key for event in world.events("Ana")] == [copy.key]


FAULTS = [
    Fault(kind="status", status=429, headers={"Retry-After": "30"}, times=3),
    Fault(kind="status", status=429, times=2, match=Match(method="POST")),
    Fault(kind="status", status=503, times=2, match=Match(method="DELETE", item=True)),
    Fault(kind="status", status=429, headers={"Retry-After": "7"}, times=5, match=Match(method="DELETE", item=True)),
    Fault(kind="drop_before", times=2),
    Fault(kind="drop_after", match=Match(method="POST")),
    Fault(kind="garbage", times=2),
    Fault(kind="truncated", times=1),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.match.method}")
def test_a_clean_waits_for_a_server_in_trouble_and_goes_on(world: World, fault: Fault) -> None:
    stocked(world, 25)
    world.exchange.control.add_fault(fault)
    [done] = clean(world, "Ana")
    assert done.problem == ""
    assert world.subjects("Ana") == ["Dentist"]


@pytest.mark.parametrize("where", ["before commit", "after commit", "before write", "after write"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_clean_that_dies_goes_on_when_it_is_run_again(world: World, where: str, nth: int) -> None:
    stocked(world, 25)
    set_claim(world, our_claim(world).text())
    surveys = surveyed(world, "Ana")
    with world.database.write() as tx:
        plan = cleaning.approve(tx, world.site, surveys, "petra")
    process = world.start("first")
    process.life.dies(where, nth)  # type: ignore[arg-type]
    world.run(process.life.live(run_clean(process.site, plan, "petra", surveys, lambda _removed, _of: None)))
    process.database.close()
    assert not process.life.alive
    world.clock.advance(timedelta(minutes=5))
    [done] = clean(world, "Ana")
    assert done.problem == ""
    assert world.subjects("Ana") == ["Dentist"]
    assert claim(world) is None
    with world.database.read() as tx:
        assert {item.state for item in plans.load(tx, ENVIRONMENT)} == {"done"}


def test_a_create_without_an_answer_is_waited_for_and_taken_out(world: World) -> None:
    stocked(world, 0)
    world.book("Ana", TOMORROW, name="Job")
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="POST")))
    world.pass_()
    assert len(world.ours("Ana")) == 1
    [done] = clean(world, "Ana")
    assert (done.removed, done.problem) == (1, "")
    assert world.subjects("Ana") == ["Dentist"]


def test_a_create_that_never_arrived_gets_another_key_next_time(world: World) -> None:
    stocked(world, 0)
    world.book("Ana", TOMORROW, name="Job")
    world.exchange.control.add_fault(Fault(kind="drop_before", match=Match(method="POST", path="/events")))
    world.pass_()
    began = world.clock.now()
    [done] = clean(world, "Ana")
    assert (done.removed, done.problem) == (0, "")
    assert world.clock.now() - began > timedelta(seconds=60)
    with world.database.read() as tx:
        assert tx.execute(select(link_table.c.generation, link_table.c.intent)).all() == [(1, None)]


def test_one_event_that_cannot_be_removed_does_not_stop_the_others_and_is_told(world: World) -> None:
    stocked(world, 25)
    [odd, *_] = world.ours("Ana")
    with world.database.read() as tx:
        event = tx.scalar(select(link_table.c.event).where(link_table.c.subject == odd.subject))
    fault = Fault(kind="status", status=400, code="ErrorInvalidRequest", times=None,
                  match=Match(method="DELETE", path=str(event), item=True))  # fmt: skip
    world.exchange.control.add_fault(fault)
    set_claim(world, our_claim(world).text())
    [done] = clean(world, "Ana")
    assert "1 events cannot be removed" in done.problem
    assert (done.removed, done.claim_returned) == (24, False)
    assert len(world.ours("Ana")) == 1


CLAIMS = [
    ({}, True, "", True),
    ({"environment": "other"}, True, "", False),
    ({"installation": "another", "organization": "another"}, True, "", False),
    ({"installation": "another"}, False, "an earlier installation of this environment (another)", False),
]


@pytest.mark.parametrize(("other", "cleaned", "problem", "returned"), CLAIMS)
def test_r14_only_our_own_claim_is_given_back_and_anothers_events_are_left(
    world: World, other: dict[str, str], cleaned: bool, problem: str, returned: bool
) -> None:
    stocked(world)
    text = our_claim(world, **other).text()
    set_claim(world, text)
    [done] = clean(world, "Ana")
    assert problem in done.problem
    assert (len(world.ours("Ana")) == 0) is cleaned
    assert claim(world) == (None if returned else text)
    assert done.claim_returned is returned


def test_a_clean_stops_where_somebody_switches_the_mailbox_on_again(world: World) -> None:
    stocked(world)
    surveys = surveyed(world, "Ana")
    with world.database.write() as tx:
        plan = cleaning.approve(tx, world.site, surveys, "petra")
    world.enable("Ana")
    [done] = world.run(run_clean(world.site, plan, "petra", surveys, lambda _removed, _of: None))
    assert "switched on again" in done.problem
    assert len(world.ours("Ana")) == 3
    world.pass_()
    assert len(world.ours("Ana")) == 3


def test_a_broken_off_clean_says_nothing_of_removals_once_the_mailbox_is_enabled_again(world: World) -> None:
    stocked(world, 60)
    surveys = surveyed(world, "Ana")
    with world.database.write() as tx:
        cleaning.approve(tx, world.site, surveys, "petra")
    world.enable("Ana")
    world.pass_()
    for row in world.ask("GET", "bookableresourcebookings?$select=name")["value"]:
        world.delete(row["bookableresourcebookingid"])
    report = world.pass_()
    assert (report.tally.removed, report.tally.held) == (50, 10)


def test_marks_that_come_while_the_mailbox_is_off_wait(world: World) -> None:
    stocked(world)
    clean(world, "Ana")
    world.book("Ana", TOMORROW, name="later")
    world.pass_()
    with world.database.read() as tx:
        assert marks.due(tx, ENVIRONMENT, world.box("Ana"), world.clock.now(), 10)
    assert world.subjects("Ana") == ["Dentist"]


def test_two_mailboxes_are_cleaned_and_one_that_fails_does_not_stop_the_other(world: World) -> None:
    stocked(world)
    world.worker("Ben")
    world.book("Ben", TOMORROW)
    world.pass_()
    world.exchange.control.add_fault(
        Fault(kind="status", status=403, code="ErrorAccessDenied", times=None, match=Match(path=world.box("Ana")))
    )
    ana, ben = clean(world, "Ana", "Ben")
    assert "denied" in ana.problem
    assert (ben.problem, ben.removed) == ("", 1)
    assert len(world.ours("Ana")) == 3


def test_a_mailbox_that_never_had_a_profile_says_so(world: World) -> None:
    stocked(world)
    with world.database.write() as tx:
        tx.execute(update(mailboxes.mailboxes).values(profile=None))
    [survey] = surveyed(world, "Ana")
    assert "no server profile" in survey.problem
    assert not survey.passing


def test_it_runs_alike_on_postgresql(new_world: Callable[..., World], new_postgres: Callable[[], str]) -> None:
    world = new_world(new_postgres())
    stocked(world)
    [done] = clean(world, "Ana")
    assert (done.removed, done.problem) == (3, "")
    assert world.subjects("Ana") == ["Dentist"]
