"""People and their roles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from fieldcal.setup import users
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import User
from fieldcal.web.api.caller import Call
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown

RESOURCE = Resource("users", "People and their roles. They are added and given roles on the page and the command line.")

Search = Annotated[str, Query(max_length=200, description="Only those with this in the name or sign-in name.")]
Sort = Annotated[
    Literal["id", "-id", "name", "-name", "sign_in", "-sign_in", "created_at", "-created_at"],
    Query(description="What it is sorted by."),
]  # fmt: skip


class UserShown(Shown):
    """A user."""

    id: str = Field(description="The user's name here.", examples=["alice"])
    name: str = Field(description="The person's name.", examples=["Alice Ant"])
    sign_in: str = Field(description="The sign-in name.", examples=["alice@example.com"])
    roles: list[str] = Field(description="The roles.", examples=[["system_admin"]])
    created_at: datetime = Field(description="Since when.")


@RESOURCE.get("/users", Action.SEE_USERS)
async def list_all(caller: Call, pages: Pages, search: Search = "", sort: Sort = "id") -> Paged[UserShown]:
    """List users with their roles."""
    found, total = await caller.house.read(
        lambda tx: users.listed(tx, caller.actor, search, sort=sort, offset=pages.offset, limit=pages.limit)
    )
    return Paged(**pages.counted([_shown(one) for one in found], total))


def _shown(one: User) -> UserShown:
    roles = sorted(role.value for role in one.roles)
    return UserShown(id=one.id, name=one.name, sign_in=one.sign_in, roles=roles, created_at=one.created_at)
