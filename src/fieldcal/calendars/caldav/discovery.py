"""Where a mailbox's calendar is (RFC 6764, RFC 5397, RFC 4791 6.2, RFC 6638 9.2). Sends reads only.

With a credential of the mailbox's own the server may lead the way. With one service account for all it may not: the
server would lead to the service account's own calendar, and every technician's bookings with it. The address, which
differs for each mailbox, has to lead to the mailbox's own principal, home or calendar then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from fieldcal.calendars.caldav import dav
from fieldcal.calendars.caldav.courier import Courier, elsewhere, not_whole
from fieldcal.calendars.caldav.dav import CAL, DAV, SERVER, Found
from fieldcal.calendars.caldav.lines import Malformed
from fieldcal.errors import FieldcalError, Forbidden, NotAMailbox, Unreachable, one_line
from fieldcal.ports import BeforeSend

#: What default calendars are called: Nextcloud and SOGo "personal", Baïkal and Cyrus "default", iCloud "home",
#: Zimbra and Kerio "calendar", Google and Zoho "events".
USUAL = frozenset({"default", "personal", "home", "calendar", "events"})
WELL_KNOWN = "/.well-known/caldav"

#: `NotAMailbox.code`: there are calendars, but not the one of the name that is set
NO_SUCH_NAME = "NoSuchCalendar"
#: `NotAMailbox.code`: several calendars, and nothing says which
SEVERAL = "SeveralCalendars"
#: `NotAMailbox.code`: the address leads to the service account's own
SERVICE_ACCOUNT = "ServiceAccount"
#: `NotAMailbox.code`: the calendar is shared with who signs in, on a server that hides private events then
HIDES_PRIVATE = "HidesPrivate"

_ASKED = (dav.TYPE, dav.NAME, dav.PRINCIPAL, dav.HOME, dav.INBOX, dav.COMPONENTS, dav.PRIVILEGES, dav.SHARER)
_WRITES = frozenset(f"{DAV}{name}" for name in ("all", "write", "write-content", "bind"))
_NOT_ONES_OWN = frozenset({
    f"{SERVER}subscribed", f"{CAL}schedule-inbox", f"{CAL}schedule-outbox", f"{SERVER}notification",
    f"{SERVER}dropbox-home",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Located:
    """A calendar that was found."""

    #: path, with a slash at its end
    collection: str
    #: the server says that it may not be written to
    read_only: bool = False
    #: the collection in which a calendar of our own could be made, "" where none is known
    home: str = ""


async def locate(courier: Courier, wanted: str, before_send: BeforeSend) -> Located:
    """The mailbox's calendar; `wanted`: its display name, "" for the default one.

    Raises `NotAMailbox`, with a code of the above, where there is none or none can be told, and what reads raise.
    """
    start = await _start(courier, before_send)
    signers = _hrefs(courier, start, dav.PRINCIPAL)
    _refuse_hidden(start, signers)
    if not courier.account.own:
        await _refuse_service_account(courier, start, before_send)
    if f"{CAL}calendar" in start.kinds():
        return Located(dav.folder(start.href), read_only=not _writable(start))
    principal, homes = await _homes(courier, start, before_send)
    if not homes and f"{DAV}collection" not in start.kinds():
        raise NotAMailbox(f"{_shown(start.href)} is neither a calendar nor leads to any", code="NoCalendar")
    calendars: dict[str, Found] = {}
    for home in homes or [start.href]:
        calendars |= await _calendars(courier, home, before_send)
    if courier.account.own:
        calendars = _ones_own(courier, calendars, (start, principal))
    home = dav.folder((homes or [start.href])[0])
    if wanted:
        chosen = _named(calendars, wanted)
        if chosen is None:
            text = f"there is no calendar {one_line(wanted, 60)!r}; there are: {_names(calendars)}"
            return _none(text, NO_SUCH_NAME, home)
    else:
        chosen = await _default(courier, principal, calendars, before_send)
    if not courier.account.own:  # with a mailbox's own, what others share was left out
        _refuse_hidden(chosen, signers)
    return Located(dav.folder(chosen.href), read_only=not _writable(chosen), home=home)


class MissingCalendar(NotAMailbox):
    """No calendar of that name stands in `home`, where one could be made."""

    def __init__(self, message: str, *, code: str, home: str) -> None:
        super().__init__(message, code=code)
        self.home = home


def _none(text: str, code: str, home: str) -> Located:
    raise MissingCalendar(text, code=code, home=home)


async def _start(courier: Courier, before_send: BeforeSend) -> Found:
    """What stands at the account's address; of a server's root, what its well-known address leads to."""
    path = begin(courier)
    if not courier.account.own or path != "/":
        return await _one(courier, path, _ASKED, before_send)
    try:
        return await _one(courier, WELL_KNOWN, _ASKED, before_send)
    except (NotAMailbox, Unreachable, Forbidden) as error:
        if isinstance(error, NotAMailbox) and error.code == "OtherHost":
            raise
        return await _one(courier, path, _ASKED, before_send)  # not every server has one


def begin(courier: Courier) -> str:
    """The path at which discovery begins; `NotAMailbox` for an address of another server: its own trouble (I7)."""
    parts = urlsplit(courier.account.url)
    try:
        return dav.canonical(parts._replace(query="", fragment="").geturl(), courier.origin)
    except Malformed as error:
        raise NotAMailbox(f"the mailbox's address is not one of {courier.origin}: {error}", code="NoCalendar") from None


async def _one(courier: Courier, path: str, names: Sequence[str], before_send: BeforeSend) -> Found:
    found = await courier.ask("PROPFIND", path, dav.propfind(names), 0, before_send)
    if len(found) != 1:
        raise not_whole(f"{courier.origin} tells of {len(found)} resources where one was asked for")
    if found[0].status != 200:  # noqa: PLR2004 - it is there
        raise NotAMailbox(f"there is nothing at {_shown(path)}", code="NoCalendar", status=found[0].status)
    return found[0]


async def _homes(courier: Courier, start: Found, before_send: BeforeSend) -> tuple[Found | None, list[str]]:
    """The mailbox's principal, where it is known, and the homes of its calendars."""
    principals = _hrefs(courier, start, dav.PRINCIPAL)
    homes = _hrefs(courier, start, dav.HOME)
    if not courier.account.own:
        return (start if f"{DAV}principal" in start.kinds() else None), homes
    if homes or not principals:
        return (start if homes else None), homes
    principal = await _one(courier, principals[0], _ASKED, before_send)
    return principal, _hrefs(courier, principal, dav.HOME)


