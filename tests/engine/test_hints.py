"""Notifications at work: what they bring sooner, and that lost, doubled, reordered, forged and too many do no harm."""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import delete
from tests.conftest import NewState
from tests.engine.test_service import MINUTE, TOMORROW, Served, eventually
from tests.sync.world import ENVIRONMENT, World

from fieldcal import log
from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.server import serving
from fieldcal.engine.hints import GATHER, LOOKS, NAMED, PASSES, Allowance, Hints
from fieldcal.engine.quiet import QUIET
from fieldcal.http import Http, TokenCredential
from fieldcal.model import BookingId
from fieldcal.sources.dataverse.webhook import WebhookRegistrar, steps
from fieldcal.state import alerts, bookings, environments, feeds, leases, webhooks
from fieldcal.state.pass_tables import passes
from fieldcal.state.webhooks import Webhook, digest
from fieldcal.web.hooks import HooksEnd

SECRET = "secret of the test"


def booking(number: int) -> BookingId:
    return BookingId(f"00000000-0000-4000-8000-{number:012}")


# -- what waits


def test_hints_are_named_once_and_beyond_a_few_a_pass_takes_their_place() -> None:
    hints = Hints()
    for number in (1, 2, 1, 2, 2):
        hints.add(booking(number))
    taken = hints.take()
    assert (taken.bookings, taken.anything, taken.heard) == ((booking(1), booking(2)), False, 5)
    assert hints.take().heard == 0
    for number in range(100_000):
        hints.add(booking(number))
    taken = hints.take()
    assert (taken.bookings, taken.anything, taken.heard) == ((), True, 100_000)


@pytest.mark.parametrize("first", [True, False])
def test_something_unnamed_asks_for_a_pass_which_covers_the_named(first: bool) -> None:
    hints = Hints()
    for one in (None, booking(1)) if first else (booking(1), None):
        hints.add(one)
    assert (hints.take().bookings, hints.take().anything) == ((), False)


def test_what_is_put_back_waits_again_within_the_same_bound() -> None:
    hints = Hints()
    for number in range(NAMED):
        hints.add(booking(number))
    taken = hints.take()
    hints.put_back(taken)
    assert (hints.take().bookings, taken.heard) == (taken.bookings, NAMED)
    hints.add(booking(NAMED))
    hints.put_back(taken)
    again = hints.take()
    assert (again.bookings, again.anything, again.heard) == ((), True, 1)


@pytest.mark.parametrize("limit", [LOOKS, PASSES, (1, 60)])
def test_an_allowance_lets_a_burst_go_at_once_and_then_an_even_rate(limit: tuple[int, int]) -> None:
    burst, a_minute = limit
    allowance = Allowance(burst, a_minute)
    waits = [allowance.wait(100.0) for _ in range(burst + a_minute)]
    assert waits[:burst] == [0.0] * burst
    assert waits[burst:] == pytest.approx([60 / a_minute * number for number in range(1, a_minute + 1)])
    assert allowance.wait(100.0 + 10_000) == 0.0


# -- at work


@pytest.fixture
def world(new_sqlite: NewState, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, new_sqlite())
    made.worker("Anna")
    with made.database.write() as tx:
        tx.execute(delete(passes))
    yield made
    made.close()


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    made = Served(world)
    made.until(made.done(1))
    made.tick()
    world.forget_requests()
    yield made
    if not made.task.done():
        made.end()


def hint(served: Served, *named: str | None) -> None:
    async def tell() -> None:
        for one in named:
            served.service.hint(ENVIRONMENT, None if one is None else BookingId(one))

    served.world.run(tell())
    served.later(timedelta(seconds=GATHER))


def kinds(served: Served) -> list[str]:
    """Of the passes since the first one by schedule; which job wrote what a look or a pass has marked is chance."""
    return [one.kind for one in served.passes()[1:] if one.kind != "retry"]


def requests(served: Served) -> list[str]:
    """What the source was asked since the start, without the dispatcher's own."""
    return [entry.url for entry in served.world.field_service.control.ledger() if entry.method == "GET"]


