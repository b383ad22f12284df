"""Requests on their way to one mailbox: one alone, several in batches of twenty, never two batches at once.

learn.microsoft.com/graph/json-batching and graph/throttling: at most 20 items, unordered, answered in any order; each
is throttled by itself; four requests at a time per mailbox, which one unordered batch uses up. Where another program of
the same application takes some of the four, our batches shrink until they get through, and grow again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus

import msgspec

from fieldcal import sent
from fieldcal.answer import Answer, retry_after
from fieldcal.calendars.graph import wire
from fieldcal.calendars.graph.replies import Reply, of_mailbox, of_read, scope
from fieldcal.clock import Clock
from fieldcal.errors import ConnectorError, FieldcalError, NotSent, SignInFailed, Unreachable
from fieldcal.http import NO_ANSWER, Http
from fieldcal.model import MailboxId
from fieldcal.ports import BeforeSend, Pace

LARGEST_BATCH = 20
#: Items of one unordered batch that reach the mailbox at a time.
ABREAST = 4
#: Seconds to leave a mailbox alone where a 429 names none; and at least, whatever it names.
PAUSE_UNTOLD, PAUSE_LEAST = 5.0, 1.0
#: A list longer than this is a loop with ever new links.
MOST_PAGES = 10_000
#: `Unreachable.code` of an answer that came but is not sound or not whole
NOT_WHOLE = "NotWhole"

_JSON = {"Content-Type": "application/json"}
#: a 4xx of these says what it says about each item; any other one refuses the batch for its shape or size
_OF_EACH = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Request:
    """One request below the version's root, percent-encoded; `etag` "" sends no `If-Match`."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    etag: str = ""

    def headers(self) -> dict[str, str]:
        wanted = {"Prefer": wire.PREFER}
        if self.body is not None:
            wanted |= _JSON
        if self.etag:
            wanted["If-Match"] = self.etag
        return wanted


def batch_body(requests: Sequence[Request]) -> bytes:
    """The JSON batch of these requests, unordered; item ids are their places."""
    items: list[dict[str, object]] = []
    for place, request in enumerate(requests):
        items.append({"id": str(place), "method": request.method, "url": request.path, "headers": request.headers()})
        if request.body is not None:
            items[place]["body"] = request.body
    return msgspec.json.encode({"requests": items})


def batch_replies(answer: Answer, count: int) -> list[Reply | FieldcalError]:
    """The reply to each item, by its place; an item without a sound reply is one whose answer was lost."""
    decoded = answer.json()
    listed = decoded.get("responses") if isinstance(decoded, dict) else None
    told: dict[str, list[Reply]] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict) and isinstance(item.get("id"), str) and isinstance(item.get("status"), int):
            told.setdefault(item["id"], []).append(_item_reply(item, answer))
    lost = Unreachable("the batch's answer has no sound reply to this item", code=NO_ANSWER, status=answer.status)
    places = (told.get(str(place), []) for place in range(count))
    return [replies[0] if len(replies) == 1 else lost for replies in places]


def _item_reply(item: Mapping[str, object], answer: Answer) -> Reply:
    headers = item.get("headers")
    wait = None
    for name, value in headers.items() if isinstance(headers, dict) else []:
        if str(name).lower() == "retry-after":
            wait = retry_after(str(value), answer.date)
    status = item["status"]
    return Reply(status if isinstance(status, int) else 0, item.get("body"), wait, _earliest(answer))


def single_reply(answer: Answer) -> Reply:
    """The reply to a request that was sent alone."""
    return Reply(answer.status, answer.json(), answer.retry_after(), _earliest(answer))


def _earliest(answer: Answer) -> datetime | None:
    return None if answer.date is None else answer.date - timedelta(seconds=answer.took)


