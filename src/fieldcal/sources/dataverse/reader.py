"""Reads pages of the Web API: what each refusal means, and what makes a list whole."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from http import HTTPStatus
from typing import TypeVar

from fieldcal.answer import Answer
from fieldcal.errors import CursorExpired, Denied, FieldcalError, Incomplete, Throttled, Unreachable
from fieldcal.http import Http
from fieldcal.sources.dataverse import wire
from fieldcal.sources.dataverse.pages import Answered, decode

_Row = TypeVar("_Row")

#: a list longer than this is a loop with ever new links
MOST_PAGES = 100_000
#: rows a page where each comes with its work order
DETAILS_PAGE = 1000

#: how often a list is read before it is said not to be whole
PART_TRIES = 3

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
        self.origin = http.origin
        #: the path of the Web API on the server
        self.root = http.root if "/api/data/v" in http.root else f"{http.root}/api/data/v9.2"
        details = f'odata.maxpagesize={min(page_size, DETAILS_PAGE)},odata.include-annotations="{wire.FORMATTED}"'
        self._prefer_details = {**_HEADERS, "Prefer": details}
        self._prefer_thin = {**_HEADERS, "Prefer": f"odata.maxpagesize={page_size}"}
        self._prefer_one = {**_HEADERS, "Prefer": "odata.track-changes,odata.maxpagesize=1"}
        self._prefer_tracked = {**_HEADERS, "Prefer": f"odata.track-changes,odata.maxpagesize={page_size}"}

    async def get(self, path: str) -> Answer:
        """The answer to a read with details, whatever its status."""
        return await self._http.request("GET", path, headers=self._prefer_details)

    async def first_tracked(self, path: str) -> Answer:
        """The answer to the smallest question for changes, whatever its status."""
        return await self._http.request("GET", path, headers=self._prefer_one)

    async def sound(self, path: str, *, thin: bool = False) -> Answer:
        """The answer to a read with details, or to one of thin rows; raises for every other status than 200."""
        headers = self._prefer_thin if thin else self._prefer_details
        answer = await self._http.request("GET", path, headers=headers)
        if answer.status != HTTPStatus.OK:
            raise self.refused(answer)
        return answer

    async def pages(self, path: str, row: type[_Row], *, thin: bool = False) -> AsyncGenerator[Answered[_Row], None]:
        """The pages of a list up to its last one; `Incomplete` for a page that is not sound, or links in a circle."""
        seen: set[str] = set()
        link: str | None = path
        while link is not None:
            if link in seen or len(seen) >= MOST_PAGES:
                raise Incomplete(f"{self.origin} leads a list in a circle")
            seen.add(link)
            answer = await self.sound(link, thin=thin)
            with proven(self.origin):
                page = decode(answer.body, row)
            yield page
            link = None if page.next_link is None else self._http.within(page.next_link)

    async def counted(self, path: str, row: type[_Row], name: Callable[[_Row], object]) -> AsyncIterator[list[_Row]]:
        """The rows of a list read with `$count`, page by page; raises `Incomplete` at the end unless it is whole.

        The proof: every page is sound, the links come to an end, and no fewer rows came than the server counted, one
        that came twice being given once. It counts up to 5000; above that the first two have to do.
        """
        names: set[object] = set()
        count = None
        async for page in self.pages(path, row):
            fresh = {name(each): each for each in page.value if name(each) not in names}
            names.update(fresh)
            count = page.count if count is None else count
            yield list(fresh.values())
        if count is None or (len(names) < count < wire.COUNTED):
            raise Incomplete(f"{self.origin} counts {count} rows and gives {len(names)}")

    async def part(self, path: str, row: type[_Row], name: Callable[[_Row], object]) -> list[_Row] | None:
        """All rows of a list of thin rows that the server counts, each once; None where it counts no further.

        Where rows are missing (they moved between two pages, or a page was cut short) the list is read anew, a few
        times; then `Incomplete`. A row that comes twice is taken once.
        """
        for tries_left in reversed(range(PART_TRIES)):
            try:
                return await self._whole(path, row, name, countable=True)
            except Incomplete:
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    async def uncounted(self, path: str, row: type[_Row], name: Callable[[_Row], object]) -> list[_Row]:
        """All rows of a list longer than the server counts: every page sound, and its links come to an end."""
        return await self._whole(path, row, name, countable=False) or []

    async def _whole(
        self, path: str, row: type[_Row], name: Callable[[_Row], object], *, countable: bool
    ) -> list[_Row] | None:
        rows: dict[object, _Row] = {}
        count: int | None = None
        async with aclosing(self.pages(path, row, thin=True)) as pages:
            async for page in pages:
                count = page.count if count is None else count
                if countable and count is not None and count >= wire.COUNTED:
                    return None
                rows |= {name(each): each for each in page.value}
        if count is None or (countable and len(rows) < count):
            raise Incomplete(f"{self.origin} counts {count} rows and gives {len(rows)}")
        return list(rows.values())

    async def tracked(self, link: str, row: type[_Row], *, stored: bool) -> tuple[Answered[_Row], str, bool]:
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
        with proven(self.origin):
            page = decode(answer.body, row)
        onward = page.next_link or page.delta_link
        if onward is None or (page.next_link and page.delta_link):
            raise Incomplete(f"{self.origin} does not say where its changes go on")
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
                raise Incomplete(f"{self.origin} leads a list in a circle")

    def path(self, wanted: str) -> str:
        """The path of an address that `query` gives."""
        return f"{self.root}/{wanted}"

    def refused(self, answer: Answer) -> FieldcalError:
        """The error of an answer that is not 200; 401 does not come here, it has become `SignInFailed` before."""
        code, message = wire.error_code(answer.json())
        told = f"{self.origin} answers HTTP {answer.status} {code}".rstrip()
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(f"{told}: asked to wait", code=code, retry_after=answer.retry_after())
        if answer.status == HTTPStatus.FORBIDDEN:
            lacking = missing_privilege(answer)
            why = f"the privilege {lacking} is missing" if lacking else message or "a privilege is missing"
            return Denied(f"{told}: {why}", code=code, status=answer.status)
        wait = answer.retry_after()
        reason = message or "no answer of a Web API"
        return Unreachable(f"{told}: {reason}", code=code, status=answer.status, retry_after=wait)


def missing_privilege(answer: Answer) -> str:
    """The name of the privilege that a refusal says is missing, such as prvReadmsdyn_workorder; "" where none is named.

    Dataverse names it in the middle of a long message, behind ids that help nobody.
    """
    told = answer.json()
    error = told.get("error") if isinstance(told, dict) else None
    found = re.search(r"\bprv\w{1,100}", str(error.get("message"))[:4000]) if isinstance(error, dict) else None
    return found[0] if found else ""


@contextmanager
def proven(origin: str) -> Iterator[None]:
    """What is malformed inside proves nothing: it becomes `Incomplete`."""
    try:
        yield
    except wire.Malformed as error:
        raise Incomplete(f"{origin} gives an answer that cannot be used: {error}") from None
