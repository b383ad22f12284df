"""What the planted faults asked for: each of these was needed to catch one, or asks an invariant end to end by its name."""

from __future__ import annotations

import inspect
import io
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError
from tests.conftest import NewState
from tests.sync.stage import Stage
from tests.sync.world import ENVIRONMENT, NOW, World
from tests.values import BOX, mark, observed, unanswered_link

from fieldcal import log
from fieldcal.embedded.control import Entry
from fieldcal.embedded.faults import Fault, Match
from fieldcal.engine.elsewhere import LONGEST
from fieldcal.errors import LeaseLost
from fieldcal.http import CONNECTING, Http
from fieldcal.model import Event, Known, Worker
from fieldcal.plan.keys import create_key
from fieldcal.plan.render import render
from fieldcal.plan.settings import Settings
from fieldcal.state import findings
from fieldcal.state.database import Database
from fieldcal.state.held import LEASE, REQUEST, YOUNG, Held
from fieldcal.state.leases import Lease
from fieldcal.state.tables import links
from fieldcal.sync.check import compare
from fieldcal.sync.passes import run_pass

TOMORROW = NOW + timedelta(days=1)
PAUSE = timedelta(minutes=40)


def silent(world: World, booking: str) -> None:
    """The source leaves this booking out of lists and refuses to say anything of it alone."""
    control = world.field_service.control
    control.add_fault(Fault(kind="short_page", times=None, match=Match(path=r"In\(")))
    control.add_fault(Fault(kind="status", status=403, times=None, match=Match(path=rf"bookings\({booking}\)")))


# --- I1, I2 ----------------------------------------------------------------------------------------------------------


def test_i2_a_page_whose_details_could_not_be_read_is_not_lost(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW, name="Job")
    world.field_service.control.add_fault(
        Fault(kind="status", status=500, times=None, match=Match(path=r"bookings\?.*In\("))
    )
    assert world.pass_().error
    assert world.events("Ana") == []
    world.field_service.control.clear_faults()
    world.pass_()
    assert world.subjects("Ana") == ["Job"]


@pytest.mark.parametrize("where", ["after write", "after request"])
def test_i1_i2_a_create_that_nobody_heard_the_answer_to_is_found_and_removed_when_its_booking_is_gone(
    stage: Stage, where: str
) -> None:
    booking = stage.books("Ana", TOMORROW, 2)
    nth = 1 if where == "after write" else 3
    assert stage.dying(where, nth)  # type: ignore[arg-type] # a Where
    stage.deletes(booking)
    stage.restart()
    stage.quiets()
    assert stage.events() == []


@pytest.mark.parametrize("where", ["before write", "after commit", "after write"])
def test_i2_a_change_whose_process_died_before_the_answer_is_not_taken_for_written(stage: Stage, where: str) -> None:
    booking = stage.books("Ana", TOMORROW, 2)
    stage.passes()
    stage.moves(booking, TOMORROW + timedelta(hours=5), 2)
    commits = 0
    while True:  # at each commit of the pass in turn, or at its one request
        commits += 1
        if not stage.dying(where, commits):  # type: ignore[arg-type] # a Where
            break
        stage.restart()
        stage.quiets()
        assert [stand.start for _, stand in stage.events()] == [TOMORROW + timedelta(hours=5 * commits)]
        stage.moves(booking, TOMORROW + timedelta(hours=5 * (commits + 1)), 2)
    assert commits > 1


