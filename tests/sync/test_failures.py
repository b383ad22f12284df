"""The failures that comparable systems show, by their numbers in the fact sheet, met here end to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.sync.test_faults import settle
from tests.sync.world import ENVIRONMENT, NOW, PROFILE, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.state import pauses, profiles
from fieldcal.sync.explain import explain
from fieldcal.sync.preview import preview

TOMORROW = NOW + timedelta(days=1)


def hourly(world: World, worker: str, count: int, start: datetime = TOMORROW) -> list[str]:
    return [world.book(worker, start + timedelta(hours=hour), 1, name=f"Job {hour}") for hour in range(count)]


@pytest.mark.parametrize("kind", ["short_page", "empty_page"])
def test_f04_f07_f10_a_source_that_answers_less_than_it_has_takes_nothing_away(world: World, kind: str) -> None:
    world.worker("Ana")
    hourly(world, "Ana", 4)
    world.pass_()
    world.field_service.control.actions["expire-delta-tokens"]()
    world.field_service.control.add_fault(
        Fault(kind=kind, times=None, match=Match(path="bookableresourcebookings"))  # type: ignore[arg-type]
    )
    settle(world, 3)
    assert len(world.ours("Ana")) == 4
    world.field_service.control.clear_faults()
    settle(world, 2)
    assert len(world.ours("Ana")) == 4


def test_f05_f06_one_booking_that_cannot_be_read_is_told_and_the_others_go_on(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    good = world.book("Ana", TOMORROW, name="good")
    bad = world.book("Ana", TOMORROW, name="bad")
    world.field_service.control.add_fault(Fault(kind="garbage", times=None, match=Match(path=r"In\(PropertyName")))
    world.field_service.control.add_fault(Fault(kind="status", status=403, times=None, match=Match(path=rf"\({bad}\)")))
    world.pass_()
    world.field_service.control.clear_faults()
    world.field_service.control.add_fault(Fault(kind="status", status=403, times=None, match=Match(path=rf"\({bad}\)")))
    settle(world, 2)
    assert "good" in world.subjects("Ana"), good
    world.field_service.control.clear_faults()
    settle(world, 2)
    assert sorted(world.subjects("Ana")) == ["bad", "good"]


@pytest.mark.parametrize("many", [1, 3])
def test_f13_two_bookings_never_share_an_event_whatever_id_the_server_gives(world: World, many: int) -> None:
    """Graph once gave two creations of one moment the same id (microsoftgraph/microsoft-graph-docs#7330)."""
    world.worker("Ana")
    world.book("Ana", TOMORROW, 1, name="First")
    world.pass_()
    [first] = world.ours("Ana")
    body = msgspec.json.encode(world.ask_calendar("Ana", "events")["value"][0]).decode()
    hourly(world, "Ana", many, TOMORROW + timedelta(days=1))
    match = Match(method="POST", path="events", item=many > 1)
    world.exchange.control.add_fault(Fault(kind="status", status=201, body=body, match=match))
    settle(world, 3)
    assert sorted(world.subjects("Ana")) == sorted(["First", *(f"Job {hour}" for hour in range(many))])
    assert next(event for event in world.ours("Ana") if event.key == first.key).start == TOMORROW
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def test_f14_f16_f17_the_second_pass_writes_nothing_also_after_a_restart(world: World) -> None:
    world.worker("Ana")
    hourly(world, "Ana", 12)
    world.pass_()
    world.restart()
    world.forget_requests()
    assert world.pass_().tally.writes == 0
    assert world.writes() == 0


def test_f15_a_link_of_which_nothing_is_known_forces_one_update_at_most(world: World) -> None:
    from sqlalchemy import update

    from fieldcal.state import marks
    from fieldcal.state.tables import links

    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    with world.database.write() as tx:
        tx.execute(update(links).values(triggers=None, stamp=""))
        marks.mark(tx, ENVIRONMENT, [(world.box("Ana"), booking)], world.clock.now(), "test")
    world.forget_requests()
    settle(world, 3)
    assert world.writes() == 1


def test_f21_never_more_than_four_requests_in_flight_on_one_mailbox(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    hourly(world, "Ana", 45)
    hourly(world, "Ben", 45)
    world.exchange.control.change(latency=0.002)
    world.pass_()
    assert (len(world.ours("Ana")), len(world.ours("Ben"))) == (45, 45)
    assert world.exchange.throttle.peak <= 4


def test_f22_a_throttle_of_the_whole_application_pauses_every_mailbox_visibly_and_ends(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    world.pass_()
    hourly(world, "Ana", 3)
    hourly(world, "Ben", 3)
    quota = Fault(
        kind="status", status=429, code="TooManyRequests", headers={"Retry-After": "1200"}, match=Match(method="POST")
    )
    world.exchange.control.add_fault(quota)
    world.pass_()
    world.forget_requests()
    world.clock.advance(timedelta(minutes=15))
    world.pass_()
    assert world.exchange.control.count() == 0
    with world.database.read() as tx:
        [(scope, (until, reason))] = pauses.lasting(tx, world.clock.now()).items()
    assert scope == f"connector:{PROFILE}"
    assert until > world.clock.now()
    assert "TooManyRequests" in reason
    settle(world, 3)
    assert (len(world.ours("Ana")), len(world.ours("Ben"))) == (3, 3)


def test_f25_a_booking_that_leaves_the_window_and_comes_back_has_one_event_all_the_time(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", NOW + timedelta(days=13))
    world.pass_()
    for days in (15, 40, 13, 60, 2):
        world.move(booking, NOW + timedelta(days=days))
        world.pass_()
        assert [event.start for event in world.ours("Ana")] == [NOW + timedelta(days=days)]


def test_f33_a_crew_booking_gives_each_member_one_event_and_the_crew_none(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    world.worker("Crew North", kind=6)
    for name in ("Crew North", "Ana", "Ben"):
        world.book(name, TOMORROW, name="Elevator overhaul")
    report = world.pass_()
    assert report.tally.created == 2
    assert (world.subjects("Ana"), world.subjects("Ben")) == (["Elevator overhaul"], ["Elevator overhaul"])


def test_f38_no_mail_is_ever_caused(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    bookings = hourly(world, "Ana", 5)
    world.pass_()
    world.move(bookings[0], TOMORROW + timedelta(days=1))
    world.set_status(bookings[1], "Canceled")
    world.reassign(bookings[2], "Ben")
    world.delete(bookings[3])
    world.pass_()
    mails = [world.exchange.store.mailboxes.get(world.boxes[name]).mails_sent for name in ("Ana", "Ben")]
    assert mails == [0, 0]


def test_f39_every_booking_of_the_window_has_its_reason(world: World) -> None:
    world.worker("Ana")
    world.worker("Nobody yet", enabled=False)
    world.worker("Crane", kind=4)
    world.book("Ana", TOMORROW, name="in")
    world.book("Ana", TOMORROW, name="canceled", status="Canceled")
    world.book("Nobody yet", TOMORROW, name="not set up")
    world.book("Crane", TOMORROW, name="crane")
    backwards = world.book("Ana", TOMORROW, name="backwards")
    world.change(backwards, endtime=(TOMORROW - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    world.pass_()
    with world.database.read() as tx:
        codes = {step.subject: step.code for step in preview(tx, world.site)}
        answer = explain(tx, world.site, backwards)
    assert codes == {
        "canceled": "canceled_unseen",
        "not set up": "not_set_up",
        "crane": "not_a_person",
        "backwards": "ends_before_start",
    }
    assert answer is not None
    assert answer.answer == "It is not in the calendar: it ends before it starts; correct the booking's times."


def test_f44_a_profile_switched_off_and_on_keeps_the_map(world: World) -> None:
    world.worker("Ana")
    hourly(world, "Ana", 3)
    world.pass_()
    before = {event.key for event in world.ours("Ana")}
    for on in (False, True):
        with world.database.write() as tx:
            profiles.save(tx, replace(profiles.get(tx, PROFILE), active=on))
        world.pass_()
    assert {event.key for event in world.ours("Ana")} == before


@pytest.mark.parametrize("item", [False, True])
def test_f46_a_token_that_expires_in_the_middle_of_a_run_loses_nothing(world: World, item: bool) -> None:
    world.worker("Ana")
    world.pass_()
    hourly(world, "Ana", 25)
    world.exchange.control.add_fault(
        Fault(
            kind="status", status=401, code="InvalidAuthenticationToken", match=Match(method="POST", nth=2, item=item)
        )
    )
    world.pass_()
    assert len(world.ours("Ana")) == 25


def test_f47_over_a_change_of_the_clocks_the_instant_stays_and_nothing_is_written(
    new_world: Callable[..., World],
) -> None:
    world = new_world(now=datetime(2027, 3, 26, 8, tzinfo=UTC))
    world.worker("Ana", zone=110)
    before, after = datetime(2027, 3, 27, 9, tzinfo=UTC), datetime(2027, 3, 28, 9, tzinfo=UTC)
    world.book("Ana", before, 1, name="before")
    world.book("Ana", after, 1, name="after")
    world.pass_()
    assert [event.start for event in world.ours("Ana")] == [before, after]
    bodies = [event.body for event in world.ours("Ana")]
    assert "10:00" in bodies[0], "Berlin is UTC+1 the day before"
    assert "11:00" in bodies[1], "and UTC+2 the day after"
    world.clock.advance(timedelta(days=3))
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def test_f50_off_and_on_again_deletes_nothing_and_copies_nothing(world: World) -> None:
    world.worker("Ana")
    bookings = hourly(world, "Ana", 6)
    world.pass_()
    world.disable("Ana")
    world.move(bookings[0], TOMORROW + timedelta(days=2))
    world.pass_()
    assert len(world.ours("Ana")) == 6
    world.enable("Ana")
    world.pass_()
    assert len(world.ours("Ana")) == 6
    assert TOMORROW + timedelta(days=2) in {event.start for event in world.ours("Ana")}


def test_f51_a_first_fill_that_is_broken_off_and_begun_again_makes_each_event_once(world: World) -> None:
    world.worker("Ana")
    hourly(world, "Ana", 45)
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="POST", nth=2)))
    world.pass_()
    world.restart()
    world.enable("Ana")
    world.pass_()
    world.disable("Ana")
    world.enable("Ana")
    settle(world, 3)
    assert sorted(world.subjects("Ana")) == sorted(f"Job {hour}" for hour in range(45))


def test_f55_a_search_that_misses_an_existing_event_makes_no_second_one(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.exchange.control.change(blind_search=True)
    hourly(world, "Ana", 3)
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="POST")))
    settle(world, 4)
    assert len(world.ours("Ana")) == 3


def test_f56_f57_nothing_but_reads_reach_the_source_and_strangers_events_stay(world: World) -> None:
    world.worker("Ana")
    for hour in range(3):
        world.exchange.hands.add(
            world.boxes["Ana"],
            {
                "subject": f"Mine {hour}",
                "start": {"dateTime": f"2026-11-24T0{hour}:00:00", "timeZone": "UTC"},
                "end": {"dateTime": f"2026-11-24T0{hour}:30:00", "timeZone": "UTC"},
            },
        )
    mine = [(event.key, event.subject, event.start) for event in world.events("Ana")]
    bookings = hourly(world, "Ana", 4)
    world.pass_()
    world.forget_requests()
    for booking in bookings:
        world.field_service.store.remove("bookableresourcebooking", booking)
    world.pass_()
    world.check(everything=True)
    assert [(event.key, event.subject, event.start) for event in world.events("Ana")] == mine
    assert {entry.method for entry in world.field_service.control.ledger()} == {"GET"}


def test_f32_an_event_id_is_used_in_its_own_mailbox_only(world: World) -> None:
    world.worker("Ana")
    world.worker("Ben")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    first = world.ours("Ana")[0].key
    world.reassign(booking, "Ben")
    world.exchange.control.add_fault(Fault(kind="status", status=503, match=Match(method="DELETE")))
    settle(world, 3)
    assert world.ours("Ana") == []
    assert world.ours("Ben")[0].key != first


def test_f45_two_workers_after_one_mailbox_make_one_event(world: World) -> None:
    import asyncio

    from fieldcal.sync.passes import run_pass

    world.worker("Ana")
    world.pass_()
    hourly(world, "Ana", 25)
    other = world.new_site()

    async def both() -> None:
        await asyncio.gather(run_pass(world.site), run_pass(other))

    world.run(both())
    settle(world, 2)
    assert sorted(world.subjects("Ana")) == sorted(f"Job {hour}" for hour in range(25))


def test_d11_d14_d15_the_event_names_account_contact_and_local_times(new_world: Callable[..., World]) -> None:
    world = new_world(account="service", contact="reported_by", booking_url="https://crm.example/main.aspx?id={id}")
    world.worker("Ana", zone=35)
    contact = world.ask("POST", "contacts", {"firstname": "Rosa", "lastname": "Lind"})["contactid"]
    order = world.work_order("WO-9", **{"msdyn_reportedbycontact@odata.bind": f"/contacts({contact})"})
    booking = world.book("Ana", datetime(2026, 11, 24, 14, tzinfo=UTC), 2, work_order=order)
    world.pass_()
    [event] = world.events("Ana")
    assert event.subject == "WO-9 · Repair · Northwind Bakery"
    for text in ("Rosa Lind", "09:00", "America/New_York", f"https://crm.example/main.aspx?id={booking}"):
        assert text in event.body, text
    assert event.categories == ("Field Service",)


@pytest.mark.parametrize(("status", "code"), [(404, "0x80040217"), (403, "0x80040220"), (500, "0x0")])
def test_f60_a_booking_that_is_told_of_but_not_there_to_read_makes_no_ghost_event(
    world: World, status: int, code: str
) -> None:
    world.worker("Ana")
    world.pass_()
    booking = world.book("Ana", TOMORROW, name="not committed")
    world.field_service.control.add_fault(Fault(kind="garbage", times=None, match=Match(path=r"In\(PropertyName")))
    world.field_service.control.add_fault(
        Fault(kind="status", status=status, code=code, times=None, match=Match(path=rf"\({booking}\)"))
    )
    settle(world, 2)
    world.field_service.control.clear_faults()
    world.delete(booking)
    settle(world, 2)
    assert world.events("Ana") == []
    assert not any(entry.method == "POST" for entry in world.exchange.control.ledger())


@pytest.mark.parametrize(
    ("summary", "shown", "hidden"),
    [
        ("<script>alert(1)</script>Oven <b>cold</b>", "Oven", "<script"),
        ("x" * 100_000, "xxx", "x" * 20_000),
        ('<img src=x onerror="alert(1)">Fan', "Fan", "onerror"),
    ],
    ids=["script", "100 kB", "handler"],
)
def test_a_hostile_summary_is_harmless_in_the_event(world: World, summary: str, shown: str, hidden: str) -> None:
    world.worker("Ana")
    order = world.work_order("WO-1")
    world.field_service.store.change("msdyn_workorder", order, {"msdyn_workordersummary": summary})
    world.book("Ana", TOMORROW, work_order=order)
    world.pass_()
    [event] = world.events("Ana")
    assert shown in event.body
    assert hidden not in event.body


def test_a_subject_over_255_characters_is_cut_by_us_and_stays_the_same(world: World) -> None:
    world.worker("Ana")
    kind = world.ask("POST", "msdyn_workordertypes", {"msdyn_name": "é" * 100})["msdyn_workordertypeid"]
    account = world.ask("POST", "accounts", {"name": "ü" * 160})["accountid"]
    long = {
        "msdyn_workordertype@odata.bind": f"/msdyn_workordertypes({kind})",
        "msdyn_serviceaccount@odata.bind": f"/accounts({account})",
    }
    world.book("Ana", TOMORROW, work_order=world.work_order("W" * 100, **long))
    world.pass_()
    [event] = world.events("Ana")
    assert len(event.subject) <= 255
    assert event.subject.endswith("…")
    world.forget_requests()
    world.check(everything=True)
    assert world.writes() == 0


def test_a_work_order_deleted_under_a_booking_leaves_the_event_with_the_bookings_name(world: World) -> None:
    world.worker("Ana")
    order = world.work_order("WO-1")
    world.book("Ana", TOMORROW, work_order=order, name="Oven")
    world.pass_()
    world.ask("DELETE", f"msdyn_workorders({order})")
    world.pass_()
    assert world.subjects("Ana") == ["Oven"]


def test_a_calendar_that_refuses_is_switched_off_only_when_it_refuses_again_and_again(world: World) -> None:
    from fieldcal.state import alerts, mailboxes

    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW)
    world.exchange.store.mailboxes.set_state(world.boxes["Ana"], "denied")
    world.pass_()
    with world.database.read() as tx:
        assert mailboxes.why_not(tx, ENVIRONMENT, world.box("Ana")) is None, "one refusal is no reason (F54)"
    for _ in range(4):
        world.clock.advance(timedelta(hours=2))
        world.pass_()
    with world.database.read() as tx:
        assert mailboxes.why_not(tx, ENVIRONMENT, world.box("Ana")) is not None
        assert [(alert.code, alert.level) for alert in alerts.standing(tx, ENVIRONMENT)] == [
            ("mailbox-failing", "error")
        ]
    world.exchange.store.mailboxes.set_state(world.boxes["Ana"], "ok")
    world.enable("Ana")
    settle(world, 2)
    assert len(world.ours("Ana")) == 1


@pytest.mark.parametrize("state", ["moving", "full"])
def test_a_mailbox_that_is_moved_or_full_goes_on_by_itself_when_it_is_back(world: World, state: str) -> None:
    world.worker("Ana")
    world.worker("Ben")
    world.pass_()
    world.book("Ana", TOMORROW)
    world.book("Ben", TOMORROW)
    world.exchange.store.mailboxes.set_state(world.boxes["Ana"], state)  # type: ignore[arg-type]
    settle(world, 6)
    assert len(world.ours("Ben")) == 1
    world.exchange.store.mailboxes.set_state(world.boxes["Ana"], "ok")
    settle(world, 3)
    assert len(world.ours("Ana")) == 1
