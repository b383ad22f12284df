"""What a mailbox's last try came to: failures in a row, when it last went well, when it is switched off."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from fieldcal.state.tables import mailboxes

#: Refusals in a row, each on a pass of its own, before a mailbox is switched off: one alone may be overload (F54).
REFUSALS = 3


def went_well(tx: Connection, environment: str, mailbox: str, now: datetime) -> None:
    """Remember that the mailbox was reached."""
    tx.execute(
        update(mailboxes)
        .where(mailboxes.c.environment == environment, mailboxes.c.id == mailbox)
        .values(last_sync_at=now, failures=0, trouble="")
    )


def went_wrong(tx: Connection, environment: str, mailbox: str, text: str, failures: int, *, refused: bool) -> bool:
    """Remember the failure; switches the mailbox off, and says so, when it was refused too often in a row."""
    off = refused and failures >= REFUSALS
    values = {"failures": failures, "trouble": text[:500]}
    if off:
        values |= {"enabled": False, "test": "failure", "disabled_reason": text[:500]}
    tx.execute(
        update(mailboxes).where(mailboxes.c.environment == environment, mailboxes.c.id == mailbox).values(**values)
    )
    return off
