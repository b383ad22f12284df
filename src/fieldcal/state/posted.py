"""What became of the mails about alerts: the last one that was taken, and the tries that failed since."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from fieldcal.state.rows import from_json, to_json, upsert
from fieldcal.state.tables import meta

_KEY = "alert_mail"


class Posted(msgspec.Struct, frozen=True):
    """How mailing goes."""

    #: when a mail was last taken
    sent_at: datetime | None = None
    #: tries since that failed, in a row; when the last of them was, and why
    failures: int = 0
    failed_at: datetime | None = None
    error: str = ""


def load(tx: Connection) -> Posted:
    """How mailing went so far."""
    found = tx.scalar(select(meta.c.value).where(meta.c.key == _KEY))
    return from_json(found, Posted) if found else Posted()


def store(tx: Connection, posted: Posted) -> None:
    """Keep how it went."""
    upsert(tx, meta, [{"key": _KEY, "value": to_json(posted)}])
