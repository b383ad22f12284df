"""What a monitoring system reads, in Prometheus' text format: this process's own sums, and how the state stands.

Two kinds, which matters where several processes work on one state. Sums are of the process that is asked: add those of
all. What the state tells is the same whoever is asked: take the largest. Labels hold words of ours, HTTP's kinds of
answers and the names of environments, which an administrator chose and which the log tells too; nothing of a mailbox,
a booking or a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from fieldcal import __version__, counted
from fieldcal.state import watched

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

#: What the answer is to be read as.
MEDIA = "text/plain; version=0.0.4; charset=utf-8"
#: Ends of the steps (`plan.spread`) that the histogram shows: 1, 2, 3.2, 5, 10 ... seconds, up to 2.8 hours.
_STEPS = (0, 3, 5, 7, 10, 13, 15, 18, 20, 25, 30, 36, 40)
#: a number with the values of its labels
Row = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Shape:
    """One name that is exported: its kind (`counter`, `gauge`, `histogram`), what it says, and its labels."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


_PLACE = ("environment",)
#: Sums of this process, under the name that `counted` has for them.
SUMS = {
    "passes": Shape("fieldcal_passes", "counter", "Passes that ended, by kind and result.",
                    ("environment", "kind", "result")),
    "pass_seconds": Shape("fieldcal_pass_seconds", "counter", "Seconds that passes took.", ("environment", "kind")),
    "changes": Shape("fieldcal_changes", "counter", "Changes read from the source of bookings.", _PLACE),
    "events": Shape("fieldcal_events", "counter", "Events by what became of them.", ("environment", "action")),
    "churn": Shape("fieldcal_churn_writes", "counter",
                   "Writes that followed no change and no fault; anything but 0 is a fault of Fieldcal.", _PLACE),
    "requests": Shape("fieldcal_requests", "counter", "Requests sent, sign-in aside, by how they were answered.",
                      ("end", "answer")),
    "inside": Shape("fieldcal_batch_refusals", "counter", "Refusals of single requests inside of a batch.",
                    ("answer",)),
    "throttle": Shape("fieldcal_throttle_seconds", "counter", "Seconds that servers asked to wait.", ("end",)),
    "leases": Shape("fieldcal_lease_losses", "counter",
                    "Work that was left because another worker has, or may have, its lease.", _PLACE),
}  # fmt: skip
LATENCY = Shape(
    "fieldcal_change_latency_seconds", "histogram",
    "From a change in the source to its event in the calendar; the sum counts each at its step's end.", _PLACE,
)  # fmt: skip
#: What an alert asks the growth of, with the labels besides the environment, and of each end: Prometheus takes a sum
#: whose first number is 1 for one that never grew, so each is there with 0 before the first of its kind comes.
_OF_EACH: Sequence[tuple[str, tuple[str, ...]]] = (
    *(("passes", (kind, "failed")) for kind in ("any", "scheduled", "announced", "asked", "hinted")),
    ("churn", ()), ("leases", ()), ("latency", ("0",)),
)  # fmt: skip
_OF_ENDS: Sequence[tuple[str, tuple[str, ...]]] = (("requests", ("5xx",)), ("requests", ("none",)), ("throttle", ()))
#: What the state tells.
GAUGES = {
    shape.name: shape
    for shape in (
        Shape("fieldcal_state_up", "gauge", "1 while the state can be read; else nothing of it is shown."),
        Shape("fieldcal_environment_enabled", "gauge", "1 while the environment is switched on.", _PLACE),
        Shape("fieldcal_backlog", "gauge",
              "Bookings marked for a calendar: waiting, in mailboxes that are not written to (closed), refused for "
              "good (aside).", ("environment", "state")),
        Shape("fieldcal_oldest_change_age_seconds", "gauge",
              "How long the oldest change waits that may be written; 0: none waits.", _PLACE),
        Shape("fieldcal_mailboxes", "gauge", "Mailboxes: total, enabled, and enabled but failing (troubled).",
              ("environment", "state")),
        Shape("fieldcal_held_plans", "gauge", "Plans of removals that wait for a person.", _PLACE),
        Shape("fieldcal_held_removals", "gauge", "Removals in these plans.", _PLACE),
        Shape("fieldcal_source_last_read_timestamp_seconds", "gauge",
              "When the source was last read to its end; absent before the first time.", _PLACE),
        Shape("fieldcal_source_failing", "gauge", "1 while the last try to read the source failed.", _PLACE),
        Shape("fieldcal_alerts", "gauge", "Warnings and errors that nobody has acknowledged.",
              ("environment", "level", "code")),
        Shape("fieldcal_pauses", "gauge", "Pauses that last, by what they are of.", ("scope",)),
    )
}  # fmt: skip
BUILD = Shape("fieldcal_build_info", "gauge", "1, with the version of Fieldcal.", ("version",))


