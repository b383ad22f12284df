"""What is asked every second, and by every pass, is found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the state up by this revision."""
    open_ones = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_passes_open",
        "passes",
        ["environment", "started_at"],
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )
    op.create_index("ix_pauses_until", "pauses", ["until"])
