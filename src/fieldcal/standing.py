"""How one environment stands: what `status` shows, told in words that name people's addresses and what helps."""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal.model import MailboxId, Reading
from fieldcal.plan.forecast import Forecast, forecast
from fieldcal.plan.ready import ready
from fieldcal.plan.remedy import for_all, remedy
from fieldcal.plan.standing import standing, wide
from fieldcal.setup_model import (
    NO_REASON,
    AddressState,
    Environment,
    Mailbox,
    MailboxStanding,
    Selection,
    ServerProfile,
)
from fieldcal.state import (
    alerts,
    alike,
    aside,
    environments,
    feeds,
    findings,
    history,
    latency,
    leases,
    links,
    living,
    mailboxes,
    outcomes,
    pauses,
    plans,
    profiles,
    waiting,
    webhooks,
)
from fieldcal.state.findings import Finding
from fieldcal.state.history import Pass
from fieldcal.state.outcomes import Failure
from fieldcal.state.waiting import Backlog

#: How many of the last passes the averages are made of.
PASSES = 50
#: How far back failures and latencies are told.
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing is written, to how many mailboxes (0: all of the environment), and the command that helps."""

    why: str
    remedy: str
    mailboxes: int = 0
    #: what it is: a standing of mailboxes; of all of the environment `environment`, `mailboxes`, `profiles`,
    #: `workers`; else ""
    kind: str = ""
    #: the filters that leave exactly these mailboxes in their list; none where no filter does
    narrowed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Census:
    """The mailboxes of one environment, counted."""

    total: int
    enabled: int
    #: by whether they are written to, in the words of `MailboxStanding`; those with a number, the wide ones
    by_standing: dict[str, int]
    #: Test & Enable's states, each with its number
    by_status: dict[str, int]
    #: enabled, but the last try failed
    troubled: int


@dataclass(frozen=True, slots=True)
class Warned:
    """An alert with the address and the worker that it is about; both "" where all of the environment is."""

    level: str
    code: str
    mailbox: str
    address: str
    name: str
    message: str
    times: int
    first_at: datetime
    last_at: datetime
    #: who has seen it, "" nobody yet
    acknowledged_by: str


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause that lasts; `who` is an address or a server profile in words."""

    scope: str
    who: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Latency:
    """How long changes of the last day took from the source into the calendar, in seconds; None: none was carried."""

    changes: int
    #: half of them took at most so long, and 95 in 100
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How one environment stands."""

    environment: str
    enabled: bool
    organization: str
    #: what keeps bookings out of calendars, what concerns most first
    obstacles: Sequence[Obstacle]
    #: when the source was last read to its end, and when it is read next, if a service runs
    last_read: datetime | None
    next_read: datetime | None
    #: why the last read failed, "" when it did not
    error: str
    #: `tracked` or `swept`, None before the first read; why not in a better way; when the window was last read whole
    reading: Reading | None
    reading_reason: str
    swept: datetime | None
    mailboxes: Census
    backlog: Backlog
    #: bookings whose rows cannot be read
    unreadable: int
    forecast: Forecast
    #: events of ours that stand in calendars
    events: int
    last_pass: Pass | None
    #: `ended`, `under way`, `interrupted`; "" where there was none
    state_of_last: str
    #: of the last day: how long changes took, and what failed, by reason
    latency: Latency
    failures: Sequence[Failure]
    #: of the last passes: how many, writes a pass, and writes of passes that followed no change and no fault
    passes: int
    writes_per_pass: float
    churn: int
    held_plans: int
    held_removals: int
    #: where notifications come in, "" where none do; when the last one came
    webhook: str
    notified: datetime | None
    #: the newest first, as many as were asked for; how many nobody has seen, and how many somebody has
    alerts: Sequence[Warned]
    alerts_waiting: int
    alerts_seen: int
    findings: Sequence[Finding]


def look(
    tx: Connection, place: Environment, now: datetime, service_since: datetime | None, *, told: int | None = None
) -> Standing:
    """How this environment stands; `service_since`: when the service that runs on it was started, None where none.

    `told`: at most so many alerts, and none that somebody has seen; None: all.
    """
    feed, hook = feeds.load(tx, place.id), webhooks.find(tx, place.id)
    passes = history.last_passes(tx, place.id, PASSES)
    done = [one for one in passes if one.ended_at is not None]
    held = plans.load(tx, place.id, "held")
    last, state = _last_pass(tx, place.id, passes, now, service_since)
    known = {one.id: one for one in profiles.everyone(tx)}
    kinds = alike.kinds(tx, place.id)
    return Standing(
        environment=place.id, enabled=place.enabled, organization=place.organization,
        obstacles=[*_nobody(tx, place), *obstacles(place, kinds, known, read=feeds.workers_known(tx, place.id))],
        last_read=feed.last_pull_at, next_read=feed.next_pull_at if place.enabled and service_since else None,
        error=feed.last_error, reading=feed.way, reading_reason=feed.way_reason, swept=feed.swept_at,
        mailboxes=census(place, kinds, known), backlog=waiting.backlog(tx, place.id),
        unreadable=aside.count(tx, place.id, aside.Kind.BOOKING),
        forecast=forecast(waiting.observed(tx, place.id, now)), events=links.live(tx, place.id),
        last_pass=last, state_of_last=state, latency=_latency(tx, place.id, now),
        failures=outcomes.failures_since(tx, place.id, now - DAY), passes=len(done),
        writes_per_pass=round(sum(one.tally.writes for one in done) / len(done), 2) if done else 0.0,
        churn=sum(one.churn for one in done), held_plans=len(held), held_removals=sum(plan.rows for plan in held),
        webhook=hook.url if hook else "", notified=hook.received_at if hook else None,
        alerts=_warned(tx, place.id, told), alerts_waiting=alerts.count(tx, place.id, alerts.URGENT, seen=False),
        alerts_seen=alerts.count(tx, place.id, alerts.URGENT, seen=True), findings=findings.load(tx, place.id),
    )  # fmt: skip


def _nobody(tx: Connection, place: Environment) -> list[Obstacle]:
    """Nobody works on what is due, in this environment or another: it is one queue."""
    found = living.unworked(tx) if place.enabled else None
    return [Obstacle(found.why, living.REMEDY, kind="workers")] if found else []


def _latency(tx: Connection, environment: str, now: datetime) -> Latency:
    took = latency.since(tx, environment, now - DAY)
    return Latency(took.number, took.share(0.5), took.share(0.95))


def no_mailbox(*, read: bool) -> Obstacle:
    """Why an environment has no mailbox and what makes one; `read`: its workers were read to the end once."""
    if not read:
        return Obstacle("no mailbox is known yet", "`fieldcal sync --dry-run` reads the workers with theirs",
                        kind="mailboxes")  # fmt: skip
    return Obstacle(
        "its workers were read, and none has a mailbox",
        "make bookable resources of type User there, each with a user who has an e-mail address; the next pass "
        "finds them",
        kind="mailboxes",
    )


def none_chosen(place: str, selection: Selection, *, read: bool) -> str:
    """What is told where no mailbox is in a selection: that there is none at all, or none like that."""
    if replace(selection, names=(), now=None) == Selection():
        lacking = no_mailbox(read=read)
        return f"{place}: {lacking.why}: {lacking.remedy}."
    return f"No mailbox of {place} is in this selection; `fieldcal mailbox list` shows all."


def obstacles(
    place: Environment,
    kinds: Sequence[tuple[Mailbox, int]],
    known: dict[str, ServerProfile],
    *,
    read: bool,
    most: int = 5,
) -> list[Obstacle]:
    """What stands between bookings and calendars, the environment's own trouble first; at most so many of mailboxes.

    `kinds`: of each kind of mailbox one, and how many there are; `read`: its workers were read to the end once.
    """
    found: list[Obstacle] = []
    if not place.enabled:
        found.append(
            Obstacle("the environment is switched off, so nothing is read and nothing is written",
                     f"`fieldcal environment set {place.id} --enable`", kind="environment")
        )  # fmt: skip
    if not kinds:
        found.append(no_mailbox(read=read))
    elif not known:
        command = "`fieldcal profile add NAME` makes one"
        found.append(Obstacle("there is no server profile to write through", command, kind="profiles"))
    # Told apart from the environment's own trouble, so that all is known that has to be mended.
    switched_on = replace(place, enabled=True)
    counted: dict[tuple[str, str], tuple[str, int, MailboxStanding, Mapping[str, str]]] = {}
    for box, number in kinds:
        profile = known.get(box.profile or "")
        if (why := ready(box, profile, switched_on)) is not None:
            command = remedy(box, profile, switched_on)
            several = (why, for_all(command, box, 2))
            before = counted[several][1] if several in counted else 0
            stands = standing(box, profile, switched_on)
            narrowed: Mapping[str, str] = _narrowed(box, stands) if place.enabled else {}
            counted[several] = (command, before + number, stands, narrowed)
    ordered = sorted(counted.items(), key=lambda item: (-item[1][1], item[0]))
    for (why, for_several), (command, number, stands, narrowed) in ordered[:most]:
        found.append(Obstacle(why, command if number == 1 else for_several, number, stands.value, narrowed))
    if rest := sum(number for _, (_, number, _, _) in ordered[most:]):
        found.append(Obstacle("for other reasons", "`fieldcal mailbox list` tells each", rest))
    return found


def _narrowed(box: Mailbox, stands: MailboxStanding) -> dict[str, str]:
    """The filters that leave those of whom `ready` says the same as of this one."""
    said = {"standing": stands.value}
    match stands:
        case MailboxStanding.INACTIVE | MailboxStanding.STRANGER:
            said["server_profile"] = box.profile or ""
        case MailboxStanding.UNAPPROVED:
            changed = box.approved_address and box.approved_address.casefold() != box.address.casefold()
            said["approval"] = (AddressState.CHANGED if changed else AddressState.WAITING).value
        case MailboxStanding.TESTING:
            said["test"] = box.status.value
        case MailboxStanding.FAILED | MailboxStanding.DISABLED:
            said["reason"] = box.disabled_reason or NO_REASON
    return said


def census(place: Environment, kinds: Sequence[tuple[Mailbox, int]], known: Mapping[str, ServerProfile]) -> Census:
    """The mailboxes counted by all that is told of them; `kinds`: of each kind one, and how many there are."""
    stands, tests = Counter[str](), Counter[str]()
    for box, number in kinds:
        stands[wide(standing(box, known.get(box.profile or ""), place)).value] += number
        tests[box.status.value] += number
    on = [(box, number) for box, number in kinds if box.enabled]
    return Census(
        sum(tests.values()), sum(number for _, number in on), dict(stands), dict(sorted(tests.items())),
        sum(number for box, number in on if box.failures or box.trouble),
    )  # fmt: skip


def _warned(tx: Connection, environment: str, most: int | None) -> list[Warned]:
    if most is None:
        standing_now = alerts.standing(tx, environment, alerts.URGENT)
    else:
        standing_now = alerts.page(tx, environment, alerts.URGENT, "", seen=False, limit=most)
    named, found = alike.named(tx, environment, sorted({one.mailbox for one in standing_now})), list[Warned]()
    for one in standing_now:
        address, name = named.get(one.mailbox, ("", ""))
        found.append(
            Warned(one.level, one.code, one.mailbox, address or one.mailbox, name, one.message, one.times, one.first_at,
                   one.last_at, one.acknowledged_by)
        )  # fmt: skip
    return found


def paused(tx: Connection, now: datetime) -> list[Paused]:
    """Every pause that lasts, of all environments."""
    addresses: dict[str, str] = {}
    lasting = pauses.lasting(tx, now)
    for place in environments.names(tx):
        found = mailboxes.some(tx, place, [MailboxId(scope) for scope in lasting])
        addresses |= {str(box.id): box.address for box in found if box.address}
    told: list[Paused] = []
    for scope, (until, reason) in lasting.items():
        kind, _, name = scope.partition(":")
        known = {
            "connector": f"everything through the server profile {name}",
            "source": f"the source of the environment {name}",
            "repair": f"the daily whole read of the environment {name}",
            "check": f"the nightly check of the environment {name}",
        }
        who = known.get(kind) or addresses.get(scope, scope)
        told.append(Paused(scope, who, until, reason))
    return told


def _last_pass(
    tx: Connection, environment: str, passes: Sequence[Pass], now: datetime, service_since: datetime | None
) -> tuple[Pass | None, str]:
    """The newest pass and its state. One that has not ended is under way only while somebody could be at it."""
    if not passes:
        return None, ""
    last = passes[0]
    if last.ended_at is not None:
        return last, "interrupted" if last.error == history.INTERRUPTED else "ended"
    at_work = service_since is not None and service_since <= last.started_at
    if at_work or any(alive(owner) for owner in leases.holders(tx, now)):
        return last, "under way"
    return replace(last, tally=history.done_in(tx, environment, last.id, last.started_at)), "interrupted"


def alive(owner: str) -> bool:
    """Whether the process that took a lease lives, as far as this machine can tell; another machine's is believed."""
    host, _, rest = owner.partition(":")
    pid, _, _ = rest.partition(":")
    if host != socket.gethostname() or not pid.isdecimal() or sys.platform == "win32":
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's process
        return True
    return True
