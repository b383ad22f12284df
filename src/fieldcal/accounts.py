"""Each mailbox's account at a CalDAV server, as the state says: its address, who signs in for it, and its calendar.

A mailbox that nobody can sign in to is its own trouble and never the others' (I7): no error from here ends a pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import Connection

from fieldcal.errors import ConfigError, NotAMailbox, SignInFailed
from fieldcal.http import AnyCredential, TokenCredential
from fieldcal.model import MailboxId
from fieldcal.password import PasswordCredential
from fieldcal.secrets import Secrets
from fieldcal.setup import addresses
from fieldcal.setup_model import Account, ServerProfile
from fieldcal.state import accounts, profiles
from fieldcal.state.database import Database

T = TypeVar("T")
#: makes the connector's own value of: the address, who signs in, whether that is the mailbox itself, its calendar
Make = Callable[[str, AnyCredential, bool, str], T]


class MailboxAccounts(Generic[T]):
    """What the mailboxes of one server profile are at its server; what a connector asks of `Accounts`."""

    def __init__(self, database: Database, secrets: Secrets, profile: ServerProfile, make: Make[T]) -> None:
        self._database, self._secrets, self._profile, self._make = database, secrets, profile, make
        #: by user and reference; one that has learned how the server wants it signed stays so
        self._credentials: dict[tuple[str, str, bool], AnyCredential] = {}

    def of(self, mailbox: MailboxId) -> T:
        """The mailbox's account as it is set now.

        Raises `NotAMailbox` where no address can be made for it, `SignInFailed` (of this mailbox) where no credential
        is set.
        """
        with self._database.read() as tx:
            found = accounts.through(tx, self._profile.id, mailbox)
            own = self._given_here(tx)
        if found is None:
            raise NotAMailbox(f"the mailbox {mailbox} is not written through the server profile {self._profile.id}")
        _, address, account = found
        if account.secret and not own:
            raise SignInFailed(f"the own secret of {address} was not given for {self._server}", everywhere=False)
        return self._made(address, account)

    def _given_here(self, tx: Connection) -> bool:
        """The mailboxes' own secrets were given for this server: the kept profile's, and not one that is only tried."""
        known = profiles.find(tx, self._profile.id)
        return known is None or addresses.origin(known.end.url) == addresses.origin(self._profile.end.url)

    def sample(self) -> T | None:
        """An account by which the server can be asked how it is: a mailbox's, else that of who signs in for all."""
        with self._database.read() as tx:
            mailbox, own = accounts.sample(tx, self._profile.id), self._given_here(tx)
            found = accounts.through(tx, self._profile.id, mailbox) if mailbox is not None else None
        if found is not None and (own or self._profile.end.secret):
            _, address, account = found
            return self._made(address, account if own else Account(account.user))
        user = self._profile.end.client_id
        return self._made(user, Account()) if user else None

    def _made(self, address: str, account: Account) -> T:
        end = self._profile.end
        url = addresses.fill(end.url, account.user, address)
        if not url:
            why = "its address has nothing to be filled into the profile's --url"
            raise NotAMailbox(f"the mailbox {address or 'without an address'} has no place at the server: {why}")
        own = bool(account.secret)
        reference = account.secret or end.secret
        if not reference:
            how = f"`fieldcal mailbox edit {address} --secret env:NAME`"
            text = f"nothing is set to sign in to {self._server} with for {address}; {how}"
            raise SignInFailed(text, everywhere=False)
        user = addresses.account_name(account.user, address) if own else end.client_id
        return self._make(url, self._credential(user, reference, own=own), own, account.collection)

    @property
    def _server(self) -> str:
        return urlsplit(self._profile.end.url).netloc

    def _credential(self, user: str, reference: str, *, own: bool) -> AnyCredential:
        key = (user, reference, own)
        if key not in self._credentials:

            def read() -> str:
                try:
                    return self._secrets.resolve(reference)
                except ConfigError as error:
                    raise SignInFailed(str(error), everywhere=not own) from None

            by_token = self._profile.end.credential == "token"
            self._credentials[key] = TokenCredential(read) if by_token else PasswordCredential(user, read)
        return self._credentials[key]

    async def found(self, mailbox: MailboxId, collection: str) -> None:
        """Remember the path of the mailbox's calendar; "" forgets it.

        Raises `NotAMailbox`, in words for the administrator, where another mailbox is written into that very calendar,
        or where events of ours stand in another calendar than this.
        """
        if not await self._database.reading(self._known, mailbox, collection):
            await self._database.writing(self._remember, mailbox, collection)

    def _known(self, tx: Connection, mailbox: MailboxId, collection: str) -> bool:
        found = accounts.through(tx, self._profile.id, mailbox)
        return found is not None and found[2].collection == collection and not self._objection(tx, mailbox, collection)

    def _remember(self, tx: Connection, mailbox: MailboxId, collection: str) -> None:
        objection = self._objection(tx, mailbox, collection)
        if objection:
            raise NotAMailbox(objection)
        accounts.remember(tx, self._profile.id, mailbox, collection)

    def _objection(self, tx: Connection, mailbox: MailboxId, collection: str) -> str:
        found = accounts.through(tx, self._profile.id, mailbox)
        if found is None or not collection:
            return ""
        environment, address, _ = found
        here = addresses.origin(self._profile.end.url)
        others = [
            other for other, url in accounts.at(tx, mailbox, address, collection) if addresses.origin(url) == here
        ]
        if others:
            return (
                f"the calendar {collection} is that of {others[0]} already: each mailbox needs its own; see what leads "
                "there, the profile's --url or the mailbox's --user-name"
            )
        elsewhere = accounts.elsewhere(tx, environment, mailbox, collection)
        if elsewhere:
            return (
                f"{elsewhere} events of ours stand in another calendar than {collection}, which the server names now: "
                f"take them out first (`fieldcal mailbox clean {address}`); they are written anew after Test & Enable"
            )
        return ""
