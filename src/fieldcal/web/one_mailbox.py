"""One mailbox as its page shows it, to administrators and to the worker whose it is: looked up, and put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal import standing, weeks
from fieldcal.model import BookingId, MailboxId
from fieldcal.plan.ready import ready
from fieldcal.setup import checks, claims
from fieldcal.setup.permissions import Action, allowed_for
from fieldcal.setup_model import CALDAV, Account, Actor, Alert, AuditLine, Environment, Mailbox, Method, ServerProfile
from fieldcal.standing import Paused
from fieldcal.state import accounts, alerts, audit, bookings, history, links, mailboxes, profiles
from fieldcal.state.history import Line
from fieldcal.web.deeds import DEEDS, due
from fieldcal.web.ends import Sent, of_account
from fieldcal.web.texts import text
from fieldcal.web.visit import Visit
from fieldcal.weeks import Shown

#: Lines of its history that are shown.
_LINES = 15
_DAYS = 7


@dataclass(frozen=True, slots=True)
class Step:
    """One step of set-up: `state` is done, open, running or failed; `detail` what there is to say of it."""

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    box: Mailbox
    profile: ServerProfile | None
    account: Account
    why: str | None
    steps: list[Step]
    alerts: list[Alert]
    pauses: list[Paused]
    history: list[Line]
    #: what the bookings of the history are called
    names: Mapping[BookingId, str]
    audit: list[AuditLine]
    #: events of ours that stand in it
    events: int
    week: list[Shown]


async def page(
    visit: Visit, mailbox: MailboxId, *, week: str = "", own: bool = False, sent: Sent | None = None
) -> Response | None:
    """The whole of one mailbox; None where there is none of this id.

    `week`: any day of the one that is shown; `own`: on the worker's own page; `sent`: its sign-in as it was sent, with
    what is wrong with it.
    """
    place, now = visit.place_of_work, visit.house.app.clock.now()
    today = now.astimezone(visit.zone).date()
    monday = _monday(week, today)
    begin, end = (_midnight(monday + timedelta(days=days), visit.zone) for days in (0, _DAYS))

    def look(tx: Connection) -> _Found | None:
        box = mailboxes.load(tx, place.id, mailbox)
        return None if box is None else _look(tx, visit.actor, place, box, now, (begin, end))

    found = await visit.house.read(look)
    if found is None:
        return None
    box, next_deed = found.box, due(found.box, found.profile, place)

    def may(action: Action) -> bool:
        return allowed_for(visit.actor, action, box, place.settings)

    offered = [deed for deed in DEEDS.values() if may(deed.action)
               and (deed.name == next_deed or _fits(deed.name, box))]  # fmt: skip
    dav = found.profile is not None and found.profile.kind == CALDAV
    values = {
        "one": found, "deeds": offered, "due": next_deed, "days": _days(found.week, monday, visit.zone), "today": today,
        "before": monday - timedelta(days=_DAYS), "after": monday + timedelta(days=_DAYS), "monday": monday,
        "takes": visit.may(Action.TAKE_OVER), "reads_audit": visit.may(Action.AUDIT), "own": own,
        "sees": own or visit.may(Action.SEE_BOOKINGS), "events": _drawn(visit, found.week),
        "sent": (sent or of_account(found.account)) if dav and may(Action.SET_UP) else None,
    }  # fmt: skip
    return visit.page("mailbox.html", values, 409 if sent is not None and sent.mistakes else 200)


def _drawn(visit: Visit, week: list[Shown]) -> list[dict[str, Any]]:
    """What EventCalendar draws: times on the viewer's clock, and everything in words."""
    return [
        {
            "id": one.booking, "title": one.subject or text("mailbox.no_subject"),
            "start": f"{one.start.astimezone(visit.zone):%Y-%m-%dT%H:%M:%S}",
            "end": f"{one.end.astimezone(visit.zone):%Y-%m-%dT%H:%M:%S}",
            "classNames": ["booking", one.standing, one.kind.value if one.kind else "committed"],
            "extendedProps": {
                "url": f"/bookings/{one.booking}", "place": one.location,
                "state": text(f"mailbox.standing.{one.standing}"),
                "kind": text(f"mailbox.kind.{one.kind.value}") if one.kind else "",
            },
        }
        for one in week
    ]  # fmt: skip


def _fits(deed: str, box: Mailbox) -> bool:
    """This deed would change something."""
    match deed:
        case "approve":
            return bool(box.address) and not box.approved
        case "reject":
            return box.approved
        case "disable":
            return box.enabled
        case "defaults":
            return box.profile is None or box.method is Method.NONE
    return True


def _look(
    tx: Connection, actor: Actor, place: Environment, box: Mailbox, now: datetime, span: tuple[datetime, datetime]
) -> _Found:
    profile = profiles.find(tx, box.profile) if box.profile else None
    account = accounts.of(tx, place.id, box.id)
    lines = history.of_mailbox(tx, place.id, box.id, _LINES)
    known = bookings.load(tx, place.id, {line.booking for line in lines})
    names = {key: (one.known.snapshot.number if one.known.snapshot else "") or one.known.booking.name
             for key, one in known.items()}  # fmt: skip
    scopes = {str(box.id), f"connector:{box.profile}"}
    seen = allowed_for(actor, Action.AUDIT, box, place.settings)
    return _Found(
        box, profile, account, ready(box, profile, place), steps(box, profile, account, place),
        alerts.of_mailbox(tx, place.id, box.id), [one for one in standing.paused(tx, now) if one.scope in scopes],
        lines, names, audit.latest(tx, _LINES, f"{place.id}/{box.id}") if seen else [],
        links.live(tx, place.id, box.id), weeks.between(tx, place, box.id, *span),
    )  # fmt: skip


def steps(box: Mailbox, profile: ServerProfile | None, account: Account, place: Environment) -> list[Step]:
    """The steps of R9 in their order, each with how it stands."""
    local = {check.name: check for check in checks.local(box, profile, place, account)}
    chosen = local[checks.PROFILE]
    method = "done" if box.method is Method.SERVER_SIDE_SYNC else "open"
    tested = {"success": "done", "failure": "failed", "not_run": "open"}.get(box.status, "running")
    claimed = next((check for check in box.checks if check.name == claims.NAME), None)
    if claimed is not None and not claimed.ok:
        claim = Step("claim", "failed", claimed.detail)
    else:
        claim = Step("claim", "done" if box.enabled else "open", claims.UNKEPT if box.claimless else "")
    return [
        Step("profile", "done" if chosen.ok else "open" if box.profile is None else "failed", chosen.detail),
        Step("approval", "done" if box.approved else "failed" if box.approval == "rejected" else "open",
             box.address if box.approved else ""),
        Step("method", method),
        Step("test", tested if box.enabled or tested != "done" else "open", box.disabled_reason),
        claim,
    ]  # fmt: skip


def _monday(wanted: str, today: date) -> date:
    try:
        day = date.fromisoformat(wanted) if wanted else today
        # a week on either side can still be counted
        return max(min(day, date(9000, 1, 1)), date(1900, 1, 1)) - timedelta(days=day.weekday())
    except ValueError:
        return today - timedelta(days=today.weekday())


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _days(week: list[Shown], monday: date, zone: ZoneInfo) -> list[tuple[date, list[Shown]]]:
    """Each day of the week with the events that have a part of it."""
    found: list[tuple[date, list[Shown]]] = []
    for number in range(_DAYS):
        day = monday + timedelta(days=number)
        begin, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        here = [one for one in week if one.start < end and one.end > begin]
        found.append((day, here))
    return found
