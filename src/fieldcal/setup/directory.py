"""People who come from the organization's directory: who they are here, and the roles that their groups stand for.

They are known by the directory's object id, which nobody can choose; never by a name or an address, which some
directories let people change themselves. What a person here was given by hand is neither taken nor needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import NotAllowed
from fieldcal.setup import sign_in, users
from fieldcal.setup.sign_in import Opened, Place
from fieldcal.setup_model import Actor, Role, User
from fieldcal.state import audit
from fieldcal.state import users as rows

#: Who stands as the giver of roles that come from groups; such a role goes when the group does.
BY = "directory"


@dataclass(frozen=True, slots=True)
class Entered:
    """Who signed in at the directory."""

    object_id: str
    #: the sign-in name there, which becomes the name here
    name: str
    full_name: str
    #: ids of groups, and names of application roles
    groups: frozenset[str]


def enter(tx: Connection, now: datetime, who: Entered, meaning: Mapping[Role, str], place: Place) -> Opened:
    """Open a session for this person, made or brought up to date; `meaning`: the group of each role.

    Raises `NotAllowed` where no role is left, or where another user has the name already.
    """
    wanted = {role for role, group in meaning.items() if group in who.groups}
    user = rows.by_object_id(tx, who.object_id)
    if user is None:
        user = _new(tx, now, who, anything=bool(wanted))
    user = _with(tx, now, user, wanted)
    if not user.roles:
        raise NotAllowed(f"{who.name} is in none of the groups that have a role here")
    return sign_in.open_session(tx, user, now, place, "oidc")


def _new(tx: Connection, now: datetime, who: Entered, *, anything: bool) -> User:
    if not anything:
        raise NotAllowed(f"{who.name} is in none of the groups that have a role here")
    if rows.find(tx, who.name) is not None:
        raise NotAllowed(
            f"there is a user {who.name} here who is not tied to this account; an administrator does that with "
            f"`fieldcal user tie {who.name} {who.object_id}`"
        )
    return users.add(tx, Actor(BY), now, who.name, full_name=who.full_name, object_id=who.object_id)


def _with(tx: Connection, now: datetime, user: User, wanted: set[Role]) -> User:
    """The user with the roles of these groups, and without those of groups left."""
    given = rows.granted_by(tx, user.id)
    for role in sorted(wanted - given.keys()):
        rows.grant(tx, user.id, role, BY)
        audit.record(tx, Actor(BY), now, "user grant", [user.id], role.value)
    for role in sorted(role for role, by in given.items() if by == BY and role not in wanted):
        rows.revoke(tx, user.id, role)
        audit.record(tx, Actor(BY), now, "user revoke", [user.id], role.value)
    return rows.get(tx, user.id)
