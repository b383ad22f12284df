"""Where the reading of one environment stands: cursor, edges, first read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from fieldcal.model import Reading
from fieldcal.state.rows import add_missing
from fieldcal.state.tables import feeds

# built once: building it costs more than running it
_LOAD = select(feeds).where(feeds.c.environment == bindparam("b_environment"))


@dataclass(frozen=True, slots=True)
class Feed:
    """The reading of one environment, as it was left by the last committed page."""

    #: where to go on; None: from the beginning
    cursor: str | None
    #: the full read that is under way or whose follow-up is
    reading: str | None
    #: when the first complete read was done; nothing is removed before
    first_read_at: datetime | None
    far_edge: datetime | None
    #: days, the window setting that the stored rows were kept by
    kept_past: int | None
    kept_future: int | None
    workers_cursor: str | None
    workers_read_at: datetime | None
    last_pull_at: datetime | None
    last_error: str
    next_pull_at: datetime | None
    last_check_at: datetime | None
    #: how it is read ("": nobody has looked yet), and why in no better way
    way: Reading | None = None
    way_reason: str = ""
    #: when the last whole read of the window that came to its end was begun
    swept_at: datetime | None = None
    #: how many times in a row the source has asked us to wait
    throttled: int = 0
    #: when the service last began to import whom the source has set up (D9)
    imported_at: datetime | None = None
    #: when the last pull that came to its end was begun: what changed before it is no news (`Frame.since`)
    pull_began_at: datetime | None = None
    #: failures to read the source, in a row
    failures: int = 0
    #: the source is a stranger, or something else that a person has to mend: nothing is planned until a pass succeeds
    refused: bool = False


def workers_known(tx: Connection, environment: str) -> bool:
    """The workers of this environment were read at least once."""
    asked = select(feeds.c.environment).where(feeds.c.environment == environment, feeds.c.workers_read_at.is_not(None))
    return tx.execute(asked).first() is not None


def load(tx: Connection, environment: str, /) -> Feed:
    """The feed of this environment; begun where it did not exist."""
    row = tx.execute(_LOAD, {"b_environment": environment}).first()
    if row is None:
        return Feed(None, None, None, None, None, None, None, None, None, "", None, None)
    return Feed(
        row.cursor, row.reading, row.first_read_at, row.far_edge, row.kept_past, row.kept_future, row.workers_cursor,
        row.workers_read_at, row.last_pull_at, row.last_error, row.next_pull_at, row.last_check_at,
        Reading(row.way) if row.way else None, row.way_reason, row.swept_at, row.throttled, row.imported_at,
        row.pull_began_at, row.failures, row.refused,
    )  # fmt: skip


def change(tx: Connection, environment: str, /, **values: Any) -> None:
    """Set these columns of the feed."""
    add_missing(tx, feeds, [{"environment": environment}])
    tx.execute(update(feeds).where(feeds.c.environment == environment).values(**values))