def test_i1_what_a_restored_state_forgot_is_found_before_anything_is_written(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    for name in ("Ben", "Ana"):  # given away and back: the event's generation is no longer the first
        world.reassign(booking, name)
        world.pass_()
    [before] = world.events("Ana")
    world.forget_state()
    world.set_up_again("Ana", "Ben")
    world.pass_()
    assert [event.key for event in world.events("Ana")] == [before.key]


def test_i2_an_event_whose_booking_the_source_does_not_answer_for_is_asked_for_again(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.delete(booking)
    world.forget_state()
    world.set_up_again("Ana")
    silent(world, booking)
    world.pass_()
    assert world.subjects("Ana") == ["Job"]
    world.field_service.control.clear_faults()
    world.check()
    assert world.events("Ana") == []


def test_i1_an_open_create_of_a_restored_state_is_overtaken_by_the_event_of_a_later_generation() -> None:
    """The link goes on from the generation that stands, so that no key is used that stood for an event already."""
    later = mark(generation=1)
    found = compare(BOX, [unanswered_link()], [observed("event-2", later, key=create_key(later))], None)
    assert [(link.event, link.generation, link.intent, link.rewrite) for link in found.adopted] == [
        ("event-2", 1, None, True)
    ]
    assert found.unanswered == []


# --- I3, I4 ----------------------------------------------------------------------------------------------------------


def test_i4_a_booking_that_the_source_does_not_answer_for_keeps_its_event(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    silent(world, booking)
    control = world.field_service.control
    control.add_fault(Fault(kind="short_page", times=None, match=Match(path=r"bookings\?\$select(?!.*In\()")))
    control.actions["expire-delta-tokens"]()
    world.pass_()
    assert any(entry.status == 403 for entry in control.ledger()), "the booking was never asked for by its id"
    assert world.subjects("Ana") == ["Job"]


def test_i4_the_check_takes_absence_from_a_list_for_no_evidence(world: World) -> None:
    world.worker("Ana")
    world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    [ours] = world.events("Ana")
    beyond = NOW + timedelta(days=40)
    world.edit(
        "Ana", ours, start={"dateTime": f"{beyond:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"},
        end={"dateTime": f"{beyond + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"},
    )  # fmt: skip
    world.check()
    with world.database.read() as tx:
        assert [finding.kind for finding in findings.load(tx, ENVIRONMENT)] == ["changed"]
    assert world.subjects("Ana") == ["Job"]


# --- I5, I6, I7 ------------------------------------------------------------------------------------------------------


def test_i5_a_mailbox_that_is_switched_off_in_the_middle_of_a_pass_is_sent_nothing_more(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    for hour in range(60):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1)
    process = world.start("the service")
    sent: list[str] = []

    def watch(entry: Entry | None, _name: str, writing: bool, _late: bool) -> None:
        assert entry is not None
        sent.append(entry.url)
        if writing:
            world.disable("Ana")

    world.wires[1].watch = watch
    world.run(process.life.live(run_pass(process.site)))
    process.database.close()
    assert len(world.ours("Ana")) == 20, "the batch that was in flight, and no other"
    assert sum("$batch" in url for url in sent) == 1
    world.wires[1].watch = None
    world.enable("Ana")
    world.pass_()
    assert len(world.ours("Ana")) == 60


def test_i6_a_change_of_the_work_order_alone_writes_nothing_not_even_through_a_repair(world: World) -> None:
    world.worker("Ana")
    order = world.work_order("WO-1")
    booking = world.book("Ana", TOMORROW, work_order=order)
    world.pass_()
    [ours] = world.events("Ana")
    world.edit("Ana", ours, categories=["Mine"])  # a new etag for the check to take over
    world.forget_requests()
    world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_workordersummary": "Edited"})
    world.pass_()
    world.check(everything=True)
    world.pass_()
    assert world.writes() == 0
    assert "Edited" not in world.events("Ana")[0].body
    world.move(booking, TOMORROW + timedelta(hours=3))
    world.pass_()
    assert "Edited" in world.events("Ana")[0].body


def test_i7_a_booking_that_cannot_be_rendered_stops_neither_its_neighbours_nor_other_mailboxes(world: World) -> None:
    def poisoned(known: Known, worker: Worker, settings: Settings, now: object) -> Event:
        if known.booking.name == "poison":
            raise OverflowError("date value out of range")
        return render(known, worker, settings, world.clock.now())

    for name in ("Ana", "Ben"):
        world.worker(name)
    world.pass_()
    for hour, name in enumerate(("before", "poison", "after")):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1, name=name)
    world.book("Ben", TOMORROW, name="other")
    world.run(run_pass(replace(world.site, render=poisoned)))
    assert (world.subjects("Ana"), world.subjects("Ben")) == (["before", "after"], ["other"])


def test_i7_a_fault_of_ours_in_one_mailbox_stops_no_other(world: World) -> None:
    for name in ("Ana", "Ben"):
        world.worker(name)
    bookings = [world.book(name, TOMORROW) for name in ("Ana", "Ben")]
    world.pass_()
    with world.database.write() as tx:
        tx.execute(update(links).where(links.c.mailbox == world.boxes["Ana"]).values(triggers="no JSON"))
    for booking in bookings:
        world.move(booking, TOMORROW + timedelta(hours=5))
    report = world.pass_()
    assert (report.tally.failed, report.tally.updated) == (1, 1)
    assert [event.start for event in world.events("Ben")] == [TOMORROW + timedelta(hours=5)]


# --- I8, I9 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passed", "may"),
    [
        (timedelta(0), True),
        (LEASE - REQUEST, True),
        (LEASE - REQUEST + timedelta(microseconds=1), False),
        (LEASE, False),
        (LEASE * 10, False),
    ],
)
def test_i8_no_request_begins_whose_answer_could_come_after_the_leases_end(
    world: World, passed: timedelta, may: bool
) -> None:
    held = Held(world.site, Lease("mailbox:x", "w", 1, world.clock.now() + LEASE))
    world.clock.advance(passed)
    if may:
        held.may_begin()
        return
    with pytest.raises(LeaseLost):
        held.may_begin()


def test_i8_the_time_kept_for_a_request_is_more_than_a_request_may_take() -> None:
    longest = inspect.signature(Http.__init__).parameters["timeout"].default
    assert longest < REQUEST.total_seconds() < LEASE.total_seconds()
    # one that is renewed when the request has its place has time for connecting
    assert (LEASE - YOUNG - REQUEST).total_seconds() > CONNECTING
    # and of a worker that died the mailbox is another's within a minute
    assert LEASE.total_seconds() + LONGEST <= 55


def test_i9_passes_checks_and_repairs_send_the_source_nothing_but_reads(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    bookings = [world.book("Ana", TOMORROW + timedelta(hours=hour), 1) for hour in range(4)]
    world.forget_requests()
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="POST")))
    world.pass_()
    world.clock.advance(PAUSE)
    world.field_service.control.actions["expire-delta-tokens"]()
    world.field_service.store.remove("bookableresourcebooking", bookings[0])
    world.pass_(workers_in_full=True)
    world.forget_state()
    world.set_up_again("Ana")
    world.pass_()
    world.check(everything=True)
    assert len(world.ours("Ana")) == 3
    assert {entry.method for entry in world.field_service.control.ledger()} == {"GET"}


