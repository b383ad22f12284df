"""People: who they are, what they may, how they sign in, and where they are signed in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Form
from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal.errors import ConfigError
from fieldcal.setup import sign_in, tries, users, vouching
from fieldcal.setup.permissions import Action, may_grant
from fieldcal.setup_model import Role, User
from fieldcal.state import proofs, sessions, tokens
from fieldcal.state import users as rows
from fieldcal.state.proofs import Invitation
from fieldcal.state.sessions import Session
from fieldcal.web import merging
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Entry, Section
from fieldcal.web.visit import Here, Visit

SECTION = Section("users", Entry("service", 60, "people"))
_COLUMNS = (
    Column("user", "id"),
    Column("sign_in", "sign_in"),
    Column("roles"),
    Column("way"),
    Column("since", "created_at"),
)


@SECTION.get("/users", Action.SEE_USERS)
async def show(visit: Here) -> Response:
    """One page of the users."""
    listing = Listing.asked(
        visit.request.query_params, path="/users", section="users", columns=_COLUMNS, sort="id", filters={}
    )
    now = visit.house.app.clock.now()

    def look(tx: Connection) -> tuple[list[User], int, set[str], dict[str, Invitation]]:
        found, total = users.listed(
            tx, visit.actor, listing.search, sort=listing.sort, offset=listing.offset, limit=listing.size
        )
        return found, total, proofs.with_password(tx), proofs.invited(tx, now)

    found, total, known, invited = await visit.house.read(look)
    values = {"listing": listing.counted(total), "rows": found, "known": known, "invited": invited}
    return visit.page("users.html", {**values, "adds": visit.may(Action.USERS)})


@SECTION.get("/users/new", Action.USERS)
async def new(visit: Here) -> Response:
    """The form for another person."""
    return visit.page("users_new.html", {"roles": _grantable(visit)})


def _grantable(visit: Visit) -> list[Role]:
    return [role for role in Role if may_grant(visit.actor, role)]


@SECTION.post("/users/add", Action.USERS)
async def add(visit: Here, name: Annotated[str, Form()] = "", full_name: Annotated[str, Form()] = "",
              address: Annotated[str, Form()] = "") -> Response:  # fmt: skip
    """Add a person with these roles, and make the link to choose a password with."""
    form = await visit.form()
    wanted = [_role(str(one)) for one in form.getlist("role")]
    actor, now = visit.actor, visit.house.app.clock.now()

    def change(tx: Connection) -> str:
        made = users.add(tx, actor, now, name.strip(), full_name=full_name.strip(), sign_in=address.strip() or None)
        for role in wanted:
            users.grant(tx, actor, now, made.id, role)
        # Invited last: the roles that its maker may not give would end the link.
        return sign_in.invite(tx, actor, now, made.id)

    link = await visit.house.write(change)
    return visit.page("users_link.html", {"name": name.strip(), "link": _address(visit, link), "new": True})


def _address(visit: Visit, link: str) -> str:
    return f"{visit.home}/invitation/{link}"


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        raise ConfigError(f"there is no role {name[:40]!r}") from None


@dataclass(frozen=True, slots=True)
class _Person:
    user: User
    given: dict[Role, str]
    has_password: bool
    invited: Invitation | None
    sessions: list[Session]
    #: the viewer may answer for the account
    answers: bool
    #: until when somewhere no password is tried
    waits: datetime | None


@SECTION.get("/users/one", Action.SEE_USERS)
async def one(visit: Here, name: str = "") -> Response:
    """One person: roles, sign-in, sessions."""
    now = visit.house.app.clock.now()

    def look(tx: Connection) -> _Person:
        user = rows.get(tx, name)
        lasting = [each for each in sessions.of_user(tx, name) if sign_in.lasts(each, now)]
        has = bool(proofs.password_hash(tx, name))
        link, answers = proofs.invited(tx, now).get(name), vouching.may_vouch(tx, visit.actor)
        return _Person(user, rows.granted_by(tx, name), has, link, lasting, answers,
                       tries.waits(tx, user, now))  # fmt: skip

    found = await visit.house.read(look)
    beyond = [role for role in found.user.roles if not may_grant(visit.actor, role)]
    values = {"one": found, "roles": list(Role), "grantable": _grantable(visit), "adds": visit.may(Action.USERS)}
    values["tokens"] = await visit.house.read(lambda tx: tokens.everyone(tx, found.user.id))
    values["seen"] = merging.carried(merging.prints(_ticks(found.user.roles)))
    return visit.page(
        "users_one.html",
        {**values, "over": visit.may(Action.USERS) and not beyond, "own": found.user.id == visit.actor.name},
    )


def _ticks(roles: Collection[Role]) -> dict[str, str]:
    """Every role with whether it is among these, as a form's values."""
    return {role.value: "1" if role in roles else "" for role in Role}


