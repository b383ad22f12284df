"""What somebody has to do, or to know of, besides what `standing` finds in the way: one answer for page and API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import Connection

from fieldcal import standing
from fieldcal.model import MailboxId, Window
from fieldcal.plan.standing import standing as stands
from fieldcal.setup_model import Environment, MailboxStanding
from fieldcal.standing import Paused, Standing
from fieldcal.state import alike, booking_lists, feeds, mailboxes, pauses, profiles
from fieldcal.state.booking_lists import Missing, Wanted
from fieldcal.web.house import House


@dataclass(frozen=True, slots=True)
class Task:
    """One thing of a kind.

    `secret`, `source` (the last read failed), `troubled` mailboxes, `paused` ones or a paused end, bookings that are
    `refused`, `unreadable` or `missing` in calendars, removals that are `held`.
    """

    kind: str
    #: mailboxes, bookings or removals; 0: all of the environment
    count: int
    #: where the centre lists exactly these
    link: str
    why: str = ""
    #: when it is over by itself
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Halts:
    """The pauses that hold one environment up, and whom they keep from being written to."""

    told: Sequence[Paused] = ()
    #: mailboxes with nothing else in the way
    mailboxes: int = 0
    #: when the last of these may be written to again
    until: datetime | None = None


def halts(tx: Connection, place: Environment, now: datetime) -> Halts:
    """Which pauses last here; asks for nothing more while none does."""
    lasting = pauses.lasting(tx, now)
    if not lasting:
        return Halts()
    known = {one.id: one for one in profiles.everyone(tx)}
    boxes = mailboxes.some(tx, place.id, [MailboxId(scope) for scope in lasting])
    kinds = alike.kinds(tx, place.id)
    scopes = {str(box.id) for box in boxes} | {server_scope(box.profile) for box, _ in kinds} | {f"source:{place.id}"}
    count, ends = 0, list[datetime]()
    for box, number in [*((box, 0) for box in boxes), *kinds]:
        server = server_scope(box.profile)
        if stands(box, known.get(box.profile or ""), place) is not MailboxStanding.WRITTEN:
            continue
        if number and server in lasting:
            count, ends = count + number, [*ends, lasting[server][0]]
        elif not number and server not in lasting:
            count, ends = count + 1, [*ends, lasting[str(box.id)][0]]
    told = [one for one in standing.paused(tx, now) if one.scope in scopes]
    return Halts(told, count, max(ends, default=None))


def server_scope(profile: str | None) -> str:
    """The pause of all that goes through a server profile."""
    return f"connector:{profile}"


def tasks(house: House, tx: Connection, place: Environment, one: Standing, halted: Halts) -> list[Task]:
    """All that is to be done, what concerns most first."""
    found: list[Task] = []
    if lacking := house.app.secrets.lacking(place.end.secret):
        found.append(Task("secret", 0, _to("/environments/one", environment=place.id), lacking))
    elif one.error:
        found.append(Task("source", 0, _to("/environments/one", environment=place.id), one.error))
    found += [
        Task("paused", _concerned(each), _of_pause(each), f"{each.who}: {each.reason}", each.until)
        for each in halted.told[:_PAUSES]
    ]
    if (more := len(halted.told) - _PAUSES) > 0:
        found.append(Task("paused", more, "/overview#pauses", "", max(each.until for each in halted.told)))
    troubled = one.mailboxes.troubled if place.enabled else 0
    listed = [
        Task("troubled", troubled, _to("/mailboxes", standing="troubled")),
        Task("held", one.held_removals, _to("/plans", state="held")),
        Task("refused", one.backlog.set_aside, _to("/bookings", show="trouble")),
        Task("unreadable", one.unreadable, _to("/alerts", code="unreadable-bookings")),
        Task("missing", _missing(house, tx, place, one), _to("/bookings", show="missing")),
    ]
    return [*found, *(each for each in listed if each.count)]


#: Pauses that are told one by one.
_PAUSES = 3


def _to(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


def _concerned(one: Paused) -> int:
    return 0 if ":" in one.scope else 1


def _of_pause(one: Paused) -> str:
    kind, _, name = one.scope.partition(":")
    if kind == "connector":
        return _to("/mailboxes", server_profile=name)
    return _to("/environments/one", environment=name) if name else f"/mailboxes/{one.scope}"


def _missing(house: House, tx: Connection, place: Environment, one: Standing) -> int:
    """How many bookings `/bookings?show=missing` lists.

    Counting takes as long as all the rest of the overview, so it is done anew when a pass has ended, or a minute later.
    """
    if not place.organization:
        return 0
    now, last = house.app.clock.now(), one.last_pass
    news = (last.id, last.ended_at) if last else None
    since = (one.last_read, news, now.replace(second=0, microsecond=0), place.settings)
    before = house.missed.get(place.id)
    if before is not None and before[0] == since:
        return before[1]
    window = place.settings.window(now)
    far = max(window.far, feeds.load(tx, place.id).far_edge or window.far)
    number = booking_lists.count(tx, place.id, Wanted(missing=Missing(Window(window.near, far), place.settings)))
    house.missed[place.id] = (since, number)
    return number
