"""Mailboxes counted by all that says whether they may be written to: a few kinds, however many mailboxes there are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, or_, select

from fieldcal.model import MailboxId
from fieldcal.setup_model import Mailbox
from fieldcal.state.mailboxes import some
from fieldcal.state.rows import slices
from fieldcal.state.tables import mailboxes

#: What `ready`, `standing` and `remedy` of plan/ look at; of addresses, whether the approved one is there and the same.
_KIND = (
    mailboxes.c.profile, mailboxes.c.method, mailboxes.c.approval, mailboxes.c.approved_address == "",
    func.lower(mailboxes.c.approved_address) == func.lower(mailboxes.c.address), mailboxes.c.enabled,
    mailboxes.c.test, mailboxes.c.disabled_reason, or_(mailboxes.c.failures > 0, mailboxes.c.trouble != ""),
)  # fmt: skip


def kinds(tx: Connection, environment: str) -> list[tuple[Mailbox, int]]:
    """One mailbox of each kind, and how many there are of it."""
    counted = (
        select(func.min(mailboxes.c.id), func.count()).where(mailboxes.c.environment == environment).group_by(*_KIND)
    )
    numbers = {MailboxId(mailbox): int(number) for mailbox, number in tx.execute(counted)}
    return [(mailbox, numbers[mailbox.id]) for mailbox in some(tx, environment, list(numbers))]


def named(tx: Connection, environment: str, wanted: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Address and name of these, by their ids."""
    found: dict[str, tuple[str, str]] = {}
    columns = (mailboxes.c.id, mailboxes.c.address, mailboxes.c.name)
    for part in slices(wanted):
        rows = tx.execute(select(*columns).where(mailboxes.c.environment == environment, mailboxes.c.id.in_(part)))
        found |= {row.id: (row.address, row.name) for row in rows}
    return found