def settle(served: Served, seconds: float = 5) -> None:
    """Let what was begun come to rest."""
    for _ in range(4):
        served.later(timedelta(seconds=seconds / 4))
    eventually(served, lambda: all(one.ended_at for one in served.passes()))


def test_a_hinted_booking_is_read_by_its_id_with_one_request_and_written(served: Served) -> None:
    row = served.world.book("Anna", TOMORROW)
    hint(served, row)
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    settle(served)
    assert len(requests(served)) == 1 + 1  # its status was never seen before
    served.world.move(row, TOMORROW + timedelta(hours=3))
    hint(served, row)
    eventually(served, lambda: served.world.events("Anna")[0].start == TOMORROW + timedelta(hours=3))
    settle(served)
    assert len(requests(served)) == 3
    assert kinds(served) == ["hinted", "hinted"]


def test_one_id_leads_from_the_notification_over_the_log_and_the_pass_to_each_request_at_both_ends(
    served: Served,
) -> None:
    out = io.StringIO()
    before = logging.root.handlers[:], logging.root.level
    log.configure("debug", "json", out)
    try:
        row = served.world.book("Anna", TOMORROW)
        hint(served, row, row)
        eventually(served, lambda: len(served.world.events("Anna")) == 1)
        settle(served)
        served.world.delete(row)
        hint(served, None)
        eventually(served, lambda: served.world.events("Anna") == [])
        settle(served)
    finally:
        structlog.reset_defaults()
        logging.root.handlers[:], logging.root.level = before
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    looked, again, passed = [line["run"] for line in told if line.get("action") == "hinted"]
    assert (looked, looked != passed) == (again, True)
    assert {one.id: one.kind for one in served.passes()}.items() >= {looked: "hinted", passed: "announced"}.items()
    asked = {entry.request_id for entry in served.world.field_service.control.ledger()}
    for run in (looked, passed):
        assert {line["action"] for line in told if line.get("run") == run} >= {"hinted", "pass", "request"}
        assert str(uuid.UUID(run)) in asked
    # Which job writes what a look has marked is chance; it is one that the log tells.
    written = {entry.request_id for entry in served.world.exchange.control.ledger()} - {None}
    assert written
    assert written <= {str(uuid.UUID(line["run"])) for line in told if line.get("action") == "pass"}


def test_doubled_late_and_groundless_hints_cost_a_read_and_write_nothing(served: Served) -> None:
    row = served.world.book("Anna", TOMORROW)
    hint(served, row, row, row)
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    served.world.forget_requests()
    for _ in range(3):
        hint(served, row)
        settle(served)
    assert served.world.writes() == 0
    assert len(requests(served)) == 3
    assert kinds(served) == ["hinted"]


def test_i6_a_groundless_hint_lets_no_changed_work_order_in(served: Served) -> None:
    order = served.world.work_order()
    row = served.world.book("Anna", TOMORROW, work_order=order)
    hint(served, row)
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    served.world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_workordersummary": "Bring the ladder"})
    served.world.forget_requests()
    hint(served, row)
    eventually(served, lambda: len(requests(served)) == 1)
    settle(served)
    with served.world.database.read() as tx:
        snapshot = bookings.load(tx, ENVIRONMENT, [row])[row].known.snapshot
    assert snapshot is not None
    assert snapshot.summary == "Oven does not heat"
    served.world.move(row, TOMORROW + timedelta(hours=3))
    hint(served, row)
    eventually(served, lambda: "ladder" in served.world.events("Anna")[0].body)


def test_a_deletion_is_proven_by_the_feed_that_the_hint_leads_to(served: Served) -> None:
    row = served.world.book("Anna", TOMORROW)
    hint(served, row)
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    served.world.delete(row)
    hint(served, None)
    eventually(served, lambda: served.world.events("Anna") == [])
    assert kinds(served) == ["hinted", "announced"]


