"""Customers: accounts, and the people there who are called."""

from __future__ import annotations

from fieldcal.schedule.sheets import ACCOUNTS, CONTACTS
from fieldcal.web import removal
from fieldcal.web.rooms import Room
from fieldcal.web.section import Entry, Section

SECTION = Section("customers", Entry("work", 13, "people", scheduling=True))
_TABS = (("accounts", "/customers"), ("contacts", "/customers/contacts"))
ACCOUNT_ROOM = Room(
    ACCOUNTS,
    "/customers",
    "customers",
    "people",
    ("name", "account number", "city", "telephone", "contact"),
    _TABS,
    template=removal.TEMPLATE,
)
CONTACT_ROOM = Room(
    CONTACTS, "/customers/contacts", "customers", "person",
    ("last name", "first name", "account", "telephone", "e-mail"), _TABS, template=removal.TEMPLATE,
)  # fmt: skip

removal.register(SECTION, ACCOUNT_ROOM)
removal.register(SECTION, CONTACT_ROOM)
