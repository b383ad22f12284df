"""The first tables. States of this revision exist: what is new goes into a later one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# As the tables' own kinds were at this revision; a revision never changes when they do.
INSTANT = sa.BigInteger
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _keys(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(64), primary_key=True),
        _text("value"),
    )


def _environments() -> None:
    op.create_table(
        "environments",
        *_keys("id"),
        _text("source", "dataverse"),
        _text("url"),
        _text("authority"),
        _text("tenant_hint"),
        _text("credential"),
        _text("client_id"),
        _text("secret"),
        _text("organization"),
        _text("tenant"),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        _text("settings", "{}"),
        sa.Column("created_at", INSTANT, nullable=False),
    )


def _feeds() -> None:
    op.create_table(
        "feeds",
        *_keys("environment"),
        sa.Column("cursor", sa.Text),
        sa.Column("reading", sa.Text),
        sa.Column("first_read_at", INSTANT),
        sa.Column("far_edge", INSTANT),
        sa.Column("kept_past", sa.Integer),
        sa.Column("kept_future", sa.Integer),
        sa.Column("workers_cursor", sa.Text),
        sa.Column("workers_read_at", INSTANT),
        sa.Column("last_pull_at", INSTANT),
        _text("last_error"),
        sa.Column("next_pull_at", INSTANT),
        sa.Column("last_check_at", INSTANT),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        *_keys("environment", "id"),
        _text("name"),
        _text("kind"),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("mailbox", sa.Text),
        _text("address"),
        _text("sign_in"),
        _text("zone"),
        _flag("gone"),
    )
    op.create_index("ix_workers_environment_mailbox", "workers", ["environment", "mailbox"])


def _profiles() -> None:
    op.create_table(
        "profiles",
        *_keys("id"),
        _text("kind", "exchange-online"),
        _text("url"),
        _text("authority"),
        _text("tenant_hint"),
        _text("credential"),
        _text("client_id"),
        _text("secret"),
        _text("tenant"),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("created_at", INSTANT, nullable=False),
    )


def _mailboxes() -> None:
    op.create_table(
        "mailboxes",
        *_keys("environment", "id"),
        _text("name"),
        _text("address"),
        sa.Column("profile", sa.Text),
        _text("method", "none"),
        _text("approval", "empty"),
        _text("approved_address"),
        _text("approved_by"),
        _text("test", "not_run"),
        sa.Column("tested_at", INSTANT),
        _text("checks", "[]"),
        _flag("enabled"),
        _text("disabled_reason"),
        _flag("check_first"),
        sa.Column("next_due", INSTANT),
        sa.Column("last_sync_at", INSTANT),
        _text("trouble"),
        _count("failures"),
        _count("refusals"),
    )
    op.create_index("ix_mailboxes_environment_next_due", "mailboxes", ["environment", "next_due"])
    op.create_index("ix_mailboxes_id", "mailboxes", ["id"])
    op.create_index(
        "ix_mailboxes_unread",
        "mailboxes",
        ["environment", "id"],
        sqlite_where=sa.text("check_first = 1"),
        postgresql_where=sa.text("check_first"),
    )


def _bookings() -> None:
    op.create_table(
        "bookings",
        *_keys("environment", "id"),
        _text("name"),
        sa.Column("start", INSTANT, nullable=False),
        sa.Column("end", INSTANT, nullable=False),
        sa.Column("worker", sa.Text),
        _text("status"),
        _text("status_name"),
        _text("kind"),
        sa.Column("work_order", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        _text("place"),
        sa.Column("deleted_at", INSTANT),
        sa.Column("snapshot", sa.Text),
        _flag("stale"),
        _text("seen_run"),
    )
    op.create_index("ix_bookings_environment_start", "bookings", ["environment", "start"])
    op.create_index("ix_bookings_environment_worker_end", "bookings", ["environment", "worker", "end"])
    op.create_index(
        "ix_bookings_stale",
        "bookings",
        ["environment", "id"],
        sqlite_where=sa.text("stale = 1"),
        postgresql_where=sa.text("stale"),
    )


def _links() -> None:
    op.create_table(
        "links",
        *_keys("environment", "mailbox", "booking"),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("event", sa.Text),
        _text("etag"),
        sa.Column("triggers", sa.Text),
        _text("subject"),
        sa.Column("start", INSTANT),
        sa.Column("end", INSTANT),
        _text("location"),
        _text("stamp"),
        _flag("rewrite"),
        sa.Column("written_at", INSTANT),
        sa.Column("intent", sa.Text),
        sa.Column("intent_at", INSTANT),
    )
    op.create_index("ix_links_environment_booking", "links", ["environment", "booking"])
    op.create_index(
        "ix_links_live_end",
        "links",
        ["environment", "end"],
        sqlite_where=sa.text("event IS NOT NULL"),
        postgresql_where=sa.text("event IS NOT NULL"),
    )


def _marks() -> None:
    op.create_table(
        "marks",
        *_keys("environment", "mailbox", "booking"),
        sa.Column("seq", sa.Integer, nullable=False),
        _text("reason"),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("due", INSTANT),
        _count("attempts"),
        _text("trouble"),
    )
    op.create_index("ix_marks_environment_booking_mailbox", "marks", ["environment", "booking", "mailbox"])
    op.create_index("ix_marks_environment_mailbox_due", "marks", ["environment", "mailbox", "due"])


def _leases() -> None:
    op.create_table(
        "leases",
        *_keys("name"),
        _text("owner"),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
    )


def _pauses() -> None:
    op.create_table(
        "pauses",
        *_keys("scope"),
        sa.Column("until", INSTANT, nullable=False),
        _text("reason"),
    )


def _history() -> None:
    op.create_table(
        "history",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("booking", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("pass", sa.Text, nullable=False),
        _text("action"),
        _text("reason"),
        _text("answer"),
        sa.Column("ok", sa.Boolean, nullable=False),
    )
    op.create_index("ix_history_environment_booking_id", "history", ["environment", "booking", "id"])


def _passes() -> None:
    op.create_table(
        "passes",
        *_keys("id"),
        sa.Column("environment", sa.Text, nullable=False),
        _text("kind"),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        _count("changes"),
        _count("created"),
        _count("updated"),
        _count("removed"),
        _count("adopted"),
        _count("failed"),
        _count("held"),
        _text("error"),
    )
    op.create_index("ix_passes_environment_started_at", "passes", ["environment", "started_at"])


def _removals() -> None:
    op.create_table(
        "removals",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_index("ix_removals_environment_at", "removals", ["environment", "at"])


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("environment", sa.Text, nullable=False),
        _text("state"),
        _text("kind"),
        _text("reason"),
        sa.Column("created_at", INSTANT, nullable=False),
        _text("decided_by"),
        sa.Column("decided_at", INSTANT),
        _text("comment"),
    )


def _plan_rows() -> None:
    op.create_table(
        "plan_rows",
        sa.Column("plan", SERIAL, primary_key=True),
        sa.Column("mailbox", sa.Text, primary_key=True),
        sa.Column("booking", sa.Text, primary_key=True),
        sa.Column("environment", sa.Text, nullable=False),
        _text("evidence"),
        _text("state"),
    )
    op.create_index("ix_plan_rows_environment_booking", "plan_rows", ["environment", "booking"])


def _findings() -> None:
    op.create_table(
        "findings",
        *_keys("environment", "mailbox", "event"),
        _text("booking"),
        _text("kind"),
        _text("detail"),
        sa.Column("found_at", INSTANT, nullable=False),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        *_keys("environment", "mailbox", "code"),
        _text("level"),
        _text("message"),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        _count("times"),
        _text("acknowledged_by"),
    )


def _users() -> None:
    op.create_table(
        "users",
        *_keys("id"),
        _text("name"),
        _text("sign_in"),
        _text("object_id"),
        sa.Column("created_at", INSTANT, nullable=False),
    )


def _grants() -> None:
    op.create_table(
        "grants",
        *_keys("user", "role"),
        _text("granted_by"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        _text("operator"),
        _text("actor"),
        _text("action"),
        _text("subject"),
        _text("detail"),
    )


def upgrade() -> None:
    _meta()
    _environments()
    _feeds()
    _workers()
    _profiles()
    _mailboxes()
    _bookings()
    _links()
    _marks()
    _leases()
    _pauses()
    _history()
    _passes()
    _removals()
    _plans()
    _plan_rows()
    _findings()
    _alerts()
    _users()
    _grants()
    _audit()