def test_a_hint_and_an_absence_alone_remove_nothing_the_pass_decides(served: Served) -> None:
    row = served.world.book("Anna", TOMORROW)
    hint(served, row)
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    # a lagging replica: the booking is not found by its id, once in the list and once alone; the feed knows better
    control = served.world.field_service.control
    control.add_fault(Fault(kind="short_page", match=Match(method="GET", path="In\\(PropertyName")))
    gone = '{"error": {"code": "0x80040217", "message": "Does Not Exist"}}'
    control.add_fault(Fault(kind="status", status=404, body=gone, match=Match(method="GET", path=f"\\({row}\\)")))
    hint(served, row)
    eventually(served, lambda: kinds(served) == ["hinted", "announced"])
    settle(served)
    assert [rule.spent for rule in control.faults()] == [True, True]
    assert len(served.world.events("Anna")) == 1


def test_hints_out_of_order_end_where_the_source_stands(served: Served) -> None:
    first, second = served.world.book("Anna", TOMORROW), served.world.book("Anna", TOMORROW + timedelta(hours=4))
    served.world.delete(first)
    hint(served, None, second, first, first)
    settle(served)
    eventually(
        served, lambda: [event.start for event in served.world.events("Anna")] == [TOMORROW + timedelta(hours=4)]
    )
    hint(served, first)
    settle(served)
    assert [event.start for event in served.world.events("Anna")] == [TOMORROW + timedelta(hours=4)]


def test_a_lost_notification_costs_time_and_nothing_else(served: Served) -> None:
    served.world.book("Anna", TOMORROW)
    settle(served)
    assert served.world.events("Anna") == []
    served.later(15 * MINUTE)
    eventually(served, lambda: len(served.world.events("Anna")) == 1)


def test_a_flood_of_forged_hints_is_a_bounded_rate_of_reads_and_no_write(served: Served) -> None:
    async def flood() -> None:
        for _ in range(200):
            served.service.hint(ENVIRONMENT, BookingId(str(uuid.uuid4())))

    for _ in range(60):
        served.world.run(flood())
        served.later(timedelta(seconds=1))
    eventually(served, lambda: all(one.ended_at for one in served.passes()))
    burst, a_minute = PASSES
    assert len(kinds(served)) <= burst + a_minute
    assert len(requests(served)) <= 3 * (burst + a_minute)
    assert served.world.writes() == 0


def test_forged_ids_that_do_not_exist_are_asked_for_at_a_bounded_rate(served: Served) -> None:
    for _ in range(60):
        hint(served, *(str(uuid.uuid4()) for _ in range(NAMED)))
        served.later(timedelta(seconds=1 - GATHER))
    eventually(served, lambda: all(one.ended_at for one in served.passes()))
    (looks, looks_a_minute), (begun, begun_a_minute) = LOOKS, PASSES
    assert len(requests(served)) <= looks + NAMED + looks_a_minute + 3 * (begun + begun_a_minute)
    assert served.world.writes() == 0


def test_r13_while_the_environment_is_off_a_hint_asks_the_source_nothing(served: Served) -> None:
    row = served.world.book("Anna", TOMORROW)
    with served.world.database.write() as tx:
        environments.save(tx, replace(environments.get(tx, ENVIRONMENT), enabled=False))
    served.world.forget_requests()
    hint(served, row, None)
    settle(served)
    assert requests(served) == []
    assert served.world.events("Anna") == []


def test_a_source_in_trouble_is_asked_by_its_own_pauses_whatever_is_hinted(served: Served) -> None:
    row = served.world.book("Anna", TOMORROW)
    number = served.world.field_service.control.add_fault(Fault(kind="status", status=500, times=None))
    hint(served, row)
    eventually(served, lambda: bool(_alerts(served)))
    served.world.forget_requests()
    for _ in range(5):
        hint(served, row)
        served.later(timedelta(seconds=1))
    assert requests(served) == []
    served.world.field_service.control.clear_faults(number)
    served.later(timedelta(seconds=15))
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    eventually(served, lambda: _alerts(served) == [])


def test_a_source_that_asks_a_look_to_wait_for_seconds_is_read_after_these(served: Served) -> None:
    row = served.world.book("Anna", TOMORROW)
    served.world.field_service.control.add_fault(Fault(kind="status", status=429, headers={"Retry-After": "2"}))
    hint(served, row)
    eventually(served, lambda: bool(_alerts(served)))
    with served.world.database.read() as tx:
        again = feeds.load(tx, ENVIRONMENT).next_pull_at
    assert again is not None
    assert again - served.world.clock.now() <= timedelta(seconds=2)
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    eventually(served, lambda: _alerts(served) == [])


