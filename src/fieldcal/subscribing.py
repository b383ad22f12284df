"""Links to subscribe to the calendars of the embedded Exchange: looked up, given anew, taken back, and followed.

Such a link is a secret: whoever has it reads the calendar, without a sign-in, until it is given anew.
"""

from __future__ import annotations

import asyncio

from fieldcal.embedded.exchange.feed import Feed, Feeds
from fieldcal.embedded.exchange.store import Store
from fieldcal.model import MailboxId


class FeedLinks:
    """One for a service."""

    def __init__(self, store: Store) -> None:
        self._mailboxes, self._feeds = store.mailboxes, Feeds(store)
        self._one_at_a_time = asyncio.Lock()

    async def secret(self, mailbox: MailboxId) -> str | None:
        """The secret of this mailbox's link; None where the embedded Exchange does not have it."""
        found = await asyncio.to_thread(self._mailboxes.find, str(mailbox))
        return found.feed_token if found else None

    async def renew(self, mailbox: MailboxId) -> str | None:
        """Another secret; with the old one nobody reads anything from now on."""
        if await self.secret(mailbox) is None:
            return None
        return await asyncio.to_thread(self._mailboxes.rotate_feed, str(mailbox))

    async def behind(self, secret: str) -> tuple[str, str] | None:
        """Object id and address of the mailbox that this link leads to; None where it leads nowhere (any more)."""
        found = await asyncio.to_thread(self._mailboxes.by_feed, secret)
        return (str(found.object_id), found.address) if found else None

    async def follow(self, secret: str) -> Feed | None:
        """The calendar behind a link, None where it leads nowhere (any more)."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._feeds.find, secret)
