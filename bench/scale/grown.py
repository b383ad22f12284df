"""A state with many more bookings than its source tells of: what weeks behind and weeks ahead leave in it.

Of five bookings three ended in the last months and have their event and its line of history, two lie beyond the
window. None lies in the window or is about to enter it: that would be a change.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, text

from bench.client import NAME
from fieldcal.state.database import Database
from fieldcal.state.tables import bookings, links

_SERIES = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)",
    "postgresql": "WITH n(i) AS (SELECT generate_series(CAST(:first AS bigint), :last - 1))",
}
_ID = {
    "sqlite": "printf('%08x-0000-4000-9000-%012x', i * 2654435761 % 4294967296, i)",
    "postgresql": "lpad(to_hex(i * 2654435761 % 4294967296), 8, '0') || '-0000-4000-9000-' || lpad(to_hex(i), 12, '0')",
}
#: from whom a made booking is copied: the source's own, numbered
_PATTERNS = "CREATE TEMPORARY TABLE pattern AS SELECT row_number() OVER (ORDER BY id) - 1 AS number, id FROM bookings"
_BEGIN = (
    "CASE WHEN i % 5 < 3 THEN :now - (8 + i % 190) * CAST(:day AS bigint) - (i % 1440) * CAST(:minute AS bigint) "
    "ELSE :now + (20 + i % 300) * CAST(:day AS bigint) END"
)
_HISTORY = """
INSERT INTO history (environment, mailbox, booking, at, pass, action, reason, answer, ok)
SELECT environment, mailbox, booking, start, 'grown', 'create', 'its booking was changed', 'done', event IS NOT NULL
FROM links WHERE event LIKE 'grown-%'
"""


def grow(database: Database, until: int, environment: str = NAME, now: datetime | None = None) -> None:
    """Have so many bookings stored, in weeks around now; PostgreSQL makes its statistics, as autovacuum does some minutes later."""
    dialect = "sqlite" if database.is_sqlite else "postgresql"
    day = timedelta(days=1) // timedelta(microseconds=1)
    with database.write() as tx:
        if database.is_sqlite:
            tx.execute(text("PRAGMA cache_size = -800000"))  # else every row waits for pages of eight indexes
        tx.execute(text(_PATTERNS))
        base = tx.execute(text("SELECT count(*) FROM pattern")).scalar_one()
        tx.execute(text("CREATE UNIQUE INDEX pattern_number ON pattern (number)"))
        given = {"first": base, "last": until, "base": base, "day": day, "minute": day // 1440,
                 "now": int((now or datetime.now(UTC)).timestamp()) * 1_000_000, "environment": environment}  # fmt: skip
        made = {
            "id": _ID[dialect],
            "start": _BEGIN,
            "end": f"{_BEGIN} + 120 * CAST(:minute AS bigint)",
            "version": "1 + i % 1000",
        }
        _copy(tx, bookings, made, _SERIES[dialect], "", given)
        event = {"booking": _ID[dialect], "event": f"'grown-' || {_ID[dialect]}", "start": _BEGIN,
                 "end": f"{_BEGIN} + 120 * CAST(:minute AS bigint)"}  # fmt: skip
        _copy(tx, links, event, _SERIES[dialect], "AND i % 5 < 3", given)
        tx.execute(text(_HISTORY))
        tx.execute(text("DROP TABLE pattern"))
        if not database.is_sqlite:
            tx.execute(text("ANALYZE"))


def _copy(tx: Connection, table: Table, made: dict[str, str], series: str, also: str, given: dict[str, Any]) -> None:
    key = "id" if table is bookings else "booking"
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(made.get(column.name, f'old."{column.name}"') for column in table.columns)
    # The names are our own tables'. A series that comes first is counted through, and each of it looked up.
    asked = (
        f"INSERT INTO {table.name} ({names}) {series} SELECT {values} FROM n "
        f"JOIN pattern ON pattern.number = n.i % :base JOIN {table.name} AS old ON old.{key} = pattern.id "
        f"WHERE old.environment = :environment {also}"
    )
    tx.execute(text(asked), given)
