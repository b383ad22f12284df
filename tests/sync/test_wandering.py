"""A mailbox that wanders between workers on one state: what it is sent, by Exchange's own ledger, and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import NewState
from tests.sync.world import NOW, PROFILE, Process, World

from fieldcal.calendars.graph import GraphCalendars
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http, TokenCredential
from fieldcal.state.held import LEASE
from fieldcal.sync.passes import run_pass
from fieldcal.sync.pull import pull
from fieldcal.sync.reconcile import reconcile
from fieldcal.sync.site import Site

TOMORROW = NOW + timedelta(days=1)
LIMIT, SPAN = 60, 600.0


def asked(world: World) -> int:
    """Requests that reached Ana's mailbox, alone or in a batch, since the ledger was cleared."""
    box, entries = world.boxes["Ana"], world.exchange.control.ledger()
    return sum((box in entry.url) + sum(box in item.url for item in entry.items) for entry in entries)


def limited(world: World, process: Process, ends: list[GraphCalendars]) -> Site:
    """The process with a limit that a day's bookings exceed."""
    pace = StoredPace(process.database, world.clock, limit=LIMIT, span=SPAN)
    http = Http(world.graph_url, TokenCredential(world.exchange.token), world.clock, user_agent=process.life.name)
    end = GraphCalendars(http, pace, world.clock, PROFILE)
    ends.append(end)
    return replace(process.site, pace=pace, calendars=lambda _profile: end)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_workers_together_send_a_mailbox_no_more_than_its_limit_though_one_is_killed(
    kind: str, new_world: Callable[..., World], new_sqlite: NewState, new_postgres: NewState
) -> None:
    world = new_world((new_sqlite if kind == "sqlite" else new_postgres)())
    world.worker("Ana")
    for hour in range(90):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1)
    began, sent, ends = world.clock.now(), list[tuple[float, int]](), list[GraphCalendars]()
    processes = [world.start("one"), world.start("other")]
    processes[1].life.dies("after write", 2)
    sites = [limited(world, process, ends) for process in processes]
    dead = False
    for turn in range(40):
        which = 0 if dead or turn % 3 == 0 else 1
        world.forget_requests()
        at = (world.clock.now() - began).total_seconds()
        world.run(processes[which].life.live(run_pass(sites[which])))
        sent.append((at, asked(world)))
        if not processes[which].life.alive:
            dead = True
            world.clock.advance(LEASE)
        world.clock.advance(timedelta(seconds=45))
    assert dead
    for begin, _ in sent:
        assert sum(number for at, number in sent if begin <= at < begin + SPAN) <= LIMIT
    assert len(world.ours("Ana")) == 90
    for end in ends:
        world.run(end.close())
    for process in processes:
        process.database.close()


def test_a_mailbox_with_one_change_costs_three_transactions_with_all_that_its_lease_carries(world: World) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW)
    world.pass_()
    world.move(booking, TOMORROW + timedelta(hours=1))
    process = world.start("one")
    site = replace(process.site, calendars=world.site.calendars)
    world.run(process.life.live(pull(site)))
    before = process.life.passed["after commit"]
    tally = world.run(process.life.live(reconcile(site, world.box("Ana"), "run")))
    assert tally is not None
    assert (tally.updated, process.life.passed["after commit"] - before) == (1, 3)
    process.database.close()
