"""Which mailboxes a caller means: one by its name, several by theirs, or all that match."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import Field
from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup_model import MailboxState, Selection
from fieldcal.state import mailboxes as rows
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.shapes import Asked, Words

One = Annotated[
    str,
    Path(description="Object id or address.", max_length=200, examples=["anna.berg@example.com"]),
]  # fmt: skip


class Chosen(Asked):
    """Which mailboxes are meant: those named, or with `all` every one that `state` and `search` leave."""

    mailboxes: list[Words] = Field(
        default=[], max_length=5_000, description="Object ids or addresses.", examples=[["anna.berg@example.com"]]
    )
    all: bool = Field(default=False, strict=True, description="Every mailbox that `state` and `search` leave.")
    state: MailboxState | None = Field(default=None, description="Only those in this state.")
    search: Words = Field(default="", description="Only those with this in the name or address.")
    expect: int | None = Field(
        default=None, ge=0, strict=True, description="How many it has to be; at another number nothing is done (409)."
    )


def wanted_of(tx: Connection, place: str, chosen: Chosen) -> list[MailboxId]:
    """The mailboxes that are meant; a `ConfigError` where that is not said, or one is not there."""
    if chosen.all is bool(chosen.mailboxes):
        raise ConfigError("which mailboxes? name them in `mailboxes`, or choose with `all`, `state` and `search`")
    found = rows.ids(tx, place, Selection(tuple(chosen.mailboxes), chosen.state, chosen.search))
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
