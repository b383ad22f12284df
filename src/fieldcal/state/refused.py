"""The alert about bookings that a mailbox's server refused for good: one for each mailbox, with their number."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, func, select, update

from fieldcal.state import alerts
from fieldcal.state.tables import alerts as alert_table
from fieldcal.state.tables import marks

CODE = "refused-bookings"

# Made once, for this is asked at the end of each mailbox's turn.
_environment: BindParameter[str] = bindparam("b_environment")
_mailbox: BindParameter[str] = bindparam("b_mailbox")
_NUMBER = select(func.count()).where(
    marks.c.environment == _environment, marks.c.mailbox == _mailbox, marks.c.due.is_(None)
)
_this = (alert_table.c.environment == _environment, alert_table.c.mailbox == _mailbox, alert_table.c.code == CODE)
_LOOK = select(_NUMBER.scalar_subquery(), select(alert_table.c.message).where(*_this).scalar_subquery())
_RETELL = update(alert_table).where(*_this).values(message=bindparam("n_message"))


def tell(tx: Connection, environment: str, mailbox: str, now: datetime, *, anew: bool) -> None:
    """Have the alert say how many are set aside now; none: it is over. Only with `anew`, one more, it is raised."""
    here = {"b_environment": environment, "b_mailbox": mailbox}
    number, told = tx.execute(_LOOK, here).one()
    if not number:
        if told is not None:
            alerts.clear(tx, environment, mailbox, CODE)
        return
    text = (
        f"the calendar refused {number} {'booking' if number == 1 else 'bookings'} for good, left alone until they "
        "change: what stands there is out of date, or missing. Bookings, Not as it should be, names them with the "
        "reason (`fieldcal why ID` tells one)"
    )
    if anew:
        alerts.raise_alert(tx, environment, mailbox, CODE, "warning", text, now)
    elif told not in (None, text):
        tx.execute(_RETELL, {**here, "n_message": text})
