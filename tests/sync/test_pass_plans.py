"""Whatever a pass, a check, a repair or a pruning asks of a filled state it finds by an index, on both databases.

No list is kept of the statements: they are heard while a small world lives through what a state can meet, and
explained in a large one. What reads more is borne where it says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from bench.centre import stocked
from sqlalchemy import Connection, event, text
from tests.conftest import NewState
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.engine import upkeep
from fieldcal.state import waiting
from fieldcal.state.database import Database

#: Tables that grow with bookings or with time, of which nothing may read an environment's whole part.
LARGE = frozenset({"bookings", "links", "marks", "history", "audit", "plan_rows", "removals"})
#: Tables of a row or a few for each mailbox or pass: read by an index, all of an environment's part at most.
LESS = frozenset({"mailboxes", "workers", "passes"})
#: Indexes that hold only what is asked for.
HOLD_THESE_ALONE = ("ix_bookings_stale", "ix_marks_tried", "ix_mailboxes_unread")
#: What reads more all the same: the table, what the statement holds, and why that is borne.
BORNE = (
    ("", "bookings.seen_run !=", "after a whole read, once: whatever has an event and was not named is asked for"),
    ("removals", "count(*)", "the removals of one hour: the older ones were dropped by the statement before"),
    ("plan_rows", "DELETE FROM plans", "once a day; plans are few"),
)
#: Tables that are large enough here for PostgreSQL to choose as it does everywhere.
FILLED = frozenset({"bookings", "links", "history"})
DAY = timedelta(days=1)
#: Of a statement with its values: the table and the step of each walk that its plan holds.
Walks = Callable[[Connection, str, Any], Iterator[tuple[str, str]]]
BOXES, STORED = 300, 30_000


@contextmanager
def heard(database: Database) -> Iterator[dict[str, tuple[str, Any]]]:
    """Every statement that is sent meanwhile, once, with a set of its values."""
    sent: dict[str, tuple[str, Any]] = {}

    def hear(_c: object, _cursor: object, statement: str, values: Any, _context: object, many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")):
            sent.setdefault(re.sub(r"IN \([^()]*\)", "IN (...)", statement), (statement, values[0] if many else values))

    engines = {database._reader, database._writer}  # there is no other door
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", hear)


def _lives(world: World) -> None:
    """All that a state meets in its life: a first load, every kind of change, a quiet pass, a repair, a pruning."""
    for name in ("Ana", "Ben"):
        world.worker(name)
    bookings = [world.book("Ana", NOW + timedelta(hours=n), 1, work_order=world.work_order(f"W{n}")) for n in range(6)]
    world.book("Ben", NOW + 15 * DAY, name="enters later")
    world.pass_()
    world.move(bookings[0], NOW + 2 * DAY)
    world.set_status(bookings[1], "Canceled")
    world.reassign(bookings[2], "Ben")
    world.delete(bookings[3])
    world.pass_()
    world.exchange.delete(world.box("Ana"), world.ours("Ana")[0].raw)
    world.check(everything=True)
    world.change_settings(follow_location=True, follow_work_order=True)
    world.disable("Ben")
    world.enable("Ben")
    world.clock.advance(2 * DAY)
    world.pass_(workers_in_full=True)
    world.run(upkeep.prune(world.database, world.clock, upkeep.ages(90, 90, 60)))
    with world.database.read() as tx:
        waiting.ready(tx, ENVIRONMENT, world.clock.now())


def _walks_of_sqlite(tx: Connection, statement: str, values: Any) -> Iterator[tuple[str, str]]:
    steps = [str(row[3]) for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    for step in steps:
        table = re.match(r"(?:SCAN|SEARCH) (\w+)", step)
        if table is None:
            continue
        whole = step.startswith("SCAN") and " USING " not in step
        part = step.startswith("SCAN") or step.endswith("(environment=?)")
        if whole or (part and table[1] in LARGE and not any(index in step for index in HOLD_THESE_ALONE)):
            yield table[1], step


def _walks_of_postgresql(tx: Connection, statement: str, values: Any) -> Iterator[tuple[str, str]]:
    plan = tx.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    [found] = json.loads(plan) if isinstance(plan, str) else plan
    yield from _nodes(found["Plan"], "")


def _nodes(node: dict[str, Any], table: str) -> Iterator[tuple[str, str]]:
    table, index = node.get("Relation Name", table), node.get("Index Name", "")
    told = f"{node['Node Type']} {table} {index} {node.get('Index Cond', '')}"
    if node["Node Type"] == "Seq Scan":
        yield table, told
    elif index and table in LARGE and index not in HOLD_THESE_ALONE:
        columns = set(re.findall(r"\(\"?(\w+)\"?\)?(?:::\w+)? (?:=|<|>|IS)", node.get("Index Cond", "")))
        if columns <= {"environment"}:
            yield table, told
    for under in node.get("Plans", []):
        yield from _nodes(under, table)


def _wrong(database: Database, sent: dict[str, tuple[str, Any]]) -> list[str]:
    with database.read() as tx:
        if database.is_sqlite:
            return _told(tx, sent, _walks_of_sqlite, LARGE | LESS)
        chosen = _told(tx, sent, _walks_of_postgresql, FILLED)
        # Other tables are small here that are large elsewhere: what matters is whether an index would serve.
        tx.execute(text("SET LOCAL enable_seqscan = off"))
        return sorted({*chosen, *_told(tx, sent, _walks_of_postgresql, LARGE | LESS)})


def _told(tx: Connection, sent: dict[str, tuple[str, Any]], walks: Walks, judged: frozenset[str]) -> list[str]:
    found = []
    for statement, values in sent.values():
        for table, step in walks(tx, statement, values):
            borne = any(of in ("", table) and part in statement for of, part, _ in BORNE)
            if table in judged and not borne:
                found.append(f"{step}: {' '.join(statement.split())}")
    return found


@pytest.fixture
def filled(new_state: NewState) -> Iterator[Database]:
    """A state as weeks of a large organization's work leave it."""
    database = Database(new_state())
    with database.write() as tx:
        stocked.fill(tx, BOXES, STORED, NOW)
        if not database.is_sqlite:
            tx.execute(text("ANALYZE"))  # as autovacuum does; nobody does it to SQLite's file
    yield database
    database.close()


def test_every_statement_of_a_pass_finds_its_rows_by_an_index(
    new_world: Callable[..., World], new_state: NewState, filled: Database
) -> None:
    world = new_world(new_state())
    with heard(world.database) as sent:
        _lives(world)
    assert len(sent) > 80, "it asked next to nothing"
    assert _wrong(filled, sent) == []


def test_a_statement_that_walks_is_noticed(filled: Database) -> None:
    walking = "SELECT count(*) FROM bookings WHERE place = 'x'"
    partly = "UPDATE links SET rewrite = rewrite WHERE environment = 'main' AND subject = 'x'"
    wrong = _wrong(filled, {one: (one, ()) for one in (walking, partly)})
    assert [one for one in (walking, partly) if not any(told.endswith(one) for told in wrong)] == []
