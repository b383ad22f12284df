"""What a CSV file of each kind of thing holds: its headings, and the column of the field service that each stands for.

Data only. A file has the headings that it needs, in any order; what it has no heading for stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fieldcal.embedded.fieldservice.tables import ACCOUNT, CONTACT, INCIDENT_TYPE, ORDER_TYPE, PRIORITY, WORK_ORDER


class Holds(StrEnum):
    """What may stand in a cell."""

    TEXT = "text"
    #: whole minutes
    MINUTES = "minutes"
    #: a date and time, in the zone that the reader is told where it names none itself
    INSTANT = "instant"
    #: the name of a row of another table
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Cell:
    """One heading. `names`: the table whose rows' names stand there."""

    heading: str
    column: str
    holds: Holds = Holds.TEXT
    longest: int = 100
    required: bool = False
    names: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One kind of file. Its rows are told apart by the first cell: what is the same there is the same row."""

    name: str
    table: str
    cells: tuple[Cell, ...]
    #: headings of a beginning and an end, which has to come after it
    spans: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> Cell:
        return self.cells[0]


def _address(prefix: str, names: tuple[str, ...]) -> tuple[Cell, ...]:
    headings = ("street", "city", "region", "postal code", "country")
    lengths = (250, 80, 50, 20, 80)
    return tuple(
        Cell(heading, f"{prefix}{name}", longest=length)
        for heading, name, length in zip(headings, names, lengths, strict=True)
    )


ORDERS = Sheet(
    "work orders",
    WORK_ORDER.name,
    (
        Cell("number", "msdyn_name", required=True),
        Cell("summary", "msdyn_workordersummary", longest=20_000),
        Cell("instructions", "msdyn_instructions", longest=8000),
        Cell("type", "msdyn_workordertype", Holds.NAME, names=ORDER_TYPE.name),
        Cell("priority", "msdyn_priority", Holds.NAME, names=PRIORITY.name),
        Cell("incident", "msdyn_primaryincidenttype", Holds.NAME, names=INCIDENT_TYPE.name),
        Cell("account", "msdyn_serviceaccount", Holds.NAME, names=ACCOUNT.name),
        Cell("contact", "msdyn_reportedbycontact", Holds.NAME, names=CONTACT.name),
        Cell("place", "msdyn_addressname", longest=200),
        *_address("msdyn_", ("address1", "city", "stateorprovince", "postalcode", "country")),
        Cell("minutes", "msdyn_totalestimatedduration", Holds.MINUTES),
        Cell("promised from", "msdyn_timefrompromised", Holds.INSTANT),
        Cell("promised until", "msdyn_timetopromised", Holds.INSTANT),
    ),
    (("promised from", "promised until"),),
)
ACCOUNTS = Sheet(
    "accounts",
    ACCOUNT.name,
    (
        Cell("name", "name", longest=160, required=True),
        Cell("account number", "accountnumber", longest=20),
        Cell("telephone", "telephone1", longest=50),
        Cell("e-mail", "emailaddress1"),
        *_address("address1_", ("line1", "city", "stateorprovince", "postalcode", "country")),
        Cell("contact", "primarycontactid", Holds.NAME, names=CONTACT.name),
        Cell("notes", "description", longest=2000),
    ),
)
TYPES = Sheet("work order types", ORDER_TYPE.name, (Cell("name", "msdyn_name", required=True),))
INCIDENTS = Sheet(
    "incident types",
    INCIDENT_TYPE.name,
    (
        Cell("name", "msdyn_name", required=True),
        Cell("description", "msdyn_description", longest=8000),
        Cell("minutes", "msdyn_estimatedduration", Holds.MINUTES),
    ),
)

SHEETS = {sheet.name: sheet for sheet in (ORDERS, ACCOUNTS, TYPES, INCIDENTS)}
