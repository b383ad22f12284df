"""Alerts: what somebody should look at, alike ones together, each with what helps; and saying that somebody has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.responses import Response

from fieldcal import post
from fieldcal.errors import ConfigError, FieldcalError
from fieldcal.model import MailboxId
from fieldcal.setup import alerting
from fieldcal.setup.alerting import Meant
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Alert
from fieldcal.state import alerts, aside, mailboxes, posted
from fieldcal.state.alerts import LEVELS, URGENT, Group
from fieldcal.state.aside import Kind
from fieldcal.state.posted import Posted
from fieldcal.web.causes import Cause, causes
from fieldcal.web.listing import Column, Listing
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import catalogue, text
from fieldcal.web.visit import Here, Visit

SECTION = Section("alerts", Entry("service", 10, "bell"))

_COLUMNS = (Column("alert"), Column("level"), Column("about"), Column("since"), Column("last"))
#: shown, besides those that nobody has acknowledged
_STATES = ("acknowledged",)
_QUIET = tuple(level for level in LEVELS if level not in URGENT)
#: Causes that are told of one kind.
_CAUSES = 5
#: Bookings that an alert names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Found:
    groups: Sequence[Group]
    #: of kinds with several alerts of several causes, by level and kind
    causes: Mapping[tuple[str, str], Sequence[Cause]]
    #: those of one kind, where one is looked at
    rows: Sequence[Alert]
    total: int
    #: addresses or names by the mailbox's id
    named: Mapping[str, str]
    #: bookings whose rows cannot be read
    aside: Sequence[str]
    mailed: Posted
    #: for information alone, where they are not shown
    quiet: int


#: In the place of a level: information too, which else stands aside.
_ALL = "all"


def _levels(level: str, code: str, *, seen: bool) -> Sequence[str]:
    """The levels that are shown: what somebody should look at, unless more is asked for, or all of one kind."""
    if level in LEVELS:
        return (level,)
    return LEVELS if level == _ALL or code or seen else URGENT


def _listing(visit: Visit) -> Listing:
    query = {name: value for name, value in visit.request.query_params.items() if name not in {"sort", "search"}}
    code = query.get("code", "")[:100]
    filters = {"level": (*LEVELS, _ALL), "state": _STATES, "code": (code,)}
    found = Listing.asked({**query, "code": code}, path="/alerts", section="alerts", columns=(Column("last", "last"),),
                          sort="last", filters=filters)  # fmt: skip
    return replace(found, columns=_COLUMNS, sort="")


@SECTION.get("/alerts", Action.SEE_OVERVIEW)
async def show(visit: Here) -> Response:
    """The kinds of alerts that stand, or with `code` each of one kind."""
    place, listing = visit.place_of_work, _listing(visit)
    found = await visit.house.read(lambda tx: _look(tx, place.id, listing))
    address = post.address_of(visit.house.app.config)
    values = {
        "listing": listing.counted(found.total), "found": found, "states": _STATES, "levels": LEVELS,
        "title": title, "helps": helps, "acknowledges": visit.may(Action.ALERTS) and not listing.filters["state"],
        "address": address, "tries": visit.may(Action.ALERTS), "value": _value, "most_causes": _CAUSES,
    }  # fmt: skip
    return visit.page("alerts.html", values)


def _look(tx: Connection, place: str, listing: Listing) -> _Found:
    seen, code = bool(listing.filters["state"]), listing.filters["code"]
    levels = _levels(listing.filters["level"], code, seen=seen)
    groups = [] if code else alerts.groups(tx, place, levels, seen=seen)
    rows = alerts.page(tx, place, levels, code, seen=seen, offset=listing.offset, limit=listing.size) if code else []
    total = alerts.count(tx, place, levels, code, seen=seen)
    by_cause = _causes(tx, place, groups, seen=seen)
    about = {one.mailbox for one in [*rows, *(group.newest for group in groups)] if one.mailbox}
    about |= {one.mailbox for some in by_cause.values() for one in some[:_CAUSES] if one.mailbox}
    boxes = mailboxes.some(tx, place, [MailboxId(one) for one in sorted(about)])
    named = {str(box.id): box.address or box.name for box in boxes}
    unread = aside.longest_unread(tx, place, Kind.BOOKING, _NAMED)
    quiet = alerts.count(tx, place, _QUIET, seen=False) if levels == URGENT else 0
    return _Found(groups, by_cause, rows, total, named, unread, posted.load(tx), quiet)


def _causes(
    tx: Connection, place: str, groups: Sequence[Group], *, seen: bool
) -> dict[tuple[str, str], Sequence[Cause]]:
    found = {(one.level, one.code): causes(alerts.worded(tx, place, one.level, one.code, seen=seen))
             for one in groups if one.alerts > 1}  # fmt: skip
    return {key: some for key, some in found.items() if len(some) > 1}


def title(code: str) -> str:
    """What a kind of alert is called; one that has no words yet by its code."""
    return text(f"alerts.kind.{code}") if f"alerts.kind.{code}" in catalogue() else code


def helps(code: str) -> str:
    """What helps, "" where the alert's own message says it."""
    return text(f"alerts.help.{code}") if f"alerts.help.{code}" in catalogue() else ""


