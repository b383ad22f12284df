"""People: who they are, what they may, how they come to sign in, and signing them out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Response
from pydantic import Field
from sqlalchemy import Connection

from fieldcal.setup import sign_in, tries, users, vouching
from fieldcal.setup.permissions import Action
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Role, User
from fieldcal.state import users as rows
from fieldcal.web.api.caller import Call, Caller
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Shown, Words

RESOURCE = Resource("users", "People and their roles.")
_AT = "/users/{user}"

Search = Annotated[str, Query(max_length=200, description="Only those with this in the name or sign-in name.")]
Sort = Annotated[
    Literal["id", "-id", "name", "-name", "sign_in", "-sign_in", "created_at", "-created_at"],
    Query(description="What it is sorted by."),
]  # fmt: skip
Name = Annotated[str, Path(description="The user's name here.", max_length=200, examples=["alice"])]


#: changes a user in this transaction, at this time
Change = Callable[[Connection, datetime], User]


class UserShown(Shown):
    """A user."""

    id: str = Field(description="The user's name here.", examples=["alice"])
    name: str = Field(description="The person's name.", examples=["Alice Ant"])
    sign_in: str = Field(description="The sign-in name.", examples=["alice@example.com"])
    roles: list[str] = Field(description="The roles.", examples=[["system_admin"]])
    created_at: datetime = Field(description="Since when.")
    vouched: bool = Field(description="Somebody who may approve mailboxes, or the directory, answers for the account.")


class UserAdded(Asked):
    """A person who is to be added, without a role yet."""

    id: Words = Field(description="The user's name here.", examples=["alice"])
    name: Words = Field(default="", description="The person's name.", examples=["Alice Ant"])
    sign_in: Words = Field(default="", description="The sign-in name, where it is another.")
    object_id: Words = Field(default="", description="The directory's object id.")


class RoleAsked(Asked):
    """A role."""

    role: Role = Field(description="Which one.", examples=["reader"])


class Tie(Asked):
    """An account of the organization's directory."""

    object_id: Words = Field(description="Its object id.", examples=["2f9c7f5e-5d0f-4f0c-9c1e-1f6f6f6f6f6f"])


class LinkShown(Shown):
    """A link that works once."""

    link: str = Field(description="Whoever has it chooses the password: send it privately. It is shown this once.")


class Ended(Shown):
    """Sessions that have ended."""

    ended: int = Field(description="How many.", examples=[2])


@RESOURCE.get("/users", Action.SEE_USERS)
async def list_all(caller: Call, pages: Pages, search: Search = "", sort: Sort = "id") -> Paged[UserShown]:
    """List users with their roles."""
    found, total = await caller.house.read(
        lambda tx: users.listed(tx, caller.actor, search, sort=sort, offset=pages.offset, limit=pages.limit)
    )
    return Paged(**pages.counted([_shown(one) for one in found], total))


@RESOURCE.post("/users", Action.USERS, status=201)
async def add(caller: Call, wish: UserAdded) -> UserShown:
    """Add a person, without a role yet."""
    now = caller.house.app.clock.now()
    made = await caller.house.write(
        lambda tx: users.add(
            tx, caller.actor, now, wish.id, full_name=wish.name, sign_in=wish.sign_in or None, object_id=wish.object_id
        )
    )
    return _shown(made)


@RESOURCE.get(_AT, Action.SEE_USERS)
async def show(caller: Call, user: Name) -> UserShown:
    """Show one person."""
    return _shown(await caller.house.read(lambda tx: _known(tx, user)))


@RESOURCE.post(f"{_AT}/grant", Action.SEE_USERS, scope=Scope.USERS)
async def grant(caller: Call, user: Name, wish: RoleAsked) -> UserShown:
    """Give a role.

    `exchange_admin` and `mailbox_approver` are given only by an Exchange administrator.
    """
    return await _change(
        caller, user, lambda tx, now: users.grant(tx, caller.actor, now, user, wish.role)
    )  # fmt: skip


@RESOURCE.post(f"{_AT}/revoke", Action.SEE_USERS, scope=Scope.USERS)
async def revoke(caller: Call, user: Name, wish: RoleAsked) -> UserShown:
    """Take a role, by whom it may be given."""
    return await _change(caller, user, lambda tx, now: users.revoke(tx, caller.actor, now, user, wish.role))


@RESOURCE.post(f"{_AT}/vouch", Action.SEE_USERS, scope=Scope.USERS)
async def vouch(caller: Call, user: Name) -> UserShown:
    """Answer for the account being that person's, who may then set up the own mailbox with the role worker.

    That takes who may approve every mailbox. Links and tokens that others made for it who may not, end.
    """
    return await _change(caller, user, lambda tx, now: vouching.vouch(tx, caller.actor, now, user))


@RESOURCE.post(f"{_AT}/unlock", Action.USERS)
async def unlock(caller: Call, user: Name) -> UserShown:
    """Forget the wrong passwords that were tried for this person, so that nobody has to wait."""

    def change(tx: Connection, now: datetime) -> User:
        tries.unlock(tx, caller.actor, now, user)
        return rows.get(tx, user)

    return await _change(caller, user, change)


@RESOURCE.post(f"{_AT}/tie", Action.USERS)
async def tie(caller: Call, user: Name, wish: Tie) -> UserShown:
    """Let a user sign in with that account of the organization's directory."""
    return await _change(caller, user, lambda tx, now: sign_in.tie(tx, caller.actor, now, user, wish.object_id))


@RESOURCE.post(f"{_AT}/invite", Action.USERS)
async def invite(caller: Call, user: Name, response: Response) -> LinkShown:
    """Make a link to choose a password with.

    It ends the ones made before. It takes the right to grant every role that the user has.
    """
    now = caller.house.app.clock.now()

    def make(tx: Connection) -> str:
        return sign_in.invite(tx, caller.actor, now, _known(tx, user).id)

    url = caller.request.url
    home = caller.house.app.config.web_url or f"{url.scheme}://{url.netloc}"
    response.headers["cache-control"] = "no-store"
    return LinkShown(link=f"{home}/invitation/{await caller.house.write(make)}")


@RESOURCE.post(f"{_AT}/sign-out", Action.USERS)
async def sign_out(caller: Call, user: Name) -> Ended:
    """End all of a user's sessions in the admin centre."""
    now = caller.house.app.clock.now()
    return Ended(
        ended=await caller.house.write(
            lambda tx: sign_in.sign_out_everywhere(tx, caller.actor, now, _known(tx, user).id)
        )
    )


@RESOURCE.post(f"{_AT}/disable", Action.USERS)
async def disable(caller: Call, user: Name) -> UserShown:
    """Take every role, session, token and the password from a user who has left.

    The name stays, for the audit tells of it. It takes the right to grant every role that the user has.
    """
    return await _change(caller, user, lambda tx, now: sign_in.disable(tx, caller.actor, now, user))


async def _change(caller: Caller, user: str, change: Change) -> UserShown:
    now = caller.house.app.clock.now()

    def store(tx: Connection) -> User:
        _known(tx, user)
        return change(tx, now)

    return _shown(await caller.house.write(store))


def _known(tx: Connection, name: str) -> User:
    found = rows.find(tx, name)
    if found is None:
        raise Missing(f"there is no user {name!r}")
    return found


def _shown(one: User) -> UserShown:
    roles = sorted(role.value for role in one.roles)
    return UserShown(id=one.id, name=one.name, sign_in=one.sign_in, roles=roles, created_at=one.created_at,
                     vouched=one.vouched)  # fmt: skip
