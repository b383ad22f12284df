"""The embedded Exchange's memory: mailboxes and events in one database file, and its time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.exchange.database import Database
from fieldcal.embedded.exchange.event_store import EventStore
from fieldcal.embedded.exchange.mailbox_store import MailboxStore
from fieldcal.embedded.exchange.zones import stamp


class Store:
    """Everything that is kept. Several processes may open the same file; each call is safe from any thread."""

    def __init__(self, path: Path | str, *, clock: SandboxClock) -> None:
        self.database = Database(path)
        self.mailboxes = MailboxStore(self.database)
        self.events = EventStore(self.database)
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def stamp(self) -> str:
        """Now, as events keep it."""
        return stamp(self._clock.now())

    def generation(self) -> int:
        """The generation of delta tokens that is still known."""
        with self.database.reading() as connection:
            return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one()) + 1

    def expire_delta_tokens(self) -> None:
        """Forget every delta token given out so far: they are answered with 410 from now on."""
        following = self.generation()
        with self.database.reading() as connection:
            connection.exec_driver_sql(f"PRAGMA user_version = {following}")

    def close(self) -> None:
        self.database.close()
