"""The tables of limits and pauses. As in `tables.py`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from fieldcal.state.columns import Instant, metadata, text_column

#: Limits that all workers share: of each, what was handed out in the slot that runs (`portions.py`).
portions = Table(
    "portions",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("slot", BigInteger, nullable=False),
    Column("taken", Integer, nullable=False),
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("until", Instant, nullable=False),
    text_column("reason"),
    #: what lasts is read every few seconds, what has ended is kept for a while
    Index(None, "until"),
)
