"""The alert about bookings that a mailbox's server refused for good: one for each mailbox, with their number."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from fieldcal.state import alerts
from fieldcal.state.tables import alerts as alert_table
from fieldcal.state.tables import marks

CODE = "refused-bookings"


def tell(tx: Connection, environment: str, mailbox: str, now: datetime, *, anew: bool) -> None:
    """Have the alert say how many are set aside now; none: it is over. Only with `anew`, one more, it is raised."""
    here = (marks.c.environment == environment, marks.c.mailbox == mailbox, marks.c.due.is_(None))
    number = tx.scalar(select(func.count()).where(*here)) or 0
    if not number:
        alerts.clear(tx, environment, mailbox, CODE)
        return
    text = (
        f"the calendar refused {number} {'booking' if number == 1 else 'bookings'} for good, left alone until they "
        "change: what stands there is out of date, or missing. Bookings, Not as it should be, names them with the "
        "reason (`fieldcal why ID` tells one)"
    )
    if anew:
        alerts.raise_alert(tx, environment, mailbox, CODE, "warning", text, now)
    else:
        this = (
            alert_table.c.environment == environment, alert_table.c.mailbox == mailbox, alert_table.c.code == CODE,
        )  # fmt: skip
        tx.execute(update(alert_table).where(*this, alert_table.c.message != text).values(message=text))
