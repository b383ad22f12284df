"""The same on PostgreSQL, which plans by what it has counted: with its statistics, and nothing turned off.

A hundred thousand bookings of a thousand workers, years of passes and history: what is asked every second, by every
pass or every round of a mailbox finds its rows by an index. What reads more is borne where it says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import event, text
from tests.conftest import NewState
from tests.state.stocked import stock
from tests.state.test_query_plans import HOT
from tests.values import BOX, DAY, NOW, WORKER

from fieldcal.state.database import Database

WALKED = ("bookings", "links", "marks", "history", "plan_rows", "passes", "pauses")
BORNE = {
    "bookings.unsettled": "a dry run looks at every booking of the window",
    "a list of bookings, what is missing": "a list with its number, on a person's demand",
    "pruning.drop, the history": "it takes its batch from the front, where the oldest lie, and ends there",
}
#: of each table, so many rows; the worker and the mailbox of the questions have a thousandth of them
_FILL = (
    """INSERT INTO bookings (environment, id, start, "end", worker, active, version, kind, stale)
       SELECT 'main', 'c0000000-0000-4000-8000-' || lpad(i::text, 12, '0'), :begin + i * 120000000::bigint,
              :begin + (i + 30) * 120000000::bigint,
              CASE WHEN i % 1000 = 0 THEN :worker ELSE 'worker-' || (i % 1000) END, true, i, 'committed', i % 1000 = 1
       FROM generate_series(1, 100000) i""",
    """INSERT INTO links (environment, mailbox, booking, generation, event, start, "end")
       SELECT environment, CASE WHEN worker = :worker THEN :box ELSE 'box-' || worker END, id, 0, 'event-' || id,
              start, "end" FROM bookings ORDER BY id""",
    """INSERT INTO marks (environment, mailbox, booking, seq, since, due)
       SELECT environment, mailbox, booking, 1, 0, start FROM links ORDER BY booking LIMIT 20000""",
    """INSERT INTO workers (environment, id, active, mailbox)
       SELECT DISTINCT 'main', worker, true, 'box-' || worker FROM bookings WHERE worker <> :worker""",
    """INSERT INTO mailboxes (environment, id, enabled)
       SELECT DISTINCT environment, mailbox, true FROM links ON CONFLICT DO NOTHING""",
    """INSERT INTO history (environment, mailbox, booking, at, pass, action, ok)
       SELECT 'main', 'box-worker-' || (i % 1000), 'c0000000-0000-4000-8000-' || lpad((i % 100000)::text, 12, '0'),
              :begin + i * 80000000::bigint, 'run' || (i / 50), 'update', i % 100 <> 0 FROM generate_series(1, 100000) i""",
    """INSERT INTO plans (id, environment, state, created_at, decided_at)
       SELECT i, 'main', 'done', :begin, :begin + i * 8000000000::bigint FROM generate_series(1, 1001) i""",
    """INSERT INTO plan_rows (plan, mailbox, booking, environment, state)
       SELECT 1 + i / 20, 'box-worker-' || (i % 1000), 'c0000000-0000-4000-8000-' || lpad(i::text, 12, '0'), 'main',
              'done' FROM generate_series(1, 20000) i""",
    """INSERT INTO passes (id, environment, kind, started_at, ended_at)
       SELECT 'pass-' || i, 'main', CASE WHEN i % 3 = 0 THEN 'hinted' ELSE 'scheduled' END, :now - i * 1000000::bigint,
              CASE WHEN i > 1 THEN :now - i * 1000000::bigint + 100 END FROM generate_series(1, 50000) i""",
    """INSERT INTO pauses (scope, until, reason)
       SELECT 'box-' || i, :now + CASE WHEN i % 200 = 0 THEN 60000000 ELSE -60000000 END, 'busy'
       FROM generate_series(1, 20000) i""",
)


def test_no_hot_query_walks_a_table_of_postgresql_that_grows(new_postgres: NewState) -> None:
    database = Database(new_postgres())
    now = int(NOW.timestamp()) * 1_000_000
    given = {"begin": now - int((100 * DAY).total_seconds()) * 1_000_000, "now": now, "worker": WORKER.id, "box": BOX}
    with database.write() as tx:
        stock(tx)
        for statement in _FILL:
            tx.execute(text(statement), {name: value for name, value in given.items() if f":{name}" in statement})
        tx.exec_driver_sql("ANALYZE")
    walks = {name: [*_walked(database, name)] for name in HOT}
    database.close()
    assert {name: found for name, found in walks.items() if found and name not in BORNE} == {}
    assert set(BORNE) <= {name for name, found in walks.items() if found}, "what is borne, and needs not be any more"


def _walked(database: Database, name: str) -> Iterator[str]:
    """What the statements of this question read from one end to the other; what it wrote is rolled back."""
    sent: list[tuple[str, Any]] = []

    def hear(
        _connection: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
    ) -> None:
        sent.append((statement, parameters[0] if many else parameters))

    with database._writer.connect() as tx:
        event.listen(database._writer, "before_cursor_execute", hear)
        try:
            HOT[name](tx)
        finally:
            event.remove(database._writer, "before_cursor_execute", hear)
        for statement, parameters in sent:
            [[plan]] = tx.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            for node in _nodes(plan[0]["Plan"]):
                if node["Node Type"] == "Seq Scan" and node["Relation Name"] in WALKED:
                    yield f"{node['Relation Name']}: {' '.join(statement.split())[:160]}"
        tx.rollback()


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)
