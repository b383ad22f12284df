"""The tables of the people who use Fieldcal: who they are, what they may, and what they did. As in `tables.py`."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from fieldcal.state.columns import Instant, Serial, metadata, text_column

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("name"),
    #: sign-in name (UPN) and directory object id, where known; they tie a person to the own mailbox
    text_column("sign_in"),
    text_column("object_id"),
    Column("created_at", Instant, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("user", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    text_column("granted_by"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", Instant, nullable=False),
    text_column("operator"),
    text_column("actor"),
    text_column("action"),
    text_column("subject"),
    text_column("detail"),
    Index(None, "at"),
)
