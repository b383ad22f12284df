"""A working day of a dispatchers' office, the same one for the same seed: bursts at 7 and at 16 h. Pure."""

from __future__ import annotations

import math
import random

from bench.latency.changes import Change, Planner

#: Visits a technician has, and how often each of them is changed, its booking included.
VISITS, CHANGES = 4, 3
#: What else becomes of a visit, and how often of a hundred times; the latter two only at last.
BETWEEN = {"move": 50, "status": 35, "give": 15}
LAST = {"move": 40, "status": 40, "give": 10, "cancel": 6, "delete": 4}
#: The bursts: when (minute of the day), how wide (standard deviation, minutes), and their shares of all.
BURSTS = ((7 * 60, 40.0, 0.25), (16 * 60, 40.0, 0.25))
#: The working day, and the share that is spread over it evenly; the rest comes in the night.
DAY, BY_DAY, BY_NIGHT = (6 * 60, 18 * 60), 0.45, 0.05
#: Seconds between two changes of one visit, at least.
APART = 300.0


def weight(minute: int) -> float:
    """How much of the day's changes comes in this minute."""
    found = BY_NIGHT / 1440 + (BY_DAY / (DAY[1] - DAY[0]) if DAY[0] <= minute < DAY[1] else 0.0)
    for middle, wide, part in BURSTS:
        found += part * math.exp(-(((minute - middle) / wide) ** 2) / 2) / (wide * math.sqrt(2 * math.pi))
    return found


def first_hour(hours: float) -> float:
    """When a trace of so many hours begins: at six, so that both bursts are in it, or earlier to have room."""
    return min(6.0, 24.0 - hours)


def trace(seed: int, technicians: int, hours: float, planner: Planner) -> list[Change]:
    """The changes of so many hours of the day in their order; `at` counts from the trace's beginning, in seconds."""
    chance, since = random.Random(seed), first_hour(hours) * 3600
    minutes = list(range(1440))
    weights = list(map(weight, minutes))
    drawn = iter(chance.choices(minutes, weights, k=technicians * VISITS * CHANGES))
    deeds: list[tuple[float, int, str]] = []
    for visit in range(technicians * VISITS):
        times = sorted(next(drawn) * 60 + chance.uniform(0, 60) for _ in range(CHANGES))
        for turn in range(1, CHANGES):
            times[turn] = max(times[turn], times[turn - 1] + APART)
        if times[0] >= since:
            deeds += [(at, visit, _kind(chance, turn)) for turn, at in enumerate(times) if at < since + hours * 3600]
    return [planner.do(at - since, kind, _id(visit)) for at, visit, kind in sorted(deeds)]


def _kind(chance: random.Random, turn: int) -> str:
    if turn == 0:
        return "book"
    kinds = LAST if turn == CHANGES - 1 else BETWEEN
    return chance.choices(list(kinds), list(kinds.values()))[0]


def _id(visit: int) -> str:
    # as ids are: spread over the whole range
    return f"{visit * 2654435761 % 2**32:08x}-8888-4000-8000-{visit:012x}"
