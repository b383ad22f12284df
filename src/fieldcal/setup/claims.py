"""The claim that stands on a calendar (R14): which installation writes into it, for which environment. Pure."""

from __future__ import annotations

import msgspec

from fieldcal.errors import one_line
from fieldcal.model import Check

NAME = "not claimed by another environment"
_REMEDY = (
    "If it is to be served from here now, take it over: `fieldcal mailbox claim ADDRESS --take-over`, then enable it."
)


class Claim(msgspec.Struct, frozen=True):
    """Who writes into a calendar. `installation` is in every backup, so that a restored Fieldcal keeps its claims."""

    installation: str
    organization: str
    environment: str

    def text(self) -> str:
        """What is written on the calendar; `read` gives the claim back."""
        return msgspec.json.encode(self).decode()


def read(text: str | None) -> Claim | None:
    """The claim that `Claim.text` wrote; None for nothing and for anybody else's words."""
    try:
        return None if text is None else msgspec.json.decode(text, type=Claim)
    except msgspec.DecodeError:
        return None


def still_ours(text: str | None, ours: Claim) -> Check:
    """May we go on writing here, when the claim was ours at Test & Enable?

    Stricter than `judge`: another environment of our own installation has taken the mailbox over, and the state that
    tells us otherwise is older than that (it was restored).
    """
    standing = read(text)
    if standing is None or standing.installation != ours.installation or standing.environment == ours.environment:
        return judge(text, ours)
    detail = f"The environment {one_line(standing.environment, 60)} of this installation has taken this mailbox over."
    return Check(NAME, ok=False, detail=detail, remedy=_REMEDY)


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
    if standing.organization == ours.organization:
        detail = (
            f"Another installation of Fieldcal ({one_line(standing.installation, 40)}) serves this mailbox "
            f"for this same organization, as its environment {one_line(standing.environment, 60)}."
        )
    else:
        detail = (
            f"Another environment ({one_line(standing.environment, 60)} of the organization "
            f"{one_line(standing.organization, 40)}) serves this mailbox."
        )
    return Check(NAME, ok=False, detail=detail, remedy=_REMEDY)
