"""People who come from the organization's directory: who they are here, and the roles that their groups stand for.

They are known by the directory's object id, which nobody can choose; never by a name or an address, which some
directories let people change themselves. What a person here was given by hand is neither taken nor needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.errors import NotAllowed
from fieldcal.setup import sign_in, users, vouching
from fieldcal.setup.sign_in import Opened
from fieldcal.setup.tries import Place
from fieldcal.setup_model import Actor, Role, User
from fieldcal.state import audit, sessions
from fieldcal.state import users as rows
from fieldcal.state.database import Database

#: Who stands as the giver of roles that come from groups; such a role goes when the group does.
BY = "directory"
#: How long after a sign-in there the groups that it told are believed of tokens. Whoever was put out of the directory
#: signs in no more, so nothing else would ever end them.
BELIEVED = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Entered:
    """Who signed in at the directory."""

    object_id: str
    #: the sign-in name there, which becomes the name here; it says nothing about whose a mailbox is
    name: str
    full_name: str
    #: ids of groups, and names of application roles
    groups: frozenset[str]
    #: the address that the directory has proven to be this person's, "" where it says so of none
    address: str = ""


async def enter(database: Database, now: datetime, who: Entered, meaning: Mapping[Role, str], place: Place) -> Opened:
    """Open a session for this person, made or brought up to date; `meaning`: the group of each role.

    Raises `NotAllowed` where no role is left, or where another user has the name already. Roles that went with their
    groups are gone then, too, and so is every session.
    """
    came = await database.writing(_enter, now, who, meaning, place)
    if isinstance(came, str):
        raise NotAllowed(came)
    return came


def _enter(tx: Connection, now: datetime, who: Entered, meaning: Mapping[Role, str], place: Place) -> Opened | str:
    """The session, or why there is none. It is returned, for what is raised would take back what was taken."""
    wanted = {role for role, group in meaning.items() if group in who.groups}
    user = rows.by_object_id(tx, who.object_id)
    refusal = ""
    if user is None:
        refusal = _why_not(tx, who, anything=bool(wanted))
        user = None if refusal else _new(tx, now, who)
    if user is not None:
        user = _with(tx, now, user, wanted)
        rows.entered(tx, user.id, now)
        if user.roles:
            return sign_in.open_session(tx, user, now, place, "oidc")
        sessions.end_all(tx, user.id, now)
        refusal = _no_group(who)
    audit.strange(tx, place.told, now, "sign-in refused", user.id if user else who.name, refusal)
    return refusal


def _no_group(who: Entered) -> str:
    return f"{who.name} is in none of the groups that have a role here"


def _why_not(tx: Connection, who: Entered, *, anything: bool) -> str:
    """Why nobody is made for this person, "" where one is."""
    if not anything:
        return _no_group(who)
    if rows.find(tx, who.name) is not None:
        return (
            f"there is a user {who.name} here who is not tied to this account; an administrator does that with "
            f"`fieldcal user tie {who.name} {who.object_id}`"
        )
    return ""


def _new(tx: Connection, now: datetime, who: Entered) -> User:
    return users.add(
        tx, Actor(BY), now, who.name, full_name=who.full_name, sign_in=who.address, object_id=who.object_id
    )


def _with(tx: Connection, now: datetime, user: User, wanted: set[Role]) -> User:
    """The user with the roles of these groups, and without those of groups left."""
    given = rows.granted_by(tx, user.id)
    for role in sorted(wanted - given.keys()):
        rows.grant(tx, user.id, role, BY)
        audit.record(tx, Actor(BY), now, "user grant", [user.id], role.value)
        vouching.granted(tx, Actor(BY), now, user, role)
    for role in sorted(role for role, by in given.items() if by == BY and role not in wanted):
        rows.revoke(tx, user.id, role)
        audit.record(tx, Actor(BY), now, "user revoke", [user.id], role.value)
    return rows.get(tx, user.id)


def still(tx: Connection, user: User, now: datetime) -> User:
    """The user with the roles that hold while nobody signs in: those of groups do for `BELIEVED`, others for ever."""
    theirs = {role for role, by in rows.granted_by(tx, user.id).items() if by == BY}
    at = rows.entered_at(tx, user.id) if theirs else None
    if not theirs or (at is not None and now - at <= BELIEVED):
        return user
    return replace(user, roles=user.roles - theirs)
