"""What the whole admin centre asks for. Still being written: edited until the next landing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the state up by this revision."""
    _alerts_and_audit()


def _alerts_and_audit() -> None:
    """What the pages of alerts and of the audit are listed and narrowed by."""
    op.add_column("alerts", sa.Column("acknowledged_at", sa.BigInteger))
    op.create_index("ix_alerts_environment_last_at", "alerts", ["environment", "last_at"])
    op.create_index("ix_audit_actor_at", "audit", ["actor", "at"])
    op.create_index("ix_audit_action_at", "audit", ["action", "at"])
    if op.get_bind().dialect.name == "postgresql":
        # Sorted by the letters' numbers, so that the index gives every subject that begins alike.
        op.alter_column("audit", "subject", type_=sa.Text(collation="C"))
