"""How much the state holds of what is forgotten by age, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Column, Connection, func, select, text

from fieldcal.state.database import Database
from fieldcal.state.pass_tables import passes
from fieldcal.state.people_tables import audit
from fieldcal.state.tables import alerts, bookings, history, plan_rows, plans


@dataclass(frozen=True, slots=True)
class Holding:
    """One kind of what is kept, named as in `pruning.Pruned`."""

    kind: str
    rows: int
    #: when the oldest was made; a booking: when it ended. None where there is none
    oldest: datetime | None

    @property
    def setting(self) -> str:
        """The setting of the installation that says how many days it is kept; 0 is for ever."""
        return {"bookings": "keep_bookings_days", "audit": "keep_audit_days"}.get(self.kind, "keep_history_days")


#: what tells how old a row of each kind is
_AGES: dict[str, Column[datetime]] = {
    "bookings": bookings.c.end, "history": history.c.at, "passes": passes.c.started_at, "alerts": alerts.c.last_at,
    "audit": audit.c.at,
}  # fmt: skip


def look(tx: Connection) -> list[Holding]:
    """What there is of each kind, in all environments."""
    found = []
    for kind, column in _AGES.items():
        rows = tx.scalar(select(func.count()).select_from(column.table)) or 0
        found.append(Holding(kind, rows, tx.scalar(select(func.min(column)))))
    removals = tx.scalar(select(func.count()).select_from(plan_rows)) or 0
    found.insert(-1, Holding("plans", removals, tx.scalar(select(func.min(plans.c.created_at)))))
    return found


def size(database: Database) -> int:
    """Bytes that the state takes, its write-ahead log among them."""
    if database.is_sqlite:
        path = Path(database.url.database or "")
        files = [path.with_name(f"{path.name}{end}") for end in ("", "-wal")]
        return sum(file.stat().st_size for file in files if file.exists())
    with database.read() as tx:
        return tx.scalar(text("SELECT pg_database_size(current_database())")) or 0
