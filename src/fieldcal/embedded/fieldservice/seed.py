"""What every organization has from the start: itself, the time zones, and the messages that steps can listen to."""

from __future__ import annotations

import uuid

from fieldcal.embedded.fieldservice.hook_tables import FILTER, HOOK_TABLES, MESSAGE, MESSAGES
from fieldcal.embedded.fieldservice.store import DEFAULT_EXPIRY, Store
from fieldcal.embedded.fieldservice.tables import ORGANIZATION, SCHEMA, TIME_ZONE
from fieldcal.embedded.fieldservice.zones import ZONE_CODES


def seed(store: Store, organization_id: str | None, name: str) -> str:
    """Fill a new database, leave a filled one as it is; gives the organization's id.

    ValueError where the database belongs to another organization than the one that is asked for.
    """
    if not store.rows(MESSAGE.name):
        _seed_messages(store)
    known = store.rows(ORGANIZATION.name)
    if known:
        found = str(known[0][ORGANIZATION.id])
        if organization_id is not None and found != organization_id.lower():
            message = f"this database belongs to organization {found}, not to {organization_id}"
            raise ValueError(message)
        return found
    made = (organization_id or str(uuid.uuid4())).lower()
    row = {ORGANIZATION.id: made, "name": name, "expirechangetrackingindays": DEFAULT_EXPIRY}
    store.load(ORGANIZATION.name, [row])
    store.load(
        TIME_ZONE.name,
        [
            {
                TIME_ZONE.id: str(uuid.uuid5(uuid.NAMESPACE_URL, f"time zone {code}")),
                "timezonecode": code,
                "standardname": zone,
                "daylightname": zone.replace("Standard", "Daylight"),
                "userinterfacename": zone,
            }
            for code, zone in ZONE_CODES.items()
        ],
    )
    return made


def _seed_messages(store: Store) -> None:
    """Create, Update and Delete, and which tables they are about: every one but those of webhooks themselves."""
    store.load(MESSAGE.name, [{MESSAGE.id: _message_id(name), "name": name} for name in MESSAGES])
    tables = [table.name for table in SCHEMA.tables if table not in HOOK_TABLES]
    store.load(
        FILTER.name,
        [
            {
                FILTER.id: str(uuid.uuid5(uuid.NAMESPACE_URL, f"message {message} of {table}")),
                "name": f"{table}: {message}",
                "primaryobjecttypecode": table,
                "sdkmessageid": _message_id(message),
            }
            for message in MESSAGES
            for table in tables
        ],
    )


def _message_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"message {name}"))
