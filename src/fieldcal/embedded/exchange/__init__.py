"""The embedded Exchange: mailboxes and events in SQLite, served with the shapes of Microsoft Graph.

`Exchange` puts it together; in a process of its own: `python -m fieldcal.embedded.exchange --database FILE`.
"""

from __future__ import annotations

from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT, Exchange
from fieldcal.embedded.exchange.hands import Hands
from fieldcal.embedded.exchange.mailboxes import Mailbox, NewMailbox
from fieldcal.embedded.exchange.settings import Settings
from fieldcal.embedded.exchange.store import Store

__all__ = ["DEFAULT_TENANT", "Exchange", "Hands", "Mailbox", "NewMailbox", "Settings", "Store", "StoredEvent"]
