"""What calendars of any server and the pages ask for. Still being written: edited until the next landing."""

from __future__ import annotations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
