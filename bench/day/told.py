"""The day's tables: hour by hour, latency, requests against each limit, and what was wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from bench.latency.driving import Drive, share

#: What the servers let through: (Graph, a mailbox and application in 10 minutes; at once), (Dataverse, a user and web
#: server in 5 minutes; at once), (Graph, an application in 10 seconds).
GRAPH, GRAPH_AT_ONCE, DATAVERSE, DATAVERSE_AT_ONCE, APPLICATION = 10_000, 4, 6_000, 52, 130_000


@dataclass(frozen=True, slots=True)
class Day:
    drive: Drive
    #: what the ends have counted
    source: dict[str, Any]
    graph: dict[str, Any]
    #: seconds of processor by process
    busy: dict[str, float]
    load: float
    wrong: list[str]
    #: writes of a pass after all was done: none is right
    idle: int
    bookings: int
    #: bytes of the state
    size: int

    @property
    def sound(self) -> bool:
        return not (self.wrong or self.idle or self.drive.awaited.number)


def show(day: Day, faster: float, begins: float) -> None:
    """Print it all."""
    took = day.drive.awaited.took
    print(f"### A day in the life, {len(took):,} changes of {day.bookings:,} bookings, {faster:g} times faster\n")
    _hours(day, faster, begins)
    _latency(day, faster)
    _requests(day)
    _end(day)


def _hours(day: Day, faster: float, begins: float) -> None:
    took, hour = day.drive.awaited.took, 3600 / faster
    print(
        "| hour of the day | changes | a second, real | most that waited | waited at its end | p50 s, real | p95 s | p99 s |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for number in range(int(max((one.sent - day.drive.began for one in took), default=0) // hour) + 1):
        here = [one.seconds for one in took if number == int((one.sent - day.drive.began) // hour)]
        waited = [count for at, count in day.drive.backlog if number == int(at // hour)] or [0]
        print(
            f"| {int(begins + number):02}:00 | {len(here):,} | {len(here) / hour:.1f} | {max(waited):,} | {waited[-1]:,} "
            f"| {share(here, 0.5):.1f} | {share(here, 0.95):.1f} | {share(here, 0.99):.1f} |"
        )
    print()


def _latency(day: Day, faster: float) -> None:
    took = day.drive.awaited.took
    print("| from the change to its event | changes | p50 | p95 | p99 | longest |\n|---|--:|--:|--:|--:|--:|")
    seconds = [one.seconds for one in took]
    parts = [share(seconds, part) for part in (0.5, 0.95, 0.99)] + [max(seconds, default=0.0)]
    print(f"| real, s | {len(took):,} | {' | '.join(f'{one:.1f}' for one in parts)} |")
    print(f"| by the trace's clock, min | {len(took):,} | {' | '.join(f'{one * faster / 60:.1f}' for one in parts)} |")
    for kind in ("book", "move", "status", "give", "cancel", "delete"):
        seconds = [one.seconds for one in took if one.change.kind == kind]
        parts = [share(seconds, part) for part in (0.5, 0.95, 0.99)] + [max(seconds, default=0.0)]
        print(f"| {kind}, real, s | {len(seconds):,} | {' | '.join(f'{one:.1f}' for one in parts)} |")
    overtaken = sum(one.overtaken for one in took)
    print(
        f"\n{overtaken:,} changes were overtaken by a later one of the same booking; the latest sending was {day.drive.late:.2f} s late.\n"
    )


def _requests(day: Day) -> None:
    graph, source, number = day.graph, day.source, len(day.drive.awaited.took)
    own, fast = "600.0", str(600.0 / 60)
    print("| limit | allowed | most, real | most, by the trace's clock |\n|---|--:|--:|--:|")
    print(f"| Graph, a mailbox, in 10 minutes | {GRAPH:,} | {graph['mailbox'][own]:,} | {graph['mailbox'][fast]:,} |")
    print(
        f"| Graph, the application, in 10 seconds | {APPLICATION:,} | {graph['all']['10.0']:,} | {graph['all'][str(10.0 / 60)]:,} |"
    )
    print(f"| Graph, a mailbox, at once | {GRAPH_AT_ONCE} | {graph['peak']} | – |")
    print(
        f"| Dataverse, a user, in 5 minutes | {DATAVERSE:,} | {source['all']['300.0']:,} | {source['all']['5.0']:,} |"
    )
    print(f"| Dataverse, at once | {DATAVERSE_AT_ONCE} | {source['most_at_once']} | – |\n")
    each = graph["items"] / number, graph["requests"] / number, source["requests"] / number
    print(
        f"{graph['requests']:,} requests to Graph with {graph['items']:,} in them ({each[0]:.2f} a change), "
        f"{source['requests']:,} to Dataverse ({each[2]:.2f} a change). Answers of Graph: {_counted(graph['answers'])}; of Dataverse: "
        f"{_counted(source['answers'])}. Faults at Graph: {_counted(graph['faults'])}; at Dataverse: {_counted(source['faults'])}.\n"
    )
    spent = ", ".join(
        f"{name} {seconds:.0f} s ({1000 * seconds / number:.1f} ms a change)" for name, seconds in day.busy.items()
    )
    size = f"; the state holds {day.size / 1e6:.0f} MB" if day.size else ""
    print(f"Processor: {spent}{size}. Load of the machine as the trace ended: {day.load:.1f}.\n")


def _counted(found: dict[str, int]) -> str:
    return ", ".join(f"{number:,} × {name}" for name, number in Counter(found).most_common()) or "none"


def _end(day: Day) -> None:
    waiting = day.drive.awaited.number
    print(
        f"At the end: {waiting} changes not to be seen, {len(day.wrong)} bookings wrong, {day.idle} writes of a pass with nothing to do."
    )
    for line in day.wrong[:20]:
        print(f"- {line}")
    print()
