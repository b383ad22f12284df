"""The small tables that rows refer to: booking statuses, time zones, and the names of priorities and types.

Each is read whole when a row first needs it, again where a row names what it does not hold, and once a day: somebody
may have given a status another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from msgspec import Struct

from fieldcal.clock import Clock
from fieldcal.errors import Denied
from fieldcal.sources.dataverse import query, wire
from fieldcal.sources.dataverse.reader import Reader, proven

_Value = TypeVar("_Value")

#: seconds after which a table is read again
AGE = 86_400.0


@dataclass(slots=True)
class _Held(Generic[_Value]):
    """One table as it was read last."""

    rows: dict[str, _Value] = field(default_factory=dict)
    #: ids that it did not hold then: rows refer to what was deleted
    strange: set[str] = field(default_factory=set)
    read: float | None = None

    def wants(self, ids: set[str], now: float) -> bool:
        fresh = self.read is not None and now - self.read < AGE
        return bool(ids) and (not fresh or not ids <= self.rows.keys() | self.strange)

    def keep(self, rows: dict[str, _Value], ids: set[str], now: float) -> None:
        self.rows, self.strange, self.read = rows, ids - rows.keys(), now


class LabelRow(Struct, frozen=True):
    """A row of one of the tables of names."""

    msdyn_name: str | None = None
    msdyn_priorityid: wire.Guid | None = None
    msdyn_workordertypeid: wire.Guid | None = None
    msdyn_incidenttypeid: wire.Guid | None = None


class Reference:
    """The reference tables of one organization."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader, self._clock = reader, clock
        self._statuses: _Held[wire.Status] = _Held()
        self._labels: _Held[str] = _Held()
        self._zones: Mapping[int, str] = {}
        self._zones_read: float | None = None

    async def statuses(self, rows: Sequence[wire.BookingRow]) -> Mapping[str, wire.Status]:
        """Names and kinds of booking statuses, by id; an id that is not there counts as committed (`wire.booking`)."""
        used, now = {row.status.lower() for row in rows if row.status is not None}, self._clock.monotonic()
        if self._statuses.wants(used, now):
            # A list that is cut short would show a canceled booking as one that takes place.
            pages = self._reader.counted(
                self._reader.path(query.STATUSES), wire.StatusRow, lambda row: row.bookingstatusid
            )
            found = [row async for rows in pages for row in rows]
            self._statuses.keep({row.bookingstatusid.lower(): wire.status(row) for row in found}, used, now)
        return self._statuses.rows

    async def labels(self, rows: Sequence[wire.BookingRow]) -> Mapping[str, str]:
        """Names of priorities, work order types and incident types where the answer did not bring them, by id.

        They are texts of the event and decide nothing: where the tables may not be read, the texts stay empty.
        """
        used, now = wire.unlabeled(rows), self._clock.monotonic()
        if self._labels.wants(used, now):
            found: dict[str, str] = {}
            for table in query.LABELS:
                try:
                    async for page in self._reader.counted(self._reader.path(table), LabelRow, label_id):
                        with proven(self._reader.origin):
                            found |= {label_id(row): row.msdyn_name or "" for row in page}
                except Denied:
                    continue
            self._labels.keep(found, used, now)
        return self._labels.rows

    async def zones(self) -> Mapping[int, str]:
        """Dataverse's zone codes to IANA names."""
        now = self._clock.monotonic()
        if self._zones_read is None or now - self._zones_read >= AGE:
            pages = self._reader.counted(
                self._reader.path(query.TIME_ZONES), wire.TimeZoneRow, lambda row: row.timezonecode
            )
            self._zones = wire.zones([row async for rows in pages for row in rows])
            self._zones_read = now
        return self._zones


def label_id(row: LabelRow) -> str:
    """The id of a named row, whichever its table; `Malformed` without one."""
    told = row.msdyn_priorityid or row.msdyn_workordertypeid or row.msdyn_incidenttypeid
    if told is None:
        raise wire.Malformed("a named row without its id")
    return told.lower()