@SECTION.post("/users/roles", Action.SEE_USERS)
async def set_roles(visit: Here, name: Annotated[str, Form()] = "") -> Response:
    """Give and take those of the roles that were ticked or unticked; what another has changed meanwhile stays."""
    form = await visit.form()
    wanted = _ticks({_role(str(each)) for each in form.getlist("role")})
    actor, now = visit.actor, visit.house.app.clock.now()
    grantable = _grantable(visit)

    def change(tx: Connection) -> None:
        has = _ticks(rows.get(tx, name).roles)
        # A tick has two states, so two who change one want the same: there is no clash.
        values = merging.merged(form, wanted, has).values
        for role in grantable:
            if values[role] > has[role]:
                users.grant(tx, actor, now, name, role)
            elif values[role] < has[role]:
                users.revoke(tx, actor, now, name, role)

    await visit.house.write(change)
    return visit.say(visit.go("/users/one", {"name": name}), "users.done.roles")


@SECTION.post("/users/invite", Action.USERS)
async def invite(visit: Here, name: Annotated[str, Form()] = "") -> Response:
    """Make a link to choose a password with; it is shown this once."""
    actor, now = visit.actor, visit.house.app.clock.now()
    link = await visit.house.write(lambda tx: sign_in.invite(tx, actor, now, name))
    return visit.page("users_link.html", {"name": name, "link": _address(visit, link), "new": False})


@SECTION.post("/users/tie", Action.USERS)
async def tie(visit: Here, name: Annotated[str, Form()] = "", object_id: Annotated[str, Form()] = "") -> Response:
    """Have this account of the organization's directory be this user's."""
    actor, now = visit.actor, visit.house.app.clock.now()
    await visit.house.write(lambda tx: sign_in.tie(tx, actor, now, name, object_id))
    return visit.say(visit.go("/users/one", {"name": name}), "users.done.tied")


@SECTION.post("/users/vouch", Action.SEE_USERS)
async def vouch(visit: Here, name: Annotated[str, Form()] = "") -> Response:
    """Answer for this account being that person's."""
    actor, now = visit.actor, visit.house.app.clock.now()
    await visit.house.write(lambda tx: vouching.vouch(tx, actor, now, name))
    return visit.say(visit.go("/users/one", {"name": name}), "users.done.vouched")


@SECTION.post("/users/disable", Action.USERS)
async def disable(visit: Here, name: Annotated[str, Form()] = "", sure: Annotated[str, Form()] = "") -> Response:
    """Take everything from a person who has left; asked first, with what goes."""
    actor, now = visit.actor, visit.house.app.clock.now()

    def look(tx: Connection) -> dict[str, Any]:
        lasting = [each for each in sessions.of_user(tx, name) if sign_in.lasts(each, now)]
        return {"one": rows.get(tx, name), "sessions": len(lasting), "tokens": len(tokens.everyone(tx, name))}

    if not sure:
        values = await visit.house.read(look)
        return visit.page("parts/users_disable.html" if visit.live else "users_disable.html", values)
    gone = await visit.house.write(lambda tx: sign_in.disable(tx, actor, now, name))
    return visit.say(visit.go("/users/one", {"name": name}), "users.disable.done", {"name": gone.name})


@SECTION.post("/users/unlock", Action.USERS)
async def unlock(visit: Here, name: Annotated[str, Form()] = "") -> Response:
    """Forget the wrong tries for this person, so that nobody has to wait."""
    actor, now = visit.actor, visit.house.app.clock.now()
    await visit.house.write(lambda tx: tries.unlock(tx, actor, now, name))
    return visit.say(visit.go("/users/one", {"name": name}), "users.done.unlocked")


@SECTION.post("/users/sign-out", Action.USERS)
async def sign_out(visit: Here, name: Annotated[str, Form()] = "") -> Response:
    """End all sessions of this person."""
    actor, now = visit.actor, visit.house.app.clock.now()
    ended = await visit.house.write(lambda tx: sign_in.sign_out_everywhere(tx, actor, now, name))
    return visit.say(visit.go("/users/one", {"name": name}), "users.done.signed_out", {"count": ended})
