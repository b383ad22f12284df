"""One write each: create, update, delete, and what became of it. Nothing that may have been carried out is sent twice.

RFC 4791 5.3.2 and RFC 9110 13.1: `If-None-Match: *` makes a creation happen once, `If-Match` lets no change be lost.
There is no PATCH. An event that holds only our words (`wire.digest`) is replaced by one PUT; one in which somebody else
wrote is read, and our fields are written over in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

from fieldcal.answer import Answer
from fieldcal.calendars.caldav import dav, wire
from fieldcal.calendars.caldav.courier import AS_IT_IS, Courier, Thing, not_whole
from fieldcal.calendars.caldav.lines import Malformed
from fieldcal.calendars.caldav.replies import of_write
from fieldcal.errors import (
    NOT_CONNECTED,
    Changed,
    ConnectorError,
    FieldcalError,
    Gone,
    KeyUsed,
    LeaseLost,
    MailboxError,
    NotSent,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unreachable,
)
from fieldcal.model import Create, Delete, EventId, Receipt, Update, Write
from fieldcal.ports import BeforeSend, Outcome

_CALENDAR = {"Content-Type": "text/calendar; charset=utf-8", **AS_IT_IS}
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
#: Seconds after a try that met a lock (423). Xandikos commits one change of a calendar at a time and refuses whatever
#: comes meanwhile, so from the first refusal on our writes stand in line; others' may still be in the way.
_LOCKED = (0.05, 0.15, 0.5, 0.0)
_WRITTEN = frozenset({HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})


class Line:
    """Writes go abreast until the server says of one that it takes one at a time; from then on each waits its turn."""

    def __init__(self) -> None:
        self.formed = False
        self._abreast = 0
        self._alone = asyncio.Event()
        self._alone.set()
        self._turn = asyncio.Lock()

    @contextmanager
    def abreast(self) -> Iterator[None]:
        """Under way beside others."""
        self._abreast += 1
        self._alone.clear()
        try:
            yield
        finally:
            self._abreast -= 1
            if not self._abreast:
                self._alone.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Under way alone: whatever went abreast is over."""
        self.formed = True
        async with self._turn:
            await self._alone.wait()
            yield


@dataclass(frozen=True, slots=True)
class Pen:
    """What one write is carried out with."""

    courier: Courier
    #: the path of the collection in which new events are made
    collection: str
    #: asked before the write and what is read for it; raises `NotSent` where the rest is not to be sent
    may_begin: BeforeSend
    #: asked before what is read to learn what became of it
    may_read: BeforeSend
    #: in which the writes of one calendar stand, where the server takes one at a time
    line: Line


async def carry_out(pen: Pen, action: Write) -> Outcome:
    """What became of this write. Raises only `LeaseLost`, and only where nothing was written."""
    try:
        if isinstance(action, Create):
            return await _create(pen, action)
        if isinstance(action, Update):
            return await _update(pen, action)
        return await _delete(pen, action)
    except Throttled as error:  # by our own limit, or while reading what stands there: nothing was written
        return NotSent(str(error), code=error.code, status=error.status, retry_after=error.retry_after)
    except Unreachable as error:
        return NotSent(str(error), code=error.code, status=error.status, retry_after=error.retry_after)
    except (NotSent, MailboxError, ConnectorError) as error:
        return error


async def _create(pen: Pen, action: Create) -> Outcome:
    href = wire.href_of(pen.collection, action.mark)
    refused = _impossible(action)
    if refused is not None:
        return refused
    answer = await _put(pen, href, wire.new(action, pen.courier.clock.now()), {"If-None-Match": "*"})
    if isinstance(answer, FieldcalError):
        return answer
    if not _written(answer):
        told = pen.courier.refusal(answer)
        if told.uid_used:  # under Xandikos a 412 too
            return await _uid_used(pen, action, told.told.hrefs, str(told))
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            return await _told_apart(pen, action, href)
        return of_write(told, own=pen.courier.account.own)
    return await _receipt(pen, action, href, answer, others=False)


