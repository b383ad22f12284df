"""What `doctor` asks of this end besides the sign-in: what the application may do, and whether it may do too much.

A grant in Entra reaches every mailbox of the tenant and stands in the token as a role; one made in Exchange (RBAC for
Applications) has a scope and stands in no token: https://learn.microsoft.com/exchange/permissions-exo/application-rbac
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec

from fieldcal.errors import one_line
from fieldcal.http import Http
from fieldcal.model import Check

NAME, OUTSIDER = "permissions", "outsider"
#: What is needed, and roles that do no harm beside it.
_NEEDED = "Calendars.ReadWrite"
_HARMLESS = frozenset({"User.Read", "Organization.Read.All"})
_SCOPE = (
    "take the permission away in Entra (API permissions) and grant it in Exchange with a scope instead: "
    "docs/set-up-exchange-online.md, step 3"
)


def claims_of(token: str) -> dict[str, Any]:
    """What a token says of itself; nothing for one that cannot be read. Nobody is trusted by it: it is our own."""
    try:
        payload = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, binascii.Error, ValueError, msgspec.DecodeError):
        return {}
    return claims if isinstance(claims, dict) else {}


async def examine(http: Http, root: str, outsider: str) -> list[Check]:
    """What the application may do, by its token; `outsider`, if named, is an address that must not be reachable.

    Sends at most one GET, which fetches that calendar's id and nothing else. Raises as `Http.request` does.
    """
    found = [granted(await http.token())]
    if outsider:
        path = f"{root}/users/{quote(outsider, safe='')}/calendar?$select=id"
        found.append(_outside(outsider, (await http.request("GET", path)).status))
    return found


def granted(token: str) -> Check:
    """Whether the token carries a grant that reaches every mailbox of the tenant, or more than is needed."""
    claims = claims_of(token)
    if not claims:
        return Check(NAME, ok=True, detail="the token does not say what it grants; --outsider ADDRESS tries it")
    roles = claims.get("roles")
    held = {one_line(role, 60) for role in roles} if isinstance(roles, list) else set()
    if _NEEDED in held:
        detail = f"{_NEEDED} is granted for every mailbox of the tenant, unless an application access policy narrows it"
        return Check(NAME, ok=False, detail=detail, remedy=_SCOPE, transient=True)
    more = sorted(held - _HARMLESS)
    if more:
        detail = f"more is granted than is needed: {', '.join(more[:8])}"
        return Check(NAME, ok=False, detail=detail, remedy="take it away in Entra (API permissions)", transient=True)
    detail = "no grant for the whole tenant; the scope is Exchange's own, and --outsider ADDRESS tries it"
    return Check(NAME, ok=True, detail=detail)


def _outside(address: str, status: int) -> Check:
    who = one_line(address, 80)
    if status == HTTPStatus.OK:
        detail = f"the calendar of {who} can be reached"
        remedy = "give the role assignment in Exchange a scope (CustomResourceScope); " + _SCOPE
        return Check(OUTSIDER, ok=False, detail=detail, remedy=remedy)
    if status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        return Check(OUTSIDER, ok=True, detail=f"the calendar of {who} cannot be reached (HTTP {status})")
    detail = f"whether the calendar of {who} can be reached is not known (HTTP {status})"
    return Check(OUTSIDER, ok=False, detail=detail, remedy="try again later", transient=True)
