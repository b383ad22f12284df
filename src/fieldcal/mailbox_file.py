"""The list of mailboxes as a file for a spreadsheet, a piece at a time. However long it is, all of it."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence

from fieldcal.model import MailboxId
from fieldcal.setup import mailboxes
from fieldcal.setup_model import Actor, Mailbox
from fieldcal.spreadsheet import cell
from fieldcal.state.database import Database

#: Mailboxes of one piece; each is read in a transaction of its own, so that a slow reader holds nothing up.
AT_ONCE = 1_000
COLUMNS = ("address", "name", "profile", "method", "approval", "test", "enabled", "last_sync_at", "why_not")


async def pieces(
    database: Database, actor: Actor, environment: str, wanted: Sequence[MailboxId], at_once: int = AT_ONCE
) -> AsyncIterator[str]:
    """These mailboxes in this order, which was read at once: none is doubled or missed because others change."""
    yield _csv([COLUMNS])
    for begin in range(0, len(wanted), at_once):
        some = wanted[begin : begin + at_once]
        found = await database.reading(mailboxes.told, actor, environment, some)
        yield _csv([_row(box, why) for box, why in found])


def _row(box: Mailbox, why: str | None) -> list[str]:
    told = (box.address, box.name, box.profile or "", box.method.value, box.approval.value, box.status.value,
            box.enabled, box.last_sync_at.isoformat() if box.last_sync_at else "", why or "")  # fmt: skip
    return [cell(value) for value in told]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()
