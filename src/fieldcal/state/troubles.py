"""What a mailbox's last try came to: failures in a row, when it last went well, when it is switched off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from fieldcal.state.marks import EARLIEST
from fieldcal.state.tables import mailboxes

#: Refusals in a row, each on a pass of its own, before a mailbox is switched off: one alone may be overload (F54).
REFUSALS = 3

# built once: building it costs more than running it
_WENT_WELL = (
    update(mailboxes)
    .where(mailboxes.c.environment == bindparam("b_environment"), mailboxes.c.id == bindparam("b_mailbox"))
    .values(last_sync_at=bindparam("n_now"), failures=0, refusals=0, trouble="")
)
_WENT_WELL_AND_DUE = _WENT_WELL.values(next_due=EARLIEST)


def went_well(tx: Connection, environment: str, mailbox: str, now: datetime, *, recompute: bool) -> None:
    """Remember that the mailbox was reached; `recompute`: and do what `marks.recompute` does, in one statement.

    Whoever wants that holds the mailbox's row already (`marks.alone`).
    """
    tx.execute(
        _WENT_WELL_AND_DUE if recompute else _WENT_WELL,
        {"b_environment": environment, "b_mailbox": mailbox, "n_now": now},
    )


def went_wrong(tx: Connection, environment: str, mailbox: str, text: str, failures: int, *, refused: bool) -> bool:
    """Remember the failure; returns whether the mailbox was refused too often in a row.

    Refusals are counted apart from other failures, and a failure of any other kind in between begins anew.
    """
    refusals = mailboxes.c.refusals + 1 if refused else 0
    # A refusal may be the sign that somebody else serves the mailbox by now (R14).
    doubt: dict[str, Any] = {"claimed_at": None} if refused else {}
    _change(tx, environment, mailbox, failures=failures, refusals=refusals, trouble=text[:500], **doubt)
    counted = select(mailboxes.c.refusals).where(mailboxes.c.environment == environment, mailboxes.c.id == mailbox)
    return (tx.scalar(counted) or 0) >= REFUSALS


def unanswered(tx: Connection, environment: str, mailbox: str) -> None:
    """Something was sent and not answered: that is no refusal, so refusals are counted anew."""
    _change(tx, environment, mailbox, refusals=0)


def nothing_left(tx: Connection, environment: str, mailbox: str) -> bool:
    """Forget the failures where nothing waits any more that could fail; returns whether there were any.

    Nothing was sent, so the refusals stay counted.
    """
    here = (mailboxes.c.environment == environment, mailboxes.c.id == mailbox)
    forgotten = update(mailboxes).where(*here, mailboxes.c.next_due.is_(None), mailboxes.c.failures > 0)
    return tx.execute(forgotten.values(failures=0, trouble="")).rowcount > 0


def switch_off(tx: Connection, environment: str, mailbox: str, text: str) -> None:
    """Write nothing into this mailbox until a person has it tested."""
    _change(tx, environment, mailbox, enabled=False, test="failure", disabled_reason=text[:500])


def _change(tx: Connection, environment: str, mailbox: str, /, **values: Any) -> None:
    here = (mailboxes.c.environment == environment, mailboxes.c.id == mailbox)
    tx.execute(update(mailboxes).where(*here).values(**values))
