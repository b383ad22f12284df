"""Every change whose write meets every trouble, with every other deed before anybody knows what became of it.

Random histories seldom meet these by themselves (one story is three choices out of dozens), so they are gone through.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from tests.sync.stage import REST, Stage
from tests.sync.truth import Stand

from fieldcal.embedded.faults import Fault, Kind, Match

HOUR = timedelta(hours=1)
FIRST = ("book", "move", "cancel", "delete", "give", "bring back")
TROUBLES: tuple[tuple[Kind, int], ...] = (
    ("drop_before", 0), ("drop_after", 0), ("truncated", 0), ("garbage", 0), ("status", 500), ("status", 503),
    ("status", 429), ("status", 401), ("status", 403), ("status", 412),
)  # fmt: skip
#: the change alone; it and another one, each as an item of a batch; the whole batch
SHAPES = ("single", "items", "batch")
THEN = (
    "nothing", "move", "move back", "cancel", "delete", "give", "give back", "far", "hand delete", "hand subject",
    "hand copy", "hand copy and delete", "order", "off and on", "die",
)  # fmt: skip
DEAD_KEYS = ("new", "error", "dead")
STORIES = tuple(
    (*story, DEAD_KEYS[number % len(DEAD_KEYS)]) for number, story in enumerate(product(FIRST, TROUBLES, SHAPES, THEN))
)
#: `make test` goes through every such-and-such story, prime to the lengths above; `make slow` through all
STRIDE = 307


def meet_trouble(stage: Stage, first: str, trouble: tuple[Kind, int], shape: str, then: str, dead_key: str) -> None:
    """One story on a stage where others were played before; leaves the calendars empty."""
    stage.says(f"--- {first}, {trouble[0]} {trouble[1] or ''} on {shape}, then {then}; a used key answers {dead_key}")
    stage.world.exchange.control.change(dead_key=dead_key)
    start = stage.now.replace(second=0, microsecond=0) + 24 * HOUR
    order = stage.opens_order()
    other = stage.books("Ana", start + 5 * HOUR, 1)
    jobs = [] if first == "book" else [stage.books("Ana", start, 2, order=order)]
    if first == "bring back":
        stage.passes()
        stage.reassigns(jobs[0], "Ben")
    stage.passes()
    if first == "book":
        jobs = [stage.books("Ana", start, 2, order=order)]
    else:
        change(stage, {"bring back": "give back"}.get(first, first), jobs[0])
    if shape != "single":
        stage.moves(other, start + 7 * HOUR, 1)
        stage.books("Ben", start, 1)
        stage.books("Ben", start + 2 * HOUR, 1)
    for method in ("POST", "PATCH", "DELETE"):
        match = Match(method=method, item=shape == "items", path=None if shape == "items" else "events|batch")
        stage.plants("Exchange", Fault(kind=trouble[0], status=trouble[1] or 503, match=match, times=2))
    stage.passes()
    stage.mends()
    change(stage, then, jobs[0])
    if len(then) % 2:
        stage.waits(REST)
    stage.passes()
    stage.quiets()
    clear(stage)


def change(stage: Stage, what: str, booking: str) -> None:
    now = stage.oracle.jobs[booking].now
    hour = timedelta(hours=1)
    deeds: dict[str, Callable[[], object]] = {
        "move": lambda: stage.moves(booking, now.start + 3 * hour, 1),
        "move back": lambda: stage.moves(booking, stage.oracle.jobs[booking].versions[0].start, 2),
        "far": lambda: stage.moves(booking, now.start + timedelta(days=40), 1),
        "cancel": lambda: stage.sets_status(booking, "Canceled"),
        "give": lambda: stage.reassigns(booking, "Ben"),
        "give back": lambda: stage.reassigns(booking, "Ana"),
        "off and on": lambda: [stage.switch_mailbox("Ana", on=on) for on in (False, True)],
    }
    if what in deeds and not now.deleted:
        deeds[what]()
    elif what == "delete" and not now.deleted:
        stage.deletes(booking)
    elif what == "order" and now.order:
        stage.edits_order(now.order)
    elif what == "die" and stage.dying("after commit", 3):
        stage.restart()
    elif what.startswith("hand"):
        for box, stand in standing(stage, booking):
            hand(stage, what, box, stand)


def hand(stage: Stage, what: str, box: str, stand: Stand) -> None:
    if what == "hand subject":
        stage.hand_edits(box, stand, subject="my own words")
    if "copy" in what:
        stage.hand_copies(box, stand)
    if "delete" in what:
        stage.hand_deletes(box, stand)


def standing(stage: Stage, booking: str) -> list[tuple[str, Stand]]:
    return [(box, stand) for box, stand in stage.events() if stand.booking == booking]


def clear(stage: Stage) -> None:
    """Bookings go by the sync, what is left by hand."""
    for booking, job in stage.oracle.jobs.items():
        if not job.now.deleted:
            stage.deletes(booking)
    stage.passes()
    for box, stand in stage.events():
        stage.hand_deletes(box, stand)
    stage.oracle.jobs.clear()
    stage.oracle.places.clear()


@pytest.fixture
def told(stage: Stage) -> list[str]:
    """What is told on the stage, from the beginning of the last story on."""
    lines: list[str] = []

    def tell(line: str) -> None:
        if "---" in line:
            lines.clear()
        lines.append(line)

    stage.tells_to(tell)
    return lines


def play_all(stage: Stage, told: list[str], stories: tuple[tuple[str, tuple[Kind, int], str, str, str], ...]) -> int:
    for story in stories:
        try:
            meet_trouble(stage, *story)
        except AssertionError as error:
            error.add_note("\n".join(told))
            raise
    return len(stories)


@pytest.mark.parametrize("part", range(2))
def test_some_changes_in_trouble_end_as_they_should(stage: Stage, told: list[str], part: int) -> None:
    assert play_all(stage, told, STORIES[part * STRIDE // 2 :: STRIDE]) > 7


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_change_in_every_trouble_ends_as_it_should(stage: Stage, told: list[str], first: str, shape: str) -> None:
    assert play_all(stage, told, tuple(s for s in STORIES if (s[0], s[2]) == (first, shape))) == 150
