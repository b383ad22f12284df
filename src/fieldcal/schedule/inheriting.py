"""The address of a work order that names none of its own: its account's, as Field Service copies it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.tables import ACCOUNT
from fieldcal.schedule.names import by_name
from fieldcal.schedule.sheets import ACCOUNTS, ORDERS

#: What both have, under these headings.
HEADINGS = ("street", "city", "region", "postal code", "country")
_PAIRS = tuple((ORDERS.cell(heading).column, ACCOUNTS.cell(heading).column) for heading in HEADINGS)
_ACCOUNT = ORDERS.cell("account").column
#: A work order that has one of these says itself where it is.
_OWN = (ORDERS.cell("place").column, *(mine for mine, _ in _PAIRS))

#: By account id: the columns of a work order's address, those that the account has.
Addresses = Mapping[str, Mapping[str, str]]


def taken(before: Mapping[str, Any], said: Mapping[str, Any], addresses: Addresses) -> Mapping[str, str]:
    """What this work order takes of its account's address: nothing where it has one of its own.

    `before`: as it stands there, empty for a new one; `said`: what is written over it. One that stands without an
    address stays so until its account changes; one whose address is emptied has its account's.
    """
    account = said.get(_ACCOUNT, before.get(_ACCOUNT))
    address = addresses.get(account or "", {})
    emptied = any(before.get(name) for name in _OWN if name in said)
    if any(said.get(name) for name in _OWN) or not (emptied or account != before.get(_ACCOUNT)):
        return {}
    kept = [name for name in _OWN if name not in said and before.get(name)]
    return {} if any(before[name] != address.get(name) for name in kept) else address


def addresses(tx: Connection, accounts: set[str] | None = None) -> dict[str, dict[str, str]]:
    """The addresses of these accounts, or of all; those that have none are left out."""
    sql = TABLES[ACCOUNT.name].c
    asked = select(sql[ACCOUNT.id], *(sql[theirs] for _, theirs in _PAIRS))
    rows = tx.execute(asked if accounts is None else asked.where(sql[ACCOUNT.id].in_(accounts)))
    found = {row[0]: {mine: text for (mine, _), text in zip(_PAIRS, row[1:], strict=True) if text} for row in rows}
    return {account: address for account, address in found.items() if address}


def of_account(tx: Connection, name: str) -> dict[str, str]:
    """The address of the account that is called so, by heading; empty where none is, several are, or it has none."""
    account = by_name(tx, [ACCOUNT.name])[0].ids[ACCOUNT.name].get(name.strip().lower()) or ""
    found = addresses(tx, {account}).get(account, {})
    return {one.heading: found[one.column] for one in ORDERS.cells if one.column in found}
