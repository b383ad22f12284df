"""What calendars of any server and the pages ask for. Still being written: edited until the next landing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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


def upgrade() -> None:
    _caldav()
