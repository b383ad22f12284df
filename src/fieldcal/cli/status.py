"""`fieldcal status`: how the synchronization stands, one environment after the other."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from fieldcal.cli.options import AsUser, In, Json
from fieldcal.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fieldcal.runfile import Running
    from fieldcal.standing import Paused, Standing
    from fieldcal.state.history import Pass
    from fieldcal.state.posted import Posted

_SHOWN = 10
#: Reasons of failures that are told.
_FAILURES = 5
#: How a pass came about, by its kind.
_KINDS = {
    "scheduled": "by schedule", "announced": "because a change was announced",
    "hinted": "because a notification came", "asked": "because somebody asked",
    "retry": "a second try in one mailbox", "check": "the check of the calendars", "clean": "a clean",
    "write again": "findings written again", "duplicates": "duplicates removed",
}  # fmt: skip


def status(environment: In = None, as_user: AsUser = None, json: Json = False) -> None:
    """Show how things are.

    Whether a service runs, what stands in the way of bookings and what helps, mailboxes, what waits and for how long,
    passes, pauses, held plans, alerts, findings.
    """
    from fieldcal import runfile, standing
    from fieldcal.cli import show
    from fieldcal.cli.session import desk, settings_of_command
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import environments, posted

    settings = settings_of_command()
    if not settings.database_url and not settings.data.exists():
        raise ConfigError(
            f"there is no folder {settings.data}, so nothing is installed there; `fieldcal serve` makes it, "
            "or set FIELDCAL_DATA to the one that is meant"
        )
    running = runfile.find(settings.data)
    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.SEE_OVERVIEW)
        places = [environments.get(tx, environment)] if environment else environments.everyone(tx)
        since = running.started_at if running else None
        found = [standing.look(tx, place, at.now, since) for place in places]
        paused = standing.paused(tx, at.now)
        sent = posted.load(tx) if settings.smtp_url else None
    if json:
        service = None if running is None else {"pid": running.pid, "url": running.url, "since": running.started_at}
        places_told = [{**asdict(one), "forecast": asdict(one.forecast)} for one in found]
        show.as_json({"service": service, "pauses": paused, "mail": sent, "environments": places_told})
        return
    show.line(_service(running, at.now))
    if sent is not None:
        show.line(_mail(sent, at.now))
    if not found:
        show.line("There is no environment yet; `fieldcal environment add NAME` attaches a source of bookings.")
    for one in found:
        show.line("")
        show.line(f"Environment {one.environment}, organization {one.organization or 'not known yet'}")
        show.pairs([*_what_hinders(one), *_figures(one, at.now, running), *_to_look_at(one, at.now)])
    _print_pauses(paused)


def _service(running: Running | None, now: datetime) -> str:
    if running is None:
        return (
            "No service is running: nothing is synchronized by itself. `fieldcal serve` starts one; `fieldcal sync` "
            "runs a single pass."
        )
    return f"A service is running for {_ago(now, running.started_at)}: process {running.pid}, {running.url}"


def _mail(sent: Posted, now: datetime) -> str:
    last = f"the last {_ago(now, sent.sent_at)} ago" if sent.sent_at else "none was sent yet"
    if sent.failed_at is None:
        return f"Alerts go out by e-mail; {last}."
    return f"Alerts do not go out by e-mail, since {sent.failures} tries, {_ago(now, sent.failed_at)} ago: {sent.error}"


def _what_hinders(one: Standing) -> Iterator[tuple[str, str]]:
    from fieldcal.cli.report import plural

    for item in one.obstacles:
        boxes = f" ({plural(item.mailboxes, 'mailbox', 'mailboxes')})" if item.mailboxes else ""
        yield "in the way", f"{item.why}{boxes}: {item.remedy}"


def _figures(one: Standing, now: datetime, running: Running | None) -> Iterator[tuple[str, str]]:
    from fieldcal.cli.report import plural

    boxes = one.mailboxes
    failing = f", {boxes.troubled:,} of these could not be reached at the last try" if boxes.troubled else ""
    if boxes.total:
        yield "mailboxes", f"{boxes.total:,} known, {boxes.enabled:,} switched on{failing}"
    yield "events", f"{one.events:,} of ours stand in calendars"
    yield "waiting", "; ".join(_waiting(one, now)) or "nothing"
    if one.forecast.worth_telling and (running is not None or one.state_of_last == "under way"):
        yield "forecast", one.forecast.text
    if one.last_pass is None:
        yield "last pass", "none yet; `fieldcal sync` runs one"
    else:
        yield "last pass", _pass(one.last_pass, one.state_of_last, now)
    read = f"read {_ago(now, one.last_read)} ago" if one.last_read else "never read to its end"
    yield (
        "source",
        f"{read}; {_next(one, now, running)}" + (f"; the last read failed: {one.error}" if one.error else ""),
    )
    if one.webhook:
        last = f"{_ago(now, one.notified)} ago" if one.notified else "never yet"
        yield "webhook", f"the last notification {last}"
    if one.reading is not None:
        yield "reading", _reading(one, now)
    if one.latency.changes:
        yield "latency", _latency(one)
    if one.passes:
        average = f"{one.writes_per_pass} writes a pass over the last {plural(one.passes, 'pass', 'passes')}"
        yield "passes", average if one.churn else f"{average}, churn 0"
    if one.churn:
        yield (
            "churn",
            (
                f"churn {one.churn}: so many of these writes followed no change and no fault. Calendars are right, but "
                "what stands there is written again and again; please report it, with the log's lines `action=churn`"
            ),
        )


def _latency(one: Standing) -> str:
    from fieldcal.cli.report import plural

    told = one.latency
    changes = plural(told.changes, "change of the last day", "changes of the last day")
    return f"from the source into the calendar {told.p50:g} s (p50) and {told.p95:g} s (p95) for {changes}"


def _waiting(one: Standing, now: datetime) -> Iterator[str]:
    from fieldcal.cli.report import plural

    waits = one.backlog
    if waits.waiting:
        since = f", the oldest for {_ago(now, waits.oldest)}" if waits.oldest else ""
        yield f"{plural(waits.waiting, 'booking', 'bookings')} to be looked at{since}"
    if waits.closed:
        yield f"{plural(waits.closed, 'booking', 'bookings')} for mailboxes that are not written to"
    if waits.set_aside:
        yield f"{plural(waits.set_aside, 'booking is', 'bookings are')} set aside, refused until they change"
    if one.unreadable:
        yield f"{plural(one.unreadable, 'booking is', 'bookings are')} set aside until their rows can be read"


def _reading(one: Standing, now: datetime) -> str:
    whole = f"last read whole {_ago(now, one.swept)} ago" if one.swept else "not read whole yet"
    if one.reading == "tracked":
        return f"by tracked changes; the window was {whole}"
    return f"the whole window at every pass, because {one.reading_reason}; {whole}"


def _next(one: Standing, now: datetime, running: Running | None) -> str:
    if running is None:
        return "not read again before a service runs or somebody asks"
    if not one.enabled:
        return "not read while the environment is switched off"
    if one.next_read is None or one.next_read <= now:
        return "next now"
    return f"next in {_ago(one.next_read, now)}"


def _pass(one: Pass, state: str, now: datetime) -> str:
    did = one.tally
    what = (
        f"{did.created:,} created, {did.updated:,} updated, {did.removed:,} removed, {did.failed:,} failed, "
        f"{did.held:,} held for a person"
    )
    began = f"{_ago(now, one.started_at)} ago, {_KINDS.get(one.kind, one.kind)}"
    if state == "under way":
        return f"began {began}; it is under way"
    if state == "interrupted":
        return f"began {began}; it was interrupted, for its process ended before it did: {what}. Nothing is lost"
    return f"{began}: {what}" + (f"; {one.error}" if one.error else "")


def _to_look_at(one: Standing, now: datetime) -> Iterator[tuple[str, str]]:
    from fieldcal.cli.report import plural

    if one.held_plans:
        removals = plural(one.held_removals, "removal", "removals")
        yield (
            "held",
            f"{plural(one.held_plans, 'plan waits', 'plans wait')} for a person, {removals}: `fieldcal plan list`",
        )
    for alert in one.alerts[:_SHOWN]:
        who = f"{alert.address}{f' ({alert.name})' if alert.name else ''}: " if alert.address else ""
        times = f" ({plural(alert.times, 'time', 'times')}, last {_ago(now, alert.last_at)} ago)"
        yield alert.level, f"{who}{alert.message}{times}"
    if len(one.alerts) > _SHOWN:
        yield "", f"and {plural(len(one.alerts) - _SHOWN, 'alert', 'alerts')} more; --json tells all"
    for failure in one.failures[:_FAILURES]:
        yield "failed", f"{plural(failure.number, 'write', 'writes')} in the last day: {failure.reason}"
    if one.findings:
        yield "findings", f"{len(one.findings):,} of the last check: `fieldcal check` lists them"


def _print_pauses(paused: Sequence[Paused]) -> None:
    from fieldcal.cli import show

    if paused:
        show.line("")
        show.line("Nothing is sent for a while, because a server asked for it or does not answer:")
        show.pairs([(f"paused until {one.until:%H:%M:%SZ}", f"{one.who}: {one.reason}") for one in paused])


def _ago(now: datetime, then: datetime) -> str:
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
