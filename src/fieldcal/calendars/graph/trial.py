"""What Test & Enable asks of this end: may we sign in, is there a mailbox, can its calendar be written to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fieldcal.calendars.graph import wire
from fieldcal.calendars.graph.batch import NOT_WHOLE, Courier, Request
from fieldcal.calendars.graph.replies import (
    HOSTED_ELSEWHERE,
    NO_MAILBOX,
    NO_MAILBOX_YET,
    NO_USER,
    Reply,
    of_read,
    of_write,
)
from fieldcal.errors import (
    ConnectorError,
    FieldcalError,
    Forbidden,
    Full,
    Gone,
    LeaseLost,
    MailboxError,
    NotAMailbox,
    SignInFailed,
    Throttled,
    Unavailable,
    Unreachable,
)
from fieldcal.model import Check, EventId, MailboxId
from fieldcal.ports import BeforeSend

SIGN_IN = "sign-in"
FOUND = "mailbox found"
WRITABLE = "calendar writable"

#: Far from anything a person looks at.
TRIAL_START = datetime(2001, 1, 1, tzinfo=UTC)
TRIAL_LENGTH = timedelta(minutes=30)

_REMEDIES: tuple[tuple[type[FieldcalError], str, bool], ...] = (
    (SignInFailed, "Check the server profile's credential and that it has not expired.", False),
    (
        Forbidden,
        "Grant the application Calendars.ReadWrite with this mailbox in its scope; a changed scope can take two hours.",
        False,
    ),
    (Full, "The worker has to make room in the mailbox.", False),
    (Unavailable, "Nothing to do: the mailbox cannot be used just now; it is tried again.", True),
    (Throttled, "Nothing to do: the server asks to wait; it is tried again.", True),
    (ConnectorError, "Check the server profile's address if this lasts; it is tried again.", True),
)
#: What helps where there is no mailbox, by what is missing.
_MISSING = {
    NO_USER: "The user is deleted, or the source has another's object id: correct it there, or disable the mailbox.",
    NO_MAILBOX_YET: "Give the user an Exchange Online licence and test again; a new mailbox can take 15 minutes.",
    HOSTED_ELSEWHERE: "Move the mailbox to Exchange Online, or take it into the application's scope.",
}
_UNDECIDED = "Nothing to do: it is tried again."


async def run(courier: Courier, mailbox: MailboxId, before_send: BeforeSend) -> list[Check]:
    """The checks in their order, up to the first that fails. Raises only `LeaseLost`."""
    try:
        reply = await courier.one(Request("GET", wire.calendar_path(mailbox)), before_send)
    except ConnectorError as error:
        return [_failed(SIGN_IN, error)]
    if reply.status != HTTPStatus.OK:
        refused = of_read(reply.refusal())
        if isinstance(refused, MailboxError):
            return [Check(SIGN_IN, ok=True), _failed(FOUND, refused)]
        return [_failed(SIGN_IN, refused)]
    found = [Check(SIGN_IN, ok=True), Check(FOUND, ok=True)]
    if not wire.is_calendar(reply.body) or not isinstance(reply.body.get("canEdit"), bool):
        return [*found, _failed(WRITABLE, Unreachable("the answer is not a calendar", code=NOT_WHOLE))]
    if reply.body["canEdit"] is False:
        detail = "The server says that this calendar cannot be edited."
        return [*found, Check(WRITABLE, ok=False, detail=detail, remedy="Check the application's permissions.")]
    return [*found, await _writable(courier, mailbox, before_send)]


async def _writable(courier: Courier, mailbox: MailboxId, before_send: BeforeSend) -> Check:
    try:
        await _clean(courier, mailbox, before_send)
        await _write_and_remove(courier, mailbox, before_send)
    except LeaseLost:
        raise
    except wire.Malformed as error:
        return _failed(WRITABLE, Unreachable(f"the server answers with {error}", code=NOT_WHOLE))
    except FieldcalError as error:
        return _failed(WRITABLE, error)
    return Check(WRITABLE, ok=True)


async def _clean(courier: Courier, mailbox: MailboxId, before_send: BeforeSend) -> None:
    """Remove the trial events that a crash left; they are told by a property that nothing else of ours has."""
    for item in await courier.pages(wire.trials_path(mailbox), before_send):
        if isinstance(item, dict):
            await _remove(courier, mailbox, wire.event_id(item), before_send)


async def _write_and_remove(courier: Courier, mailbox: MailboxId, before_send: BeforeSend) -> None:
    sent = wire.trial_body(TRIAL_START, TRIAL_START + TRIAL_LENGTH)
    made = await courier.one(Request("POST", f"{wire.user(mailbox)}/events", sent), before_send)
    event = wire.event_id(_event(made))
    try:
        read = _event(await courier.one(Request("GET", wire.get_path(mailbox, event)), before_send))
        same = wire.moment(read, "start") == TRIAL_START and read.get("subject") == sent["subject"]
    finally:
        await _remove(courier, mailbox, event, before_send)
    if not same:
        raise Unreachable("the trial event does not read as it was written", code=NOT_WHOLE)


async def _remove(courier: Courier, mailbox: MailboxId, event: EventId, before_send: BeforeSend) -> None:
    reply = await courier.one(Request("DELETE", wire.event_path(mailbox, event)), before_send)
    error = None if reply.good else of_write(reply.refusal())
    if error is not None and not isinstance(error, Gone):
        raise error


def _event(reply: Reply) -> dict[str, object]:
    if not reply.good:
        raise of_write(reply.refusal())
    if not isinstance(reply.body, dict):
        raise wire.Malformed("an answer that is not an event")
    return reply.body


def _failed(name: str, error: FieldcalError) -> Check:
    if isinstance(error, NotAMailbox):
        return Check(
            name, ok=False, detail=str(error), remedy=_MISSING[NO_MAILBOX.get(error.code.lower(), NO_MAILBOX_YET)]
        )
    for kind, remedy, transient in _REMEDIES:
        if isinstance(error, kind):
            return Check(name, ok=False, detail=str(error), remedy=remedy, transient=transient)
    return Check(name, ok=False, detail=str(error), remedy=_UNDECIDED, transient=True)
