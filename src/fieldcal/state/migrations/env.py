"""Run by Alembic with the transaction that `fieldcal.state.schema` hands over; it never opens one of its own."""

from __future__ import annotations

from alembic import context

from fieldcal.state.columns import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Our SQLite transactions begin explicitly, so DDL is part of them there too.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
