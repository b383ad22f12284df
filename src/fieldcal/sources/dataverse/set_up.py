"""Whose appointment synchronization is set up in the organization already (R6, D9). Sends nothing but GET.

Columns and codes: learn.microsoft.com/power-apps/developer/data-platform/reference/entities/mailbox. What is written
there says that Microsoft's server may write into the mailbox, not that ours may: Test & Enable still has to prove that.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from msgspec import Struct
from msgspec import field as column

from fieldcal.errors import Denied, Incomplete, Unreachable
from fieldcal.http import Http
from fieldcal.model import SetUpList, SetUpThere
from fieldcal.sources.dataverse import other_sync, query, wire
from fieldcal.sources.dataverse.reader import Reader

PAGE = 1000
_ACTIVE, _SERVER_SIDE, _SUCCESS, _APPROVED = 0, 1, 1, 1
_METHODS: dict[int | None, str] = {0: "Dynamics 365 for Outlook", 2: "none"}
_TESTS = {0: "was never run", 2: "failed"}
_APPROVALS = {0: "is not approved", 2: "waits for approval", 3: "was rejected"}


class _Profile(Struct, frozen=True):
    name: str | None = None
    statecode: int | None = None


class MailboxRow(Struct, frozen=True):
    """One row of `mailboxes`; columns that an old organization lacks are None."""

    mailboxid: wire.Guid
    emailaddress: str | None = None
    regarding: wire.Guid | None = column(name="_regardingobjectid_value", default=None)
    actdeliverymethod: int | None = None
    actstatus: int | None = None
    enabledforact: bool | None = None
    emailrouteraccessapproval: int | None = None
    testemailconfigurationscheduled: bool | None = None
    statecode: int | None = None
    emailserverprofile: _Profile | None = None


class _User(Struct, frozen=True):
    systemuserid: wire.Guid
    azureactivedirectoryobjectid: wire.Guid | None = None


def missing(row: MailboxRow) -> str:
    """What is missing for appointments to be synchronized there, in words; "" where it is set up. Pure."""
    profile = row.emailserverprofile
    if row.statecode != _ACTIVE:
        return "the mailbox is deactivated"
    if profile is None:
        return "it has no server profile"
    if profile.statecode != _ACTIVE:
        return f"its server profile {profile.name or ''} is deactivated".replace("  ", " ")
    if row.actdeliverymethod != _SERVER_SIDE:
        return f"its appointments method is {_METHODS.get(row.actdeliverymethod, 'unknown')}"
    if row.emailrouteraccessapproval != _APPROVED:
        return f"its e-mail {_APPROVALS.get(row.emailrouteraccessapproval or 0, 'is not approved')}"
    if row.testemailconfigurationscheduled:
        return "its test waits to be run"
    if row.actstatus != _SUCCESS:
        return f"its test {_TESTS.get(row.actstatus or 0, 'did not succeed')}"
    return "" if row.enabledforact else "it is not enabled for appointments"


async def read(http: Http, now: datetime) -> SetUpList:
    """Every mailbox of the organization with what is missing, and when Microsoft's own booking sync last served it.

    Raises `Denied` with the privilege to give, `Incomplete`, and as `Http.request` does.
    """
    reader = Reader(http, PAGE)
    rows = await _rows(reader)
    directory = await _directory(reader, sorted({row.regarding.lower() for row in rows if row.regarding}))
    served = await other_sync.served(reader, now)
    found: list[SetUpThere] = []
    for row in rows:
        user = (row.regarding or "").lower()
        address = (row.emailaddress or "").strip().lower()
        found.append(SetUpThere(directory.get(user, ""), address, missing(row), served.at.get(user) if user else None))
    return SetUpList(tuple(found), served.doubt)


async def _rows(reader: Reader) -> list[MailboxRow]:
    told = ""
    for listed in query.MAILBOX_LISTS:
        pages = reader.counted(reader.path(listed), MailboxRow, lambda row: row.mailboxid)
        try:
            return [row async for page in pages for row in page]
        except Denied as error:
            raise Denied(
                "the application user may not read the table mailboxes; give its role the read privilege on Mailbox "
                "and Email Server Profile, organization-wide, or set mailboxes up by hand",
                code=error.code,
                status=error.status,
            ) from None
        except Unreachable as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            told = str(error)  # a column that this organization does not have
    raise Incomplete(f"the table mailboxes lacks the columns that tell who is set up: {told}")


async def _directory(reader: Reader, users: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for begin in range(0, len(users), query.IDS_AT_ONCE):
        path = reader.path(query.users(users[begin : begin + query.IDS_AT_ONCE]))
        async for page in reader.pages(path, _User):
            found |= {row.systemuserid.lower(): (row.azureactivedirectoryobjectid or "").lower() for row in page.value}
    return found
