"""Forgetting rows of the schedule's kinds: what hangs on one, and that nothing goes unseen with it. Blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.errors import ConfigError, Overtaken
from fieldcal.schedule import orders, workers
from fieldcal.schedule.sheets import ACCOUNTS, CONTACTS, INCIDENTS, ORDERS, PRIORITIES, TYPES, Sheet
from fieldcal.schedule.values import Slot

#: So many of them are named.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Naming:
    """Rows of this kind may name another one in these columns. `keeps`: while one does, the other does not go."""

    sheet: Sheet
    columns: tuple[str, ...]
    keeps: bool = True


#: By kind: who may name one of it. What keeps nothing from going names it no more then.
NAMING: Mapping[str, tuple[Naming, ...]] = {
    ACCOUNTS.kind: (
        Naming(ORDERS, ("msdyn_serviceaccount", "msdyn_billingaccount")), Naming(CONTACTS, ("parentcustomerid",)),
    ),
    CONTACTS.kind: (
        Naming(ORDERS, ("msdyn_reportedbycontact",)), Naming(ACCOUNTS, ("primarycontactid",), keeps=False),
    ),
    TYPES.kind: (Naming(ORDERS, ("msdyn_workordertype",)),),
    INCIDENTS.kind: (Naming(ORDERS, ("msdyn_primaryincidenttype",)),),
    PRIORITIES.kind: (Naming(ORDERS, ("msdyn_priority",)),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hanging:
    """Rows that name one: how many, and what the first are called. `keeps`: it does not go while they do."""

    sheet: Sheet
    count: int
    names: tuple[str, ...]
    keeps: bool

    def __str__(self) -> str:
        """`4 work orders (WO-1, WO-2, WO-3 and others)`."""
        what = self.sheet.one if self.count == 1 else self.sheet.name
        named = ", ".join(self.names) + (" and others" if self.count > len(self.names) else "")
        return f"{self.count:,} {what} ({named})"


def hanging(tx: Connection, sheet: Sheet, row: str) -> list[Hanging]:
    """What hangs on this row, each kind of it that there is."""
    found: list[Hanging] = []
    for naming in NAMING[sheet.kind]:
        table, sql = SCHEMA.by_name[naming.sheet.table], TABLES[naming.sheet.table]
        named = or_(*(sql.c[column] == row for column in naming.columns))
        if count := tx.scalar(select(func.count()).select_from(sql).where(named)) or 0:
            first = sql.c[table.primary]
            names = tx.scalars(select(first).where(named).order_by(first).limit(_NAMED))
            found.append(Hanging(naming.sheet, count, tuple(name or "" for name in names), naming.keeps))
    return found


def losing(held: Sequence[Hanging]) -> int:
    """How many rows name nobody any more where this one goes."""
    return sum(one.count for one in held if not one.keeps)


def refused(held: Sequence[Hanging]) -> str:
    """What keeps it from going, in words; "" where nothing does."""
    return " and ".join(str(one) for one in held if one.keeps)


def remove(store: Store, sheet: Sheet, row: str, expected: int) -> None:
    """Forget this row; ConfigError where something that keeps it names it.

    `Overtaken` where another number of rows than `expected` would name nobody any more.
    """
    table = SCHEMA.by_name[sheet.table]
    with store.writing() as tx:
        found = store.find(tx, table, row)
        if found is None:
            raise ConfigError(f"this {sheet.one} is not there any more; nothing was done")
        held = hanging(tx, sheet, row)
        if kept := refused(held):
            raise ConfigError(f"{found[table.primary]} is named by {kept}, and stays; nothing was removed")
        if losing(held) != expected:
            raise Overtaken(f"{losing(held):,} others name it by now, not {expected:,}; nothing was removed")
        store.delete(tx, table, row)


def name(tx: Connection, sheet: Sheet, row: str) -> str:
    """What this row is called; a contact by both names."""
    table, sql = SCHEMA.by_name[sheet.table], TABLES[sheet.table]
    return tx.scalar(select(sql.c[table.primary]).where(sql.c[table.id] == row)) or ""


def along(tx: Connection, sheet: Sheet, row: str) -> int:
    """How many others are touched where this row of any kind goes: what is told, and confirmed, before."""
    if sheet is ORDERS:
        return orders.count(tx, row)
    return losing(hanging(tx, sheet, row)) if sheet.kind in NAMING else 0


def forget(store: Store, sheet: Sheet, row: str, expected: int) -> list[Slot]:
    """Forget this row of any kind; gives the bookings that went with it. Raises as `remove` does."""
    if sheet is ORDERS:
        return orders.remove(store, row, expected)
    if sheet.kind in NAMING:
        remove(store, sheet, row, expected)
    else:
        workers.remove(store, row)
    return []
