"""What a form and a CSV file of each kind of thing hold: headings, and the column that each stands for.

Data only. A file has the headings that it needs, in any order; what it has no heading for stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from fieldcal.embedded.fieldservice.tables import (
    ACCOUNT,
    CONTACT,
    INCIDENT_TYPE,
    ORDER_TYPE,
    PRIORITY,
    RESOURCE,
    RESOURCE_TYPES,
    WORK_ORDER,
)


class Holds(StrEnum):
    """What may stand in a cell."""

    TEXT = "text"
    #: a text of many lines
    LINES = "lines"
    #: whole minutes, or a whole number that means something else, from 1
    MINUTES = "minutes"
    NUMBER = "number"
    #: an e-mail address, kept in small letters
    ADDRESS = "address"
    #: a time zone by its IANA name, kept as Dataverse's code
    ZONE = "zone"
    #: working hours as `hours.parse` reads them
    HOURS = "hours"
    #: one of `choices`
    CHOICE = "choice"
    #: a date and time, in the zone that the reader is told where it names none itself
    INSTANT = "instant"
    #: the name of a row of another table
    NAME = "name"
    #: a crew's members as `membership.read` reads them; kept in rows of their own
    MEMBERS = "members"


@dataclass(frozen=True, slots=True)
class Cell:
    """One heading. `names`: the table whose rows' names stand there; `choices`: words and what they are kept as."""

    heading: str
    column: str
    holds: Holds = Holds.TEXT
    longest: int = 100
    required: bool = False
    names: str = ""
    most: int = 0
    choices: Mapping[str, int] = field(default_factory=dict, hash=False)
    #: what a new row has here where nothing is written
    first: str = ""
    #: what a file may say instead of the heading: the form's own label, where that is another one; small letters
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One kind of thing. `by`: by which headings its rows are told apart, the surest first."""

    kind: str
    #: one and several of it, in words
    one: str
    name: str
    table: str
    cells: tuple[Cell, ...]
    by: tuple[tuple[str, ...], ...]
    #: headings of a beginning and an end, which has to come after it
    spans: tuple[tuple[str, str], ...] = ()

    #: of a table that holds several kinds: column and values of this one
    only: tuple[str, tuple[int, ...]] | None = None
    #: a new row without the text of `by`'s first heading gets the next number there
    numbered: bool = False

    @property
    def stored(self) -> tuple[Cell, ...]:
        """The cells that are columns of its table."""
        return tuple(one for one in self.cells if one.holds is not Holds.MEMBERS)

    def cell(self, heading: str) -> Cell:
        """The cell under this heading, which must be there."""
        return next(one for one in self.cells if one.heading == heading)


def _address(prefix: str, names: tuple[str, ...]) -> tuple[Cell, ...]:
    headings = ("street", "city", "region", "postal code", "country")
    lengths = (250, 80, 50, 20, 80)
    return tuple(
        Cell(heading, f"{prefix}{name}", longest=length)
        for heading, name, length in zip(headings, names, lengths, strict=True)
    )


#: The longest that a job is estimated at: a month.
_MONTH = 31 * 24 * 60
_CREW = 6
_ACTIVE = MappingProxyType({"yes": 0, "no": 1})
_KINDS = MappingProxyType({name: code for code, name in RESOURCE_TYPES.items() if name not in {"Crew", "Pool"}})

ORDERS = Sheet(
    "orders",
    "work order",
    "work orders",
    WORK_ORDER.name,
    (
        Cell("number", "msdyn_name", required=True),
        Cell("summary", "msdyn_workordersummary", Holds.LINES, longest=20_000),
        Cell("instructions", "msdyn_instructions", Holds.LINES, longest=8000),
        Cell("type", "msdyn_workordertype", Holds.NAME, names=ORDER_TYPE.name),
        Cell("priority", "msdyn_priority", Holds.NAME, names=PRIORITY.name),
        Cell("incident", "msdyn_primaryincidenttype", Holds.NAME, names=INCIDENT_TYPE.name, label="incident type"),
        Cell("account", "msdyn_serviceaccount", Holds.NAME, names=ACCOUNT.name),
        Cell("contact", "msdyn_reportedbycontact", Holds.NAME, names=CONTACT.name),
        Cell("place", "msdyn_addressname", longest=200, label="name of the place"),
        *_address("msdyn_", ("address1", "city", "stateorprovince", "postalcode", "country")),
        Cell("minutes", "msdyn_totalestimatedduration", Holds.MINUTES, most=_MONTH),
        Cell("promised from", "msdyn_timefrompromised", Holds.INSTANT),
        Cell("promised until", "msdyn_timetopromised", Holds.INSTANT),
    ),
    (("number",),),
    (("promised from", "promised until"),),
    numbered=True,
)
ACCOUNTS = Sheet(
    "accounts",
    "account",
    "accounts",
    ACCOUNT.name,
    (
        Cell("name", "name", longest=160, required=True),
        Cell("account number", "accountnumber", longest=20),
        Cell("telephone", "telephone1", longest=50),
        Cell("e-mail", "emailaddress1", Holds.ADDRESS),
        *_address("address1_", ("line1", "city", "stateorprovince", "postalcode", "country")),
        Cell("contact", "primarycontactid", Holds.NAME, names=CONTACT.name),
        Cell("notes", "description", Holds.LINES, longest=2000),
    ),
    (("account number",), ("name",)),
)
CONTACTS = Sheet(
    "contacts",
    "contact",
    "contacts",
    CONTACT.name,
    (
        Cell("first name", "firstname", longest=50),
        Cell("last name", "lastname", longest=50, required=True),
        Cell("account", "parentcustomerid", Holds.NAME, names=ACCOUNT.name),
        Cell("telephone", "telephone1", longest=50),
        Cell("mobile", "mobilephone", longest=50),
        Cell("e-mail", "emailaddress1", Holds.ADDRESS),
    ),
    (("last name", "first name", "account"), ("last name", "first name")),
)
WORKERS = Sheet(
    "workers",
    "worker",
    "workers",
    RESOURCE.name,
    (
        Cell("name", "name", required=True),
        Cell("e-mail", "msdyn_primaryemail", Holds.ADDRESS),
        Cell("kind", "resourcetype", Holds.CHOICE, required=True, choices=_KINDS, first="User"),
        Cell("zone", "timezone", Holds.ZONE, required=True, first="UTC", label="time zone"),
        Cell("hours", "fieldcal_workinghours", Holds.HOURS, longest=200, label="working hours"),
        Cell("active", "statecode", Holds.CHOICE, required=True, choices=_ACTIVE, first="yes"),
    ),
    (("e-mail",), ("name",)),
    only=("resourcetype", tuple(_KINDS.values())),
)
CREWS = Sheet(
    "crews",
    "crew",
    "crews",
    RESOURCE.name,
    (
        Cell("name", "name", required=True),
        Cell("zone", "timezone", Holds.ZONE, required=True, first="UTC", label="time zone"),
        Cell("hours", "fieldcal_workinghours", Holds.HOURS, longest=200, label="working hours"),
        Cell("active", "statecode", Holds.CHOICE, required=True, choices=_ACTIVE, first="yes"),
        Cell("members", "members", Holds.MEMBERS, names=RESOURCE.name),
    ),
    (("name",),),
    only=("resourcetype", (_CREW,)),
)
TYPES = Sheet(
    "types",
    "work order type",
    "work order types",
    ORDER_TYPE.name,
    (Cell("name", "msdyn_name", required=True),),
    (("name",),),
)
INCIDENTS = Sheet(
    "incidents",
    "incident type",
    "incident types",
    INCIDENT_TYPE.name,
    (
        Cell("name", "msdyn_name", required=True),
        Cell("description", "msdyn_description", Holds.LINES, longest=8000),
        Cell("minutes", "msdyn_estimatedduration", Holds.MINUTES, most=_MONTH),
    ),
    (("name",),),
)
PRIORITIES = Sheet(
    "priorities",
    "priority",
    "priorities",
    PRIORITY.name,
    (
        Cell("name", "msdyn_name", required=True),
        Cell("importance", "msdyn_levelofimportance", Holds.NUMBER, most=10),
    ),
    (("name",),),
)

SHEETS = {sheet.kind: sheet for sheet in (ORDERS, ACCOUNTS, CONTACTS, WORKERS, CREWS, TYPES, INCIDENTS, PRIORITIES)}
