"""The memory that a first load takes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.ends import fill, only_exchange, only_source
from bench.scale.worker import working

MOST = 300


def main(boxes: int, each: int) -> bool:
    """Print what a first pass over so many mailboxes with so many bookings each takes; whether its memory is within."""
    with tempfile.TemporaryDirectory(prefix="fieldcal-") as name:
        folder = Path(name)
        fill(folder, workers=boxes, bookings=boxes * each)
        state = f"sqlite:///{folder / 'state.sqlite3'}"
        with (
            only_source(folder) as source,
            only_exchange(folder, latency=0) as graph,
            working(state, *source, *graph) as worker,
        ):
            worker.told("prepare")
            first = worker.told("pass")
    print(f"### First load of {boxes:,} mailboxes with {each} bookings each, once, SQLite\n")
    print(
        "| wall s | worker's CPU s | events | CPU ms an event | requests to the source | to the calendars | peak MB |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|")
    print(
        f"| {first['wall']:.0f} | {first['cpu']:.0f} | {first['created']:,} | {1000 * first['cpu'] / first['created']:.2f} | "
        f"{first['source_requests']:.0f} | {first['graph_requests']:.0f} | {first['peak_mb']:.0f} |"
    )
    print(f"\nAsked for is a peak under {MOST} MB.\n", flush=True)
    return first["peak_mb"] < MOST and first["created"] == boxes * each
