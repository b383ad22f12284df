"""Who the caller is."""

from __future__ import annotations

from pydantic import Field

from fieldcal.web.api.caller import Call
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown
from fieldcal.web.gates import Open

RESOURCE = Resource("me", "Who calls, and what the call may.")


class Me(Shown):
    """Who calls."""

    user: str = Field(description="The user's name.", examples=["alice"])
    roles: list[str] = Field(description="The roles now.", examples=[["system_admin"]])
    token: str = Field(description="The token's name, \"\" of a browser's session.", examples=["nightly"])
    scopes: list[str] | None = Field(description="The token's scopes; null of a session, which has all.")


@RESOURCE.get("/me", Open.SIGNED_IN)
async def show(caller: Call) -> Me:
    """Show who calls."""
    scopes = None if caller.scopes is None else sorted(scope.value for scope in caller.scopes)
    roles = sorted(role.value for role in caller.actor.roles)
    return Me(user=caller.actor.name, roles=roles, token=caller.token, scopes=scopes)
