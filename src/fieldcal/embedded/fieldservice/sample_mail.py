"""The sample organization's server-side synchronization: one server profile, and how far each mailbox is set up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fieldcal.embedded.fieldservice.store import Store

PROFILE = "Microsoft Exchange Online"
_SET_UP = {"actdeliverymethod": 1, "actstatus": 1, "enabledforact": True, "emailrouteraccessapproval": 1}
#: The last two who have a mailbox are not set up: one waits for approval, one never chose the method.
_UNFINISHED: tuple[dict[str, Any], ...] = (
    {"actdeliverymethod": 1, "emailrouteraccessapproval": 2},
    {"actdeliverymethod": 2, "emailrouteraccessapproval": 1},
)


@dataclass(frozen=True, slots=True)
class Person:
    """A technician with a mailbox; `user` is the systemuser's id."""

    user: str
    name: str
    address: str


def load_mail(
    store: Store, make_id: Callable[..., str], people: Sequence[Person], served: Sequence[str], ended: str
) -> None:
    """Write the profile, a mailbox for each, and what Microsoft's own booking sync left of the first one's bookings.

    `make_id` makes the ids of rows; `served` are ids of bookings of the first person, last written at `ended`.
    """
    profile = make_id("server profile")
    store.load("emailserverprofile", [{"emailserverprofileid": profile, "name": PROFILE}])
    rows = []
    for number, person in enumerate(people):
        left = len(people) - number - 1
        rows.append(
            {
                "mailboxid": make_id("mailbox", number),
                "name": person.name,
                "emailaddress": person.address,
                "regardingobjectid": person.user,
                "emailserverprofile": profile,
                **(_UNFINISHED[left] if left < len(_UNFINISHED) else _SET_UP),
            }
        )
    store.load("mailbox", rows)
    store.load(
        "bookableresourcebookingexchangesyncidmapping",
        [
            {
                "bookableresourcebookingexchangesyncidmappingid": make_id("mapping", booking),
                "exchangeentryid": make_id("entry", booking),
                "bookableresourcebookingid": booking,
                "userid": people[0].user,
                "createdon": ended,
                "modifiedon": ended,
            }
            for booking in served
        ],
    )
