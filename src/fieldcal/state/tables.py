"""The tables. One representation on SQLite and PostgreSQL: instants are microseconds since 1970 (UTC), values are JSON.

A room changes its table here and in a new migration; `tests/state/test_migrations.py` fails while the two differ.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
    true,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as whole microseconds since 1970, so that both databases sort and compare it alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002 -- SQLAlchemy's signature
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's signature
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s",
    }
)
# SQLite numbers rows itself only for INTEGER; PostgreSQL wants the room of BIGINT.
_Serial = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str, *, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


#: Facts of this installation: `installation` (its id, part of the backup).
meta = Table("meta", metadata, Column("key", String(64), primary_key=True), _text("value"))

environments = Table(
    "environments",
    metadata,
    Column("id", Text, primary_key=True),
    _text("source", default="dataverse"),
    _text("url"),
    _text("authority"),
    _text("tenant_hint"),
    _text("credential"),
    _text("client_id"),
    #: a reference (`env:NAME`, `file:PATH`) or `encrypted:...`; never the secret itself
    _text("secret"),
    #: pinned at the first sign-in; another answer later is a ConfigError
    _text("organization"),
    _text("tenant"),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    _text("settings", default="{}"),
    Column("created_at", Instant, nullable=False),
)

#: Where the reading of one environment stands.
feeds = Table(
    "feeds",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("cursor", Text),
    #: a full read is under way, or its follow-up is: the run's id, kept on the rows it has seen
    Column("reading", Text),
    Column("first_read_at", Instant),
    #: rows that start before it are pull's, those from it on are enter's (D3); never moved back but by a setting
    Column("far_edge", Instant),
    #: the window setting that the stored rows were kept by, seconds
    Column("kept_past", Integer),
    Column("kept_future", Integer),
    Column("workers_cursor", Text),
    Column("workers_read_at", Instant),
    Column("last_pull_at", Instant),
    _text("last_error"),
    Column("next_pull_at", Instant),
    Column("last_check_at", Instant),
)

workers = Table(
    "workers",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    _text("name"),
    _text("kind"),
    Column("active", Boolean, nullable=False),
    Column("mailbox", Text),
    _text("address"),
    _text("sign_in"),
    _text("zone"),
    _flag("gone"),
    Index(None, "environment", "mailbox"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("id", Text, primary_key=True),
    _text("kind", default="exchange-online"),
    _text("url"),
    _text("authority"),
    _text("tenant_hint"),
    _text("credential"),
    _text("client_id"),
    _text("secret"),
    _text("tenant"),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("created_at", Instant, nullable=False),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    _text("name"),
    _text("address"),
    Column("profile", Text),
    #: appointments method: `none` or `server_side_sync`
    _text("method", default="none"),
    #: `empty`, `pending`, `approved`, `rejected`
    _text("approval", default="empty"),
    _text("approved_address"),
    _text("approved_by"),
    #: `not_run`, `scheduled`, `in_progress`, `success`, `failure`
    _text("test", default="not_run"),
    Column("tested_at", Instant),
    _text("checks", default="[]"),
    _flag("enabled"),
    _text("disabled_reason"),
    #: read everything that is ours in it before any reconcile (just enabled, taken over, restored)
    _flag("check_first"),
    #: the earliest of its marks' next tries; computed from them, never set apart from them
    Column("next_due", Instant),
    Column("last_sync_at", Instant),
    _text("trouble"),
    _count("failures"),
    Index(None, "environment", "next_due"),
    Index(None, "id"),
)

bookings = Table(
    "bookings",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    _text("name"),
    Column("start", Instant, nullable=False),
    Column("end", Instant, nullable=False),
    Column("worker", Text),
    _text("status"),
    _text("status_name"),
    _text("kind"),
    Column("work_order", Text),
    Column("active", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    _text("place"),
    #: when the source told that it is gone; evidence for D6
    Column("deleted_at", Instant),
    #: the work order as it was when the booking was read (R11), JSON; NULL where it has none or was never read
    Column("snapshot", Text),
    #: its details must be read (again) before it may be written
    _flag("stale"),
    _text("seen_run"),
    Index(None, "environment", "start"),
    Index(None, "environment", "worker", "end"),
    Index(
        "ix_bookings_stale",
        "environment",
        "id",
        sqlite_where=text("stale"),
        postgresql_where=text("stale"),
    ),
)

links = Table(
    "links",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("booking", Text, primary_key=True),
    Column("generation", Integer, nullable=False),
    #: NULL: no event of ours stands there; the generation is kept
    Column("event", Text),
    _text("etag"),
    #: the trigger values it was written from, JSON; NULL: adopted, nothing known
    Column("triggers", Text),
    _text("subject"),
    Column("start", Instant),
    Column("end", Instant),
    _text("location"),
    _text("stamp"),
    #: adopted, or found changed and to be restored: write it once more
    _flag("rewrite"),
    Column("written_at", Instant),
    #: the exact action that was handed out and not yet answered, JSON
    Column("intent", Text),
    Column("intent_at", Instant),
    Index(None, "environment", "booking"),
    Index(
        "ix_links_live_end",
        "environment",
        "end",
        sqlite_where=text("event IS NOT NULL"),
        postgresql_where=text("event IS NOT NULL"),
    ),
)

marks = Table(
    "marks",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("booking", Text, primary_key=True),
    #: raised by every marking; a mark is cleared only if it is unchanged since it was loaded
    Column("seq", Integer, nullable=False),
    _text("reason"),
    Column("since", Instant, nullable=False),
    #: next try; NULL: set aside until it is marked again (`trouble` says why)
    Column("due", Instant),
    _count("attempts"),
    _text("trouble"),
    Index(None, "environment", "mailbox", "due"),
    Index(None, "environment", "booking"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    _text("owner"),
    Column("fence", BigInteger, nullable=False),
    Column("until", Instant, nullable=False),
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("until", Instant, nullable=False),
    _text("reason"),
)

#: One line for each write that was decided and what became of it; `why` reads it.
history = Table(
    "history",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("booking", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("pass", Text, nullable=False),
    _text("action"),
    _text("reason"),
    _text("answer"),
    Column("ok", Boolean, nullable=False),
    Index(None, "environment", "booking", "id"),
)

passes = Table(
    "passes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    _text("kind"),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    _count("changes"),
    _count("created"),
    _count("updated"),
    _count("removed"),
    _count("adopted"),
    _count("failed"),
    _count("held"),
    _text("error"),
    Index(None, "environment", "started_at"),
)

#: Removals that counted against the hour's budget.
removals = Table(
    "removals",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "environment", "at"),
)

plans = Table(
    "plans",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("environment", Text, nullable=False),
    #: `held`, `approved`, `rejected`, `done`
    _text("state"),
    _text("kind"),
    _text("reason"),
    Column("created_at", Instant, nullable=False),
    _text("decided_by"),
    Column("decided_at", Instant),
    _text("comment"),
)

plan_rows = Table(
    "plan_rows",
    metadata,
    Column("plan", _Serial, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("booking", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    #: what proves it: kind, and the version or instant of the proof
    _text("evidence"),
    #: `held`, `approved`, `rejected`, `dropped`, `done`
    _text("state"),
    Index(None, "environment", "booking"),
)

#: What the check found and left alone, or will mend: drift, deletions by hand, copies.
findings = Table(
    "findings",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("event", Text, primary_key=True),
    _text("booking"),
    #: `changed`, `deleted`, `copy`
    _text("kind"),
    _text("detail"),
    Column("found_at", Instant, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    #: `information`, `warning`, `error`
    _text("level"),
    _text("message"),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    _count("times"),
    _text("acknowledged_by"),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    _text("name"),
    #: sign-in name (UPN) and directory object id, where known; they tie a person to the own mailbox
    _text("sign_in"),
    _text("object_id"),
    Column("created_at", Instant, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("user", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    _text("granted_by"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("at", Instant, nullable=False),
    _text("operator"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    _text("detail"),
)
