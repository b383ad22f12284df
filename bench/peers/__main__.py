"""Fieldcal beside others on the same servers in one run: vdirsyncer over CalDAV, loops over O365 and msgraph-sdk at Graph.

python -m bench.peers [--small]

The loops are what somebody writes with those libraries: list each calendar, create what is missing, change what differs.
They and vdirsyncer are handed the events ready, as a file; Fieldcal goes its whole way, from the source's bookings on.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.caldav import runs
from bench.caldav.runs import Numbers
from bench.peers import graph

#: Mailboxes, events each, and how often all are measured.
SIZE, TIMES = (50, 20), 5
SMALL, SMALL_TIMES = (10, 10), 1
#: CalDAV connections at once; vdirsyncer's are 16 a host.
CONNECTIONS = 16
PHASES = {"first": "first load", "idle": "nothing changed", "few": f"{runs.CHANGED} changed"}


def at_graph(size: tuple[int, int], times: int) -> None:
    told: dict[str, list[Numbers]] = {}
    load = list[float]()
    with tempfile.TemporaryDirectory() as name:
        template = Path(name) / "template"
        graph.fill_template(template, *size)
        for turn in range(times):
            for what, numbers in graph.all_of_them(template, Path(name) / str(turn), *size):
                told.setdefault(what, []).append(numbers)
            shutil.rmtree(Path(name) / str(turn))
            load.append(os.getloadavg()[0])
    title = (
        f"{size[0]} mailboxes × {size[1]} events at Graph, {1000 * graph.LATENCY:.0f} ms an event, 8 mailboxes at once"
    )
    tell(title, told, load)


def at_caldav(size: tuple[int, int], times: int) -> None:
    told: dict[str, list[Numbers]] = {"fieldcal": [], "vdirsyncer 0.21": []}
    load, shape = list[float](), runs.Shape(*size, CONNECTIONS)
    with tempfile.TemporaryDirectory() as name:
        for turn in range(times):
            folder = Path(name) / str(turn)
            folder.mkdir()
            ours, there = runs.of_fieldcal(folder / "ours", shape)
            theirs = runs.of_vdirsyncer(folder, shape, there)
            for what, numbers, agent in (("fieldcal", ours, "fieldcal"), ("vdirsyncer 0.21", theirs, "vdirsyncer")):
                for phase in PHASES:
                    asked = numbers[phase]["asked"]
                    numbers[phase]["requests"] = sum(n for key, n in asked.items() if key.startswith(agent))
                told[what].append(numbers)
            load.append(os.getloadavg()[0])
    tell(f"{size[0]} calendars × {size[1]} events by CalDAV, 50 ms a request, 16 connections", told, load)


def tell(title: str, told: dict[str, list[Numbers]], load: list[float]) -> None:
    times = len(load)
    print(
        f"### {title}\n\n{f'Medians of {times}, in turn' if times > 1 else 'Once'}; load {min(load):.1f} to {max(load):.1f}.\n"
    )
    print(
        "| | | wall s | of fieldcal's | client CPU s | of fieldcal's | requests to the calendars |\n|---|---|--:|--:|--:|--:|--:|"
    )
    for phase, words in PHASES.items():
        ours = told["fieldcal"]
        for what, ran in told.items():
            wall, cpu = (statistics.median(one[phase][name] for one in ran) for name in ("wall", "cpu"))
            slower, dearer = (
                statistics.median(one[phase][name] / mine[phase][name] for one, mine in zip(ran, ours, strict=True))
                for name in ("wall", "cpu")
            )
            print(
                f"| {words} | {what} | {wall:.2f} | {slower:.1f} | {cpu:.2f} | {dearer:.1f} | {ran[-1][phase]['requests']:,} |"
            )
    print(flush=True)


if __name__ == "__main__":
    began, small = time.perf_counter(), "--small" in sys.argv
    wanted, number = (SMALL, SMALL_TIMES) if small else (SIZE, TIMES)
    at_graph(wanted, number)
    at_caldav(wanted, number)
    print(f"Measured in {time.perf_counter() - began:.0f} s.\n")
