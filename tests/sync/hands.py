"""What a check has to make of hands' changes in calm weather (D8), said from the rules alone."""

from __future__ import annotations

from datetime import datetime

from tests.sync.oracle import Oracle, Place, Wrong
from tests.sync.truth import CANCELED, Rules


def to_be_restored(oracle: Oracle, box: str, now: datetime) -> list[str]:
    """The bookings whose event a check of this calendar has to write again: `restore`, and nothing speaks against it.

    Left out is whatever leaves it open: a change that no pass has seen yet, an edge of the window, a deed that was
    written over already and has not been seen as written since.
    """
    rules = oracle.rules[-1][1]
    if rules.drift != "restore":
        return []
    here = [(booking, place) for (at, booking), place in oracle.places.items() if at == box]
    return [booking for booking, place in here if _has_to_be(oracle, booking, place, box, rules, now)]


def _has_to_be(oracle: Oracle, booking: str, place: Place, box: str, rules: Rules, now: datetime) -> bool:
    truth, said = oracle.jobs[booking].now, place.said
    if said is None or place.mended or place.doubtful or booking in oracle.poisoned or oracle.follow_doubt:
        return False
    settled = place.settled == (truth.triggers, truth.gone) and truth.triggers == said.triggers
    worker = oracle.workers[truth.worker]
    if not settled or truth.gone or worker.box != box or worker.proves_away(box) or rules.leaves_out(truth):
        return False
    if not rules.window_holds(truth, now) or (truth.status == CANCELED and rules.canceled != "mark"):
        return False
    if place.stand is None:
        return place.taken and truth.status != CANCELED
    return place.touched is not None and _shows(oracle, booking, place)


def _shows(oracle: Oracle, booking: str, place: Place) -> bool:
    """Whether a hand left another time or subject than was written; a body or a category alone is not compared."""
    assert place.said is not None
    assert place.stand is not None
    told = oracle.differences(oracle.jobs[booking], place.said, place.stand, since=0)
    return any(each.startswith(("subject", "start", "end")) for each in told)


def after_a_check(oracle: Oracle, box: str, wanted: list[str]) -> None:
    """Ask that these stand as they were written, and remember what a check has seen or written over."""
    for booking in wanted:
        place = oracle.place(box, booking)
        if place.stand is None or place.touched is not None:
            raise Wrong(f"D8: what a hand did to {oracle.name(booking)} in {box} was not written over")
    for (at, booking), place in oracle.places.items():
        if at == box:
            # Seen as written, a deed is over; in a storm, or left alone, it may have been written over or not.
            place.mended = booking in wanted or place.touched is not None or place.taken or oracle.storm
