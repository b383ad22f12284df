"""Which mailbox belongs to an address that a user leaves or comes to, so that a mistake taken back costs nothing.

A mailbox is known by its object id, and only its address is written into a form. Blocking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from fieldcal.embedded.fieldservice.database import TABLES, former_addresses
from fieldcal.embedded.fieldservice.tables import USER

_ADDRESS, _OBJECT = "internalemailaddress", "azureactivedirectoryobjectid"
_users, _former = TABLES[USER.name].c, former_addresses.c


def moved(tx: Connection, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The user's new values with the object id that belongs to the address in them; the old address's is kept."""
    old, new = _plain(before.get(_ADDRESS)), _plain(wanted[_ADDRESS])
    if old == new:
        return dict(wanted)
    if old and before.get(_OBJECT):
        tx.execute(delete(former_addresses).where(_former.address == old))
        tx.execute(insert(former_addresses).values(address=old, object_id=before[_OBJECT]))
    return at(tx, wanted, before.get(USER.id))


def at(tx: Connection, wanted: Mapping[str, Any], user: str | None = None) -> dict[str, Any]:
    """A user's values with the object id of that address, where it was left and no other user has either now."""
    kept = None
    if address := _plain(wanted[_ADDRESS]):
        kept = tx.scalar(select(_former.object_id).where(_former.address == address))
    if kept is not None:
        here = (func.lower(_users[_ADDRESS]) == address) | (_users[_OBJECT] == kept)
        others = select(_users[USER.id]).where(here, _users[USER.id] != (user or ""))
        kept = None if tx.execute(others.limit(1)).first() else kept
    return {**wanted, _OBJECT: kept}


def _plain(address: object) -> str:
    return str(address or "").strip().lower()
