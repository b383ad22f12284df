"""What a running service tells in its log: passes that did something, held plans, alerts, how long a backlog takes.

Ids, counts and what servers said; never what belongs to customers (I10). Quiet passes are told at debug only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from fieldcal import counted
from fieldcal.plan.forecast import Forecast, forecast
from fieldcal.setup_model import Alert
from fieldcal.state import alerts, plans, waiting
from fieldcal.state.history import Tally
from fieldcal.state.plans import Plan
from fieldcal.sync.passes import Report

log = structlog.get_logger()

#: How often it is told how long a backlog will take, seconds.
EVERY = 60.0
_SILENT = ("busy", "uncalled", "same", "took")
#: What became of events, as a tally names it.
_DONE = ("created", "updated", "removed", "adopted", "failed", "held")


def pass_done(environment: str, kind: str, report: Report, seconds: float, next_pass: datetime | None) -> None:
    """One pass that ended, with its counts; at debug where it found nothing to do.

    `next_pass`: None where another process plans it, or nobody has yet; then none is told. `latency_p95` is in seconds:
    95 in 100 of the changes that were carried took at most so long.
    """
    _count(environment, kind, report, seconds)
    did = {name: number for name, number in asdict(report.tally).items() if number and name not in _SILENT}
    quiet = not report.error and replace(report.tally, busy=0) == Tally()
    tell = log.debug if quiet else log.warning if report.error else log.info
    also: dict[str, object] = {"error": report.error} if report.error else {}
    if (most := report.tally.took.share(0.95)) is not None:
        also["latency_p95"] = most
    also |= {"mailboxes": report.mailboxes, "seconds": round(seconds, 1)}
    if next_pass is not None:
        also["next_pass"] = f"{next_pass:%Y-%m-%d %H:%M:%SZ}"
    tell("a pass is done", action="pass", environment=environment, kind=kind, run=report.run, **did, **also)


def pass_failed(environment: str) -> None:
    """A pass came to nothing: its source is a stranger, say, or the state could not be used."""
    counted.add("passes", environment, "any", "failed")


def lease_lost(environment: str) -> None:
    """Work was left because another has its lease."""
    counted.add("leases", environment)


def _count(environment: str, kind: str, report: Report, seconds: float) -> None:
    counted.add("passes", environment, kind, "failed" if report.error else "ok")
    counted.add("pass_seconds", environment, kind, number=seconds)
    counted.add("changes", environment, number=report.tally.changes)
    counted.add("churn", environment, number=report.tally.churn)
    counted.add("leases", environment, number=0)
    for action in _DONE:
        counted.add("events", environment, action, number=getattr(report.tally, action))
    for step, number in report.tally.took.counts:
        counted.add("latency", environment, str(step), number=number)


@dataclass(frozen=True, slots=True)
class Seen:
    """What may be news of one environment."""

    alerts: dict[tuple[str, str], Alert] = field(default_factory=dict)
    #: mailboxes with an alert that are switched off
    off: frozenset[str] = frozenset()
    held: dict[int, Plan] = field(default_factory=dict)


def look(tx: Connection, environment: str) -> Seen:
    """What stands now; three reads, however much stands."""
    standing = {(one.mailbox, one.code): one for one in alerts.standing(tx, environment, alerts.URGENT)}
    held = {plan.id: plan for plan in plans.load(tx, environment, "held")}
    return Seen(standing, alerts.switched_off(tx, environment), held)


def tell(environment: str, before: Seen, now: Seen) -> None:
    """Tell what came up since, and what is over."""
    for key, one in now.alerts.items():
        known = before.alerts.get(key)
        about = {"environment": environment, "code": one.code, **({"mailbox": one.mailbox} if one.mailbox else {})}
        if one.mailbox in now.off - before.off:
            log.error("a mailbox was switched off", action="mailbox_off", **about, reason=one.message)
        elif known is None or known.level != one.level:
            write = log.error if one.level == "error" else log.warning
            write("an alert was raised", action="alert", **about, reason=one.message)
    for key in before.alerts.keys() - now.alerts.keys():
        mailbox, code = key
        log.info("an alert is over", action="alert_over", environment=environment, code=code, mailbox=mailbox)
    for number, plan in now.held.items():
        if number not in before.held or plan.rows > before.held[number].rows:
            log.warning(
                "removals are held for a person", action="held", environment=environment, plan=number,
                removals=plan.rows, hint=f"fieldcal plan show {number}",
            )  # fmt: skip


def foretell(tx: Connection, environment: str, now: datetime) -> Forecast:
    """How long the backlog of this environment will take."""
    return forecast(waiting.observed(tx, environment, now))


def tell_forecast(environment: str, found: Forecast) -> None:
    """Tell it while there is a backlog worth telling."""
    if found.worth_telling:
        log.info(
            "a backlog is worked off", action="forecast", environment=environment, waiting=found.waiting,
            per_minute=found.per_minute, seconds_left=found.seconds_left, text=found.text,
        )  # fmt: skip
