"""Passes: what each set out to do, what it did and sent, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.sent import ANSWERS, Sent, Side
from fieldcal.setup.permissions import Action
from fieldcal.state import history, mailboxes, outcomes
from fieldcal.state.history import Line, Pass
from fieldcal.state.outcomes import Deed, Failure
from fieldcal.sync.answer import told
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit

SECTION = Section("passes", Entry("service", 20, "list"))

_COLUMNS = (
    Column("started"), Column("kind"), Column("outcome"), Column("changes", number=True),
    Column("created", number=True), Column("updated", number=True), Column("removed", number=True),
    Column("failed", number=True), Column("churn", number=True), Column("requests", number=True),
)  # fmt: skip
_LINES = (Column("at"), Column("deed"), Column("booking"), Column("mailbox"), Column("answer"))


#: Those that have a word of their own in the catalogue.
_DEEDS = ("create", "update", "remove", "adopt", "forget", "hold")
_KINDS = ("scheduled", "announced", "asked", "hinted", "check", "clean", "write again", "duplicates", "retry")


def _listing(visit: Visit, path: str, columns: Sequence[Column]) -> Listing:
    """One page of what is shown in one order alone."""
    query = {name: value for name, value in visit.request.query_params.items() if name in {"page", "size"}}
    asked = Listing.asked(query, path=path, section="passes", columns=(Column("at", "at"),), sort="at", filters={})
    return replace(asked, columns=columns, sort="")


@SECTION.get("/passes", Action.SEE_OVERVIEW)
async def show(visit: Here) -> Response:
    """One page of them, the newest first."""
    place, listing = visit.place_of_work, _listing(visit, "/passes", _COLUMNS)

    def look(tx: Connection) -> tuple[list[Pass], int]:
        found = history.last_passes(tx, place.id, listing.size, offset=listing.offset)
        return found, history.count_passes(tx, place.id)

    found, total = await visit.house.read(look)
    rows = [(one, _outcome(one), _seconds(one)) for one in found]
    return visit.page("passes.html", {"listing": listing.counted(total), "rows": rows, "kinds": _KINDS})


@dataclass(frozen=True, slots=True)
class _Looked:
    one: Pass
    deeds: Sequence[Deed]
    failures: Sequence[Failure]
    lines: Sequence[Line]
    #: by the mailbox's id
    addresses: Mapping[str, str]


@SECTION.get("/passes/{run}", Action.SEE_OVERVIEW)
async def one(visit: Here, run: str) -> Response:
    """One pass: what it set out to do and why, what came of it, and what it sent."""
    place, listing = visit.place_of_work, _listing(visit, f"/passes/{quote(run[:80])}", _LINES)
    found = await visit.house.read(lambda tx: _look(tx, place.id, run, listing))
    if found is None:
        raise ConfigError(text("passes.gone"))
    sides = [
        (name, each, [(kind, each.answers[kind]) for kind in ANSWERS if each.answers.get(kind)])
        for name, each in _sides(found.one.sent)
    ]
    lines = [(line, told(line), found.addresses.get(line.mailbox, "")) for line in found.lines]
    total = sum(deed.number for deed in found.deeds)
    return visit.page("passes_one.html", {
        "listing": listing.counted(total), "one": found.one, "kinds": _KINDS, "named": _DEEDS, "lines": lines,
        "outcome": _outcome(found.one), "took": _seconds(found.one), "deeds": found.deeds,
        "failures": found.failures, "sides": sides,
    })  # fmt: skip


def _look(tx: Connection, place: str, run: str, listing: Listing) -> _Looked | None:
    one = history.one_pass(tx, place, run)
    if one is None:
        return None
    lines = outcomes.lines(tx, place, one, offset=listing.offset, limit=listing.size)
    boxes = mailboxes.some(tx, place, sorted({MailboxId(line.mailbox) for line in lines if line.mailbox}))
    return _Looked(one, outcomes.deeds(tx, place, one), outcomes.failures_of(tx, place, one), lines,
                   {str(box.id): box.address for box in boxes})  # fmt: skip


def _sides(sent: Sent | None) -> list[tuple[str, Side]]:
    return [] if sent is None else [("source", sent.source), ("calendars", sent.calendars)]


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
