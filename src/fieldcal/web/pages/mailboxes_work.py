"""Test & Enable of many mailboxes while it runs: live, then each result with its checks and remedies."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fieldcal.setup.permissions import Action
from fieldcal.setup_model import TrialStatus
from fieldcal.web.following import followed
from fieldcal.web.section import Section
from fieldcal.web.visit import Here, Visit
from fieldcal.web.work import Work

SECTION = Section("mailboxes_work")
#: Results that are drawn, the failures first: at the end, and while they are sent several times a second.
_SHOWN, _SHOWN_LIVE = 100, 20


def _values(work: Work[Any]) -> dict[str, Any]:
    good = sum(box.status is TrialStatus.SUCCESS for box in work.results)
    ordered = sorted(work.results, key=lambda box: (box.status is TrialStatus.SUCCESS, box.address, box.id))
    bad = sum(box.status is TrialStatus.FAILURE for box in work.results)
    going = len(work.results) - good - bad
    return {
        "work": work,
        "good": good,
        "bad": bad,
        "going": going,
        "results": ordered[: _SHOWN if work.ended else _SHOWN_LIVE],
    }


def _known(visit: Visit, number: str) -> Work[Any] | None:
    """The work of this number, for whoever began it, or sets up everybody's mailboxes."""
    work = visit.house.works.find(number)
    if work is None or work.kind != "test" or work.environment not in {one.id for one in visit.environments}:
        return None
    return work if work.user == visit.actor.name or visit.may(Action.SET_UP) else None


@SECTION.get("/mailboxes/work/{number}", Action.SET_UP, own=True)
async def show(visit: Here, number: str) -> Response:
    """How far it is, and every result so far."""
    work = _known(visit, number)
    if work is None:
        return visit.page("mailboxes_work_gone.html", status=404)
    return visit.page("mailboxes_work.html", _values(work))


@SECTION.get("/mailboxes/work/{number}/events", Action.SET_UP, own=True)
async def follow(visit: Here, number: str) -> Response:
    """The same, told as it changes: server-sent events, each with the part of the page as it now is."""
    return followed(visit, _known(visit, number), "parts/mailboxes_work.html", _values)
