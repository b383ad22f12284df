"""What a long downtime brings into the window comes in step by step: what was reached is kept, and nothing is lost."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.sources.dataverse.query import IDS_AT_ONCE
from fieldcal.state import feeds
from fieldcal.state.tables import bookings, marks
from fieldcal.sync.take import DETAILS

NUMBER = DETAILS + 100
FIRST = NOW + timedelta(days=15)


def _book_many(world: World) -> None:
    pattern = world.book("Ana", FIRST)
    row = world.field_service.store.get("bookableresourcebooking", pattern)
    assert row is not None
    made = [
        {**row, "bookableresourcebookingid": f"00000000-0000-4000-8000-{n:012}",
         "starttime": f"{FIRST + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}",
         "endtime": f"{FIRST + timedelta(minutes=n, hours=1):%Y-%m-%dT%H:%M:%SZ}"}
        for n in range(1, NUMBER)
    ]  # fmt: skip
    world.field_service.store.load("bookableresourcebooking", made)


def _marked(world: World) -> int:
    with world.database.read() as tx:
        return tx.scalar(select(func.count()).select_from(marks)) or 0


def test_d3_a_downtime_s_entering_that_breaks_off_keeps_what_it_reached_and_loses_nothing(world: World) -> None:
    world.worker("Ana", enabled=False)
    _book_many(world)
    world.pass_(workers_in_full=True)
    assert _marked(world) == 0
    world.clock.advance(timedelta(days=3))
    world.field_service.control.add_fault(
        Fault(kind="status", match=Match(path="msdyn_workordersummary", nth=DETAILS // IDS_AT_ONCE + 1), times=None)
    )
    assert world.pass_().error
    with world.database.read() as tx:
        reached = feeds.load(tx, ENVIRONMENT).far_edge
        within = tx.scalar(select(func.count()).where(bookings.c.start < reached))
    assert _marked(world) == within == DETAILS
    world.field_service.control.clear_faults()
    assert world.pass_().error == ""
    assert _marked(world) == NUMBER
