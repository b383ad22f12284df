"""What calendars of any server and the pages ask for. States of it exist: it is never edited again."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from fieldcal.state.columns import Instant, Plain

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _caldav() -> None:
    op.add_column("profiles", _text("calendar"))
    op.add_column("profiles", _count("at_once"))
    for name in ("user_name", "secret", "collection"):
        op.add_column("mailboxes", _text(name))
    op.add_column("mailboxes", _flag("claimless"))


def _keeping() -> None:
    """What pruning by age and alerts by e-mail ask for."""
    op.add_column("bookings", _flag("pruned"))
    op.create_index(
        "ix_bookings_unpruned",
        "bookings",
        ["environment", "end", "id"],
        sqlite_where=sa.text("pruned = 0"),
        postgresql_where=sa.text("NOT pruned"),
    )
    op.create_index("ix_history_at", "history", ["at"])
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_subject_at", "audit", ["subject", "at"])
    op.add_column("alerts", sa.Column("mailed_at", sa.BigInteger))


def _set_aside() -> None:
    op.create_table(
        "set_aside",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger),
        _text("reason"),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("read_at", sa.BigInteger, nullable=False),
    )


def upgrade() -> None:
    _caldav()
    _keeping()
    _sign_in()
    _set_aside()
    _tokens()
    _searching()


def _tokens() -> None:
    """What scripts prove themselves by at the REST API."""
    op.create_table(
        "tokens",
        sa.Column("name", sa.Text(), nullable=False),
        *(_text("digest"), _text("user"), _text("scopes"), _text("made_by")),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_tokens"),
    )
    op.create_index("ix_tokens_digest", "tokens", ["digest"], unique=True)
    op.create_index("ix_tokens_user", "tokens", ["user"])


def _searching() -> None:
    """What bookings are searched by, filled from what is stored."""
    for name in ("number", "account"):
        op.add_column("bookings", sa.Column(name, Plain, nullable=False, server_default=""))
    tx = op.get_bind()
    rows = tx.execute(sa.text("SELECT environment, id, name, snapshot FROM bookings")).all()
    values = [
        {"environment": row.environment, "id": row.id, **sought(row.name, row.snapshot)}
        for row in rows
        if row.name or row.snapshot
    ]
    if values:
        change = "UPDATE bookings SET number = :number, account = :account"
        tx.execute(sa.text(change + " WHERE environment = :environment AND id = :id"), values)
    for name in ("number", "account"):
        op.create_index(f"ix_bookings_environment_{name}_start", "bookings", ["environment", name, "start"])


def sought(name: str, snapshot: str | None) -> dict[str, str]:
    """`state.sought` as it was when this revision was made."""
    order = json.loads(snapshot) if snapshot else {}
    number, account = order.get("number") or name, order.get("service_account") or order.get("billing_account") or ""
    return {"number": " ".join(number.lower().split())[:200], "account": " ".join(account.lower().split())[:200]}


def _sign_in() -> None:
    """What signing in and the pages ask for."""
    op.create_index("ix_history_environment_at", "history", ["environment", "at"])
    op.create_index("ix_mailboxes_environment_address_id", "mailboxes", ["environment", "address", "id"])
    op.create_index("ix_history_environment_mailbox_id", "history", ["environment", "mailbox", "id"])
    op.create_index("ix_users_sign_in", "users", ["sign_in"])
    op.create_index("ix_users_object_id", "users", ["object_id"])
    op.create_table(
        "passwords",
        sa.Column("user", sa.Text(), nullable=False),
        _text("hash"),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("user", name="pk_passwords"),
    )
    op.create_table(
        "invitations",
        sa.Column("digest", sa.Text(), nullable=False),
        _text("user"),
        _text("made_by"),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_invitations"),
    )
    op.create_index("ix_invitations_user", "invitations", ["user"])
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        *(_text("user"), _text("means"), _text("address"), _text("agent")),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_made_at", "sessions", ["user", "made_at"])
    op.create_index("ix_sessions_ends_at", "sessions", ["ends_at"])
    op.create_table(
        "attempts",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("scope", name="pk_attempts"),
    )
