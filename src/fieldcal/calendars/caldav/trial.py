"""What Test & Enable asks of this end: may we sign in, is there a calendar, can it be written to, and does it keep the
conditions and the mark without which an event could be doubled or taken for somebody else's.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fieldcal.calendars.caldav import dav, discovery, wire
from fieldcal.calendars.caldav.account import Accounts
from fieldcal.calendars.caldav.courier import AS_IT_IS, Courier, Thing, not_whole
from fieldcal.calendars.caldav.discovery import Located, MissingCalendar
from fieldcal.calendars.caldav.lines import Malformed
from fieldcal.calendars.caldav.replies import of_write
from fieldcal.errors import (
    ConfigError,
    ConnectorError,
    FieldcalError,
    Forbidden,
    Full,
    LeaseLost,
    MailboxError,
    NotAMailbox,
    Rejected,
    SignInFailed,
    Throttled,
    Unavailable,
)
from fieldcal.model import Check, EventId, Window
from fieldcal.ports import BeforeSend

SIGN_IN = "sign-in"
FOUND = "mailbox found"
WRITABLE = "calendar writable"

#: Far from anything a person looks at.
TRIAL_START = datetime(2001, 1, 1, tzinfo=UTC)
TRIAL_LENGTH = timedelta(minutes=30)

_NAMESPACE = uuid.UUID("3d5f7a10-9c1b-4f7e-8a2d-6b0e4c9d1f58")
_SET_CALENDAR = "Set the profile's calendar to the name of one of them, or to that of a new one, which is then made."
_REMEDIES: tuple[tuple[type[FieldcalError], str, bool], ...] = (
    (SignInFailed, "Check the user name and the password; many servers want an app password made for this.", False),
    (ConfigError, "Check the profile's address and the mailbox's account.", False),
    (Forbidden, "Have the calendar shared with the account that signs in, with the right to write.", False),
    (Full, "Room has to be made in the account.", False),
    (Rejected, "The server cannot be used: docs/set-up-caldav.md says what it has to keep.", False),
    (Unavailable, "Nothing to do: the calendar cannot be used just now; it is tried again.", True),
    (Throttled, "Nothing to do: the server asks to wait; it is tried again.", True),
    (ConnectorError, "Check the server profile's address if this lasts; it is tried again.", True),
)
_MISSING = {
    discovery.SEVERAL: _SET_CALENDAR,
    discovery.NO_SUCH_NAME: _SET_CALENDAR,
    discovery.SERVICE_ACCOUNT: (
        "Write the profile's address with a placeholder for the mailbox, such as .../{user}/, and see to the mailbox's "
        "account name (`fieldcal mailbox edit ADDRESS --user-name NAME`)."
    ),
    discovery.HIDES_PRIVATE: (
        "Have each mailbox sign in by itself (`fieldcal mailbox edit ADDRESS --user-name NAME --secret ...`), with an "
        "address that leads to its own calendar."
    ),
    "OtherScheme": "Set the profile's address to what lies behind it; for Nextcloud https://HOST/remote.php/dav/.",
    "OtherHost": "Set the profile's address to the server that is named; every mailbox there needs that profile.",
}
_NO_CALENDAR = (
    "Check the profile's address, which has to lead to the mailbox's principal, home or calendar, and the mailbox's "
    "account name (`fieldcal mailbox edit ADDRESS --user-name NAME`)."
)
_UNDECIDED = "Nothing to do: it is tried again."


async def run(courier: Courier, accounts: Accounts, wanted: str, before_send: BeforeSend) -> list[Check]:
    """The checks in their order, up to the first that fails; remembers the calendar. Raises only `LeaseLost`."""
    try:
        located = await _locate(courier, wanted, before_send)
    except LeaseLost:
        raise
    except MailboxError as error:
        return [Check(SIGN_IN, ok=True), failed(FOUND, error)]
    except FieldcalError as error:
        return [failed(SIGN_IN, error)]
    found = [Check(SIGN_IN, ok=True), Check(FOUND, ok=True)]
    if located.read_only:
        detail = "The server says that this calendar cannot be written to."
        remedy = "Have the calendar shared with the account that signs in, with the right to write."
        return [*found, Check(WRITABLE, ok=False, detail=detail, remedy=remedy)]
    try:
        await accounts.found(courier.mailbox, located.collection)
    except FieldcalError as error:
        return [found[0], failed(FOUND, error)]
    return [*found, await _writable(courier, located.collection, before_send)]


async def _locate(courier: Courier, wanted: str, before_send: BeforeSend) -> Located:
    """The calendar; one of our own is made where it is missing."""
    try:
        return await discovery.locate(courier, wanted, before_send)
    except MissingCalendar as error:
        if not error.home:
            raise
        # its path comes of its name, so that a lost answer and a second try make no second calendar
        path = f"{error.home}{uuid.uuid5(_NAMESPACE, wanted)}/"
        await discovery.make(courier, error.home, wanted, path, before_send)
        return await discovery.locate(courier, wanted, before_send)


async def _writable(courier: Courier, collection: str, before_send: BeforeSend) -> Check:
    try:
        await _clean(courier, collection, before_send)
        await _write_and_remove(courier, collection, before_send)
    except LeaseLost:
        raise
    except Malformed as error:
        return failed(WRITABLE, not_whole(f"the server answers with {error}"))
    except FieldcalError as error:
        return failed(WRITABLE, error)
    return Check(WRITABLE, ok=True)


async def _clean(courier: Courier, collection: str, before_send: BeforeSend) -> None:
    """Remove the trial events that a crash left; they are told by a property that nothing else of ours has."""
    window = Window(TRIAL_START, TRIAL_START + TRIAL_LENGTH)
    for there in await courier.query(collection, dav.query_window(window), before_send):
        if wire.marked(there.text) and wire.is_trial(there.text):
            await _remove(courier, there.href, there.etag, before_send)


async def _write_and_remove(courier: Courier, collection: str, before_send: BeforeSend) -> None:
    # another name each time: Nextcloud's trash bin does not take the same one twice (nextcloud/server#42582)
    now = courier.clock.now()
    uid = str(uuid.uuid5(_NAMESPACE, f"{collection} {now.isoformat()}"))
    href = EventId(f"{collection}{uid}.ics")
    body = wire.trial(uid, TRIAL_START, TRIAL_START + TRIAL_LENGTH, now)
    await _put(courier, href, body, {"If-None-Match": "*"}, before_send)
    try:
        there = await courier.thing(href, before_send)
        etag = there.etag if there is not None else ""
        _check(there, uid)
        await _refused(courier, href, body, {"If-None-Match": "*"}, before_send)
        await _refused(courier, href, body, {"If-Match": '"fieldcal-no-such-etag"'}, before_send)
    except (FieldcalError, Malformed):
        await _remove(courier, href, "", before_send)
        raise
    if not etag:
        await _remove(courier, href, "", before_send)
        raise Rejected("this server tells no etag of an event, so that a change by hand could be written over")
    await _remove(courier, href, etag, before_send)


def _check(there: Thing | None, uid: str) -> None:
    if there is None:  # by the word of the calendar itself; nobody waits for time to heal that
        text = (
            "this server takes a private event and does not show it: one of ours that a worker makes private would be "
            "made a second time. The trial event of 1 January 2001 may have stayed, for the calendar's owner to remove"
        )
        raise Rejected(text)
    if not wire.reads_as_trial(there.text, uid, TRIAL_START):
        raise not_whole("the trial event does not read as it was written")
    if not wire.is_trial(there.text):
        raise Rejected("this server drops the property by which our events are told from everybody else's")


async def _refused(
    courier: Courier, href: EventId, body: bytes, condition: dict[str, str], before_send: BeforeSend
) -> None:
    """Have the server prove that it refuses what the condition forbids."""
    headers = {"Content-Type": "text/calendar; charset=utf-8", **AS_IT_IS, **condition}
    answer = await courier.send("PUT", href, before_send, headers=headers, body=body)
    if answer.status == HTTPStatus.PRECONDITION_FAILED:
        return
    name = next(iter(condition))
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the 2xx class
        raise Rejected(f"this server does not keep {name}, without which an event could be doubled or written over")
    raise of_write(courier.refusal(answer), own=courier.account.own)


async def _put(
    courier: Courier, href: EventId, body: bytes, condition: dict[str, str], before_send: BeforeSend
) -> None:
    headers = {"Content-Type": "text/calendar; charset=utf-8", **AS_IT_IS, **condition}
    answer = await courier.send("PUT", href, before_send, headers=headers, body=body)
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - the 2xx class
        raise of_write(courier.refusal(answer), own=courier.account.own)


async def _remove(courier: Courier, href: EventId, etag: str, before_send: BeforeSend) -> None:
    answer = await courier.send("DELETE", href, before_send, headers={"If-Match": etag} if etag else {})
    if answer.status == HTTPStatus.PRECONDITION_FAILED and etag:
        await _remove(courier, href, "", before_send)
        raise Rejected("this server refuses the etag that it told, so that nothing could be changed")
    if answer.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE} and not 200 <= answer.status < 300:  # noqa: PLR2004
        raise of_write(courier.refusal(answer), own=courier.account.own)


def failed(name: str, error: FieldcalError) -> Check:
    """The line of a check that failed with this, and what helps."""
    if isinstance(error, NotAMailbox):
        return Check(name, ok=False, detail=str(error), remedy=_MISSING.get(error.code, _NO_CALENDAR))
    for kind, remedy, transient in _REMEDIES:
        if isinstance(error, kind):
            return Check(name, ok=False, detail=str(error), remedy=remedy, transient=transient)
    return Check(name, ok=False, detail=str(error), remedy=_UNDECIDED, transient=True)
