"""All measurements, as a table in Markdown.

python -m bench [--quick]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from bench.ends import Ends, fill, patch_bookings, started

WORKERS, BOOKINGS, MANY = 200, 10_000, 200_000
CHANGES, TIMES = 100, 5


def client(folder: Path, ends: Ends, what: str) -> dict[str, float]:
    state = f"sqlite:///{folder / 'state.sqlite3'}"
    told = subprocess.run(
        [sys.executable, "-m", "bench.client", state, ends.source, ends.source_token, ends.graph, ends.graph_token, what],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    return json.loads(told) if told else {}


def bare(ends: Ends, workers: int, each: int) -> dict[str, float]:
    told = subprocess.run(
        [sys.executable, "-m", "bench.bare", ends.graph, ends.graph_token, str(workers), str(each)],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    return json.loads(told)


def first_pass(workers: int, bookings: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, workers=workers, bookings=bookings)
        with started(folder) as ends:
            limit = bare(ends, workers, bookings // workers)
        fresh = Path(name) / "fresh"
        fresh.mkdir()
        fill(fresh, workers=workers, bookings=bookings)
        with started(fresh) as ends:
            client(fresh, ends, "prepare")
            first = client(fresh, ends, "pass")
            second = client(fresh, ends, "pass")
    per = 1000 * first["cpu"] / first["created"]
    print(f"## First pass, {bookings} bookings for {workers} workers\n")
    print(
        "| | wall s | client CPU s | events/s | CPU ms/event | requests to the source | requests to the calendars | peak MB |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    print(
        f"| bare aiohttp loop, ready-made batches | {limit['wall']:.1f} | {limit['cpu']:.1f} | {limit['created'] / limit['wall']:.0f} | {1000 * limit['cpu'] / limit['created']:.2f} | – | {limit['created'] // 20:.0f} | – |"
    )
    print(
        f"| fieldcal, first pass | {first['wall']:.1f} | {first['cpu']:.1f} | {first['created'] / first['wall']:.0f} | {per:.2f} | {first['source_requests']} | {first['graph_requests']} | {first['peak_mb']:.0f} |"
    )
    print(
        f"| fieldcal, nothing changed | {second['wall']:.2f} | {second['cpu']:.2f} | – | – | {second['source_requests']} | {second['graph_requests']} | {second['peak_mb']:.0f} |\n"
    )
    print(
        f"Created {first['created']}, failed {first['failed']}; throughput {limit['wall'] / first['wall']:.2f} of the bare loop's.\n"
    )


def hundred_changes(workers: int, window: int, many: int) -> None:
    """The same hundred changes beside `window` and beside `many` stored bookings, in turn, in one run."""
    walls: dict[int, list[float]] = {window: [], many: []}
    cpus: dict[int, list[float]] = {window: [], many: []}
    with tempfile.TemporaryDirectory() as name:
        folders = {total: Path(name) / str(total) for total in walls}
        for total, folder in folders.items():
            folder.mkdir()
            fill(folder, workers=workers, bookings=window, beyond=total - window)
        with started(folders[window]) as small, started(folders[many]) as large:
            ends = {window: small, many: large}
            for total, folder in folders.items():
                client(folder, ends[total], "prepare")
                client(folder, ends[total], "pass")
            for turn in range(TIMES):
                for total, folder in folders.items():
                    patch_bookings(ends[total], list(range(CHANGES)), timedelta(hours=turn))
                    told = client(folder, ends[total], "pass")
                    assert told["updated"] == CHANGES, told
                    walls[total].append(told["wall"])
                    cpus[total].append(told["cpu"])
    print(f"## A pass with {CHANGES} changes, median of {TIMES}, in turn\n")
    print("| stored bookings | wall s | client CPU s |\n|--:|--:|--:|")
    for total, wall in walls.items():
        print(f"| {total} | {statistics.median(wall):.3f} | {statistics.median(cpus[total]):.3f} |")
    growth = statistics.median(b / a for a, b in zip(walls[window], walls[many], strict=True))
    print(f"\nThe time grows by {100 * (growth - 1):.0f} % (median of the pairs; target: at most 20 %).\n")


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    first_pass(20 if quick else WORKERS, 1000 if quick else BOOKINGS)
    hundred_changes(20 if quick else WORKERS, 1000 if quick else BOOKINGS, 20_000 if quick else MANY)