@dataclass(frozen=True, slots=True)
class Standing:
    """What the state tells at one moment."""

    now: datetime
    places: Sequence[watched.Watched]
    pauses: dict[str, int]


def look(tx: Connection, now: datetime) -> Standing:
    """How the state stands now."""
    return Standing(now, watched.look(tx), dict(watched.paused(tx, now)))


def shapes() -> list[Shape]:
    """Every name of ours that is exported; the sums' with the ending that Prometheus gives them."""
    sums = [Shape(f"{one.name}_total", one.kind, one.help, one.labels) for one in SUMS.values()]
    return [BUILD, *sums, LATENCY, *GAUGES.values()]


def text(standing: Standing | None) -> bytes:
    """All of it; `standing`: None where the state cannot be read."""
    from prometheus_client import ProcessCollector
    from prometheus_client.exposition import generate_latest
    from prometheus_client.registry import CollectorRegistry

    _from_zero(standing)
    families = [*_families(standing), *ProcessCollector(registry=CollectorRegistry()).collect()]
    return generate_latest(SimpleNamespace(collect=lambda: families))


def _from_zero(standing: Standing | None) -> None:
    for name, labels in _OF_ENDS:
        for end in ("source", "calendars"):
            counted.add(name, end, *labels, number=0)
    for place in standing.places if standing else ():
        for name, labels in _OF_EACH:
            counted.add(name, place.environment, *labels, number=0)


def _families(standing: Standing | None) -> Iterator[Metric]:
    yield _family(BUILD, [((__version__,), 1.0)])
    for name, shape in SUMS.items():
        yield _family(shape, counted.sums(name).items())
    yield _latency()
    told: dict[str, list[Row]] = defaultdict(list)
    told["fieldcal_state_up"].append(((), 0.0 if standing is None else 1.0))
    if standing is not None:
        for place in standing.places:
            for name, *row in _rows(place, standing.now):
                told[name].append((tuple(map(str, row[:-1])), float(row[-1])))
        told["fieldcal_pauses"] += [((scope,), float(number)) for scope, number in standing.pauses.items()]
    for name, shape in GAUGES.items():
        yield _family(shape, told[name])


def _rows(place: watched.Watched, now: datetime) -> Iterator[tuple[Any, ...]]:
    """Name, labels and number of each."""
    here, waits, boxes = place.environment, place.backlog, place.mailboxes
    yield "fieldcal_environment_enabled", here, place.enabled
    for state, number in (("waiting", waits.waiting), ("closed", waits.closed), ("aside", waits.set_aside)):
        yield "fieldcal_backlog", here, state, number
    age = (now - waits.oldest).total_seconds() if waits.oldest else 0.0
    yield "fieldcal_oldest_change_age_seconds", here, max(age, 0.0)
    for state, number in (("total", boxes.total), ("enabled", boxes.enabled), ("troubled", boxes.troubled)):
        yield "fieldcal_mailboxes", here, state, number
    yield "fieldcal_held_plans", here, place.held_plans
    yield "fieldcal_held_removals", here, place.held_removals
    if place.last_read is not None:
        yield "fieldcal_source_last_read_timestamp_seconds", here, place.last_read.timestamp()
    yield "fieldcal_source_failing", here, place.failing
    for (level, code), number in place.alerts.items():
        yield "fieldcal_alerts", here, level, code, number


def _family(shape: Shape, rows: Iterable[Row]) -> Metric:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    made = CounterMetricFamily if shape.kind == "counter" else GaugeMetricFamily
    family = made(shape.name, shape.help, labels=shape.labels)
    for labels, number in rows:
        family.add_metric(labels, number)
    return family


def _latency() -> Metric:
    from prometheus_client.metrics_core import HistogramMetricFamily

    family = HistogramMetricFamily(LATENCY.name, LATENCY.help, labels=LATENCY.labels)
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for (environment, at), number in counted.sums("latency").items():
        found[environment][int(at)] = number
    for environment, steps in found.items():
        buckets = [
            (str(round(10.0 ** (end / 10), 3)), sum(number for at, number in steps.items() if at <= end))
            for end in _STEPS
        ]
        total = sum(number * 10.0 ** (at / 10) for at, number in steps.items())
        family.add_metric((environment,), [*buckets, ("+Inf", sum(steps.values()))], round(total, 3))
    return family