def _impossible(action: Create | Update) -> Rejected | None:
    """A time that no calendar holds; servers that take it show it in no list."""
    if action.event.end < action.event.start:
        return Rejected("an event cannot end before it starts", code="EndsBeforeStart")
    return None


async def _told_apart(pen: Pen, action: Create, href: EventId) -> Outcome:
    """What stands where the event was to be made: itself, made before; ours with other content; or a stranger."""
    there = await _read_back(pen, action, href, "something stands there that")
    if isinstance(there, FieldcalError):
        return there
    if there is None:
        return NotSent("the server says that something stands there, and nothing does", status=412)
    if not wire.made_for(there.text, action.mark):
        return KeyUsed("something of somebody else's stands there; it is not touched", code="Foreign", status=412)
    seen = there.observed()
    if seen is None or seen.mark != action.mark or not seen.stamp:
        # the UID is ours alone, so a client has dropped our properties: they are written again, not a second event
        return Receipt(href, wire.OTHERS_WORDS + there.etag if there.etag else "", differs=True, status=412)
    if seen.stamp == action.stamp:
        return replace(wire.receipt(action, seen), status=412)
    return KeyUsed("the event stands there with other content", code="Made", status=412, existing=href)


async def _read_back(pen: Pen, action: Write, href: EventId, what: str) -> Thing | OutcomeUnknown | None:
    """What stands there now; nobody knows of a write whose result cannot be read."""
    try:
        there = await pen.courier.thing(href, pen.may_read)
        if there is not None:
            there.observed()
            wire.made_for(there.text, action.mark)
    except LeaseLost as error:
        return OutcomeUnknown(f"{what} was not read ({error})")
    except FieldcalError as error:
        return OutcomeUnknown(f"{what} could not be read ({error})")
    return there


async def _uid_used(pen: Pen, action: Create, hrefs: tuple[str, ...], why: str) -> Outcome:
    """Another object has our UID: ours under another address, or one in a trash bin that nobody can see."""
    for href in hrefs:
        try:
            path = EventId(dav.canonical(href, pen.courier.origin))
        except Malformed:
            continue  # names nothing that we could read
        there = await _read_back(pen, action, path, "another object has the UID and")
        if isinstance(there, FieldcalError):
            return there
        seen = there.observed() if there is not None else None
        if seen is not None and seen.mark == action.mark:
            return KeyUsed(f"the event stands under another address ({why})", code="Made", existing=seen.id)
    return KeyUsed(f"the UID was used before ({why})", code="UidUsed")


async def _update(pen: Pen, action: Update) -> Outcome:
    refused = _impossible(action)
    if refused is not None:
        return refused
    etag, now = action.etag, pen.courier.clock.now()
    others = not etag or etag.startswith(wire.OTHERS_WORDS)
    if not others:
        body = wire.new(action, now)
    else:
        there = await pen.courier.thing(action.id, pen.may_begin)
        if there is None or not _serves(there, action):
            return Gone("the event is not there any more")
        if etag and there.etag != wire.bare(etag):
            return Changed("the event changed since it was read")
        seen = there.observed()
        # nobody's words but ours: what was read is replaced as a whole
        others = seen is None or seen.etag.startswith(wire.OTHERS_WORDS) or not there.etag
        if others and not there.whole:
            return Rejected(
                "somebody's words in the event are not UTF-8, and would not come back as they are", code="NotUtf8"
            )
        body, etag = wire.merged(there.text, action, now) if others else wire.new(action, now), there.etag
    # without any etag it is not known whose words stand there by now
    if not etag:
        return OutcomeUnknown("the server tells no etag of the event, so it cannot be changed safely")
    answer = await _put(pen, action.id, body, {"If-Match": etag})
    if isinstance(answer, FieldcalError):
        return answer
    if answer.status in _GONE or answer.status == HTTPStatus.PRECONDITION_FAILED:
        return await _gone_or_changed(pen, action)
    if not _written(answer):
        return of_write(pen.courier.refusal(answer), own=pen.courier.account.own)
    return await _receipt(pen, action, action.id, answer, others=others)