# --- I10 -------------------------------------------------------------------------------------------------------------

CUSTOMER = ("Northwind Bakery", "Oven does not heat", "Hauptstr. 1", "Mrs. Pieterszoon")
BOOM = "CREATE TRIGGER boom BEFORE UPDATE ON links BEGIN SELECT RAISE(ABORT, 'no room in this page'); END"


def test_i10_a_run_in_which_much_goes_wrong_tells_no_secret_and_no_customer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = io.StringIO()
    handlers, level = logging.root.handlers[:], logging.root.level
    log.configure("info", "text", told)
    try:
        _goes_wrong(world)
    finally:
        structlog.reset_defaults()
        logging.root.handlers[:], logging.root.level = handlers, level
    lines = told.getvalue()
    assert "mailbox_failed" in lines, "the trouble that is meant to be told was not"
    assert "pull_failed" in lines
    secrets = (world.exchange.token(), world.source_token().rpartition(".")[0])
    found = [word for word in (*CUSTOMER, *secrets) if word in lines]
    assert found == [], lines


def _goes_wrong(world: World) -> None:
    world.worker("Ana")
    order = world.work_order("WO-1")
    booking = world.book("Ana", TOMORROW, work_order=order, name="Mrs. Pieterszoon")
    world.pass_()
    for status in (500, 403, 429):
        world.move(booking, TOMORROW + timedelta(minutes=status))
        fault = Fault(kind="status", status=status, times=4, message="about Northwind Bakery, Hauptstr. 1")
        world.exchange.control.add_fault(fault)
        world.pass_()
        world.exchange.control.clear_faults()
        world.clock.advance(PAUSE)
    world.field_service.control.add_fault(Fault(kind="status", status=403, times=2, message="a privilege is missing"))
    world.pass_()
    world.field_service.control.clear_faults()
    world.clock.advance(PAUSE)
    with world.database.write() as tx:
        tx.execute(text(BOOM))
    world.move(booking, TOMORROW + timedelta(hours=7))
    world.pass_()


def test_i10_the_row_that_postgresql_refuses_is_not_told(new_postgres: NewState) -> None:
    told = io.StringIO()
    handlers, level = logging.root.handlers[:], logging.root.level
    log.configure("info", "text", told)
    database = Database(new_postgres())
    row = {"environment": ENVIRONMENT, "mailbox": "box", "booking": "b", "subject": CUSTOMER[0], "written_at": None}
    try:
        with pytest.raises(DBAPIError, match=CUSTOMER[0]), database.write() as tx:
            tx.execute(insert(links), [row])
        try:
            with database.write() as tx:
                tx.execute(insert(links), [row])
        except DBAPIError:
            structlog.get_logger().exception("a mailbox failed")
    finally:
        database.close()
        structlog.reset_defaults()
        logging.root.handlers[:], logging.root.level = handlers, level
    assert "null value in column" in told.getvalue()
    assert CUSTOMER[0] not in told.getvalue()
