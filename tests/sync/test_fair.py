"""Who waits, waits alone: pauses outlive the process, grow, and hold up nobody else; asked by counting requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sync.world import ENVIRONMENT, NOW, PROFILE, SERVER, World

from fieldcal.calendars.graph import GraphCalendars
from fieldcal.embedded.faults import Fault, Match
from fieldcal.engine.pace import StoredPace
from fieldcal.errors import ConfigError, Damaged, StateAway, Stranger, WrongClock
from fieldcal.http import Http, TokenCredential
from fieldcal.ports import Calendars
from fieldcal.secrets import Secrets
from fieldcal.setup_model import Endpoint, ServerProfile
from fieldcal.state import alerts, findings, mailboxes, pauses, profiles
from fieldcal.sync.explain import explain
from fieldcal.sync.passes import run_check, run_pass
from fieldcal.sync.site import Site

TOMORROW = NOW + timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def asked(world: World, name: str) -> int:
    """Requests to this worker's mailbox since the ledger was cleared, alone or in a batch."""
    box = world.boxes[name]
    entries = world.exchange.control.ledger()
    return sum((box in entry.url) + sum(box in item.url for item in entry.items) for entry in entries)


def throttled(world: World, name: str, wait: str, *, times: int | None = 1, code: str = "ApplicationThrottled") -> None:
    match = Match(method="POST", path=f"users/{world.boxes[name]}|batch", body=f"{name}-")
    headers = {"Retry-After": wait}
    world.exchange.control.add_fault(
        Fault(kind="status", status=429, code=code, headers=headers, match=match, times=times)
    )


def jobs(world: World, name: str, count: int) -> None:
    for hour in range(count):
        world.book(name, TOMORROW + hour * HOUR, 1, name=f"{name}-{hour:02}")


def test_a_restart_in_the_middle_of_a_pause_forgets_nothing(world: World) -> None:
    world.worker("Ana")
    jobs(world, "Ana", 3)
    throttled(world, "Ana", "600")
    world.pass_()
    for _ in range(3):
        world.clock.advance(3 * MINUTE)
        world.restart()
        world.forget_requests()
        world.pass_()
        world.check()
        assert asked(world, "Ana") == 0, "ten minutes are not over"
    world.clock.advance(2 * MINUTE)
    world.restart()
    world.pass_()
    assert len(world.ours("Ana")) == 3


