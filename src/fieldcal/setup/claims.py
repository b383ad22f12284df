"""The claim that stands on a calendar (R14): which installation writes into it, for which environment. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from fieldcal.errors import one_line
from fieldcal.model import Check

NAME = "not claimed by another environment"
_REMEDY = (
    "If it is to be served from here now, take it over: `fieldcal mailbox claim ADDRESS --take-over`, then enable it."
)
_SAME_PLACE = (
    "If nothing else serves this environment any more, take it over: `fieldcal mailbox claim ADDRESS --take-over`, "
    "then enable it. Its events are found again, and none is doubled."
)


#: What Test & Enable says where a calendar server keeps no claims.
UNKEPT = (
    "The server keeps no properties of ours on a calendar, so two installations of Fieldcal cannot see each other "
    "here: see to it that only this one serves this mailbox."
)


class Claim(msgspec.Struct, frozen=True):
    """Who writes into a calendar. `installation` is in every backup, so that a restored Fieldcal keeps its claims."""

    installation: str
    organization: str
    environment: str

    def text(self, since: datetime | None = None) -> str:
        """What is written on the calendar; `read` gives the claim back, `since` the instant."""
        return msgspec.json.encode(_Written(self.installation, self.organization, self.environment, since)).decode()


class _Written(msgspec.Struct, frozen=True):
    installation: str
    organization: str
    environment: str
    #: when it was claimed, UTC; None: not told
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def _parse(text: str | None) -> _Written | None:
    try:
        return None if text is None else msgspec.json.decode(text, type=_Written)
    except msgspec.DecodeError:
        return None


def read(text: str | None) -> Claim | None:
    """The claim that `Claim.text` wrote; None for nothing and for anybody else's words."""
    found = _parse(text)
    return None if found is None else Claim(found.installation, found.organization, found.environment)


def since(text: str | None) -> datetime | None:
    """When the calendar was claimed, by the claimer's clock; None where that is not told."""
    found = _parse(text)
    return found.since if found else None


def judge(text: str | None, ours: Claim) -> Check:
    """May we write here, as far as the claim on the calendar says?

    A claim of our own installation is ours, whatever its environment: which of our environments holds a mailbox is
    known from the state, and a claim may outlive its environment.
    """
    standing = read(text)
    if text is None or (standing is not None and standing.installation == ours.installation):
        return Check(NAME, ok=True)
    if standing is None:
        return Check(NAME, ok=False, detail=f"The calendar is claimed by: {one_line(text, 120)}", remedy=_REMEDY)
    if (standing.organization, standing.environment) == (ours.organization, ours.environment):
        detail = (
            f"The mailbox is claimed by what looks like an earlier installation of this environment "
            f"({one_line(standing.installation, 40)}), with another state than the one used here{_when(text)}."
        )
        return Check(NAME, ok=False, detail=detail, remedy=_SAME_PLACE)
    return Check(NAME, ok=False, detail=_other(standing, ours, "serves this mailbox", text), remedy=_REMEDY)


def still_ours(text: str | None, ours: Claim) -> Check:
    """May we go on writing here, when the claim was ours at Test & Enable?

    Stricter than `judge`: another environment of our own installation has taken the mailbox over, and the state that
    tells us otherwise is older than that (it was restored).
    """
    standing = read(text)
    if standing is None or standing == ours:
        return judge(text, ours)
    if standing.installation == ours.installation:
        place = one_line(standing.environment, 60)
        detail = f"The environment {place} of this installation has taken this mailbox over{_when(text)}."
    else:
        detail = _other(standing, ours, "has taken this mailbox over", text)
    return Check(NAME, ok=False, detail=detail, remedy=_REMEDY)


def _other(standing: Claim, ours: Claim, does: str, text: str | None) -> str:
    place = one_line(standing.environment, 60)
    if standing.organization == ours.organization:
        who = f"Another installation of Fieldcal ({one_line(standing.installation, 40)})"
        return f"{who} {does} for this same organization, as its environment {place}{_when(text)}."
    organization = one_line(standing.organization, 40)
    return f"Another environment ({place} of the organization {organization}) {does}{_when(text)}."


def _when(text: str | None) -> str:
    at = since(text)
    return f" (claimed on {at.astimezone(UTC):%Y-%m-%d at %H:%M} UTC)" if at else ""
