"""Whether an environment's webhook still speaks: what notifications clear, and what passes tell of its silence."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.state import alerts, webhooks

#: How long no notification may have come, after a pass brought what should have been announced, before that is told.
QUIET = timedelta(minutes=5)
ALERT = "webhook"


def heard(tx: Connection, environment: str, number: int, now: datetime) -> None:
    """Remember that notifications came; that they did not is told no more."""
    if webhooks.heard(tx, environment, number, now):
        alerts.clear(tx, environment, "", ALERT)


def watch(tx: Connection, environment: str, news: int, since: datetime, now: datetime) -> None:
    """Tell that the webhook seems dead: a pass brought changes, and neither before nor long after was one announced.

    `since`: the pass before, from which on the changes could have been announced.
    """
    known = webhooks.find(tx, environment)
    if known is None:
        return
    if news and known.renewed_at < since and (known.received_at is None or known.received_at < since):
        webhooks.miss(tx, environment, news, now)
        known = webhooks.find(tx, environment) or known
    if known.missed_at is not None and now - known.missed_at >= QUIET:
        last = f"{known.received_at:%Y-%m-%d %H:%M:%SZ}" if known.received_at else "never"
        text = f"{known.missed} bookings came by the passes only; the last notification came {last}"
        remedy = f"see `fieldcal doctor` and `fieldcal environment webhook show {environment}`"
        alerts.raise_alert(tx, environment, "", ALERT, "information", f"{text}; {remedy}", now)
