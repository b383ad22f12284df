"""A pass with nothing changed and one with 100 changes, beside ever more stored bookings, in turn."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bench.ends import Ends, fill, only_exchange, only_source, patch_bookings
from bench.scale.databases import Databases
from bench.scale.grown import grow
from bench.scale.worker import Worker, working
from fieldcal.state.database import Database

CHANGES = 100
#: the targets: requests to the source where nothing changed, seconds for that, and the growth of a pass
REQUESTS, SECONDS, GROWTH = 2, 1.0, 0.2

Place = Callable[[Path], AbstractContextManager[Databases]]


@dataclass
class Size:
    """One state of so many bookings, with the passes that were measured on it."""

    stored: int
    worker: Worker
    pruned: dict[str, float] = field(default_factory=dict)
    nothing: list[dict[str, float]] = field(default_factory=list)
    changed: list[dict[str, float]] = field(default_factory=list)


def main(places: Sequence[Place], boxes: int, sizes: Sequence[int], turns: int) -> bool:
    """Print the table; whether the targets are met."""
    print(f"### Passes over {boxes:,} mailboxes, a tenth of them with bookings, medians of {turns}, in turn\n")
    print("| state | stored bookings | pass | wall s | worker's CPU s | the database's CPU s | statements | requests to the "
          "source | to the calendars |")  # fmt: skip
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|", flush=True)
    told: list[str] = []
    good = []
    for place in places:
        with tempfile.TemporaryDirectory(prefix="fieldcal-") as name, place(Path(name)) as databases:
            folder = Path(name)
            fill(folder, workers=boxes, bookings=sizes[0], busy=boxes // 10)
            with only_source(folder) as source:
                measured, first, grown = _measured(databases, folder, source, sizes, turns)
        _rows(databases.name, measured)
        growth = _growth(measured)
        good.append(_met(measured, growth))
        told += [_forgotten(databases.name, size) for size in measured[1:]]
        told.append(
            f"{databases.name}: the first pass over {sizes[0]:,} bookings took {first['wall']:.1f} s and {first['cpu']:.1f} s of "
            f"CPU; the states were filled in {grown:.0f} s. From {sizes[0]:,} to {sizes[-1]:,} a pass with {CHANGES} changes "
            f"grows by {100 * growth['cpu']:.0f} % of CPU (the database's with it) and {100 * growth['wall']:.0f} % of "
            "wall time, medians of the pairs."
        )
    print("\n" + "\n".join(f"- {line}" for line in told))
    print(f"\nAsked for where nothing changed: at most {REQUESTS} requests to the source, none to a calendar, under {SECONDS:.0f} s. "
          f"For {CHANGES} changes: flat within a fifth.\n", flush=True)  # fmt: skip
    return all(good)


def _measured(
    databases: Databases, folder: Path, source: tuple[str, str], sizes: Sequence[int], turns: int
) -> tuple[list[Size], dict[str, float], float]:
    """What was measured on each size, what the first pass took, and the seconds of filling the states."""
    state = databases.make("base")
    with only_exchange(folder, latency=0) as graph, working(state, *source, *graph) as worker:
        worker.told("prepare")
        first = worker.told("pass")
    assert first["created"] == sizes[0], first
    began = time.perf_counter()
    with ExitStack() as stack:
        measured = []
        for stored in sizes:
            url = databases.copy("base", f"state_{stored}")
            opened = Database(url)
            grow(opened, stored)
            opened.close()
            databases.settle(f"state_{stored}")
            (folder / str(stored)).mkdir()
            shutil.copyfile(folder / "exchange.sqlite3", folder / str(stored) / "exchange.sqlite3")
        grown = time.perf_counter() - began
        for stored in sizes:
            graph = stack.enter_context(only_exchange(folder / str(stored), latency=0))
            worker = stack.enter_context(working(databases.url(f"state_{stored}"), *source, *graph))
            worker.told("pass")
            measured.append(Size(stored, worker))
        for turn in range(turns):
            _turn(databases, Ends(*source, "", ""), measured, turn)
        for size in measured[1:]:
            size.pruned = _timed(databases, size.worker, "prune")
    return measured, first, grown


def _turn(databases: Databases, ends: Ends, measured: list[Size], turn: int) -> None:
    """Each size once with nothing changed and once with the same changes; another goes first each time."""
    order = measured[turn % len(measured) :] + measured[: turn % len(measured)]
    for size in order:
        size.nothing.append(_timed(databases, size.worker))
    patch_bookings(ends, list(range(CHANGES)), timedelta(hours=turn))
    for size in order:
        size.changed.append(_timed(databases, size.worker))
        assert size.changed[-1]["updated"] == CHANGES, size.changed[-1]


def _timed(databases: Databases, worker: Worker, what: str = "pass") -> dict[str, float]:
    before = databases.cpu()
    told = worker.told(what)
    return {**told, "database": databases.cpu() - before}


def _rows(name: str, measured: list[Size]) -> None:
    for size in measured:
        for kind, runs in (("nothing changed", size.nothing), (f"{CHANGES} changes", size.changed)):
            mid = {key: statistics.median(run[key] for run in runs)
                   for key in ("wall", "cpu", "database", "statements", "source_requests", "graph_requests")}  # fmt: skip
            own = f"{mid['database']:.2f}" if name != "SQLite" else "–"
            print(
                f"| {name} | {size.stored:,} | {kind} | {mid['wall']:.3f} | {mid['cpu']:.3f} | {own} | "
                f"{mid['statements']:.0f} | {mid['source_requests']:.0f} | {mid['graph_requests']:.0f} |",
                flush=True,
            )


def _forgotten(name: str, size: Size) -> str:
    """One line about the pruning of a state."""
    rows, own = size.pruned["forgotten"], size.pruned["database"]
    each = 1_000_000 * (size.pruned["cpu"] + own) / max(rows, 1)
    return (
        f"{name}, {size.stored:,} stored: {rows:,.0f} old rows were forgotten in {size.pruned['wall']:.1f} s, "
        f"{each:.0f} µs of CPU a row."
    )


def _growth(measured: list[Size]) -> dict[str, float]:
    """By how much a pass with changes is dearer beside the most bookings than beside the fewest."""
    pairs = list(zip(measured[0].changed, measured[-1].changed, strict=True))
    cpu = statistics.median((b["cpu"] + b["database"]) / (a["cpu"] + a["database"]) for a, b in pairs)
    return {"cpu": cpu - 1, "wall": statistics.median(b["wall"] / a["wall"] for a, b in pairs) - 1}


def _met(measured: list[Size], growth: dict[str, float]) -> bool:
    quiet = [run for size in measured for run in size.nothing]
    return (
        all(run["source_requests"] <= REQUESTS and run["graph_requests"] == 0 for run in quiet)
        and statistics.median(run["wall"] for run in quiet) < SECONDS
        and growth["cpu"] <= GROWTH
    )
