"""One mailbox: how far its set-up is, what the last test found, what is written into it, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fieldcal import standing
from fieldcal.model import BookingId, Link, MailboxId
from fieldcal.plan.ready import ready
from fieldcal.setup import checks, claims, takeover
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action, allowed_for
from fieldcal.setup_model import Account, Actor, Alert, AuditLine, Environment, Mailbox, Method, ServerProfile
from fieldcal.standing import Paused
from fieldcal.state import accounts, alerts, audit, bookings, history, links, mailboxes, profiles
from fieldcal.state.history import Line
from fieldcal.web.deeds import DEEDS, due
from fieldcal.web.section import Section
from fieldcal.web.visit import Here, Visit

SECTION = Section("mailbox")
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
    week: list[Link]


@SECTION.get("/mailboxes/{mailbox}", Action.SEE_OVERVIEW)
async def show(visit: Here, mailbox: str, week: str = "") -> Response:
    """The whole of one mailbox; `week`: any day of the one that is shown."""
    place, now = visit.place_of_work, visit.house.app.clock.now()
    today = now.astimezone(visit.zone).date()
    monday = _monday(week, today)
    begin, end = (_midnight(monday + timedelta(days=days), visit.zone) for days in (0, _DAYS))

    def look(tx: Connection) -> _Found | None:
        box = mailboxes.load(tx, place.id, mailbox)
        return None if box is None else _look(tx, visit.actor, place, box, now, (begin, end))

    found = await visit.house.read(look)
    if found is None:
        raise HTTPException(404)
    next_deed = due(found.box, found.profile, place)
    offered = [deed for deed in DEEDS.values() if visit.may(deed.action)
               and (deed.name == next_deed or _fits(deed.name, found.box))]  # fmt: skip
    values = {
        "one": found, "deeds": offered, "due": next_deed, "days": _days(found.week, monday, visit.zone), "today": today,
        "before": monday - timedelta(days=_DAYS), "after": monday + timedelta(days=_DAYS),
        "takes": visit.may(Action.TAKE_OVER), "reads_audit": visit.may(Action.AUDIT),
        "sees": visit.may(Action.SEE_BOOKINGS),
    }  # fmt: skip
    return visit.page("mailbox.html", values)


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
        links.live(tx, place.id, box.id), links.between(tx, place.id, box.id, *span),
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


def _days(week: list[Link], monday: date, zone: ZoneInfo) -> list[tuple[date, list[Link]]]:
    """Each day of the week with the events that have a part of it."""
    found: list[tuple[date, list[Link]]] = []
    for number in range(_DAYS):
        day = monday + timedelta(days=number)
        begin, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        here = [one for one in week if one.start and one.end and one.start < end and one.end > begin]
        found.append((day, here))
    return found


@SECTION.post("/mailboxes/{mailbox}/take-over/ask", Action.TAKE_OVER)
async def ask(visit: Here, mailbox: str) -> Response:
    """Whose claim stands on the calendar now, and whether it is to be ours."""
    place = visit.place_of_work
    box = await known(visit, mailbox, Action.TAKE_OVER)
    text = await takeover.claim_of(visit.house.app.bench(), visit.actor, place.id, box.id)
    values = {"box": box, "claim": claims.read(text), "text": text or "", "since": claims.since(text)}
    return visit.page("parts/mailbox_take_over.html" if visit.live else "mailbox_take_over.html", values)


@SECTION.post("/mailboxes/{mailbox}/take-over", Action.TAKE_OVER)
async def take_over(visit: Here, mailbox: str) -> Response:
    """Have this mailbox served from here, and by no other."""
    box = await known(visit, mailbox, Action.TAKE_OVER)
    await takeover.take_over(visit.house.app.bench(), visit.actor, visit.place_of_work.id, box.id)
    return visit.say(visit.go(f"/mailboxes/{quote(box.id)}"), "mailbox.taken_over", {"name": box.address or box.name})


async def known(visit: Visit, mailbox: str, action: Action) -> Mailbox:
    """The mailbox of this id, when the viewer may do this to it; a page that is missing else."""
    place = visit.place_of_work.id
    found = await visit.house.read(lambda tx: permitted(tx, visit.actor, action, place, [MailboxId(mailbox)]))
    if not found:
        raise HTTPException(404)
    return found[0]
