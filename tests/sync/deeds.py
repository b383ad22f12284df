"""One deed of a dispatcher or of a worker's hand, by its name; what there is to choose from."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.sync import office
from tests.sync.people import STATUSES
from tests.sync.stage import OWNERS, Stage


def living(stage: Stage) -> list[str]:
    """The bookings that were not deleted."""
    return [booking for booking, job in stage.oracle.jobs.items() if not job.now.deleted]


def a_job(stage: Stage, which: int) -> str:
    found = living(stage)
    return found[-1 - which % len(found)]


def a_shown_job(stage: Stage, which: int) -> str:
    """A booking whose event stands in a calendar that is written to, if there is one."""
    alive = set(living(stage))
    shown = [each.booking for box, each in stage.events() if each.booking in alive and box in stage.oracle.on]
    return shown[which % len(shown)] if shown else a_job(stage, which)


def takes_out(stage: Stage, booking: str, how: str) -> None:
    """Deleted; or deactivated, an inactive one activated."""
    if how == "delete":
        stage.deletes(booking)
    else:
        stage.activates(booking, active=not stage.oracle.jobs[booking].now.active)


def is_looked_at_again(stage: Stage) -> None:
    """Hours later, when there is room for removals again, everything is marked anew."""
    stage.waits(timedelta(hours=2))
    for name in [name for name in OWNERS if stage.is_on(name)]:
        office.switches(stage, name)
        office.switches(stage, name)


def orders_of(stage: Stage) -> list[str]:
    """The work orders that were not deleted."""
    return sorted(stage.standing_orders, key=lambda order: stage.oracle.orders[order].number)


def hand(stage: Stage, what: str, which: int, *, ours: bool = False) -> str:
    """A worker's hand on some event, ours or not; returns its booking, "" for none."""
    events = [each for each in stage.events() if each[1].made_by_us or not ours]
    if not events:
        return ""
    box, stand = events[-1 - which % len(events)]
    if what == "delete":
        stage.hand_deletes(box, stand)
    elif what == "copy":
        stage.hand_copies(box, stand)
    elif what == "subject":
        stage.hand_edits(box, stand, subject="my own words")
    elif what == "categories":
        stage.hand_edits(box, stand, categories=["Mine"])
    elif what in ("away", "back"):
        said = stage.oracle.place(box, stand.booking).said if stand.made_by_us else None
        by = timedelta(days=60) if what == "away" or said is None else said.start - stand.start
        stage.hand_edits(box, stand, start=_moment(stand.start + by), end=_moment(stand.end + by))
    else:
        stage.hand_edits(box, stand, end=_moment(stand.end + timedelta(hours=3)))
    return stand.booking


def _moment(at: datetime) -> dict[str, str]:
    return {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}


def deed(stage: Stage, what: str, which: int, *, of: str = "") -> None:
    """One deed on some booking, or on the one named by `of`."""
    hour = stage.now.replace(second=0, microsecond=0) + timedelta(hours=1 + which)
    if what == "book" or not living(stage):
        stage.books("Ana", hour, 2)
        return
    booking = of if of in living(stage) else a_job(stage, which)
    if what == "move":
        stage.moves(booking, hour, 1)
    elif what == "far":
        stage.moves(booking, hour + timedelta(days=40), 1)
    elif what in STATUSES:
        stage.sets_status(booking, what)
    elif what == "give":
        stage.reassigns(booking, ("Ana", "Ben", "Early shift", "Crew North")[which % 4])
    elif what == "delete":
        stage.deletes(booking)
    elif what == "off and on":
        office.switches(stage, "Ana")
    elif what == "order" and stage.standing_orders:
        stage.edits_order(orders_of(stage)[which % len(stage.standing_orders)])
    elif what.startswith("hand"):
        hand(stage, what.removeprefix("hand "), which)
