"""The tables of the embedded Exchange's own database file."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

metadata = MetaData()

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("object_id", String, nullable=False, unique=True),
    Column("upn", String, nullable=False),
    Column("address", String, nullable=False),
    Column("name", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("state", String, nullable=False),
    Column("can_edit", Boolean, nullable=False),
    Column("feed_token", String, nullable=False, unique=True),
    Column("mails_sent", Integer, nullable=False),
)

#: every name under which a mailbox is found, folded: object id, UPN, address
names = Table(
    "names",
    metadata,
    Column("name", String, primary_key=True),
    Column("mailbox", ForeignKey("mailboxes.row"), nullable=False),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("mailbox", ForeignKey("mailboxes.row"), nullable=False),
    Column("key", LargeBinary, nullable=False),
    #: how often the event was filed elsewhere; part of the mutable id
    Column("filing", Integer, nullable=False),
    #: how often the event was changed
    Column("revision", Integer, nullable=False),
    #: the number of the store's last change to this event
    Column("change", Integer, nullable=False),
    #: deleted events stay, for delta and for the keys of the dead
    Column("deleted", Boolean, nullable=False),
    Column("created", String, nullable=False),
    Column("modified", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("start", String, nullable=False),
    Column("end", String, nullable=False),
    Column("transaction_id", String),
    #: of the create request, to tell a repeat from another use of the same key
    Column("digest", LargeBinary, nullable=False),
    Column("document", String, nullable=False),
    UniqueConstraint("mailbox", "key"),
    Index("events_by_time", "mailbox", "start", "end", sqlite_where=text("deleted = 0")),
    Index("events_by_change", "mailbox", "change"),
    Index("events_latest", "change"),
    Index("events_by_transaction", "mailbox", "transaction_id", sqlite_where=text("transaction_id IS NOT NULL")),
)

properties = Table(
    "properties",
    metadata,
    Column("event", ForeignKey("events.row"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("mailbox", Integer, nullable=False),
    Column("value", String, nullable=False),
    Column("folded", String, nullable=False),
    Index("properties_by_value", "mailbox", "name", "folded"),
    sqlite_with_rowid=False,
)

calendar_properties = Table(
    "calendar_properties",
    metadata,
    Column("mailbox", ForeignKey("mailboxes.row"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
    sqlite_with_rowid=False,
)
