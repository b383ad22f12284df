"""The table of what the source shows and nobody can read. As in `tables.py`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from fieldcal.state.columns import Instant, metadata, text_column

#: Rows of the source that are there and cannot be read (I7): nothing is concluded from one, and nothing is written.
set_aside = Table(
    "set_aside",
    metadata,
    Column("environment", Text, primary_key=True),
    #: `booking` or `worker`
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    #: NULL: that cannot be read either
    Column("version", BigInteger),
    text_column("reason"),
    Column("since", Instant, nullable=False),
    Column("read_at", Instant, nullable=False),
)
