"""`fieldcal status`: how the synchronization stands, one environment after the other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fieldcal.cli.options import AsUser, In, Json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from fieldcal.setup_model import Alert, Environment
    from fieldcal.state.findings import Finding
    from fieldcal.state.history import Pass
    from fieldcal.state.waiting import Backlog, Census

#: How many of the last passes the averages are made of.
_PASSES = 50
_SHOWN = 10


def status(environment: In = None, as_user: AsUser = None, json: Json = False) -> None:
    """Show how things are.

    Environments, mailboxes, what waits and since when, passes, pauses, held plans, alerts, findings.
    """
    from fieldcal import runfile
    from fieldcal.cli import show
    from fieldcal.cli.session import desk, settings_of_command
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import environments, pauses

    with desk(as_user) as at, at.database.read() as tx:
        require(at.actor, Action.SEE_OVERVIEW)
        places = [environments.get(tx, environment)] if environment else environments.everyone(tx)
        found = [_look(tx, place) for place in places]
        paused = pauses.lasting(tx, at.now)
    running = runfile.find(settings_of_command().data)
    if json:
        service = None if running is None else {"pid": running.pid, "url": running.url, "since": running.started_at}
        waits = [{"scope": scope, "until": until, "reason": why} for scope, (until, why) in paused.items()]
        show.as_json({"service": service, "pauses": waits, "environments": [asdict(one) for one in found]})
        return
    show.line(f"service: running since {running.started_at:%Y-%m-%d %H:%M:%SZ}" if running else "service: not running")
    if not found:
        show.line("There is no environment yet; `fieldcal environment add` makes one.")
    for one in found:
        _print(one, at.now)
    _print_pauses(paused)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one environment stands."""

    environment: str
    enabled: bool
    organization: str
    #: when the source was last read to its end, and when it is read next
    last_read: datetime | None
    next_read: datetime | None
    #: why the last read failed, "" when it did not
    error: str
    mailboxes: Census
    backlog: Backlog
    #: events of ours that stand in calendars
    events: int
    last_pass: Pass | None
    #: of the last passes: how many, writes a pass, and writes of passes that followed no change and no fault
    passes: int
    writes_per_pass: float
    churn: int
    held_plans: int
    alerts: Sequence[Alert]
    findings: Sequence[Finding]


def _look(tx: Connection, place: Environment) -> Standing:
    from fieldcal.state import alerts, feeds, findings, history, links, plans, waiting

    feed = feeds.load(tx, place.id)
    passes = history.last_passes(tx, place.id, _PASSES)
    done = [one for one in passes if one.ended_at is not None]
    return Standing(
        environment=place.id, enabled=place.enabled, organization=place.organization, last_read=feed.last_pull_at,
        next_read=feed.next_pull_at if place.enabled else None, error=feed.last_error,
        mailboxes=waiting.census(tx, place.id), backlog=waiting.backlog(tx, place.id), events=links.live(tx, place.id),
        last_pass=passes[0] if passes else None, passes=len(done),
        writes_per_pass=round(sum(one.tally.writes for one in done) / len(done), 2) if done else 0.0,
        churn=sum(one.churn for one in done), held_plans=sum(plan.state == "held" for plan in plans.load(tx, place.id)),
        alerts=[alert for alert in alerts.standing(tx, place.id) if alert.level != "information"],
        findings=findings.load(tx, place.id),
    )  # fmt: skip


def _print(one: Standing, now: datetime) -> None:
    from fieldcal.cli import show
    from fieldcal.cli.report import plural

    boxes, waits = one.mailboxes, one.backlog
    show.line("")
    show.line(f"{one.environment}: {'on' if one.enabled else 'switched off'}, organization {one.organization or '?'}")
    states = ", ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in boxes.by_status.items())
    show.line(f"  mailboxes: {boxes.total:,}: {boxes.enabled:,} enabled, {boxes.troubled:,} in trouble; {states}")
    show.line(f"  events: {one.events:,} stand in calendars")
    since = f", the oldest for {_ago(now, waits.oldest)}" if waits.oldest else ""
    show.line(f"  waiting: {waits.waiting:,} changes{since}; {waits.set_aside:,} set aside; "
              f"{waits.closed:,} for mailboxes that are off")  # fmt: skip
    last = _pass_text(one.last_pass, now) if one.last_pass else "none yet"
    show.line(f"  last pass: {last}")
    read = f"{_ago(now, one.last_read)} ago" if one.last_read else "never to its end"
    show.line(f"  source: read {read}, next {_ahead(now, one.next_read)}" + (f"; {one.error}" if one.error else ""))
    show.line(f"  passes: {one.writes_per_pass} writes a pass over the last {one.passes}, churn {one.churn}")
    if one.held_plans:
        show.line(f"  plans: {plural(one.held_plans, 'plan waits', 'plans wait')} for a person: `fieldcal plan list`")
    for alert in one.alerts[:_SHOWN]:
        show.line(f"  {alert.level}: {alert.mailbox} {alert.message} ({alert.times} times)")
    if one.findings:
        show.line(f"  findings: {len(one.findings):,} of the last check: `fieldcal check` lists them")


def _print_pauses(paused: Mapping[str, tuple[datetime, str]]) -> None:
    from fieldcal.cli import show

    for scope, (until, reason) in paused.items():
        show.line(f"  paused: {scope} until {until:%H:%M:%SZ}: {reason}")


def _pass_text(one: Pass, now: datetime) -> str:
    did = one.tally
    what = f"{did.created} created, {did.updated} updated, {did.removed} removed, {did.failed} failed"
    state = "" if one.ended_at else " (not ended)"
    return f"{_ago(now, one.started_at)} ago ({one.kind}){state}: {what}" + (f"; {one.error}" if one.error else "")


def _ago(now: datetime, then: datetime) -> str:
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _ahead(now: datetime, then: datetime | None) -> str:
    if then is None:
        return "when the service runs"
    return f"in {_ago(then, now)}" if then > now else "now"
