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
#: Seconds; a run that takes longer is not made five times.
LONG = 60.0
ONE, MANY = Shape(1, 1000, 8), Shape(50, 20, 16)


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


def measure(shape: Shape, times: int) -> None:
    """All clients in turn, `times` over."""
    ours, alone, bare, peer = list[Numbers](), list[Numbers](), list[Numbers](), list[Numbers]()
    load = []
    with tempfile.TemporaryDirectory() as name:
        for turn in range(times):
            folder = Path(name) / str(turn)
            folder.mkdir()
            load.append(os.getloadavg()[0])
            told, there = runs.of_fieldcal(folder / "ours", shape)
            ours.append(told)
            bare.append(runs.of_bare(there, shape))
            alone.append(runs.of_connector(folder / "alone", shape))
            if not peer or peer[0]["first"]["wall"] <= LONG:
                peer.append(runs.of_vdirsyncer(folder / "vdirsyncer", shape, there))
    size = sum(map(len, there.values())) / len(there)
    print(f"## {shape.calendars} × {shape.each} events by CalDAV, {shape.connections} connections\n")
    print(
        f"Medians of {times} (vdirsyncer: {len(peer)}), in turn; load before each: {min(load):.1f} to {max(load):.1f}; {size:.0f} bytes an event.\n"
    )
    print("| | wall s | client CPU s | CPU ms/event | above the bare loop | wall, of the bare loop's |")
    print("|---|--:|--:|--:|--:|--:|")
    floor = median(bare, "wall"), median(bare, "cpu")
    rows = {
        "bare aiohttp loop, ready-made bodies": floor,
        "fieldcal, the connector alone": (median(alone, "wall"), median(alone, "cpu")),
        "fieldcal, first pass": (median(ours, "first", "wall"), median(ours, "first", "cpu")),
        "vdirsyncer 0.21, first sync from files": (median(peer, "first", "wall"), median(peer, "first", "cpu")),
    }
    for what, (wall, cpu) in rows.items():
        each = 1000 * cpu / shape.events
        above = each - 1000 * floor[1] / shape.events
        print(f"| {what} | {wall:.2f} | {cpu:.2f} | {each:.2f} | {above:.2f} | {wall / floor[0]:.2f} |")
    print("\n| | wall s | client CPU s | requests to the server |\n|---|--:|--:|--:|")
    for name, words in (("idle", "nothing changed"), ("few", f"{runs.CHANGED} changed")):
        for client, told_all, agent in (("fieldcal", ours, "fieldcal"), ("vdirsyncer", peer, "vdirsyncer")):
            wall, cpu = median(told_all, name, "wall"), median(told_all, name, "cpu")
            print(f"| {client}, {words} | {wall:.2f} | {cpu:.2f} | {requests(told_all[-1][name], agent)} |")
    print(flush=True)


if __name__ == "__main__":
    number = 1 if "--quick" in sys.argv else TIMES
    measure(ONE, number)
    measure(MANY, number)
