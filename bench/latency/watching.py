"""When an event can be read: its row is looked for in Exchange's file by a reader that sees what is committed, and nothing else."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.latency.changes import Change, Shown
from fieldcal.calendars.graph.wire import MARK
from fieldcal.marks import parse_mark

#: Seconds between two looks.
LOOK = 0.02
_STATUS = re.compile(r">Status</th><td[^>]*>([^<]*)<")
_NEWS = """
SELECT event.change, event.row, event.deleted, mailbox.object_id, event.start, event.document, property.value
FROM events AS event JOIN mailboxes AS mailbox ON mailbox.row = event.mailbox
LEFT JOIN properties AS property ON property.event = event.row AND property.name = ?
WHERE event.change > ? ORDER BY event.change
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as it stands after a commit; `shown` None: it is gone, `booking` None: it has no mark of ours."""

    row: int
    booking: str | None
    shown: Shown | None


class Calendars:
    """All calendars of one Exchange, read from its file beside it."""

    def __init__(self, data: Path) -> None:
        self._file = sqlite3.connect(f"file:{data / 'exchange.sqlite3'}?mode=ro", uri=True, isolation_level=None)
        self._last, self._bookings = 0, dict[int, str | None]()

    def news(self) -> list[Seen]:
        """What was committed since the last look; at the first look everything."""
        rows = self._file.execute(_NEWS, (MARK, self._last)).fetchall()
        if rows:
            self._last = rows[-1][0]
        return [self._seen(*row[1:]) for row in rows]

    def close(self) -> None:
        self._file.close()

    def _seen(self, row: int, deleted: int, mailbox: str, start: str, document: str, value: str | None) -> Seen:
        if row not in self._bookings:
            mark = parse_mark(value)
            self._bookings[row] = str(mark.booking) if mark else None
        if deleted:
            return Seen(row, self._bookings[row], None)
        status = _STATUS.search(document)
        return Seen(row, self._bookings[row], Shown(mailbox, start[:19], status[1] if status else ""))


@dataclass(slots=True)
class Waiting:
    """A change that was sent; `committed`: when its answer had come. Seconds since 1970, of one clock."""

    change: Change
    sent: float
    committed: float = 0.0


@dataclass(frozen=True, slots=True)
class Took:
    """A change that has come; `seconds`: from before it was sent, `after`: from when its answer had come.

    `overtaken`: what was seen is a later change of the same booking, so this one was never seen by itself.
    """

    change: Change
    sent: float
    seconds: float
    after: float
    overtaken: bool


@dataclass(slots=True)
class Awaited:
    """Changes that are not to be seen yet, and those that were."""

    waiting: dict[str, list[Waiting]] = field(default_factory=lambda: defaultdict(list))
    took: list[Took] = field(default_factory=list)
    #: living events by booking, and within it by the event's row
    events: dict[str, dict[int, Shown]] = field(default_factory=lambda: defaultdict(dict))
    #: events that carry no mark of ours
    strange: set[int] = field(default_factory=set)

    def expect(self, change: Change, sent: float) -> Waiting:
        """Wait for this change from now on; to be called before it is sent."""
        one = Waiting(change, sent)
        self.waiting[change.booking].append(one)
        return one

    @property
    def number(self) -> int:
        """How many changes wait to be seen."""
        return sum(map(len, self.waiting.values()))

    def see(self, seen: Seen, now: float) -> None:
        """An event was seen so: whatever it shows has come, and what was changed before it is overtaken."""
        if seen.booking is None:
            (self.strange.discard if seen.shown is None else self.strange.add)(seen.row)
            return
        living = self.events[seen.booking]
        if seen.shown is None:
            living.pop(seen.row, None)
        else:
            living[seen.row] = seen.shown
        waiting = self.waiting.get(seen.booking, [])
        come = [n for n, one in enumerate(waiting) if _shows(living, seen.shown, one.change.shown)]
        if not come:
            return
        for one in waiting[: come[-1] + 1]:
            overtaken = one is not waiting[come[-1]]
            self.took.append(Took(one.change, one.sent, now - one.sent, now - (one.committed or now), overtaken))
        del waiting[: come[-1] + 1]
        if not waiting:
            del self.waiting[seen.booking]


def _shows(living: dict[int, Shown], seen: Shown | None, wanted: Shown | None) -> bool:
    return not living if wanted is None else seen == wanted