class Courier:
    """Carries requests to one mailbox, within its pace, and has it paused when it asks for that.

    `root`: the path of the API's version on the server, such as "/v1.0". `connector`: the name of the pause that
    concerns everything behind this end. `widths`: how many items a batch may have, of those mailboxes that have been
    asked too much at once; shared by all couriers of one end. `application`: in whose name all is sent.
    """

    def __init__(
        self,
        http: Http,
        pace: Pace,
        clock: Clock,
        root: str,
        mailbox: MailboxId,
        connector: str,
        widths: MutableMapping[MailboxId, int],
        application: str,
    ) -> None:
        self._http = http
        self._pace = pace
        self._clock = clock
        self._root = root
        self._mailbox = mailbox
        self._connector = connector
        self._widths = widths
        self._application = application

    def _paced(self, cost: int) -> Callable[[], Awaitable[None]]:
        return partial(self._pace.take, self._mailbox, cost, self._application)

    async def one(self, request: Request, before_send: BeforeSend) -> Reply:
        """Send one request by itself. Raises what `Http.request` and `Pace.take` raise, and `LeaseLost`."""
        body = None if request.body is None else msgspec.json.encode(request.body)
        reply = single_reply(
            await self._http.request(
                request.method,
                self._root + request.path,
                headers=request.headers(),
                body=body,
                before_send=before_send,
                paced=self._paced(1),
            )
        )
        await self._heed([reply])
        return reply

    async def many(self, requests: Sequence[Request], before_send: BeforeSend) -> list[Reply | FieldcalError]:
        """Send these in any order; a reply or a reason for each. Raises only `LeaseLost`.

        After a throttle, a refusal of the mailbox, or a lost answer, the rest is not sent.
        """
        replies: list[Reply | FieldcalError] = []
        while len(replies) < len(requests):
            chunk = requests[len(replies) : len(replies) + self._widths.get(self._mailbox, LARGEST_BATCH)]
            came = await self._chunk(chunk, before_send)
            self._fit(came)
            replies += came
            stop = next((error for error in map(_stop, came) if error is not None), None)
            if stop is not None:
                replies += [stop] * (len(requests) - len(replies))
        return replies

    def _fit(self, came: Sequence[Reply | FieldcalError]) -> None:
        """Have the next batch smaller where the server was asked too much at once, and larger where all went well."""
        width = self._widths.get(self._mailbox, LARGEST_BATCH)
        if any(isinstance(reply, Reply) and _asked_too_much(reply) for reply in came):
            self._widths[self._mailbox] = max(min(width, ABREAST) // 2, 1)
        elif width * 2 >= LARGEST_BATCH:
            self._widths.pop(self._mailbox, None)
        else:
            self._widths[self._mailbox] = width * 2

    async def pages(self, path: str, before_send: BeforeSend) -> list[object]:
        """Every row of a list, all pages; raises `Unreachable` (code `NOT_WHOLE`) unless it is whole.

        Whole means: each page is sound, the links come to an end, and no fewer rows came than the server counted,
        where it was asked to count and did.
        """
        return await self.following(self._root + path, before_send)

    async def following(self, first: str, before_send: BeforeSend) -> list[object]:
        """As `pages`, from a link of the server on."""
        found: dict[object, object] = {}
        seen: set[str] = set()
        link: str | None = first
        counted = None
        while link is not None:
            link = self._http.within(link)
            if link in seen or len(seen) >= MOST_PAGES:
                raise Unreachable(f"{self._http.origin} leads a list in a circle", code=NOT_WHOLE)
            seen.add(link)
            page = await self._page(link, before_send)
            try:
                # a row that moved to a later page while we read comes twice, and stands for no second one
                for row in wire.rows(page):
                    found[wire.name_of(row) or len(found)] = row
                link = wire.next_link(page)
            except wire.Malformed as error:
                raise Unreachable(f"{self._http.origin} answers with {error}", code=NOT_WHOLE) from None
            counted = wire.count(page) if counted is None else counted
        if counted is not None and len(found) < counted:
            short = f"{self._http.origin} counts {counted} events and gives {len(found)}"
            raise Unreachable(short, code=NOT_WHOLE)
        return list(found.values())

    async def _page(self, link: str, before_send: BeforeSend) -> object:
        answer = await self._http.request(
            "GET", link, headers={"Prefer": wire.PREFER}, before_send=before_send, paced=self._paced(1)
        )
        reply = single_reply(answer)
        await self._heed([reply])
        if reply.status != HTTPStatus.OK:
            raise of_read(reply.refusal())
        return reply.body

    async def _chunk(self, chunk: Sequence[Request], before_send: BeforeSend) -> list[Reply | FieldcalError]:
        if len(chunk) == 1:
            return [await self._alone(chunk[0], before_send)]
        replies = await self._batch(chunk, before_send)
        if replies is None:
            return await self._one_by_one(chunk, before_send)
        unsigned = [n for n, reply in enumerate(replies) if isinstance(reply, Reply) and _refuses_token(reply)]
        if unsigned:
            again = await self._signed_anew([chunk[n] for n in unsigned], before_send)
            for n, reply in zip(unsigned, again, strict=True):
                replies[n] = reply
        return replies

    async def _one_by_one(self, chunk: Sequence[Request], before_send: BeforeSend) -> list[Reply | FieldcalError]:
        """One item may have spoiled its batch; its neighbours must not suffer for it."""
        came: list[Reply | FieldcalError] = []
        for request in chunk:
            stop = _stop(came[-1]) if came else None
            came.append(stop or await self._alone(request, before_send))
        return came

    async def _signed_anew(self, chunk: Sequence[Request], before_send: BeforeSend) -> list[Reply | FieldcalError]:
        try:
            await self._http.renew()
        except ConnectorError as error:
            return [error] * len(chunk)
        if len(chunk) == 1:
            return [await self._alone(chunk[0], before_send)]
        lost = Unreachable("the batch was refused", code=NO_ANSWER)
        return await self._batch(chunk, before_send) or [lost] * len(chunk)

    async def _alone(self, request: Request, before_send: BeforeSend) -> Reply | FieldcalError:
        try:
            return await self.one(request, before_send)
        except ConnectorError as error:
            return error

    async def _batch(self, chunk: Sequence[Request], before_send: BeforeSend) -> list[Reply | FieldcalError] | None:
        """One batch; None where it was refused as a whole and nothing was carried out."""
        try:
            answer = await self._http.request(
                "POST",
                f"{self._root}/$batch",
                headers={"Accept": "application/json", **_JSON},
                body=batch_body(chunk),
                before_send=before_send,
                paced=self._paced(len(chunk)),
            )
        except ConnectorError as error:
            return [error] * len(chunk)
        if 400 <= answer.status < 500 and answer.status not in _OF_EACH:  # noqa: PLR2004 - the 4xx class
            return None
        replies: list[Reply | FieldcalError] = [single_reply(answer)] * len(chunk)
        if answer.status == HTTPStatus.OK:
            replies = batch_replies(answer, len(chunk))
            for reply in replies:
                sent.inside(reply.status if isinstance(reply, Reply) else 0)
        await self._heed(replies)
        return replies

    async def _heed(self, replies: Sequence[Reply | FieldcalError]) -> None:
        """Have the mailbox, or everything behind this end, left alone as long as the longest answer asks.

        A 429 asks for it, and a server in trouble that names a time; that one speaks for this mailbox alone.
        """
        longest: dict[str, tuple[float, str]] = {}
        for reply in replies:
            if isinstance(reply, Reply) and (reply.throttled or (reply.failing and reply.retry_after)):
                told = reply.refusal()
                whom = self._connector if reply.throttled and scope(told) == "connector" else self._mailbox
                seconds = PAUSE_UNTOLD if told.retry_after is None else max(told.retry_after, PAUSE_LEAST)
                longest[whom] = max(longest.get(whom, (0.0, "")), (seconds, str(told)))
        for whom, (seconds, reason) in longest.items():
            sent.asked_to_wait("calendars", seconds)
            await self._pace.pause(whom, self._clock.now() + timedelta(seconds=seconds), reason)


def _asked_too_much(reply: Reply) -> bool:
    return reply.throttled and scope(reply.refusal()) == "mailbox"


def _refuses_token(reply: Reply) -> bool:
    return reply.status == HTTPStatus.UNAUTHORIZED


def _stop(reply: Reply | FieldcalError) -> FieldcalError | None:
    """Why nothing more should be sent after this reply; None where the rest may go on."""
    if isinstance(reply, SignInFailed | NotSent):
        return reply
    if isinstance(reply, FieldcalError):
        return NotSent(f"not sent after a request without an answer ({reply})")
    told = reply.refusal()
    if reply.throttled or (reply.failing and reply.retry_after):
        return NotSent(f"not sent, asked to wait ({told})", code=told.code, retry_after=told.retry_after)
    if reply.status == HTTPStatus.UNAUTHORIZED or (not reply.good and of_mailbox(told) is not None):
        return NotSent(f"not sent, the mailbox refuses ({told})", code=told.code, status=told.status)
    return None
