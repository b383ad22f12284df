"""Big numbers end, in bounded memory, and cost grows with them and no faster: counted in requests, statements, rows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.sync.crowd import Crowd, crowd
from tests.sync.mortal import Life
from tests.sync.one_pass import Measured
from tests.sync.world import NOW, World

from fieldcal.state.database import Database
from fieldcal.state.tables import bookings
from fieldcal.sync.passes import run_pass

#: megabytes; generous, for it bounds growth and measures nothing
MEMORY = 400
TOMORROW = NOW + timedelta(days=1)

first_fills = pytest.mark.parametrize(
    ("workers", "bookings"),
    [
        pytest.param(1, 250, id="250 in one mailbox"),
        pytest.param(60, 60, id="60 mailboxes"),
        pytest.param(1, 11_725, id="11725 in one mailbox", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
        pytest.param(5_000, 5_000, id="5000 mailboxes", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)


@first_fills
def test_f41_a_first_fill_ends_in_bounded_memory_and_the_next_pass_writes_nothing(
    tmp_path: Path, workers: int, bookings: int
) -> None:
    with crowd(tmp_path / "ends", workers=workers, bookings=bookings) as ends:
        first = ends.passes()
        assert (first.created, first.failed, first.error) == (bookings, 0, "")
        assert first.peak_mb < MEMORY
        marks = ends.marks()
        assert (len(marks), set(marks.values())) == (bookings, {1})
        second = ends.passes()
        assert (second.created, second.updated, second.removed, second.graph_requests) == (0, 0, 0, 0)
        assert second.statements < 60, "a pass with nothing to do looks at no mailbox and no booking"


def _two(folder: Path, *, workers: tuple[int, int], bookings: tuple[int, int]) -> list[Measured]:
    measured = []
    for count, number in zip(workers, bookings, strict=True):
        ends: Crowd
        with crowd(folder / f"{count}-{number}", workers=count, bookings=number) as ends:
            measured.append(ends.passes())
            assert measured[-1].created == number
    return measured


@pytest.mark.parametrize(
    ("workers", "bookings"),
    [
        pytest.param((1, 1), (150, 600), id="in one mailbox"),
        pytest.param((20, 80), (20, 80), id="over mailboxes"),
        pytest.param((1, 1), (2_000, 8_000), id="in one mailbox, long", marks=[pytest.mark.slow]),
        pytest.param((500, 2_000), (500, 2_000), id="over mailboxes, long", marks=[pytest.mark.slow]),
    ],
)
def test_f42_four_times_the_events_cost_four_times_the_requests_statements_and_rows(
    tmp_path: Path, workers: tuple[int, int], bookings: tuple[int, int]
) -> None:
    small, big = _two(tmp_path, workers=workers, bookings=bookings)
    for what in ("statements", "rows", "graph_requests"):
        each = [getattr(one, what) / number for one, number in zip((small, big), bookings, strict=True)]
        # What a pass costs whatever its size makes the small one dearer, never the big one.
        assert each[1] <= each[0] * 1.10, f"{what} an event: {each[0]:.2f}, then {each[1]:.2f}"
    assert big.source_requests <= small.source_requests * 4


@pytest.mark.parametrize("changes", [60, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("where", "nth"), [("on its way", 1), ("asking", 1), ("asking", 3)])
def test_a_booking_changed_all_through_a_pass_ends_with_its_last_content_and_few_writes(
    world: World, changes: int, where: str, nth: int
) -> None:
    world.worker("Ana")
    booking = world.book("Ana", TOMORROW, name="Job")
    world.pass_()
    world.move(booking, TOMORROW - timedelta(hours=1))
    process = world.start("the service")
    world.forget_requests()
    world.run(_changed_meanwhile(world, process.life, process.site, booking, changes, (where, nth)))
    process.database.close()
    world.pass_()
    [event] = world.events("Ana")
    assert event.start == TOMORROW + timedelta(minutes=changes - 1)
    assert world.writes() <= 3
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


async def _changed_meanwhile(
    world: World, life: Life, site: object, booking: str, changes: int, hold: tuple[str, int]
) -> None:
    """One pass, held up at a request until the booking was changed so often."""
    life.holds(*hold)
    running = asyncio.ensure_future(life.live(run_pass(site)))  # type: ignore[arg-type] # the process's own site
    held = asyncio.ensure_future(life.held.wait())
    await asyncio.wait({running, held}, return_when=asyncio.FIRST_COMPLETED)
    assert held.done(), "the pass came to its end before it was held up"
    address = f"{world.source_url}/api/data/v9.2/bookableresourcebookings({booking})"
    for number in range(changes):
        start = TOMORROW + timedelta(minutes=number)
        body = {
            "starttime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "endtime": f"{start + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}",
        }
        headers = {"Authorization": f"Bearer {world.source_token()}"}
        async with world.http.request("PATCH", address, json=body, headers=headers) as answer:
            assert answer.status < 300
    life.go_on()
    await running


@pytest.mark.parametrize(
    ("history", "swept"),
    [
        pytest.param(20_000, False, id="20000 tracked"),
        pytest.param(150_000, False, id="150000 tracked", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
        pytest.param(150_000, True, id="150000 swept", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_a_long_history_costs_thin_pages_and_no_memory(tmp_path: Path, history: int, swept: bool) -> None:
    with crowd(tmp_path / "ends", workers=2, bookings=40, history=history, swept=swept) as ends:
        first = ends.passes()
        assert (first.created, first.failed, first.error) == (40, 0, "")
        assert first.peak_mb < 200
        pages = [entry for entry in ends.field_service.control.ledger() if "bookableresourcebookings?" in entry.url]
        detailed = [entry for entry in pages if "msdyn_workordersummary" in entry.url]
        # one question of each page's rows with one column and one with all of them; details for the window alone
        assert len(pages) - len(detailed) <= (3 if swept else history // 5000 + 3)
        assert 1 <= len(detailed) <= 3
        with Database(ends.given.state).read() as tx:
            assert tx.execute(select(func.count()).select_from(bookings)).scalar_one() == 40
