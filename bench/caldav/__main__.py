"""Fieldcal's way to a CalDAV server beside vdirsyncer and a bare aiohttp loop, as tables in Markdown.

python -m bench.caldav [--quick]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench.caldav import runs
from bench.caldav.runs import Numbers, Shape

TIMES = 5
#: Seconds; a run that takes longer is made once.
LONG = 30.0
ONE, MANY = Shape(1, 1000, 8), Shape(50, 20, 16)
BARE, ALONE, PASS = "bare aiohttp loop, ready-made bodies", "fieldcal, the connector alone", "fieldcal, first pass"
PEER = "vdirsyncer 0.21, first sync from files"


def median(told: list[Numbers], *names: str) -> float:
    values = []
    for one in told:
        for name in names:
            one = one[name]  # noqa: PLW2901 - down the path
        values.append(one)
    return statistics.median(values)


def requests(told: Numbers, client: str) -> str:
    counted = {key.split()[1]: number for key, number in told["asked"].items() if key.startswith(client)}
    return ", ".join(f"{number} {method}" for method, number in sorted(counted.items())) or "none"


def head(title: str, times: int, load: list[float], note: str) -> None:
    print(f"## {title}\n")
    print(f"Medians of {times}, in turn; load {min(load):.1f} to {max(load):.1f}; {note}.\n", flush=True)


def three(told: list[Numbers], *names: str) -> tuple[float, float, float]:
    """Median wall, median CPU, and the shortest wall, which other work on the machine disturbed least."""
    walls = [median([one], *names, "wall") for one in told]
    return statistics.median(walls), median(told, *names, "cpu"), min(walls)


def compare(rows: dict[str, tuple[float, float, float]], events: int) -> None:
    """Wall and CPU by client, the bare loop first."""
    print("| | wall s | fastest s | client CPU s | CPU ms/event | above the bare loop's | wall, of the bare loop's |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    floor = rows[BARE]
    for what, (wall, cpu, fastest) in rows.items():
        each, above = 1000 * cpu / events, 1000 * (cpu - floor[1]) / events
        print(f"| {what} | {wall:.2f} | {fastest:.2f} | {cpu:.2f} | {each:.2f} | {above:.2f} | {wall / floor[0]:.2f} |")


def measure(shape: Shape, times: int) -> dict[str, str]:
    """All clients in turn, `times` over, at the bench's own server; gives the events that they wrote."""
    ours, alone, bare, peer = list[Numbers](), list[Numbers](), list[Numbers](), list[Numbers]()
    load = list[float]()
    with tempfile.TemporaryDirectory() as name:
        for turn in range(times):
            folder = Path(name) / str(turn)
            folder.mkdir()
            told, there = runs.of_fieldcal(folder / "ours", shape)
            ours.append(told)
            bare.append(runs.of_bare(folder, shape, there))
            alone.append(runs.first_pass(folder / "alone", shape, runs.in_memory, "connector"))
            if not peer or peer[0]["first"]["wall"] <= LONG:
                peer.append(runs.of_vdirsyncer(folder, shape, there))
            load.append(os.getloadavg()[0])
    size = sum(map(len, there.values())) / len(there)
    title = f"{shape.calendars} × {shape.each} events by CalDAV, {shape.connections} connections"
    head(title, times, load, f"vdirsyncer {len(peer)}; {size:.0f} characters an event")
    compare({
        BARE: three(bare), ALONE: three(alone), PASS: three(ours, "first"), PEER: three(peer, "first"),
    }, shape.events)  # fmt: skip
    print("\n| | wall s | client CPU s | requests to the server |\n|---|--:|--:|--:|")
    for name, words in (("idle", "nothing changed"), ("few", f"{runs.CHANGED} changed")):
        for client, told_all, agent in (("fieldcal", ours, "fieldcal"), ("vdirsyncer", peer, "vdirsyncer")):
            wall, cpu = median(told_all, name, "wall"), median(told_all, name, "cpu")
            print(f"| {client}, {words} | {wall:.2f} | {cpu:.2f} | {requests(told_all[-1][name], agent)} |")
    print(flush=True)
    return there


def at_radicale(shape: Shape, there: dict[str, str], times: int) -> None:
    """Shown without a target: Radicale reads the whole calendar at each PUT, and writes to a disk."""
    told: dict[str, list[Numbers]] = {BARE: [], PASS: [], PEER: []}
    load = list[float]()
    with tempfile.TemporaryDirectory() as name:
        for turn in range(times):
            folder = Path(name) / str(turn)
            for part in ("bare", "peer"):
                (folder / part / "radicale").mkdir(parents=True)
            told[BARE].append(runs.of_bare(folder / "bare", shape, there, runs.radicale))
            told[PASS].append(runs.first_pass(folder / "ours", shape, runs.radicale))
            told[PEER].append(runs.first_of_vdirsyncer(folder / "peer", shape, there, runs.radicale))
            load.append(os.getloadavg()[0])
    title = f"{shape.calendars} × {shape.each} events into Radicale, {shape.connections} connections"
    head(title, times, load, "no target")
    compare({what: three(all_of_it) for what, all_of_it in told.items()}, shape.events)  # fmt: skip
    print(flush=True)


if __name__ == "__main__":
    number = 1 if "--quick" in sys.argv else TIMES
    measure(ONE, number)
    written = measure(MANY, number)
    at_radicale(MANY, written, number)
