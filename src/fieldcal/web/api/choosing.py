"""Which mailboxes a caller means: one by its name, several by theirs, or all that match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import Field
from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup_model import (
    AddressState,
    AlertState,
    MailboxStanding,
    MailboxState,
    Method,
    PauseState,
    Selection,
    TrialStatus,
)
from fieldcal.state import mailboxes as rows
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.shapes import Asked, Words

One = Annotated[
    str,
    Path(description="Object id or address.", max_length=200, examples=["anna.berg@example.com"]),
]  # fmt: skip


_STANDING = (
    "Only those that stand so: `written` to, or what keeps them from it; `failing` is `troubled` and `failed`, "
    "`unfinished` and `off` are the others that are not set up, and those switched off."
)
_ALERTS = "Only those with warnings or errors that nobody has acknowledged, or without."
State = Annotated[MailboxState | None, Query(description="Only those in this state.")]
Search = Annotated[Words, Query(description="Only those with this in the name or address.", examples=["berg"])]
Standing = Annotated[MailboxStanding | None, Query(description=_STANDING)]
Approved = Annotated[AddressState | None, Query(description="Only those whose address is so.")]
Tested = Annotated[TrialStatus | None, Query(description="Only those whose Test & Enable went so.")]
Profile = Annotated[Words, Query(description="Only those with this server profile; `-`: with none.")]
By = Annotated[Method | None, Query(description="Only those with this appointments method.")]
Alerted = Annotated[AlertState | None, Query(description=_ALERTS)]
Paused = Annotated[
    PauseState | None, Query(description="Only those that are paused now, themselves or their server; or that are not.")
]
Reason = Annotated[Words, Query(description="Only those that are off for exactly this reason.")]


class Narrowed(Asked):
    """What narrows a list of mailboxes; all that is said holds at once."""

    state: State = None
    search: Search = ""
    standing: Standing = None
    approval: Approved = None
    test: Tested = None
    server_profile: Profile = ""
    appointments: By = None
    alerts: Alerted = None
    reason: Reason = ""
    paused: Paused = None

    def selection(self, now: datetime, names: Sequence[str] = ()) -> Selection:
        """The mailboxes that are left at this moment, of these or of all."""
        return Selection(
            tuple(names), self.state, self.search, self.standing, self.approval, self.test, self.server_profile,
            self.appointments, self.alerts, self.reason, self.paused, now if self.paused else None,
        )  # fmt: skip


def narrowed(  # noqa: PLR0917 - the parameters of an address
    state: State = None, search: Search = "", standing: Standing = None, approval: Approved = None, test: Tested = None,
    server_profile: Profile = "", appointments: By = None, alerts: Alerted = None, reason: Reason = "",
    paused: Paused = None,
) -> Narrowed:  # fmt: skip
    """What a list is narrowed by, as its address says."""
    return Narrowed(
        state=state, search=search, standing=standing, approval=approval, test=test, server_profile=server_profile,
        appointments=appointments, alerts=alerts, reason=reason, paused=paused,
    )  # fmt: skip


#: How a handler of a list asks for it.
Filters = Annotated[Narrowed, Depends(narrowed)]


class Chosen(Narrowed):
    """Which mailboxes are meant: those named, or with `all` every one that the other fields leave."""

    mailboxes: list[Words] = Field(
        default=[], max_length=5_000, description="Object ids or addresses.", examples=[["anna.berg@example.com"]]
    )
    all: bool = Field(default=False, strict=True, description="Every mailbox that the other fields leave.")
    expect: int | None = Field(
        default=None, ge=0, strict=True, description="How many it has to be; at another number nothing is done (409)."
    )


def wanted_of(tx: Connection, place: str, chosen: Chosen, now: datetime) -> list[MailboxId]:
    """The mailboxes that are meant; a `ConfigError` where that is not said, or one is not there."""
    if chosen.all is bool(chosen.mailboxes):
        raise ConfigError("which mailboxes? name them in `mailboxes`, or choose with `all` and what narrows it")
    found = rows.ids(tx, place, chosen.selection(now, chosen.mailboxes))
    if chosen.expect is not None and len(found) != chosen.expect:
        raise ConfigError(f"these are {len(found)} mailboxes now, not {chosen.expect}; nothing was done")
    return found


def one_of(tx: Connection, place: str, name: str) -> MailboxId:
    """The mailbox of this object id or address; `Missing` where there is none."""
    try:
        found = rows.ids(tx, place, Selection(names=(name,)))
    except ConfigError as error:
        raise Missing(str(error)) from None
    if len(found) != 1:
        raise ConfigError(f"{len(found)} mailboxes have the address {name}; name one by its id")
    return found[0]
