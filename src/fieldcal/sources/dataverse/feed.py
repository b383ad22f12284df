"""Asks Dataverse, or whatever speaks its Web API, for bookings and workers. Sends nothing but GET (I9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, TypeVar

from msgspec.structs import replace

from fieldcal.clock import Clock
from fieldcal.errors import CursorExpired, Incomplete, Unreachable
from fieldcal.http import Http
from fieldcal.model import BookingId, Detailed, Details, Identity, Page, Window, WorkerId, WorkerPage, WorkOrderId
from fieldcal.sources.dataverse import query, wire
from fieldcal.sources.dataverse.reader import Reader, proven

_T = TypeVar("_T")
_Item = TypeVar("_Item")

#: reads of details under way at once; the server takes 52 of one user
AT_ONCE = 4
#: seconds after which booking statuses and time zones are read again
REFERENCE_AGE = 86_400.0


class Absence(Enum):
    """What a read of one id says of a booking that it did not give."""

    PROVEN = "proven"
    UNKNOWN = "unknown"


class DataverseSource:
    """One organization's bookings, behind `ports.BookingSource`.

    `http`: its base URL is the organization's, with or without "/api/data/v9.2". `page_size`: rows a page, at most
    5000. `track_location`, `track_work_orders`: what D1 follows besides status and time window.
    """

    def __init__(
        self,
        http: Http,
        clock: Clock,
        *,
        page_size: int = 5000,
        track_location: bool = False,
        track_work_orders: bool = False,
    ) -> None:
        self._http = http
        self._clock = clock
        self._place = track_location
        self._orders = track_work_orders
        self._reader = Reader(http, page_size)
        self._statuses: Mapping[str, wire.Status] = {}
        self._statuses_read: float | None = None
        self._zones: Mapping[int, str] = {}
        self._zones_read: float | None = None

    async def identity(self) -> Identity:
        answer = await self._reader.sound(self._reader.path(query.ORGANIZATION))
        with proven(self._http.origin):
            return wire.identity(answer.body)

    async def workers(self, cursor: str | None) -> WorkerPage:
        """Everyone (cursor None), proven whole as `Reader.counted` says; else who changed, by a delta link.

        Users and addresses are other tables: a change of theirs alone shows in the full read only. A link that has
        expired is answered with a full read.
        """
        if cursor:
            try:
                return await self._changed_workers(cursor)
            except CursorExpired:
                pass
        # the link first: what changes during the read comes once more
        _, link = await self._reader.all_tracked(self._reader.path(query.TRACK_RESOURCES), wire.IdRow, stored=False)
        rows: list[wire.WorkerRow] = []
        listed = self._reader.path(query.resources(None))
        async for page in self._reader.counted(listed, wire.WorkerRow, lambda row: row.bookableresourceid):
            rows += page
        return await self._worker_page(rows, (), link, full=True)

    async def changes(self, cursor: str | None) -> Page:
        """One page of thin rows by change tracking: one request, and one more where a booking status is new.

        A page is proven by being a sound list that says where to go on; the feed is at its end with a delta link.
        """
        now = self._turned(cursor)
        if now.orders_next:
            return await self._work_orders(now)
        first = self._reader.path(query.track_bookings(place=self._place))
        page, link, complete = await self._reader.tracked(
            now.bookings or first, wire.BookingRow, stored=bool(now.bookings)
        )
        rows = [row for row in page.value if not wire.is_deleted(row)]
        statuses = await self._statuses_of(rows)
        with proven(self._http.origin):
            return Page(
                rows=tuple(wire.booking(row, statuses, place=self._place) for row in rows),
                deleted=tuple(BookingId(wire.deleted_id(row)) for row in page.value if wire.is_deleted(row)),
                cursor=wire.write_cursor(replace(now, bookings=link, orders_next=complete and self._orders)),
                complete=complete,
            )

    async def bookings(self, ids: Sequence[BookingId]) -> Details:
        """These bookings as they are now; those absent from a list are asked one by one, for a 404 of their own."""
        # ids may come from marks, which anybody may have written
        wanted = [booking for booking in dict.fromkeys(ids) if wire.is_guid(booking)]
        strange = tuple(booking for booking in dict.fromkeys(ids) if not wire.is_guid(booking))
        lists = await _few_at_once(self._listed, _chunks(wanted, query.IDS_AT_ONCE))
        found = {detailed.booking.id: detailed for listed in lists for detailed in listed}
        absent = [booking for booking in wanted if booking not in found]
        singles = list(zip(absent, await _few_at_once(self._single, absent), strict=True))
        found |= {booking: told for booking, told in singles if isinstance(told, Detailed)}
        return Details(
            found=tuple(found.values()),
            missing=tuple(booking for booking, told in singles if told is Absence.PROVEN),
            unknown=strange + tuple(booking for booking, told in singles if told is Absence.UNKNOWN),
        )

    async def sweep(self, window: Window) -> AsyncIterator[Sequence[Detailed]]:
        """Everything in the window, inactive and canceled rows too, page by page.

        What it is proven by stands at `Reader.counted`; `Incomplete` may come after pages were given.
        """
        path = self._reader.path(query.sweep(window, place=self._place))
        async for rows in self._reader.counted(path, wire.BookingRow, lambda row: row.bookableresourcebookingid):
            yield await self._detailed(rows)

    async def affected(self, work_orders: Sequence[str]) -> Sequence[BookingId]:
        """The bookings of these work orders (D1 `work_order`)."""
        return [
            booking
            for listed in await _few_at_once(self._affected, _chunks(list(work_orders), query.TERMS_AT_ONCE))
            for booking in listed
        ]

    async def close(self) -> None:
        await self._http.close()

    def _turned(self, cursor: str | None) -> wire.Cursor:
        """Where to go on under today's settings; `CursorExpired` where the kept links cannot serve them."""
        try:
            kept = wire.read_cursor(cursor) if cursor else wire.Cursor()
        except wire.Malformed:
            raise CursorExpired("the cursor is none of this version; everything is read again") from None
        now = wire.turn(kept, orders=self._orders, place=self._place)
        if now is None:
            raise CursorExpired("the booking's own place is followed from now on; everything is read again")
        return now

    async def _work_orders(self, now: wire.Cursor) -> Page:
        """One page of changed work orders; those of the first read have not changed, they only begin the feed."""
        link = now.work_orders or self._reader.path(query.TRACK_WORK_ORDERS)
        page, onward, complete = await self._reader.tracked(link, wire.IdRow, stored=bool(now.work_orders))
        changed = [row.msdyn_workorderid for row in page.value if not wire.is_deleted(row)] if now.primed else []
        after = replace(now, work_orders=onward, primed=now.primed or complete, orders_next=not complete)
        return Page(
            rows=(),
            deleted=(),
            cursor=wire.write_cursor(after),
            complete=False,
            work_orders=tuple(WorkOrderId(each.lower()) for each in changed if each is not None),
        )

    async def _changed_workers(self, cursor: str) -> WorkerPage:
        changed, link = await self._reader.all_tracked(cursor, wire.IdRow, stored=True)
        with proven(self._http.origin):
            gone = tuple(WorkerId(wire.deleted_id(row)) for row in changed if wire.is_deleted(row))
        ids = [row.bookableresourceid for row in changed if row.bookableresourceid and not wire.is_deleted(row)]
        chunks = await _few_at_once(self._resources, _chunks(ids, query.IDS_AT_ONCE))
        rows = [row for chunk in chunks for row in chunk]
        silent = {each.lower() for each in ids} - {row.bookableresourceid.lower() for row in rows}
        if silent:
            # Deleted since the feed told of it, or not there yet: the feed says which when it is asked again.
            raise Incomplete(f"{self._http.origin} tells of {len(silent)} workers that it then does not give")
        return await self._worker_page(rows, gone, link, full=False)

    async def _worker_page(
        self, rows: Sequence[wire.WorkerRow], gone: tuple[WorkerId, ...], link: str, *, full: bool
    ) -> WorkerPage:
        zones = await self._zone_names() if rows else {}
        workers = tuple(wire.worker(row, zones) for row in rows)
        return WorkerPage(workers, gone, link, complete=True, full=full)

    async def _resources(self, ids: Sequence[str]) -> list[wire.WorkerRow]:
        pages = self._reader.pages(self._reader.path(query.resources(ids)), wire.WorkerRow)
        return [row async for page in pages for row in page.value]

    async def _listed(self, ids: Sequence[BookingId]) -> Sequence[Detailed]:
        pages = self._reader.pages(self._reader.path(query.details(ids, place=self._place)), wire.BookingRow)
        return await self._detailed([row async for page in pages for row in page.value])

    async def _single(self, booking: BookingId) -> Detailed | Absence:
        """One booking; only the server's own word for "no such row" proves that it does not exist."""
        try:
            answer = await self._reader.get(self._reader.path(query.one_booking(booking, place=self._place)))
        except Unreachable:
            return Absence.UNKNOWN
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._reader.refused(answer)
        code, _ = wire.error_code(answer.json())
        if answer.status == HTTPStatus.NOT_FOUND and code.lower() in wire.NO_SUCH_ROW:
            return Absence.PROVEN
        if answer.status != HTTPStatus.OK:
            return Absence.UNKNOWN
        with proven(self._http.origin):
            row = wire.single(answer.body)
        (told,) = await self._detailed([row])
        if told.booking.id != booking:
            raise Incomplete(f"{self._http.origin} gives another booking than {booking}, which was asked for")
        return told

    async def _affected(self, work_orders: Sequence[str]) -> list[BookingId]:
        path = self._reader.path(query.affected(work_orders))
        pages = self._reader.counted(path, wire.BookingRow, lambda row: row.bookableresourcebookingid)
        rows = [row async for page in pages for row in page]
        return [BookingId(row.bookableresourcebookingid.lower()) for row in rows if row.bookableresourcebookingid]

    async def _detailed(self, rows: Sequence[wire.BookingRow]) -> Sequence[Detailed]:
        statuses = await self._statuses_of(rows)
        with proven(self._http.origin):
            return [wire.detailed(row, statuses, place=self._place) for row in rows]

    async def _statuses_of(self, rows: Sequence[wire.BookingRow]) -> Mapping[str, wire.Status]:
        """Names and kinds of booking statuses, read only where a row has one that is not known, or once a day."""
        used = {row.status.lower() for row in rows if row.status is not None}
        if used and (not used <= self._statuses.keys() or self._is_old(self._statuses_read)):
            # A list that is cut short would show a canceled booking as one that takes place.
            pages = self._reader.counted(
                self._reader.path(query.STATUSES), wire.StatusRow, lambda row: row.bookingstatusid
            )
            found = [row async for rows in pages for row in rows]
            self._statuses = {row.bookingstatusid.lower(): wire.status(row) for row in found}
            self._statuses_read = self._clock.monotonic()
        return self._statuses

    async def _zone_names(self) -> Mapping[int, str]:
        if self._is_old(self._zones_read):
            pages = self._reader.counted(
                self._reader.path(query.TIME_ZONES), wire.TimeZoneRow, lambda row: row.timezonecode
            )
            self._zones = wire.zones([row async for rows in pages for row in rows])
            self._zones_read = self._clock.monotonic()
        return self._zones

    def _is_old(self, read: float | None) -> bool:
        return read is None or self._clock.monotonic() - read >= REFERENCE_AGE


def _chunks(items: Sequence[_T], size: int) -> list[Sequence[_T]]:
    return [items[begin : begin + size] for begin in range(0, len(items), size)]


async def _few_at_once(call: Callable[[_Item], Coroutine[Any, Any, _T]], items: Sequence[_Item]) -> list[_T]:
    """Call for each item, few at a time, results in order; the first error ends the rest."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def within_slots(item: _Item) -> _T:
        async with slots:
            return await call(item)

    tasks = [asyncio.ensure_future(within_slots(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