def test_f23_a_server_that_asks_for_a_second_each_time_is_asked_less_and_less(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    jobs(world, "Ana", 3)
    throttled(world, "Ana", "1", times=None)
    world.forget_requests()
    for _ in range(40):
        world.clock.advance(timedelta(seconds=3))
        world.pass_()
    assert world.exchange.control.count() <= 6, "4, 8, 16 ... seconds, not one"
    with world.database.read() as tx:
        assert [alert.code for alert in alerts.standing(tx, ENVIRONMENT)] == ["mailbox-failing"]
    world.exchange.control.clear_faults()
    world.clock.advance(15 * MINUTE)
    world.pass_()
    assert len(world.ours("Ana")) == 3
    with world.database.read() as tx:
        assert alerts.standing(tx, ENVIRONMENT) == []


def test_one_throttled_mailbox_slows_no_other(world: World) -> None:
    for name in ("Ana", "Ben"):
        world.worker(name)
    for name in ("Ana", "Ben"):
        jobs(world, name, 25)
    throttled(world, "Ana", "3600", times=None)
    report = world.pass_()
    assert (report.tally.created, len(world.ours("Ben")), len(world.ours("Ana"))) == (25, 25, 0)
    jobs(world, "Ben", 2)
    world.forget_requests()
    assert world.pass_().tally.created == 2
    assert asked(world, "Ana") == 0


def test_one_throttled_tenant_slows_no_other(world: World) -> None:
    """Two server profiles, each with its own pause for all that lies behind it."""
    with second_profile(world, "Ben", world.exchange.token) as site:

        async def passes() -> int:
            return (await run_pass(site)).tally.created

        world.run(passes())
        throttled(world, "Ana", "3600", code="TooManyRequests")
        jobs(world, "Ana", 1)
        world.run(passes())
        with world.database.read() as tx:
            assert set(pauses.lasting(tx, world.clock.now())) == {f"connector:{PROFILE}"}
        for name in ("Ben", "Cem"):
            jobs(world, name, 3)
        world.forget_requests()
        assert world.run(passes()) == 3
        assert (len(world.ours("Ben")), asked(world, "Ana"), asked(world, "Cem")) == (3, 0, 0)


@contextmanager
def second_profile(world: World, name: str, token: Callable[[], str]) -> Iterator[Site]:
    """Ana, Ben and Cem, one of them behind a server profile that has its token from elsewhere."""
    for each in ("Ana", "Ben", "Cem"):
        world.worker(each, enabled=False)
    world.pass_(workers_in_full=True)
    for each in ("Ana", "Ben", "Cem"):
        world.enable(each)
    http = Http(world.graph_url, TokenCredential(token), world.clock)
    second = GraphCalendars(http, world.site.pace, world.clock, "Second")
    first = world.site.calendars(SERVER)
    with world.database.write() as tx:
        profiles.add(tx, ServerProfile("Second", Endpoint(world.graph_url), NOW))
        mailboxes.set_profile(tx, ENVIRONMENT, [world.box(name)], "Second")
        mailboxes.enable(tx, ENVIRONMENT, world.box(name), [])
    yield replace(world.site, calendars=lambda profile: {PROFILE: first, "Second": second}[profile.id])
    world.run(second.close())


def test_i7_a_profile_whose_secret_is_missing_keeps_its_own_mailboxes_waiting_and_no_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "the secret env:SECOND is not set in this process"
    with second_profile(world, "Ana", lambda: Secrets(()).resolve("env:SECOND")) as site:
        for name in ("Ana", "Ben", "Cem"):
            jobs(world, name, 1)
        report = world.run(run_pass(site))
        assert (report.tally.created, report.tally.failed, report.error) == (2, 1, "")
        assert (len(world.ours("Ana")), len(world.ours("Ben")), len(world.ours("Cem"))) == (0, 1, 1)
        waits = []
        for _ in range(4):
            with world.database.read() as tx:
                (until, why), *more = pauses.lasting(tx, world.clock.now()).values()
                (alert,) = alerts.standing(tx, ENVIRONMENT)
            assert (why, more, alert.code, alert.message) == (missing, [], "mailbox-failing", missing)
            waits.append(until - world.clock.now())
            world.clock.advance(waits[-1])
            assert world.run(run_pass(site)).tally.failed == 1
        assert waits == sorted(set(waits)), "each longer than the one before"
        booking = world.book("Ana", TOMORROW + 5 * HOUR)
        world.run(run_pass(site))
        with world.database.read() as tx:
            told = explain(tx, site, booking)
            (until, _), *_ = pauses.lasting(tx, world.clock.now()).values()
        assert told is not None
        assert missing in " ".join([told.answer, *(station.text for station in told.stations)])
        monkeypatch.setenv("SECOND", world.exchange.token())
        world.clock.advance(until - world.clock.now())
        assert world.run(run_pass(site)).tally.created == 2
        with world.database.read() as tx:
            assert alerts.standing(tx, ENVIRONMENT) == []


def test_a_mailbox_that_could_not_be_checked_at_night_is_checked_when_it_comes_back(world: World) -> None:
    with second_profile(world, "Ana", world.exchange.token) as site:

        def broken(profile: ServerProfile) -> Calendars:
            if profile.id == "Second":
                raise ConfigError("the secret env:SECOND is not set in this process")
            return site.calendars(profile)

        for name in ("Ana", "Ben"):
            jobs(world, name, 1)
        world.run(run_pass(site))
        for name in ("Ana", "Ben"):
            world.edit(name, world.ours(name)[0], subject="By hand")
        boxes = [world.box(name) for name in ("Ana", "Ben", "Cem")]
        assert world.run(run_check(replace(site, calendars=broken), boxes)).tally.failed == 1
        assert found(world) == {world.box("Ben")}
        world.clock.advance(HOUR)
        assert world.run(run_pass(site)).tally.failed == 0
        assert found(world) == {world.box("Ana"), world.box("Ben")}


def found(world: World) -> set[str]:
    """Mailboxes in which a check has found something that hands did."""
    with world.database.read() as tx:
        return {one.mailbox for one in findings.load(tx, ENVIRONMENT)}


@pytest.mark.parametrize("error", [StateAway, Damaged, Stranger, WrongClock])
def test_what_speaks_of_the_state_or_of_the_source_ends_the_pass(world: World, error: type[ConfigError]) -> None:
    def opened(_profile: ServerProfile) -> Calendars:
        raise error("it speaks of all")

    world.worker("Ana")
    world.pass_()
    jobs(world, "Ana", 1)
    with pytest.raises(error):
        world.run(run_pass(replace(world.site, calendars=opened)))


def test_i7_a_token_refused_for_one_mailbox_for_hours_holds_up_no_other(world: World) -> None:
    for name in ("Ana", "Ben"):
        world.worker(name)
    world.pass_()
    for item in (False, True):
        match = Match(path=world.boxes["Ana"], item=item)
        world.exchange.control.add_fault(Fault(kind="status", status=401, times=None, match=match))
    for day in range(4):
        world.book("Ana", TOMORROW + day * HOUR, 1)
        world.book("Ben", TOMORROW + day * HOUR, 1)
        assert world.pass_().tally.created == 1
        with world.database.read() as tx:
            assert set(pauses.lasting(tx, world.clock.now())) == {world.box("Ana")}
        world.clock.advance(HOUR)
    assert (len(world.ours("Ben")), len(world.ours("Ana"))) == (4, 0)
    world.exchange.control.clear_faults()
    world.pass_()
    assert len(world.ours("Ana")) == 4


def test_a_mailbox_at_its_own_limit_waits_without_holding_a_place(world: World) -> None:
    for name in ("Ana", "Ben"):
        world.worker(name)
    world.pass_()
    jobs(world, "Ana", 30)
    jobs(world, "Ben", 5)
    world.clock.advance(11 * MINUTE)  # what the first pass asked is counted no more
    pace = StoredPace(world.database, world.clock, limit=20, span=600.0)
    http = Http(world.graph_url, TokenCredential(world.exchange.token), world.clock)
    limited = GraphCalendars(http, pace, world.clock, PROFILE)
    site = replace(world.site, pace=pace, calendars=lambda _profile: limited)
    before = world.clock.now()
    world.run(run_pass(site))
    assert world.clock.now() - before < MINUTE, "nobody has slept for it"
    assert (len(world.ours("Ana")), len(world.ours("Ben"))) == (20, 5)
    with world.database.read() as tx:
        assert set(pauses.lasting(tx, world.clock.now())) == {world.box("Ana")}
        assert alerts.standing(tx, ENVIRONMENT) == []
    world.clock.advance(11 * MINUTE)
    world.run(run_pass(site))
    assert len(world.ours("Ana")) == 30
    world.run(limited.close())


def test_f21_a_mailbox_that_another_program_keeps_busy_is_asked_gently_until_it_gets_through(world: World) -> None:
    """Another program of the same application takes three of the four places for an hour."""
    world.worker("Ana")
    world.pass_()
    jobs(world, "Ana", 12)
    world.exchange.control.change(mailbox_concurrency=1, latency=0.001)
    for _ in range(12):
        world.pass_()
        world.clock.advance(5 * MINUTE)
    assert len(world.ours("Ana")) == 12
    assert world.exchange.throttle.peak <= 4
    lately = [len(entry.items) for entry in world.exchange.control.ledger() if entry.items]
    assert lately[-1] <= 2, "batches have shrunk to what fits"


@pytest.mark.parametrize("state", ["moving_by_name"])
def test_a_mailbox_that_is_stale_by_its_name_is_served_by_its_object_id(world: World, state: str) -> None:
    world.worker("Ana")
    world.exchange.store.mailboxes.set_state(world.boxes["Ana"], state)  # type: ignore[arg-type]
    jobs(world, "Ana", 2)
    world.pass_()
    assert len(world.ours("Ana")) == 2


def test_every_call_of_a_long_story_names_users_by_object_id_encodes_ids_and_asks_for_immutable_ones(
    world: World,
) -> None:
    world.worker("Ana")
    world.worker("Ben")
    jobs(world, "Ana", 25)
    world.exchange.control.add_fault(Fault(kind="drop_after", match=Match(method="POST", path="batch")))
    booking = world.book("Ana", TOMORROW + 40 * HOUR, name="moves")
    for _ in range(3):
        world.pass_()
        world.clock.advance(20 * MINUTE)
    world.move(booking, TOMORROW + 50 * HOUR)
    world.pass_()
    world.reassign(booking, "Ben")
    world.remove("Ana", world.events("Ana")[0])
    world.copy("Ana", world.events("Ana")[1])
    world.pass_()
    world.check(everything=True)
    assert world.run(_tested(world))
    calls = [
        (call.method, call.raw, call.prefer)
        for entry in world.exchange.control.ledger()
        for call in (entry.items or [entry])
        if "$batch" not in call.url and "oauth2" not in call.url
    ]
    assert {method for method, _, _ in calls} == {"GET", "POST", "PATCH", "DELETE"}
    assert len(calls) > 60
    for method, raw, prefer in calls:
        path, _, query = raw.partition("?")
        user, *rest = path.removeprefix("/v1.0").removeprefix("/users/").split("/")
        assert user in world.boxes.values(), (method, raw)
        assert 'IdType="ImmutableId"' in prefer, (method, raw)
        assert not set("=+ ") & set("".join(rest)), (method, raw)
        assert len(rest) <= 2
        assert not set(" {}\"'") & set(query.replace("'", "")), (method, raw)


async def _tested(world: World) -> bool:
    calendar = world.site.calendars(SERVER).open(world.box("Ana"), world.site.organization)
    return all(check.ok for check in await calendar.test(lambda: None))
