"""Whether the state hangs together: every table as this version makes it, no row that nothing stands behind."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Table, and_, exists, func, inspect, select

from fieldcal.state.columns import metadata
from fieldcal.state.tables import environments, links, mailboxes, marks, plan_rows, plans, profiles

#: Rows of these outlive their environment.
_OUTLIVE = frozenset({"audit"})


def faults(tx: Connection) -> list[str]:
    """What is wrong, a clear line each; none: the state is sound."""
    # What is not there cannot be asked for orphans.
    return [*_shape(tx)] or [*_homeless(tx), *_orphans(tx), *_late(tx)]


def _shape(tx: Connection) -> Iterator[str]:
    there = inspect(tx)
    names = set(there.get_table_names())
    for table in metadata.tables.values():
        if table.name not in names:
            yield f"the table {table.name} is missing"
            continue
        missing = {column.name for column in table.columns} - {one["name"] for one in there.get_columns(table.name)}
        if missing:
            yield f"the table {table.name} lacks {', '.join(sorted(missing))}"
        indexes = {index.name for index in table.indexes} - {one["name"] for one in there.get_indexes(table.name)}
        if indexes:
            yield f"the table {table.name} lacks the index {', '.join(sorted(str(name) for name in indexes))}"


def _homeless(tx: Connection) -> Iterator[str]:
    for table in metadata.tables.values():
        if "environment" in table.c and table.name not in _OUTLIVE:
            number = tx.scalar(
                select(func.count())
                .select_from(table)
                .where(table.c.environment.not_in(select(environments.c.id)), table.c.environment != "")
            )
            if number:
                yield f"{table.name}: {number} rows of an environment that is not there"


def _orphans(tx: Connection) -> Iterator[str]:
    for table in (links, marks):
        here = and_(mailboxes.c.environment == table.c.environment, mailboxes.c.id == table.c.mailbox)
        yield from _told(tx, table, ~exists().where(here), "of a mailbox that is not there")
    yield from _told(tx, plan_rows, ~exists().where(plans.c.id == plan_rows.c.plan), "of a plan that is not there")
    no_profile = mailboxes.c.profile.is_not(None) & ~exists().where(profiles.c.id == mailboxes.c.profile)
    yield from _told(tx, mailboxes, no_profile, "with a server profile that is not there")
    no_event = links.c.event.is_(None) & links.c.triggers.is_not(None) & links.c.intent.is_(None)
    yield from _told(tx, links, no_event, "that remember content of no event")


def _told(tx: Connection, table: Table, wrong: object, what: str) -> Iterator[str]:
    number = tx.scalar(select(func.count()).select_from(table).where(wrong))  # type: ignore[arg-type] # one of many kinds
    if number:
        yield f"{table.name}: {number} rows {what}"


def _late(tx: Connection) -> Iterator[str]:
    earliest = (
        select(func.min(marks.c.due))
        .where(marks.c.environment == mailboxes.c.environment, marks.c.mailbox == mailboxes.c.id)
        .scalar_subquery()
    )
    yield from _told(
        tx, mailboxes, mailboxes.c.next_due.is_distinct_from(earliest), "whose next try is not their marks'"
    )
