"""What `doctor` and `profile add` ask of a CalDAV server: may this account sign in, and does the server speak CalDAV.

What it has to keep besides (conditions, our property) only a trial event tells: `trial.py`.
"""

from __future__ import annotations

from http import HTTPStatus

from fieldcal.answer import Answer
from fieldcal.calendars.caldav import dav
from fieldcal.calendars.caldav.account import Account
from fieldcal.errors import SignInFailed, Unreachable, one_line
from fieldcal.http import Http
from fieldcal.model import Check

SIGN_IN, SPEAKS = "sign-in", "speaks CalDAV"
#: RFC 4791 5.1: what a server with calendars says in its `DAV` header.
_ACCESS = "calendar-access"
_XML = {"Content-Type": "application/xml; charset=utf-8", "Depth": "0"}
#: Signed in, though what was asked about is elsewhere, not there, or not asked about so.
_KNOWN = frozenset({
    HTTPStatus.OK, HTTPStatus.MULTI_STATUS, HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED,
})  # fmt: skip


async def examine(http: Http, account: Account) -> list[Check]:
    """What this account's server says, up to the first line that fails. Sends two reads; raises as `Http` does."""
    path = http.within(account.collection or account.url)
    asked = dav.propfind((dav.PRINCIPAL,))
    try:
        answer = await http.request("PROPFIND", path, headers=_XML, body=asked, credential=account.credential)
    except SignInFailed as error:
        remedy = "check the user name and the password; many servers want an app password made for this"
        return [Check(SIGN_IN, ok=False, detail=str(error), remedy=remedy)]
    signed = _signed_in(answer)
    if not signed.ok:
        return [signed]
    return [signed, _speaks(await http.request("OPTIONS", path, credential=account.credential), answer)]


def _signed_in(answer: Answer) -> Check:
    if answer.status in _KNOWN:
        return Check(SIGN_IN, ok=True)
    if answer.status == HTTPStatus.FORBIDDEN:
        # many a server says so of an account's own root, and of a worker who shares nothing yet
        return Check(SIGN_IN, ok=True, detail="known there, and not let in at this address")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unreachable(f"the server cannot answer just now (HTTP {answer.status})", status=answer.status)
    detail = f"the server answers HTTP {answer.status}, which no CalDAV server should"
    return Check(SIGN_IN, ok=False, detail=detail, remedy="check the server profile's address")


def _speaks(options: Answer, before: Answer) -> Check:
    """Some tell it of every resource, some of calendars only: a 207 without a word is no no."""
    told = one_line(options.headers.get("DAV", "") or before.headers.get("DAV", ""), 400)
    words = {word.strip() for word in told.split(",")}
    if _ACCESS in words:
        return Check(SPEAKS, ok=True)
    if before.status == HTTPStatus.MULTI_STATUS:
        return Check(SPEAKS, ok=True, detail="not told at this address; Test & Enable finds out")
    detail = "the server does not say so at this address"
    remedy = "see that the address is that of its calendars: docs/set-up-caldav.md, step 3"
    return Check(SPEAKS, ok=False, detail=detail, remedy=remedy, transient=True)
