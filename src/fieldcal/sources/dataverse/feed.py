"""Asks Dataverse, or whatever speaks its Web API, for bookings and workers. Sends nothing but GET (I9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from enum import Enum
from http import HTTPStatus
from typing import Any, TypeVar

from msgspec.structs import replace

from fieldcal.clock import Clock
from fieldcal.errors import CursorExpired, Denied, Incomplete, Unreachable
from fieldcal.http import Http
from fieldcal.model import BookingId, Detailed, Identity, Way, Window, WorkerId, WorkOrderId
from fieldcal.source_model import Details, Page, Swept, Unreadable, WorkerPage
from fieldcal.sources.dataverse import look, pages, query, wire
from fieldcal.sources.dataverse.cursor import Cursor, read_cursor, turn, write_cursor
from fieldcal.sources.dataverse.reader import Reader, proven
from fieldcal.sources.dataverse.reference import Reference
from fieldcal.sources.dataverse.spans import Span, cut

_T = TypeVar("_T")
_Item = TypeVar("_Item")

#: reads of details under way at once; the server takes 52 of one user
AT_ONCE = 4
#: seconds by which two clocks may seem to differ by the `Date` header alone, which has whole ones
GRAIN = 1.5


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
        self._reference = Reference(self._reader, clock)

    async def identity(self) -> Identity:
        answer = await self._reader.sound(self._reader.path(query.ORGANIZATION))
        with proven(self._http.origin):
            return pages.identity(answer.body)

    async def way(self) -> Way:
        """What `look.way` finds for the tables that these settings follow."""
        return await look.way(self._reader, orders=self._orders)

    async def workers(self, cursor: str | None) -> WorkerPage:
        """Everyone (cursor None), proven whole as `Reader.counted` says; else who changed, by a delta link.

        Users and addresses are other tables: a change of theirs alone shows in the full read only. A link that has
        expired is answered with a full read; so is every question ("") where changes of resources are not tracked.
        """
        if cursor:
            try:
                return await self._changed_workers(cursor)
            except CursorExpired:
                pass
        # the link first: what changes during the read comes once more
        link = await self._resources_link() if cursor is None else ""
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
        statuses = await self._reference.statuses(rows)
        with proven(self._http.origin):
            sound, spoiled = _parted(rows)
            return Page(
                rows=tuple(wire.booking(row, statuses, place=self._place) for row in sound),
                deleted=tuple(BookingId(wire.deleted_id(row)) for row in page.value if wire.is_deleted(row)),
                cursor=write_cursor(replace(now, bookings=link, orders_next=complete and self._orders)),
                complete=complete,
                unreadable=spoiled,
            )

    async def bookings(self, ids: Sequence[BookingId]) -> Details:
        """These bookings as they are now; those absent from a list are asked one by one, for a 404 of their own."""
        # ids may come from marks, which anybody may have written
        wanted = [booking for booking in dict.fromkeys(ids) if wire.is_guid(booking)]
        strange = tuple(booking for booking in dict.fromkeys(ids) if not wire.is_guid(booking))
        lists = await _few_at_once(self._listed, _chunks(wanted, query.IDS_AT_ONCE))
        told: dict[str, Detailed | Unreadable | Absence] = {_id(each): each for listed in lists for each in listed}
        absent = [booking for booking in wanted if booking not in told]
        told |= zip(absent, await _few_at_once(self._single, absent), strict=True)
        proofs = {booking: told[booking] for booking in wanted}
        unproven = [key for key, each in proofs.items() if isinstance(each, Unreadable) or each is Absence.UNKNOWN]
        return Details(
            found=tuple(each for each in told.values() if isinstance(each, Detailed)),
            missing=tuple(key for key, each in proofs.items() if each is Absence.PROVEN),
            unknown=(*strange, *unproven),
            unreadable=tuple(each for each in told.values() if isinstance(each, Unreadable)),
        )

    async def sweep(self, window: Window, changed_since: datetime | None = None) -> AsyncIterator[Swept]:
        """Everything in the window, inactive and canceled rows too, and what changed outside of it since then.

        One request while the window holds fewer bookings than the server counts (5,000); else it is cut into parts
        that it can count, each read in one request and proven by its own number (`Reader.part`).
        """
        asked = {"place": self._place, "orders": self._orders}
        async for part in self._parts(
            Span(None, window.far), window.near, lambda span: query.sweep(span, window.near, **asked)
        ):
            yield part
        if changed_since is not None:
            # by the server's clock; ours may be behind it
            changes = Span(changed_since, self._clock.now() + timedelta(days=1))
            async for part in self._parts(changes, changed_since, lambda span: query.changed(span, window, **asked)):
                yield part

    async def affected(self, work_orders: Sequence[str]) -> Sequence[BookingId]:
        """The bookings of these work orders (D1 `work_order`)."""
        return [
            booking
            for listed in await _few_at_once(self._affected, _chunks(list(work_orders), query.TERMS_AT_ONCE))
            for booking in listed
        ]

    async def close(self) -> None:
        await self._http.close()

    def _turned(self, cursor: str | None) -> Cursor:
        """Where to go on under today's settings; `CursorExpired` where the kept links cannot serve them."""
        try:
            kept = read_cursor(cursor) if cursor else Cursor()
        except wire.Malformed:
            raise CursorExpired("the cursor is none of this version; everything is read again") from None
        now = turn(kept, orders=self._orders, place=self._place)
        if now is None:
            raise CursorExpired("the booking's own place is followed from now on; everything is read again")
        return now

    async def _work_orders(self, now: Cursor) -> Page:
        """One page of changed work orders; those of the first read have not changed, they only begin the feed."""
        link = now.work_orders or self._reader.path(query.TRACK_WORK_ORDERS)
        page, onward, complete = await self._reader.tracked(link, wire.IdRow, stored=bool(now.work_orders))
        changed = [row.msdyn_workorderid for row in page.value if not wire.is_deleted(row)] if now.primed else []
        after = replace(now, work_orders=onward, primed=now.primed or complete, orders_next=not complete)
        return Page(
            rows=(),
            deleted=(),
            cursor=write_cursor(after),
            complete=False,
            work_orders=tuple(WorkOrderId(each.lower()) for each in changed if each is not None),
        )

    async def _resources_link(self) -> str:
        """Where changed resources are asked for from now on, "" where nobody keeps or shows their changes."""
        try:
            _, link = await self._reader.all_tracked(self._reader.path(query.TRACK_RESOURCES), wire.IdRow, stored=False)
        except (Denied, Unreachable) as error:
            if not error.refused:
                raise
            return ""
        return link

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
        zones = await self._reference.zones() if rows else {}
        spoiled = [row for row in rows if isinstance(row, wire.SpoiledWorker)]
        workers = tuple(wire.worker(row, zones) for row in rows if not isinstance(row, wire.SpoiledWorker))
        unreadable = tuple(Unreadable(row.bookableresourceid.lower(), None, row.reason) for row in spoiled)
        return WorkerPage(workers, gone, link, complete=True, full=full, unreadable=unreadable)

    async def _resources(self, ids: Sequence[str]) -> list[wire.WorkerRow]:
        pages = self._reader.pages(self._reader.path(query.resources(ids)), wire.WorkerRow)
        return [row async for page in pages for row in page.value]

    async def _listed(self, ids: Sequence[BookingId]) -> Sequence[Detailed | Unreadable]:
        pages = self._reader.pages(self._reader.path(query.details(ids, place=self._place)), wire.BookingRow)
        return await self._detailed([row async for page in pages for row in page.value])

    async def _single(self, booking: BookingId) -> Detailed | Unreadable | Absence:
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
            row = pages.single(answer.body)
        (told,) = await self._detailed([row])
        if _id(told) != booking:
            raise Incomplete(f"{self._http.origin} gives another booking than {booking}, which was asked for")
        return told

    async def _parts(self, whole: Span, anchor: datetime, address: Callable[[Span], str]) -> AsyncIterator[Swept]:
        spans = [whole]
        while spans:
            span = spans.pop()
            path, halves = self._reader.path(address(span)), cut(span, anchor)
            rows = await self._reader.part(path, wire.BookingRow, _name)
            if rows is None and halves is not None:
                spans += reversed(halves)
                continue
            if rows is None:
                rows = await self._reader.uncounted(path, wire.BookingRow, _name)
            statuses = await self._reference.statuses(rows)
            with proven(self._http.origin):
                sound, spoiled = _parted(rows)
                told = tuple(wire.booking(row, statuses, place=self._place) for row in sound)
                yield Swept(told, wire.orders(sound), spoiled)

    async def _affected(self, work_orders: Sequence[str]) -> list[BookingId]:
        path = self._reader.path(query.affected(work_orders))
        pages = self._reader.counted(path, wire.BookingRow, lambda row: row.bookableresourcebookingid)
        rows = [row async for page in pages for row in page]
        return [BookingId(row.bookableresourcebookingid.lower()) for row in rows if row.bookableresourcebookingid]

    async def _detailed(self, rows: Sequence[wire.BookingRow]) -> Sequence[Detailed | Unreadable]:
        statuses, labels = await self._reference.statuses(rows), await self._reference.labels(rows)
        with proven(self._http.origin):
            sound, spoiled = _parted(rows)
            told = (wire.detailed(row, statuses, labels, place=self._place, ahead=self._ahead()) for row in sound)
            return [*told, *spoiled]

    def _ahead(self) -> float:
        """Seconds by which our clock is ahead of the source's; what lies within the header's grain counts as none."""
        ahead = self._http.ahead or 0.0
        return ahead if abs(ahead) > GRAIN else 0.0


def _parted(rows: Sequence[wire.BookingRow]) -> tuple[list[wire.BookingRow], tuple[Unreadable, ...]]:
    """The rows that can be read, and what is known of the others (I7)."""
    told = [(row, wire.unreadable(row)) for row in rows]
    return [row for row, spoiled in told if spoiled is None], tuple(
        spoiled for _, spoiled in told if spoiled is not None
    )


def _id(told: Detailed | Unreadable) -> str:
    return told.id if isinstance(told, Unreadable) else told.booking.id


def _name(row: wire.BookingRow) -> str | None:
    return row.bookableresourcebookingid


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