def test_a_hint_waits_while_another_process_reads_the_environment(served: Served) -> None:
    row = served.world.book("Anna", TOMORROW)
    with served.world.database.write() as tx:
        lease = leases.take(tx, f"pull:{ENVIRONMENT}", "another", served.world.clock.now(), MINUTE)
    assert lease is not None
    hint(served, row)
    settle(served)
    assert served.world.events("Anna") == []
    with served.world.database.write() as tx:
        leases.give_back(tx, lease)
    settle(served)
    eventually(served, lambda: len(served.world.events("Anna")) == 1)
    assert "hinted" in kinds(served)


# -- whether it still speaks


def _alerts(served: Served) -> list[tuple[str, str]]:
    with served.world.database.read() as tx:
        return [(alert.code, alert.level) for alert in alerts.standing(tx, ENVIRONMENT)]


def register(served: Served) -> None:
    with served.world.database.write() as tx:
        webhooks.keep(tx, ENVIRONMENT, Webhook("https://x.example", served.clock.now() - MINUTE, digest(SECRET)))


def by_schedule(served: Served) -> None:
    number = len(served.passes())
    served.later(15 * MINUTE)
    eventually(served, lambda: len(served.passes()) > number and all(one.ended_at for one in served.passes()))
    served.tick()


def test_a_webhook_that_says_nothing_while_passes_bring_bookings_is_told_until_it_speaks(served: Served) -> None:
    register(served)
    by_schedule(served)
    assert _alerts(served) == []
    row = served.world.book("Anna", TOMORROW)
    by_schedule(served)
    assert _alerts(served) == []  # the notification may be on its way
    by_schedule(served)
    assert _alerts(served) == [("webhook", "information")]
    hint(served, row)
    settle(served)
    assert _alerts(served) == []
    with served.world.database.read() as tx:
        known = webhooks.find(tx, ENVIRONMENT)
    assert known is not None
    assert (known.received, known.missed) == (1, 0)


def test_a_webhook_that_speaks_or_has_nothing_to_say_is_not_suspected(served: Served) -> None:
    register(served)
    for hour in range(2):
        hint(served, served.world.book("Anna", TOMORROW + timedelta(hours=3 * hour)))
        settle(served)
        by_schedule(served)
    for _ in range(3):
        by_schedule(served)
    assert _alerts(served) == []
    assert QUIET < 15 * MINUTE


# -- the whole way


async def _release(world: World) -> None:
    world.field_service.webhooks.release()


@pytest.mark.parametrize(("mode", "calls"), [("send", 2), ("double", 4), ("hold", 2)])
def test_bookings_come_by_the_embedded_field_services_own_notifications(served: Served, mode: str, calls: int) -> None:
    register(served)
    world = served.world
    end = HooksEnd(world.database, served.clock, served.service.hint)
    entered = serving(end.app())
    url = world.run(entered.__aenter__())
    try:
        http = Http(world.source_url, TokenCredential(world.source_token), world.clock)
        registrar = WebhookRegistrar(http, "main", steps(follow_location=False, follow_work_orders=False))
        world.run(registrar.put(f"{url}/hooks/{ENVIRONMENT}", SECRET))
        world.run(registrar.close())
        world.field_service.control.change(webhooks=mode)
        row = world.book("Anna", TOMORROW)
        world.move(row, TOMORROW + timedelta(hours=3))
        if mode == "hold":
            world.run(_release(world))
        world.run(world.field_service.webhooks.idle())
        served.later(timedelta(seconds=GATHER))
        eventually(served, lambda: [event.start for event in world.events("Anna")] == [TOMORROW + timedelta(hours=3)])
        settle(served)
        with world.database.read() as tx:
            known = webhooks.find(tx, ENVIRONMENT)
        assert known is not None
        assert known.received == calls
        assert "announced" not in kinds(served)
    finally:
        world.run(entered.__aexit__(None, None, None))
