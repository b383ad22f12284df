"""What the whole admin centre asks for, and several machines on one state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fieldcal.state.columns import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the state up by this revision."""
    _alerts_and_audit()
    _measuring()
    _people()
    _several_machines()


def _alerts_and_audit() -> None:
    """What the pages of alerts, of mailboxes and of the audit are listed and narrowed by."""
    op.add_column("alerts", sa.Column("acknowledged_at", sa.BigInteger))
    op.create_index("ix_alerts_environment_last_at", "alerts", ["environment", "last_at"])
    for name in ("profile", "test"):
        index = f"ix_mailboxes_environment_{name}_address_id"
        op.create_index(index, "mailboxes", ["environment", name, "address", "id"])
    op.create_index("ix_audit_actor_at", "audit", ["actor", "at"])
    op.create_index("ix_audit_action_at", "audit", ["action", "at"])
    op.add_column("audit", sa.Column("about", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_audit_about_at", "audit", ["about", "at"])
    if op.get_bind().dialect.name == "postgresql":
        # Sorted by the letters' numbers, so that the index gives every subject that begins alike.
        op.alter_column("audit", "subject", type_=sa.Text(collation="C"))


def _measuring() -> None:
    """How long changes take into the calendar, and what passes ask of the servers."""
    op.add_column("feeds", sa.Column("pull_began_at", Instant))
    op.add_column("marks", sa.Column("changed_at", Instant))
    tried = sa.text("attempts > 0")
    op.create_index("ix_marks_tried", "marks", ["environment", "booking"], sqlite_where=tried, postgresql_where=tried)
    op.create_table(
        "latencies",
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("hour", Instant, primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_index("ix_mailboxes_profile_id", "mailboxes", ["profile", "id"])
    op.create_index("ix_plan_rows_environment_state", "plan_rows", ["environment", "state"])
    op.add_column("passes", sa.Column("requests", sa.Text, nullable=False, server_default=""))
    op.add_column("history", sa.Column("request", sa.Text, nullable=False, server_default=""))
    op.add_column("history", sa.Column("status", sa.Integer, nullable=False, server_default="0"))
    op.create_index(
        "ix_history_failed",
        "history",
        ["environment", "at"],
        sqlite_where=sa.text("ok = 0"),
        postgresql_where=sa.text("NOT ok"),
    )


def _people() -> None:
    """Who answers for a person (the operator did so far), and when the directory last told the groups."""
    op.add_column("users", sa.Column("vouched", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("users", sa.Column("entered_at", Instant))


def _several_machines() -> None:
    """How reading the source fares, which every process on this state has to know; what a mailbox was sent."""
    op.add_column("feeds", sa.Column("failures", sa.Integer, nullable=False, server_default="0"))
    op.add_column("feeds", sa.Column("refused", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("leases", sa.Column("sent", sa.Text, nullable=False, server_default=""))
    op.add_column("leases", sa.Column("untold", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "portions",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("slot", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.Integer, nullable=False),
    )