async def _refuse_service_account(courier: Courier, start: Found, before_send: BeforeSend) -> None:
    """Whoever signs in for all has calendars too, also at an address of the mailbox; no booking belongs there."""
    principals, homes = _hrefs(courier, start, dav.PRINCIPAL), _hrefs(courier, start, dav.HOME)
    own = {dav.folder(path) for path in principals}
    for path in principals:
        own |= {
            dav.folder(home) for home in _hrefs(courier, await _one(courier, path, (dav.HOME,), before_send), dav.HOME)
        }
    reached = {dav.folder(path) for path in (start.href, *homes)}
    if f"{CAL}calendar" in start.kinds():
        reached.add(dav.parent(start.href))
    if own & reached:
        text = (
            f"{_shown(start.href)} leads to the calendars of the account that signs in for all mailboxes; "
            "the address has to lead to each mailbox's own"
        )
        raise NotAMailbox(text, code=SERVICE_ACCOUNT)


def _refuse_hidden(calendar: Found, signers: Sequence[str]) -> None:
    """An event that a worker makes private would be gone for us, and made a second time (I1).

    Nextcloud answers 404 to it for whom the calendar is shared with, and masks a confidential one. It names the owner
    as "principals/users/anna", without the path of the server.
    """
    told = calendar.properties.get(dav.SHARER)
    owner = "" if told is None else urlsplit("".join(told.itertext()).strip()).path.strip("/")
    if owner and not any(unquote(dav.folder(path)).endswith(f"/{unquote(owner)}/") for path in signers):
        text = (
            f"{_shown(calendar.href)} is shared with the account that signs in, and this server hides private events "
            "from it: one of ours that the worker makes private would be made a second time"
        )
        raise NotAMailbox(text, code=HIDES_PRIVATE)


def _hrefs(courier: Courier, found: Found, name: str) -> list[str]:
    try:
        return dav.hrefs_of(found, name, courier.origin)
    except dav.Elsewhere as error:
        raise elsewhere(courier.origin, error) from None
    except Malformed as error:
        raise not_whole(f"{courier.origin} answers with {error}") from None


async def _calendars(courier: Courier, home: str, before_send: BeforeSend) -> dict[str, Found]:
    """The calendars in a home that take events and are no subscription, by path."""
    names = (dav.TYPE, dav.NAME, dav.COMPONENTS, dav.PRIVILEGES, dav.OWNER, dav.SHARER)
    found = await courier.ask("PROPFIND", home, dav.propfind(names), 1, before_send)
    return {
        one.href: one
        for one in found
        if f"{CAL}calendar" in one.kinds() and not one.kinds() & _NOT_ONES_OWN and _takes_events(one)
    }


