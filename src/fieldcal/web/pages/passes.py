"""Passes: what each did, and how it ended."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal.setup.permissions import Action
from fieldcal.state import history
from fieldcal.state.history import Pass
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Entry, Section
from fieldcal.web.visit import Here

SECTION = Section("passes", Entry("service", 20, "list"))

_COLUMNS = (
    Column("started"), Column("kind"), Column("outcome"), Column("changes", number=True),
    Column("created", number=True), Column("updated", number=True), Column("removed", number=True),
    Column("failed", number=True), Column("churn", number=True),
)  # fmt: skip


#: Those that have a word of their own in the catalogue.
_KINDS = ("scheduled", "announced", "asked", "hinted", "check", "clean", "duplicates", "retry")


@SECTION.get("/passes", Action.SEE_OVERVIEW)
async def show(visit: Here) -> Response:
    """One page of them, the newest first."""
    place = visit.place_of_work
    query = {name: value for name, value in visit.request.query_params.items() if name in {"page", "size"}}
    asked = Listing.asked(query, path="/passes", section="passes", columns=(Column("started", "started"),),
                          sort="started", filters={})  # fmt: skip
    listing = replace(asked, columns=_COLUMNS, sort="")

    def look(tx: Connection) -> tuple[list[Pass], int]:
        found = history.last_passes(tx, place.id, listing.size, offset=listing.offset)
        return found, history.count_passes(tx, place.id)

    found, total = await visit.house.read(look)
    rows = [(one, _outcome(one), _seconds(one)) for one in found]
    return visit.page("passes.html", {"listing": listing.counted(total), "rows": rows, "kinds": _KINDS})


def _outcome(one: Pass) -> str:
    if one.ended_at is None:
        return "under_way"
    if one.error == history.INTERRUPTED:
        return "interrupted"
    if one.error:
        return "unread"
    return "in_part" if one.tally.failed else "good"


def _seconds(one: Pass) -> str:
    """How long it took, `2.4 s` or `3 min 20 s`; "" while it lasts."""
    if one.ended_at is None:
        return ""
    seconds = max((one.ended_at - one.started_at).total_seconds(), 0.0)
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
