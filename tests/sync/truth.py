"""The truth that the oracle judges by: what people did, and what an event shows to people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from fieldcal.embedded.exchange.document import StoredEvent

CANCELED, PROPOSED = "Canceled", "Proposed"
_ROW = re.compile(r"<th[^>]*>(.*?)</th><td[^>]*>(.*?)</td>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Version:
    """A booking as a dispatcher left it."""

    at: datetime
    start: datetime
    end: datetime
    worker: str
    status: str
    order: str | None
    #: how often the work order was edited; counts only where D1 follows work orders
    edition: int = 0
    active: bool = True
    deleted: bool = False

    @property
    def triggers(self) -> tuple[object, ...]:
        return (self.start, self.end, self.worker, self.status, self.order, self.edition)

    @property
    def gone(self) -> bool:
        return self.deleted or not self.active

    @property
    def job(self) -> tuple[object, ...]:
        """What makes it the job that a worker has seen: its status counts by its meaning alone (D8)."""
        meaning = self.status if self.status in (CANCELED, PROPOSED) else ""
        return (self.start, self.end, self.worker, self.order, meaning)


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of the environment that decide what stands where."""

    window_past: int = 7
    window_future: int = 14
    canceled: str = "mark"
    deleted: str = "remove"
    without_work_order: str = "synchronize"
    proposed: str = "tentative"
    drift: str = "report"

    def window_holds(self, version: Version, now: datetime) -> bool:
        far, near = now + timedelta(days=self.window_future), self.near(now)
        return version.start < far and version.end > near

    def near(self, now: datetime) -> datetime:
        return now - timedelta(days=self.window_past)

    def leaves_out(self, version: Version) -> bool:
        if version.order is None and self.without_work_order == "skip":
            return True
        return version.status == PROPOSED and self.proposed == "leave_out"


@dataclass(slots=True)
class Order:
    """A work order; every text its summary ever had, with the step at which it got it."""

    number: str
    summaries: list[tuple[int, str]]


@dataclass(slots=True)
class Job:
    """A booking with its whole history, the last version being the truth."""

    name: str
    versions: list[Version]
    #: the step at which each version came
    steps: list[int]

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def rows(self) -> int:
        """How often its row in the source was written; an edited work order leaves it alone."""
        return 1 + sum(old.edition == new.edition for old, new in pairwise(self.versions))


@dataclass(frozen=True, slots=True)
class Worker:
    """`box` None: no mailbox of its own (D10); `homes`: every mailbox that ever was."""

    name: str
    box: str | None
    zone: str
    homes: frozenset[str] = frozenset()

    def proves_away(self, box: str) -> bool:
        """Whether a booking of this worker was ever proven to belong elsewhere than here."""
        return box not in self.homes or len(self.homes) > 1


@dataclass(frozen=True, slots=True)
class Stand:
    """One event as it stands in a calendar."""

    raw: StoredEvent
    properties: Mapping[str, str]
    start: datetime
    end: datetime
    rows: Mapping[str, str]
    #: the booking that its mark names, "" without one
    booking: str

    @property
    def made_by_us(self) -> bool:
        """Created by a request of ours: a copy by hand carries the mark, but no create key."""
        return bool(self.booking and self.raw.transaction_id)


def differences(
    name: str, version: Version, order: Order | None, worker: Worker, stand: Stand, since: int
) -> list[str]:
    """Where this event does not say what the version says; summaries count from the step `since` on."""
    title = f"{order.number} \N{MIDDLE DOT} Repair \N{MIDDLE DOT} Northwind Bakery" if order else name
    subject = f"Canceled: {title}" if version.status == CANCELED else title
    shown = {CANCELED: "free", PROPOSED: "tentative"}.get(version.status, "busy")
    local = [at.astimezone(ZoneInfo(worker.zone)) for at in (version.start, version.end)]
    window = stand.rows.get("Time window", "")
    found = [
        f"{what} is {there!r}, should be {right!r}"
        for what, there, right in (
            ("subject", stand.raw.subject, subject),
            ("start", stand.start, version.start),
            ("end", stand.end, version.end),
            ("show as", stand.raw.document.show_as, shown),
            ("status", stand.rows.get("Status"), version.status),
            ("work order", stand.rows.get("Work order"), order.number if order else None),
        )
        if there != right
    ]
    if not all(f"{at:%H:%M}" in window for at in local) or worker.zone not in window:
        found.append(f"the time window is {window!r}, should be {local[0]:%H:%M} to {local[1]:%H:%M} {worker.zone}")
    if order and stand.rows.get("Summary") not in _in_force(order, since):
        found.append(f"the summary is {stand.rows.get('Summary')!r}")
    return found


def _in_force(order: Order, since: int) -> set[str]:
    """The summaries that were true at some time from the step `since` on."""
    ends = [*(step for step, _ in order.summaries[1:]), float("inf")]
    return {text for (_, text), end in zip(order.summaries, ends, strict=True) if end >= since}


def rows_of(body: str) -> dict[str, str]:
    """The table in an event's body: label to text."""
    return dict(_ROW.findall(body))
