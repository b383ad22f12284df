"""What was done to mailboxes, by the audit."""

from __future__ import annotations

from collections import Counter

from tests.browser.company import Company

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.setup_model import Selection
from fieldcal.state import audit, mailboxes


def did(at: Company, action: str) -> Counter[str]:
    """How often this was done to each, by the audit."""
    with at.app.database.read() as tx:
        return Counter(line.subject for line in audit.latest(tx, 500) if line.action == action)


def once(at: Company) -> Counter[str]:
    """To each mailbox once, to be compared with `did`."""
    with at.app.database.read() as tx:
        return Counter(f"{ENVIRONMENT}/{box}" for box in mailboxes.ids(tx, ENVIRONMENT, Selection()))