def _serves(there: Thing, action: Update | Delete) -> bool:
    try:
        return wire.serves(there.text, action.mark)
    except Malformed as error:
        raise not_whole(f"the server answers with {error}") from None


async def _delete(pen: Pen, action: Delete) -> Outcome:
    etag = wire.bare(action.etag)
    if not etag:
        there = await pen.courier.thing(action.id, pen.may_begin)
        if there is None or not _serves(there, action):
            return Receipt(action.id, "")
        etag = there.etag
    answer = await _sent(pen, "DELETE", action.id, {"If-Match": etag} if etag else {}, None)
    if isinstance(answer, FieldcalError):
        return answer
    done = Receipt(action.id, "", status=answer.status)
    if answer.status == HTTPStatus.NO_CONTENT:
        return done
    if answer.status in _GONE or answer.status == HTTPStatus.PRECONDITION_FAILED:
        told = await _gone_or_changed(pen, action)
        return done if isinstance(told, Gone) else told
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the 2xx class
        # Radicale says 200 with a multistatus; a page of somebody on the way says 200 too
        told = await _gone_or_changed(pen, action)
        if isinstance(told, Gone):
            return done
        return OutcomeUnknown("the server says that it is removed, and it is still there", status=answer.status)
    return of_write(pen.courier.refusal(answer), own=pen.courier.account.own)


async def _gone_or_changed(pen: Pen, action: Update | Delete) -> Gone | Changed | OutcomeUnknown:
    """Whether the event is there: a server says 412 to an `If-Match` on what is gone, too."""
    there = await _read_back(pen, action, action.id, "the event")
    if isinstance(there, FieldcalError):
        return there
    if there is None:
        return Gone("the event is not there any more")
    return Changed("the event changed since it was read", status=412)


async def _receipt(pen: Pen, action: Create | Update, href: EventId, answer: Answer, *, others: bool) -> Outcome:
    """The server's word that it is written: a strong etag, else what it made of it, read back (RFC 4791 5.3.4)."""
    etag = wire.quoted(answer.headers.get("ETag", ""))
    if answer.status in _WRITTEN and wire.strong(etag):
        return Receipt(href, wire.OTHERS_WORDS + etag if others else etag, status=answer.status)
    there = await _read_back(pen, action, href, "what was written, it seems,")
    if isinstance(there, FieldcalError):
        return there
    seen = there.observed() if there is not None else None
    if there is None or seen is None or not wire.serves(there.text, action.mark):
        return OutcomeUnknown("the server says that it is written, and it does not stand there", status=answer.status)
    if seen.stamp not in ("", action.stamp):
        return OutcomeUnknown("the server says that it is written, and something else stands", status=answer.status)
    return replace(wire.receipt(action, seen), status=answer.status)


async def _put(pen: Pen, href: EventId, body: bytes, condition: dict[str, str]) -> Answer | FieldcalError:
    return await _sent(pen, "PUT", href, {**_CALENDAR, **condition}, body)


async def _sent(
    pen: Pen, method: str, href: EventId, headers: dict[str, str], body: bytes | None
) -> Answer | FieldcalError:
    """The answer, or what is known of a write without one. One that met a lock was not carried out: sent again."""
    try:
        if not pen.line.formed:
            with pen.line.abreast():
                answer = await pen.courier.send(method, href, pen.may_begin, headers=headers, body=body)
            if answer.status != HTTPStatus.LOCKED:
                return answer
        async with pen.line.turn():
            for wait in _LOCKED:
                answer = await pen.courier.send(method, href, pen.may_begin, headers=headers, body=body)
                if answer.status != HTTPStatus.LOCKED:
                    break
                await pen.courier.clock.sleep(wait)
            return answer
    except Unreachable as error:
        known = NotSent if error.code == NOT_CONNECTED else OutcomeUnknown
        return known(str(error), code=error.code, status=error.status)


def _written(answer: Answer) -> bool:
    return answer.status in _WRITTEN or answer.status == HTTPStatus.OK
