"""A first load into an Exchange that takes 50 ms for each event, beside the bare limit, as a table in Markdown.

python -m bench.load [--small]

Both post unordered batches of at most 20, of which Exchange carries out four at a time, and both have eight mailboxes
under way. The bare loop reads nothing, decides nothing and stores nothing.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.__main__ import bare, client
from bench.ends import Ends, fill, only_exchange, started

MAILBOXES, EACH, LATENCY, TIMES = 1_000, 30, 0.05, 3
SMALL, SMALL_TIMES = 200, 5
Numbers = dict[str, Any]


def first_load(template: Path, folder: Path) -> Numbers:
    shutil.copytree(template, folder)
    with started(folder, latency=LATENCY) as ends:
        client(folder, ends, "prepare")
        return client(folder, ends, "pass")


def limit(template: Path, folder: Path, mailboxes: int) -> Numbers:
    shutil.copytree(template, folder)
    with only_exchange(folder, latency=LATENCY) as (url, token):
        return bare(Ends("", "", url, token), mailboxes, EACH)


def measure(mailboxes: int, times: int) -> None:
    events = mailboxes * EACH
    ours, floor, load = list[Numbers](), list[Numbers](), list[float]()
    with tempfile.TemporaryDirectory() as name:
        template = Path(name) / "template"
        template.mkdir()
        fill(template, workers=mailboxes, bookings=events)
        for turn in range(times):
            floor.append(limit(template, Path(name) / f"bare-{turn}", mailboxes))
            ours.append(first_load(template, Path(name) / f"ours-{turn}"))
            assert floor[-1]["created"] == ours[-1]["created"] == events, (floor[-1], ours[-1])
            load.append(os.getloadavg()[0])
    tell(mailboxes, times, floor, ours, load)


def middle(told: list[Numbers], name: str) -> float:
    return statistics.median(one[name] for one in told)


def tell(mailboxes: int, times: int, floor: list[Numbers], ours: list[Numbers], load: list[float]) -> None:
    events = mailboxes * EACH
    print(f"### First load, {mailboxes:,} × {EACH} bookings at {1000 * LATENCY:.0f} ms an event\n")
    print(f"Medians of {times}, in turn; load {min(load):.1f} to {max(load):.1f}.\n")
    print("| | wall s | events/s | client CPU s | CPU ms/event | requests | peak MB |\n|---|--:|--:|--:|--:|--:|--:|")
    batches = mailboxes * -(-EACH // 20)
    for what, told, requests, peak in (
        ("bare aiohttp loop, ready-made batches", floor, f"{batches:,} to Exchange", "–"),
        (
            "fieldcal, reading and writing", ours,
            f"{middle(ours, 'source_requests'):,.0f} to Field Service, {middle(ours, 'graph_requests'):,.0f} to Exchange",
            f"{middle(ours, 'peak_mb'):.0f}",
        ),
    ):  # fmt: skip
        wall, cpu = middle(told, "wall"), middle(told, "cpu")
        print(
            f"| {what} | {wall:.1f} | {events / wall:.0f} | {cpu:.1f} | {1000 * cpu / events:.2f} | {requests} | {peak} |"
        )
    reading, writing = middle(ours, "reading"), middle(ours, "writing")
    share = statistics.median(a["wall"] / b["wall"] for a, b in zip(floor, ours, strict=True))
    alone = statistics.median(a["wall"] / b["writing"] for a, b in zip(floor, ours, strict=True))
    print(
        f"\nThroughput {share:.2f} of the bare loop's (median of the pairs; asked for: at least 0.8). Of the pass {reading:.1f} s "
        f"are reading and {writing:.1f} s writing; writing alone has {alone:.2f} of the bare loop's throughput.\n",
        flush=True,
    )


if __name__ == "__main__":
    small = "--small" in sys.argv
    measure(SMALL if small else MAILBOXES, SMALL_TIMES if small else TIMES)