def _value(one: Group | Alert) -> str:
    """How a tick names a kind, or a single alert."""
    return f"{one.level}/{one.code}" + (f"/{one.mailbox}" if isinstance(one, Alert) else "")


def _meant(form: FormData) -> Meant:
    """Which alerts the form means: those ticked, or all that fit its filter."""
    if form.get("all"):
        level, code = str(form.get("level", "")), str(form.get("code", ""))
        if level and level not in {*LEVELS, _ALL}:
            raise ConfigError(f"there is no level {level[:40]!r}")
        return Meant(levels=_levels(level, code, seen=False), codes=(code,) if code else ())
    picked: set[tuple[str, str, str | None]] = set()
    for one in form.getlist("id"):
        level, _, rest = str(one).partition("/")
        code, single, mailbox = rest.partition("/")
        picked.add((level, code, mailbox if single else None))
    if not picked:
        raise ConfigError(text("alerts.none_ticked"))
    return Meant(picked=picked)


@SECTION.post("/alerts/confirm", Action.ALERTS)
async def confirm(visit: Here) -> Response:
    """How many alerts, and of which kinds, are to be acknowledged."""
    return await _question(visit, await visit.form(), "")


async def _question(visit: Visit, form: FormData, changed: str) -> Response:
    place, wanted = visit.place_of_work.id, _meant(form)
    found = await visit.house.read(lambda tx: alerting.meant(tx, visit.actor, [place], wanted))
    kinds = Counter((one.level, one.code) for one in found)
    values = {
        "count": len(found), "kinds": [(level, title(code), number) for (level, code), number in kinds.most_common()],
        "form": form, "ids": [str(one) for one in form.getlist("id")], "back": _back(form), "changed": changed,
    }  # fmt: skip
    return visit.page("parts/alerts_confirm.html" if visit.live else "alerts_confirm.html", values)


def _back(form: FormData) -> str:
    query = str(form.get("back", ""))
    return "/alerts" + (f"?{query}" if query and query.isprintable() else "")


@SECTION.post("/alerts/acknowledge", Action.ALERTS)
async def acknowledge(visit: Here) -> Response:
    """Acknowledge as many as were confirmed; where they have become more or fewer, ask again."""
    form = await visit.form()
    place, wanted, actor, now = visit.place_of_work.id, _meant(form), visit.actor, visit.house.app.clock.now()
    expected = str(form.get("count", ""))

    def change(tx: Connection) -> int | None:
        found = alerting.meant(tx, actor, [place], wanted)
        return alerting.acknowledge(tx, actor, now, found) if str(len(found)) == expected else None

    done = await visit.house.write(change)
    if done is None:
        return await _question(visit, form, text("alerts.changed"))
    return visit.say(visit.go(_back(form)), "alerts.done", {"count": done})


@SECTION.post("/alerts/test-mail", Action.ALERTS)
async def try_mail(visit: Here) -> Response:
    """Send a test mail to whom alerts are mailed."""
    app, back = visit.house.app, visit.go("/alerts")
    try:
        address = await post.send_trial(app.config, app.secrets, app.tls, app.clock.now())
    except FieldcalError as error:
        return visit.say(back, "alerts.mail.not_taken", {"why": str(error)}, "bad")
    return visit.say(back, "alerts.mail.taken", {"to": ", ".join(address.to)})
