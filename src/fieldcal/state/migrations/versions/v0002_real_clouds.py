"""What the real clouds and the watch over convergence ask for. States of it exist: it is never edited again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("environment", sa.Text, primary_key=True),
        _text("url"),
        _text("digest"),
        _text("digest_before"),
        sa.Column("sure_at", sa.BigInteger),
        sa.Column("renewed_at", sa.BigInteger, nullable=False),
        _text("probe"),
        sa.Column("probe_at", sa.BigInteger),
        sa.Column("received_at", sa.BigInteger),
        _count("received"),
        _count("missed"),
        sa.Column("missed_at", sa.BigInteger),
    )


def upgrade() -> None:
    _webhooks()
    # the method is spelled as on the command line from now on
    op.execute("UPDATE mailboxes SET method = 'server-side-sync' WHERE method = 'server_side_sync'")
    op.add_column("passes", _count("churn"))
    op.add_column("links", _flag("declined"))
    op.add_column("links", _text("restored"))
    op.add_column("mailboxes", sa.Column("claimed_at", sa.BigInteger))
    op.add_column("feeds", _text("way"))
    op.add_column("feeds", _text("way_reason"))
    op.add_column("feeds", sa.Column("swept_at", sa.BigInteger))
    op.add_column("feeds", _count("throttled"))
    op.add_column("feeds", sa.Column("imported_at", sa.BigInteger))
