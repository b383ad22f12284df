"""Test & Enable against an Exchange over HTTP: every line that may fail, its reason and remedy, and what success leaves."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from tests.setup.room import MAIN, OPERATOR, PROFILE, SERVER, Room, person
from tests.values import DAY, HOUR, NOW, ORGANIZATION

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.setup import environments, mailboxes, profiles, trial
from fieldcal.setup.bench import UNDER_WAY
from fieldcal.setup_model import Mailbox, Method, Role, TrialStatus
from fieldcal.state import alerts, feeds, leases, marks, pauses
from fieldcal.state import environments as places
from fieldcal.state import mailboxes as rows

ORDER = ["profile active", "same tenant", "e-mail approved", "method", "sign-in", "mailbox found", "calendar writable",
         "not claimed by another environment"]  # fmt: skip


def told(room: Room, name: str = "anna") -> dict[str, tuple[str, str]]:
    """code -> level and message of each alert on this mailbox."""
    with room.database.read() as tx:
        return {a.code: (a.level, a.message) for a in alerts.standing(tx, MAIN) if a.mailbox == room.boxes[name]}


def marked(room: Room, name: str = "anna") -> int:
    with room.database.read() as tx:
        return len(marks.due(tx, MAIN, room.boxes[name], room.clock.now(), 100))


def failing(mailbox: Mailbox) -> str:
    return next(check.name for check in mailbox.checks if not check.ok)


def test_r9_success_enables_claims_marks_and_has_the_mailbox_read_first(both_rooms: Room) -> None:
    room = both_rooms
    room.mailbox("anna")
    for number, start in enumerate((NOW + HOUR, NOW - 6 * DAY, NOW + 13 * DAY, NOW - 8 * DAY, NOW + 15 * DAY)):
        room.book("anna", number, start)
    room.prepare("anna")
    (after,) = room.test("anna")
    assert [check.name for check in after.checks] == ORDER
    assert all(check.ok for check in after.checks)
    assert (after.status, after.enabled, after.check_first) == (TrialStatus.SUCCESS, True, True)
    assert room.why_not("anna") is None
    assert room.claim("anna") == room.ours()
    # those of the window wait for their details first (R11), so none is due yet; the mailbox itself is
    assert after.next_due == room.clock.now()
    assert told(room)["test-enable"] == ("information", "Test & Enable succeeded")
    assert room.events("anna") == []


@pytest.mark.parametrize("way", ["test", "take over"])
def test_d3_what_lies_before_the_far_edge_that_was_reached_is_marked_too(room: Room, way: str) -> None:
    """A clock was ahead for a while: enter has passed over these bookings and never comes back to them."""
    room.mailbox("anna")
    room.book("anna", 1, NOW + 20 * DAY)
    room.prepare("anna")
    with room.database.write() as tx:
        feeds.change(tx, MAIN, far_edge=NOW + 24 * DAY)
    if way == "test":
        room.test("anna")
    else:
        room.take_over("anna")
    assert room.row("anna").next_due == room.clock.now()


def test_r6_a_mailbox_may_be_set_up_before_any_booking_exists_and_nothing_is_left_to_press(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    assert room.why_not("anna") is None
    assert room.row("anna").next_due is None


def test_a_test_of_an_enabled_mailbox_marks_nothing_and_reads_nothing_first(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    with room.database.write() as tx:
        rows.checked(tx, MAIN, room.boxes["anna"], NOW)
    room.book("anna", 1)
    (after,) = room.test("anna")
    assert (after.enabled, after.check_first, after.next_due) == (True, False, None)


def _no_profile(room: Room) -> None:
    pass


def _inactive(room: Room) -> None:
    room.prepare("anna")
    with room.database.write() as tx:
        profiles.set_active(tx, OPERATOR, NOW, PROFILE, active=False)


def _other_tenant(room: Room) -> None:
    room.environment("other", "other-organization", tenant="another-tenant")
    with room.database.write() as tx:
        places.remove(tx, MAIN)
    room.environment(MAIN, ORGANIZATION, tenant="another-tenant")
    room.mailbox("anna")
    room.prepare("anna")


def _unapproved(room: Room) -> None:
    with room.database.write() as tx:
        mailboxes.edit(tx, OPERATOR, NOW, MAIN, [room.boxes["anna"]], profile=PROFILE, method=Method.SERVER_SIDE_SYNC)


def _no_method(room: Room) -> None:
    room.prepare("anna")
    with room.database.write() as tx:
        mailboxes.edit(tx, OPERATOR, NOW, MAIN, [room.boxes["anna"]], method=Method.NONE)


def _refused(room: Room) -> None:
    room.prepare("anna")
    room.fail(401)


def _no_mailbox(room: Room) -> None:
    room.boxes["anna"] = room.mailbox("ghost", exists=False)
    room.prepare("ghost")


def _forbidden(room: Room) -> None:
    room.prepare("anna")
    room.fail(403, path="/calendar", code="ErrorAccessDenied")


def _read_only(room: Room) -> None:
    room.prepare("anna")
    room.exchange.store.mailboxes.set_editable(UUID(room.boxes["anna"]), can_edit=False)


def _full(room: Room) -> None:
    room.prepare("anna")
    room.exchange.store.mailboxes.set_state(UUID(room.boxes["anna"]), "full")


def _claimed(room: Room) -> None:
    room.prepare("anna")
    room.set_claim("anna", "somebody else's words")


@pytest.mark.parametrize(
    ("arrange", "line"),
    [
        (_no_profile, "profile active"),
        (_inactive, "profile active"),
        (_other_tenant, "same tenant"),
        (_unapproved, "e-mail approved"),
        (_no_method, "method"),
        (_refused, "sign-in"),
        (_no_mailbox, "mailbox found"),
        (_forbidden, "mailbox found"),
        (_read_only, "calendar writable"),
        (_full, "calendar writable"),
        (_claimed, "not claimed by another environment"),
    ],
    ids=lambda value: value.__name__.lstrip("_") if callable(value) else None,
)
def test_r9_a_permanent_failure_is_told_with_a_remedy_and_leaves_the_mailbox_off(
    room: Room, arrange, line: str
) -> None:
    room.mailbox("anna")
    room.book("anna", 1)
    arrange(room)
    (after,) = room.test("anna")
    bad = after.checks[-1]
    assert (bad.name, bad.ok, bad.transient) == (line, False, False)
    assert bad.detail
    assert bad.remedy
    assert [check.name for check in after.checks if check.ok] == ORDER[: ORDER.index(line)]
    assert (after.status, after.enabled, marked(room)) == (TrialStatus.FAILURE, False, 0)
    assert bad.detail in (after.disabled_reason or "")
    level, message = told(room)["test-enable"]
    assert (level, line.replace(" found", " not found") in message) == ("error", True)


def test_r9_a_permanent_failure_switches_off_what_was_enabled(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    room.fail(403, path="/calendar", code="ErrorAccessDenied")
    assert not room.test("anna")[0].enabled
    room.recover()
    assert room.test("anna")[0].enabled


@pytest.mark.parametrize(("status", "line"), [(503, "sign-in"), (429, "sign-in"), (500, "sign-in")])
def test_r9_a_transient_failure_waits_with_growing_pauses_and_goes_on_by_itself(
    room: Room, status: int, line: str
) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.fail(status, path="/users/")
    (after,) = room.test("anna")
    assert (after.status, after.enabled, failing(after)) == (TrialStatus.SCHEDULED, False, line)
    assert told(room)["test-enable"][0] == "warning"
    waits = []
    for _ in range(6):
        waited = 0
        while not room.go_on():
            room.advance(5)
            waited += 5
            assert waited < 2_000
        waits.append(waited)
    assert waits == sorted(waits)
    assert waits[-1] > 4 * waits[0]
    room.recover()
    room.advance(3_600)
    (after,) = room.go_on()
    assert (after.enabled, after.failures) == (True, 0)
    assert told(room)["test-enable"][0] == "information"
    assert room.go_on() == []


@pytest.mark.parametrize("scope", ["anna", f"connector:{PROFILE}"])
def test_a_server_that_asked_to_wait_is_not_asked_by_waiting_tests_either(room: Room, scope: str) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.fail(503, path="/users/")
    room.test("anna")
    room.recover()
    with room.database.write() as tx:
        pauses.pause(tx, room.boxes.get(scope, scope), room.clock.now() + timedelta(hours=3), "asked to wait")
    room.advance(7_200)
    before = room.requests()
    assert (room.go_on(), room.requests() - before) == ([], 0)
    room.advance(3_700)
    assert room.go_on()[0].enabled


def test_r13_an_outage_while_an_enabled_mailbox_is_tested_switches_nothing_off(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    room.fail(503)
    (after,) = room.test("anna")
    assert (after.status, after.enabled, room.why_not("anna")) == (TrialStatus.SCHEDULED, True, None)


def test_a_test_that_a_crash_cut_off_is_run_again(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    with room.database.write() as tx:
        rows.begin_test(tx, MAIN, room.boxes["anna"], room.clock.now())
    assert room.go_on() == []
    room.advance(300)
    assert room.go_on()[0].enabled


def test_i8_a_mailbox_that_is_being_synchronized_is_tested_later(room: Room) -> None:
    box = room.mailbox("anna")
    room.prepare("anna")
    with room.database.write() as tx:
        leases.take(tx, f"mailbox:{box}", "somebody", room.clock.now(), UNDER_WAY)
    before = room.requests()
    (after,) = room.test("anna")
    assert after.status is TrialStatus.SCHEDULED
    assert not [entry for entry in room.exchange.control.ledger()[before:] if "/users/" in entry.path]
    room.advance(7_200)
    assert room.go_on()[0].enabled
    with room.database.write() as tx:
        assert leases.take(tx, f"mailbox:{box}", "next", room.clock.now(), UNDER_WAY) is not None


def test_a_test_that_another_is_at_is_left_to_it(room: Room) -> None:
    """In the browser, say, while the service goes on with tests that wait: what one tells is not undone by the other."""
    box = room.mailbox("anna")
    room.prepare("anna")
    with room.database.write() as tx:
        leases.take(tx, f"mailbox:{box}", "the other", room.clock.now(), UNDER_WAY)
        rows.begin_test(tx, MAIN, box, room.clock.now())
    after = room.at_work(lambda bench: trial._test_one(bench, MAIN, box))
    assert (after.status, after.failures) == (TrialStatus.IN_PROGRESS, 0)


def test_a_test_that_another_has_ended_is_not_run_twice(room: Room) -> None:
    box = room.mailbox("anna")
    room.prepare("anna")
    assert room.test("anna")[0].enabled
    before = room.requests()
    after = room.at_work(lambda bench: trial._test_one(bench, MAIN, box))
    assert (after.status, room.requests()) == (TrialStatus.SUCCESS, before)


@pytest.mark.parametrize("change", [mailboxes.disable, mailboxes.reject])
def test_a_mailbox_switched_off_while_its_test_runs_stays_off(room: Room, change) -> None:
    box = room.mailbox("anna")
    room.prepare("anna")

    async def meddle(bench):
        calendar = bench.calendars(SERVER).open(box, ORGANIZATION)
        case = await bench.database.writing(trial.load, MAIN, box)
        lines = await trial._look(bench, case, lambda: None)
        assert all(line.ok for line in lines)
        assert await calendar.claim(lambda: None)
        with bench.database.write() as tx:
            rows.begin_test(tx, MAIN, box, bench.clock.now())
        with bench.database.write() as tx:
            change(tx, OPERATOR, bench.clock.now(), MAIN, [box])
        return await bench.database.writing(trial._finish, case, lines, bench.clock.now())

    assert not room.at_work(meddle).enabled
    assert room.why_not("anna") is not None


def test_r13_nothing_is_tested_where_the_environment_is_switched_off(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    with room.database.write() as tx:
        environments.change(tx, OPERATOR, NOW, MAIN, environments.Changes({}, enabled=False))
    with pytest.raises(ConfigError, match="switched off, so nothing is sent"):
        room.test("anna")
    assert (room.go_on(), room.requests()) == ([], 0)


def test_r5_many_are_tested_at_once_with_progress_and_one_failure_stops_no_other(room: Room) -> None:
    names = [f"w{number:02}" for number in range(40)]
    for name in names:
        room.mailbox(name, exists=name != "w07")
    room.prepare(*names)
    seen: list[tuple[int, int]] = []
    wanted = [room.boxes[name] for name in names]
    tested = room.at_work(
        lambda bench: trial.run_now(bench, OPERATOR, MAIN, wanted, lambda done, of, _box: seen.append((done, of)))
    )
    assert seen == [(number, 40) for number in range(1, 41)]
    assert [box.name for box in tested if not box.enabled] == ["w07"]
    assert [box.name for box in tested] == names


def test_who_may_not_set_others_up_tests_nobody(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    with pytest.raises(NotAllowed, match="Test & Enable"):
        room.test("anna", actor=person(Role.SYSTEM_ADMIN))
    assert (room.row("anna").status, room.requests()) == (TrialStatus.NOT_RUN, 0)
