"""What rows are called, so that a person can name each one. Blocking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection, func, literal, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.tables import ACCOUNT, CONTACT, RESOURCE, SCHEMA
from fieldcal.schedule.cells import Names

#: What tells rows of the same name apart: a column of their own, or of the row that it points at.
_APART = {ACCOUNT.name: "accountnumber", CONTACT.name: "parentcustomerid", RESOURCE.name: "msdyn_primaryemail"}


def labels(tx: Connection, table: str) -> dict[str, str]:
    """What each row of this table is called, by id: its name, with what tells it apart where others have that name."""
    return {row: label for row, _, label in _called(tx, table)}


def _called(tx: Connection, table: str) -> list[tuple[str, str, str]]:
    """Id, name and label of every row."""
    shape, sql = SCHEMA.by_name[table], TABLES[table]
    apart = _APART.get(table)
    asked = select(sql.c[shape.id], sql.c[shape.primary], sql.c[apart] if apart else literal(""))
    if apart and (target := shape.by_name[apart].target):
        other, there = SCHEMA.by_name[target], TABLES[target].alias()
        asked = select(sql.c[shape.id], sql.c[shape.primary], there.c[other.primary]).outerjoin_from(
            sql, there, there.c[other.id] == sql.c[apart]
        )
    rows = [(row, name or "", more or "") for row, name, more in tx.execute(asked)]
    count = Counter(name.lower() for _, name, _ in rows)
    return [(row, name, f"{name} ({more})" if more and count[name.lower()] > 1 else name) for row, name, more in rows]


def by_name(tx: Connection, tables: Iterable[str]) -> tuple[Names, dict[str, dict[str, str]]]:
    """For each of these tables, ids by what rows are called, None where several are; and what each is called, by id."""
    found: dict[str, dict[str, str | None]] = {}
    written: dict[str, dict[str, str]] = {}
    told: dict[str, dict[str, str]] = {}
    for table in tables:
        here = found[table] = {}
        rows = _called(tx, table)
        told[table] = {row: label for row, _, label in rows}
        written[table] = {text.lower(): text for _, *both in rows for text in both}
        for row, name, label in rows:
            here[label.lower()] = None if label.lower() in here else row
            if label != name:
                here[name.lower()] = None
    return Names(found, written), told


def some(tx: Connection, table: str, limit: int) -> list[str]:
    """What the first rows of this table are called, in the order of the letters; for people who choose one."""
    shape, sql = SCHEMA.by_name[table], TABLES[table].c
    count = tx.scalar(select(func.count()).select_from(TABLES[table])) or 0
    if count > limit:
        asked = select(sql[shape.primary]).order_by(sql[shape.primary]).limit(limit)
        return [name for (name,) in tx.execute(asked) if name]
    return sorted((name for name in labels(tx, table).values() if name), key=str.lower)
