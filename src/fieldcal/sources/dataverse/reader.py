"""Reads pages of the Web API: what each refusal means, and what makes a list whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

from fieldcal.errors import CursorExpired, Denied, FieldcalError, Incomplete, Throttled, Unreachable
from fieldcal.http import Answer, Http
from fieldcal.sources.dataverse import wire

_Row = TypeVar("_Row")

#: a list longer than this is a loop with ever new links
MOST_PAGES = 100_000
#: rows a page where each comes with its work order
DETAILS_PAGE = 1000

_HEADERS = {
    "Accept": "application/json",
    "OData-Version": "4.0",
    "OData-MaxVersion": "4.0",
    # without it a cache on the way may answer
    "If-None-Match": "null",
}
_STALE_LINK = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class Reader:
    """GET, nothing else. Paths begin with `root`; links of the server are followed as they are given."""

    def __init__(self, http: Http, page_size: int) -> None:
        self._http = http
        #: the path of the Web API on the server
        self.root = http.root if "/api/data/v" in http.root else f"{http.root}/api/data/v9.2"
        details = f'odata.maxpagesize={min(page_size, DETAILS_PAGE)},odata.include-annotations="{wire.FORMATTED}"'
        self._prefer_details = {**_HEADERS, "Prefer": details}
        self._prefer_tracked = {**_HEADERS, "Prefer": f"odata.track-changes,odata.maxpagesize={page_size}"}

    async def get(self, path: str) -> Answer:
        """The answer to a read with details, whatever its status."""
        return await self._http.request("GET", path, headers=self._prefer_details)

    async def sound(self, path: str) -> Answer:
        """The answer to a read with details; raises for every other status than 200."""
        answer = await self.get(path)
        if answer.status != HTTPStatus.OK:
            raise self.refused(answer)
        return answer

    async def pages(self, path: str, row: type[_Row]) -> AsyncIterator[wire.Answered[_Row]]:
        """The pages of a list up to its last one; `Incomplete` for a page that is not sound, or links in a circle."""
        seen: set[str] = set()
        link: str | None = path
        while link is not None:
            if link in seen or len(seen) >= MOST_PAGES:
                raise Incomplete(f"{self._http.origin} leads a list in a circle")
            seen.add(link)
            answer = await self.sound(link)
            with proven(self._http.origin):
                page = wire.decode(answer.body, row)
            yield page
            link = None if page.next_link is None else self._http.within(page.next_link)

    async def counted(self, path: str, row: type[_Row], name: Callable[[_Row], object]) -> AsyncIterator[list[_Row]]:
        """The rows of a list read with `$count`, page by page; raises `Incomplete` at the end unless it is whole.

        The proof: every page is sound, the links come to an end, no row comes twice (the list is ordered by id), and
        no fewer rows came than the server counted. It counts up to 5000; above that the first three have to do.
        """
        names: set[object] = set()
        came, count = 0, None
        async for page in self.pages(path, row):
            came += len(page.value)
            names.update(map(name, page.value))
            count = page.count if count is None else count
            if len(names) != came:
                raise Incomplete(f"{self._http.origin} gives a row of a list twice")
            yield page.value
        if count is None or (came < count < wire.COUNTED):
            raise Incomplete(f"{self._http.origin} counts {count} rows and gives {came}")

    async def tracked(self, link: str, row: type[_Row], *, stored: bool) -> tuple[wire.Answered[_Row], str, bool]:
        """One page of a change feed, the link to ask next, and whether that is for later changes.

        `stored`: the link was kept, so a refusal may mean that it is too old; then `CursorExpired`. (The status of an
        expired token is not documented; its code is.)
        """
        answer = await self._http.request("GET", link, headers=self._prefer_tracked)
        if answer.status != HTTPStatus.OK:
            code, message = wire.error_code(answer.json())
            if code.lower() == wire.EXPIRED or (stored and code and answer.status in _STALE_LINK):
                raise CursorExpired(f"the delta link is not good any more (HTTP {answer.status} {code}: {message})")
            raise self.refused(answer)
        with proven(self._http.origin):
            page = wire.decode(answer.body, row)
        onward = page.next_link or page.delta_link
        if onward is None or (page.next_link and page.delta_link):
            raise Incomplete(f"{self._http.origin} does not say where its changes go on")
        return page, self._http.within(onward), page.delta_link is not None

    async def all_tracked(self, link: str, row: type[_Row], *, stored: bool) -> tuple[list[_Row], str]:
        """Every row of a change feed up to its delta link, and that link."""
        rows: list[_Row] = []
        seen: set[str] = set()
        while True:
            seen.add(link)
            page, link, complete = await self.tracked(link, row, stored=stored or len(seen) > 1)
            rows += page.value
            if complete:
                return rows, link
            if link in seen or len(seen) >= MOST_PAGES:
                raise Incomplete(f"{self._http.origin} leads a list in a circle")

    def path(self, wanted: str) -> str:
        """The path of an address that `query` gives."""
        return f"{self.root}/{wanted}"

    def refused(self, answer: Answer) -> FieldcalError:
        """The error of an answer that is not 200; 401 does not come here, it has become `SignInFailed` before."""
        code, message = wire.error_code(answer.json())
        told = f"{self._http.origin} answers HTTP {answer.status} {code}".rstrip()
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(f"{told}: asked to wait", code=code, retry_after=answer.retry_after())
        if answer.status == HTTPStatus.FORBIDDEN:
            return Denied(f"{told}: {message or 'a privilege is missing'}", code=code, status=answer.status)
        wait = answer.retry_after()
        reason = message or "no answer of a Web API"
        return Unreachable(f"{told}: {reason}", code=code, status=answer.status, retry_after=wait)


@contextmanager
def proven(origin: str) -> Iterator[None]:
    """What is malformed inside proves nothing: it becomes `Incomplete`."""
    try:
        yield
    except wire.Malformed as error:
        raise Incomplete(f"{origin} gives an answer that cannot be used: {error}") from None
