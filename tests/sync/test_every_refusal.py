"""Every answer of Graph's error table met on the whole way: who waits, who goes on, and that all is well in the end.

One story for all of them: each answer has a mailbox of its own, where a job's write is refused beside another job's, and
a second mailbox where it is refused alone. What was seen is written down once and asked for answer by answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.sync.world import ENVIRONMENT, NOW, World
from tests.wire.graph_errors import ROWS, Action, Row

from fieldcal.embedded.faults import Fault, Match
from fieldcal.errors import Gone
from fieldcal.model import BookingId
from fieldcal.state import mailboxes, pauses

START = NOW + timedelta(days=1)
REST = timedelta(minutes=25)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Case:
    """One answer in one mailbox: to an item of a batch, or to a request sent alone."""

    row: Row
    number: int
    item: bool

    @property
    def name(self) -> str:
        return f"{self.row.name}-{'item' if self.item else 'alone'}"

    @property
    def worker(self) -> str:
        return f"Worker {self.number:03}"

    @property
    def target(self) -> str:
        return f"Target-{self.number:03}"

    @property
    def beside(self) -> str:
        return f"Beside-{self.number:03}"

    @property
    def expected(self) -> Action:
        return self.row.action if self.item else self.row.alone or self.row.action


SHAPES = [(row, item) for item in (True, False) for row in ROWS if item or row.alone or row.action is Action.MAILBOX]
CASES = [Case(row, number, item) for number, (row, item) in enumerate(SHAPES)]
OWN = [case for case in CASES if case.expected is not Action.APPLICATION]
WHOLE = [case for case in CASES if case.expected is Action.APPLICATION]


@dataclass
class Seen:
    """What was seen of one case."""

    paused: bool = False
    #: how often the target and its neighbour stood there after the pass in which the answer came
    target: int = 0
    beside: int = 0
    #: requests to the mailbox while it was paused
    asked: int = 0
    switched_off: bool = False
    #: where the target stood when the pauses had ended, before and after its booking changed again
    starts: tuple[datetime, ...] = ()
    moved: tuple[datetime, ...] = ()


def waiting(world: World) -> set[str]:
    """The scopes that are paused now."""

    def read(tx: Connection) -> set[str]:
        return set(pauses.lasting(tx, world.clock.now()))

    with world.database.read() as tx:
        return read(tx)


def prepare(world: World, case: Case) -> BookingId | None:
    """An event that is to be changed or removed."""
    return None if case.row.method == "POST" else world.book(case.worker, START, 1, name=case.target)


def change(world: World, case: Case, booking: BookingId | None) -> BookingId:
    """Have the write wanted that will be refused, and one beside it."""
    if booking is None:
        booking = world.book(case.worker, START, 1, name=case.target)
    elif case.row.write is Gone:
        [event] = world.events(case.worker)
        world.remove(case.worker, event)
    if case.row.method == "PATCH":
        world.move(booking, START + 2 * HOUR, 1)
    if case.row.method == "DELETE":
        world.delete(booking)
    if case.item:
        world.book(case.worker, START, 1, name=case.beside)
    return booking


def plant(world: World, case: Case) -> None:
    row, box = case.row, world.boxes[case.worker]
    if row.write is Gone:
        return  # nothing has to be made up: a hand has removed the event
    match = Match(row.method, box, case.target if row.method != "DELETE" else None, item=case.item)
    if case.item:
        match = Match(row.method, f"users/{box}", match.body, item=True)
    world.exchange.control.add_fault(
        Fault(kind="status", status=row.status, body=row.body, headers=row.headers, match=match)
    )


def starts(world: World, case: Case) -> tuple[datetime, ...]:
    return tuple(event.start for event in world.events(case.worker) if event.subject == case.target)


@pytest.fixture(scope="module")
def told(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, Seen]]]:
    folder = tmp_path_factory.mktemp("refusals")
    state = folder / "state.sqlite3"
    state.write_bytes(sqlite_template.read_bytes())
    world = World(folder, f"sqlite:///{state}")
    seen = {case.name: Seen() for case in OWN}
    try:
        for name in ("Ben", *(case.worker for case in CASES)):
            world.worker(name, enabled=False)
        world.pass_(workers_in_full=True)
        for name in world.boxes:
            world.enable(name, check_first=False)
        play(world, seen)
        yield world, seen
    finally:
        world.close()


def play(world: World, seen: dict[str, Seen]) -> None:
    bookings = {case.name: prepare(world, case) for case in OWN}
    world.pass_()
    changed = {case.name: change(world, case, bookings[case.name]) for case in OWN}
    world.book("Ben", START, 1, name="Elsewhere")
    for case in OWN:
        plant(world, case)
    world.pass_()
    paused = waiting(world)
    for case in OWN:
        now = seen[case.name]
        now.paused, now.target = world.boxes[case.worker] in paused, len(starts(world, case))
        now.beside = world.subjects(case.worker).count(case.beside)
        with world.database.read() as tx:
            now.switched_off = mailboxes.why_not(tx, ENVIRONMENT, world.box(case.worker)) is not None
        if case.expected is Action.MAILBOX:
            world.book(case.worker, START + 5 * HOUR, 1, name="a new job, so that something is due")
    world.forget_requests()
    world.pass_()
    urls = [url for entry in world.exchange.control.ledger() for url in (entry.url, *(i.url for i in entry.items))]
    for case in OWN:
        seen[case.name].asked = sum(world.boxes[case.worker] in url for url in urls)
    world.exchange.control.clear_faults()
    for _ in range(2):
        world.clock.advance(REST)
        world.pass_()
    for case in OWN:
        seen[case.name].starts = starts(world, case)
        if case.expected is Action.ASIDE:
            world.move(changed[case.name], START + 4 * HOUR, 1)
    world.pass_()
    for case in OWN:
        seen[case.name].moved = starts(world, case)


@pytest.mark.parametrize("case", OWN, ids=lambda case: case.name)
def test_an_answer_stops_whom_it_concerns_and_ends_well(told: tuple[World, dict[str, Seen]], case: Case) -> None:
    seen, row = told[1][case.name], case.row
    assert seen.paused == (case.expected is Action.MAILBOX)
    assert seen.beside == int(case.item), "its neighbour in the batch is carried out"
    assert not seen.switched_off, "one refusal is no reason to switch a mailbox off (F54)"
    assert seen.asked == 0, "nothing is asked again before its time has come"
    wanted = {"POST": (START,), "PATCH": (START + 2 * HOUR,), "DELETE": ()}[row.method]
    if case.expected is Action.ONCE_MORE:
        assert seen.target == len(wanted)
    if case.expected is Action.ASIDE:
        assert seen.starts == (() if row.method == "POST" else (START,)), "set aside: never sent again unchanged"
        assert seen.moved == (START + 4 * HOUR,), "and tried again when its booking changes"
    else:
        assert seen.starts == seen.moved == wanted, "exactly what the booking says, once"


def test_a_mailbox_beside_all_these_never_noticed(told: tuple[World, dict[str, Seen]]) -> None:
    assert told[0].subjects("Ben") == ["Elsewhere"]


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_an_answer_about_the_application_pauses_everything_behind_the_profile(
    told: tuple[World, dict[str, Seen]], case: Case
) -> None:
    world, _ = told
    change(world, case, prepare(world, case))
    plant(world, case)
    world.pass_()
    assert waiting(world) == {"connector:Microsoft Exchange Online"}
    assert world.subjects(case.worker) == [case.beside]
    world.book("Ben", START + case.number * HOUR, 1, name=case.target)
    world.forget_requests()
    world.pass_()
    assert world.exchange.control.count() == 0
    world.exchange.control.clear_faults()
    world.clock.advance(REST)
    world.pass_()
    assert (sorted(world.subjects(case.worker)), case.target in world.subjects("Ben")) == (
        [case.beside, case.target], True,
    )  # fmt: skip


def test_in_the_end_nothing_is_left_to_write(told: tuple[World, dict[str, Seen]]) -> None:
    world, _ = told
    world.clock.advance(REST)
    world.pass_()
    world.forget_requests()
    world.pass_()
    assert world.exchange.control.count() == 0
