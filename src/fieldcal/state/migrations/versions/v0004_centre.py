"""What the whole admin centre asks for. Still being written: edited until the next landing."""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the state up by this revision."""
