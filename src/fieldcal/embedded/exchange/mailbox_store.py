"""The mailboxes of the store: made in bulk, found by object id, UPN or address, put into a state."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, update

from fieldcal.embedded.exchange.database import Database
from fieldcal.embedded.exchange.errors import GraphError
from fieldcal.embedded.exchange.mailboxes import STATES, Mailbox, NewMailbox, State
from fieldcal.embedded.exchange.tables import calendar_properties, mailboxes, names
from fieldcal.embedded.exchange.zones import zone

_BY_NAME = select(mailboxes).join(names, names.c.mailbox == mailboxes.c.row).where(names.c.name == bindparam("named"))


class MailboxStore:
    """Mailboxes and the extended properties of their calendars."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: dict[str, Mailbox] = {}
        database.after.append(self._found.clear)

    def add(self, wanted: Iterable[NewMailbox]) -> list[Mailbox]:
        """Make mailboxes, all or none. ValueError names a zone or state that there is not, or a name taken."""
        rows = [_new_row(one) for one in wanted]
        with self._database.transaction() as connection:
            top = connection.execute(select(func.coalesce(func.max(mailboxes.c.row), 0))).scalar_one()
            named: dict[str, int] = {}
            for number, row in enumerate(rows, top + 1):
                row["row"] = number
                for name in {str(row["object_id"]), str(row["upn"]).casefold(), str(row["address"]).casefold()}:
                    if name in named or self.find(name) is not None:
                        message = f"there is a mailbox named {name} already"
                        raise ValueError(message)
                    named[name] = number
            if rows:
                connection.execute(insert(mailboxes), rows)
                connection.execute(insert(names), [{"name": name, "mailbox": row} for name, row in named.items()])
        return [self.get(str(row["object_id"])) for row in rows]

    def find(self, named: str) -> Mailbox | None:
        """The mailbox of that object id, UPN or address, in any case."""
        named = named.casefold()
        with self._database.reading() as connection:
            if (known := self._found.get(named)) is not None:
                return known
            row = connection.execute(_BY_NAME, {"named": named}).first()
            if row is None:
                return None
            mailbox = _mailbox(row)
            if self._database.in_transaction:
                self._found[named] = mailbox
            return mailbox

    def get(self, named: str | UUID) -> Mailbox:
        """As `find`; KeyError where there is none."""
        found = self.find(str(named))
        if found is None:
            message = f"no mailbox named {named}"
            raise KeyError(message)
        return found

    def all(self) -> list[Mailbox]:
        with self._database.reading() as connection:
            return [_mailbox(row) for row in connection.execute(select(mailboxes).order_by(mailboxes.c.row))]

    def set_state(self, named: str | UUID, state: State) -> None:
        """Put a mailbox into a state, such as `full`, from its next request on."""
        if state not in STATES:
            message = f"no mailbox state {state!r}; there are: {', '.join(sorted(STATES))}"
            raise ValueError(message)
        self._set(named, state=state)

    def set_editable(self, named: str | UUID, *, can_edit: bool) -> None:
        self._set(named, can_edit=can_edit)

    def rotate_feed(self, named: str | UUID) -> str:
        """Give the mailbox's feed a new secret; the old address is gone at once."""
        token = secrets.token_urlsafe(32)
        self._set(named, feed_token=token)
        return token

    def by_feed(self, token: str) -> Mailbox | None:
        """The mailbox of a feed's secret, compared in constant time."""
        with self._database.reading() as connection:
            row = connection.execute(select(mailboxes).where(mailboxes.c.feed_token == token)).first()
        if row is None or not secrets.compare_digest(row.feed_token.encode(), token.encode()):
            return None
        return _mailbox(row)

    def count_mails(self, mailbox: Mailbox, mails: int) -> None:
        """Note mails that a real Exchange would have sent; none is sent here."""
        self._set(mailbox.object_id, mails_sent=mailboxes.c.mails_sent + mails)

    def calendar_properties(self, mailbox: Mailbox) -> dict[str, str]:
        """The extended properties of the mailbox's calendar, kept id -> value."""
        asked = select(calendar_properties.c.name, calendar_properties.c.value)
        with self._database.reading() as connection:
            rows = connection.execute(asked.where(calendar_properties.c.mailbox == mailbox.row))
            return {row.name: row.value for row in rows}

    def set_calendar_properties(self, mailbox: Mailbox, changed: dict[str, str]) -> None:
        table = calendar_properties
        with self._database.transaction() as connection:
            for name, value in changed.items():
                connection.execute(delete(table).where(table.c.mailbox == mailbox.row, table.c.name == name))
                connection.execute(insert(table), {"mailbox": mailbox.row, "name": name, "value": value})

    def remove_calendar_property(self, mailbox: Mailbox, name: str) -> None:
        table = calendar_properties
        with self._database.transaction() as connection:
            connection.execute(delete(table).where(table.c.mailbox == mailbox.row, table.c.name == name))

    def _set(self, named: str | UUID, **values: object) -> None:
        with self._database.transaction() as connection:
            row = self.get(named).row
            connection.execute(update(mailboxes).where(mailboxes.c.row == row).values(values))
            self._found.clear()


def _new_row(one: NewMailbox) -> dict[str, object]:
    if one.state not in STATES:
        message = f"no mailbox state {one.state!r}; there are: {', '.join(sorted(STATES))}"
        raise ValueError(message)
    try:
        zone(one.zone)
    except GraphError as error:
        message = f"no time zone {one.zone!r}; a Windows name is wanted, such as 'W. Europe Standard Time'"
        raise ValueError(message) from error
    return {
        "object_id": str(one.object_id),
        "upn": one.upn,
        "address": one.address or one.upn,
        "name": one.name,
        "zone": one.zone,
        "state": one.state,
        "can_edit": one.can_edit,
        "feed_token": secrets.token_urlsafe(32),
        "mails_sent": 0,
    }


def _mailbox(row: object) -> Mailbox:
    values = dict(row._mapping)  # type: ignore[attr-defined] # noqa: SLF001 # a Row's documented way to its mapping
    values["object_id"] = UUID(values["object_id"])
    return Mailbox(**values)