def _ones_own(courier: Courier, calendars: Mapping[str, Found], told_by: Sequence[Found | None]) -> dict[str, Found]:
    """Without what others share, which servers list among one's own (RFC 3744 5.1; CalendarServer's sharing)."""
    ones = {dav.folder(path) for one in told_by if one is not None for path in _hrefs(courier, one, dav.PRINCIPAL)}
    ones |= {dav.folder(one.href) for one in told_by if one is not None and f"{DAV}principal" in one.kinds()}
    kept = {}
    for href, one in calendars.items():
        owners = _owners(courier, one)
        if f"{SERVER}shared" not in one.kinds() and not (owners and ones and not owners & ones):
            kept[href] = one
    return kept


def _owners(courier: Courier, found: Found) -> set[str]:
    """Whom the server calls the owner; an address that cannot be read is somebody else's, and breaks no list."""
    try:
        return {dav.folder(path) for path in dav.hrefs_of(found, dav.OWNER, courier.origin)}
    except Malformed:
        return {""}


def _takes_events(found: Found) -> bool:
    """A calendar that names no components takes any (RFC 4791 5.2.3)."""
    told = found.properties.get(dav.COMPONENTS)
    return told is None or not len(told) or any(part.get("name", "").upper() == "VEVENT" for part in told)


def _writable(found: Found) -> bool:
    """Whether the server lets us write; one that tells no privileges is found out by the trial event."""
    told = found.properties.get(dav.PRIVILEGES)
    return told is None or not len(told) or bool(_WRITES & {part.tag for part in told.iter()})


def _named(calendars: Mapping[str, Found], wanted: str) -> Found | None:
    same = [one for one in calendars.values() if one.text(dav.NAME) == wanted]
    if len(same) > 1:
        paths = ", ".join(_shown(one.href) for one in same[:5])
        raise NotAMailbox(f"several calendars are called {one_line(wanted, 60)!r}: {paths}", code=SEVERAL)
    return same[0] if same else None


async def _default(
    courier: Courier, principal: Found | None, calendars: Mapping[str, Found], before_send: BeforeSend
) -> Found:
    """What the server calls the default, else the only one that can be written to, else the one of the usual name."""
    open_ones = {href: one for href, one in calendars.items() if _writable(one)}
    told = await _told_default(courier, principal, before_send)
    if told is not None:
        there = {dav.folder(href): one for href, one in open_ones.items()}
        if dav.folder(told) in there:
            return there[dav.folder(told)]
    if len(open_ones) == 1:
        return next(iter(open_ones.values()))
    if not calendars:
        raise NotAMailbox("the account has no calendar that takes events", code="NoCalendar")
    if not open_ones:
        return next(iter(calendars.values()))  # read-only, and told so
    usual = [one for one in open_ones.values() if _segment(one.href) in USUAL]
    usual = usual or [one for one in open_ones.values() if one.text(dav.NAME).casefold() in USUAL]
    if len(usual) == 1:
        return usual[0]
    raise NotAMailbox(f"nothing says which calendar is the default one of: {_names(open_ones)}", code=SEVERAL)


async def _told_default(courier: Courier, principal: Found | None, before_send: BeforeSend) -> str | None:
    if principal is None:
        return None
    inboxes = _hrefs(courier, principal, dav.INBOX)
    if not inboxes:
        return None
    try:
        inbox = await _one(courier, inboxes[0], (dav.DEFAULT,), before_send)
        return next(iter(_hrefs(courier, inbox, dav.DEFAULT)), None)
    except (NotAMailbox, Forbidden):
        return None  # a server that names an inbox and has none says nothing of a default


def _segment(path: str) -> str:
    return unquote(path.rstrip("/").rpartition("/")[2]).casefold()


def _names(calendars: Mapping[str, Found]) -> str:
    told = [one_line(one.text(dav.NAME) or _segment(one.href), 60) for one in calendars.values()]
    return ", ".join(sorted(told)[:10]) or "none"


def _shown(path: str) -> str:
    return one_line(unquote(path), 80)


async def make(courier: Courier, home: str, name: str, path: str, before_send: BeforeSend) -> None:
    """Make a calendar of this name at `path`, in this home; what stands there already is left as it is."""
    headers = {"Content-Type": "application/xml; charset=utf-8"}
    answer = await courier.send("MKCALENDAR", path, before_send, headers=headers, body=dav.mkcalendar(name))
    if answer.status != 201:  # noqa: PLR2004 - made
        told = courier.refusal(answer)
        why: FieldcalError = Forbidden(
            f"the server makes no calendar in {_shown(home)} ({told})", code=told.code, status=answer.status
        )
        if told.asks_to_wait or answer.status >= 500:  # noqa: PLR2004 - the 5xx class
            why = Unreachable(f"no calendar could be made ({told})", status=answer.status, retry_after=told.retry_after)
        raise why
