"""Tokens of scripts: listed and taken back. They are made on the command line, by whom the text is shown to alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field
from sqlalchemy import Connection

from fieldcal.setup import tokens
from fieldcal.setup.scopes import Scope
from fieldcal.state.tokens import Token
from fieldcal.web.api.caller import Call
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown
from fieldcal.web.gates import Open

RESOURCE = Resource("tokens", "Tokens of scripts. Who may see users sees all of them, everybody else the own ones.")

Name = Annotated[str, Path(description="The token's name.", max_length=60, examples=["nightly"])]


class TokenShown(Shown):
    """A token; never its text."""

    name: str = Field(description="Its name, told in the audit.", examples=["nightly"])
    user: str = Field(description="As whom it acts.", examples=["reports"])
    scopes: list[str] = Field(description="What of that user's rights it has.", examples=[["read"]])
    made_by: str = Field(description="Who made it.")
    made_at: datetime = Field(description="When.")
    ends_at: datetime = Field(description="Until when it holds.")
    seen_at: datetime | None = Field(description="When it was last used, about; null: never.")


@RESOURCE.get("/tokens", Open.SIGNED_IN, scope=Scope.READ)
async def list_all(caller: Call, pages: Pages) -> Paged[TokenShown]:
    """List tokens, with their end and last use."""
    found = await caller.house.read(lambda tx: tokens.listed(tx, caller.actor))
    page = [_shown(one) for one in found[pages.offset :][: pages.limit]]
    return Paged(**pages.counted(page, len(found)))


@RESOURCE.delete("/tokens/{token}", Open.SIGNED_IN)
async def revoke(caller: Call, token: Name) -> TokenShown:
    """Have a token hold no more, at once.

    A token may end itself; another one takes the scope `users`, and the own user's or the right to add users.
    """
    now = caller.house.app.clock.now()

    def store(tx: Connection) -> Token:
        if token not in {one.name for one in tokens.listed(tx, caller.actor)}:
            raise Missing(f"there is no token {token!r}")
        if caller.token != token:
            caller.require_scope(Scope.USERS)
        return tokens.revoke(tx, caller.actor, now, token)

    return _shown(await caller.house.write(store))


def _shown(one: Token) -> TokenShown:
    return TokenShown(
        name=one.name, user=one.user, scopes=one.scopes.split(), made_by=one.made_by, made_at=one.made_at,
        ends_at=one.ends_at, seen_at=one.seen_at,
    )  # fmt: skip
