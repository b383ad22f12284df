"""Templates filled in: escaped, with nothing undefined, times in the viewer's zone, texts from the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from fieldcal.plan import zones
from fieldcal.setup_model import Role
from fieldcal.web import assets, texts
from fieldcal.web.gates import Gate
from fieldcal.web.section import GROUPS, Section, sections

if TYPE_CHECKING:
    from fieldcal.web.visit import Visit

_INSTANT = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) UTC")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def render(visit: Visit, template: str, values: Mapping[str, Any]) -> str:
    """The template with `values`, and with what every page has: the visit, the navigation, the time."""
    here = visit.request.url.path
    frame = {
        "visit": visit, "now": visit.house.app.clock.now(), "zone": visit.zone, "missing": assets.missing(),
        "navigation": navigation(visit, here), "csrf": visit.csrf,
    }  # fmt: skip
    return _environment().get_template(template).render({**frame, **values})


def alone(template: str, values: Mapping[str, Any]) -> str:
    """A template that knows no visit, filled in: it needs neither the state nor who asks."""
    return _environment().get_template(template).render(values)


def navigation(visit: Visit, here: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """The groups of the navigation with those lines that this person may follow."""
    if visit.signed is None:
        return []
    found: list[tuple[str, list[dict[str, Any]]]] = []
    for group in GROUPS:
        lines = [_line(section, here) for section in _entered() if section.entry and section.entry.group == group
                 and visit.passes(section.first.gate)
                 and (not section.entry.own or Role.WORKER in visit.actor.roles)
                 and (not section.entry.scheduling or visit.schedules)]  # fmt: skip
        if lines:
            found.append((group, lines))
    return found


def _line(section: Section, here: str) -> dict[str, Any]:
    path = section.first.path
    inside = here == path or (path != "/" and here.startswith(f"{path}/"))
    return {"name": section.name, "path": path, "icon": section.entry.icon if section.entry else "", "here": inside}


@cache
def _entered() -> tuple[Section, ...]:
    return tuple(section for section in sections() if section.entry)


def first_page(visit: Visit) -> str:
    """Where a person lands who asks for nothing else; "" where the roles open no page."""
    found = navigation(visit, "")
    return str(found[0][1][0]["path"]) if found else ""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("fieldcal.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.globals |= {"t": _text, "asset": assets.url, "may_pass": _may_pass, "Gate": Gate}
    made.globals["has_text"] = lambda key: key in texts.catalogue()
    made.globals["icons"] = made.get_template("parts/icons.html").module
    made.filters |= {"time": time, "ago": ago, "day": day, "clock": clock, "zoned": zoned, "commands": commands}
    made.filters |= {"lasting": lasting, "due": due, "address": address, "deed": deed}
    made.filters["number"] = lambda value: f"{value:,}"
    return made


def _text(key: str, /, **values: object) -> str:
    return texts.text(key, values)


@pass_context
def _may_pass(context: Context, path: str) -> bool:
    """Whether the viewer may follow a link to this path of a section's page."""
    visit: Visit = context["visit"]
    return any(page.path == path and visit.passes(page.gate) for section in sections() for page in section.pages)


@pass_context
def time(context: Context, at: datetime | None, none: str = "frame.never", seconds: bool = False) -> Markup:
    """An instant in the viewer's zone, to the minute or the second; the text `none` where there is none."""
    if at is None:
        return Markup('<span class="quiet">{}</span>').format(texts.text(none))
    zone: ZoneInfo = context["zone"]
    local = zones.local(at, zone)
    now: datetime = context["now"]
    clock_of = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    shown = clock_of if local.date() == now.astimezone(zone).date() else f"{local:%-d %b %Y}, {clock_of}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="seconds"), f"{local:%-d %B %Y, %H:%M:%S} {zone.key}", shown
    )


@pass_context
def ago(context: Context, at: datetime | None, none: str = "frame.never") -> Markup:
    """How long ago an instant is, or in how long it comes, with the instant itself at hand."""
    if at is None:
        return time(context, None, none)
    local = zones.local(at, context["zone"])
    words = span(context["now"] - at)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="seconds"), f"{local:%-d %B %Y, %H:%M:%S} {context['zone'].key}", words
    )


@pass_context
def due(context: Context, at: datetime | None, none: str = "frame.never") -> Markup:
    """When something comes; where its time is there already, that it is due."""
    if at is None or at > context["now"]:
        return ago(context, at, none)
    local = zones.local(at, context["zone"])
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="seconds"), f"{local:%-d %B %Y, %H:%M:%S} {context['zone'].key}",
        texts.text("frame.due"),
    )  # fmt: skip


def deed(action: str) -> str:
    """What was done in plain words, where the catalogue has them; else the audit's own, as a sentence begins."""
    key = f"audit.did.{re.sub('[ -]', '_', action)}"
    return texts.text(key) if key in texts.catalogue() else action[:1].upper() + action[1:]


def address(words: str) -> Markup:
    """An e-mail address that breaks before its `@` where there is no room for all of it."""
    name, at, domain = words.partition("@")
    parts = [name, f"@{domain}"] if at else [words]
    return Markup("<wbr>").join(Markup('<span class="part">{}</span>').format(part) for part in parts)


def day(value: date) -> str:
    """A day as people say it: `Mon 23 Nov`."""
    return f"{value:%a %-d %b}"


@pass_context
def clock(context: Context, at: datetime, on: date) -> str:
    """The time of an instant in the viewer's zone; with its day where that is not `on`."""
    local = zones.local(at, context["zone"])
    return f"{local:%H:%M}" if local.date() == on else f"{local:%a %H:%M}"


@pass_context
def zoned(context: Context, words: str) -> Markup:
    """A text of the state with its instants (`2026-11-23 08:00 UTC`) in the viewer's zone, and its commands as code."""
    parts = _INSTANT.split(words)
    shown = [time(context, datetime.fromisoformat(part).replace(tzinfo=UTC)) if at % 2 else commands(part)
             for at, part in enumerate(parts)]  # fmt: skip
    return Markup("").join(shown)


def span(passed: timedelta) -> str:
    """A span in words: `3 minutes ago`, `in 2 hours`, and what comes soon to the second: `in 30 seconds`."""
    if timedelta(0) > passed > -timedelta(minutes=2):  # what is so near is waited for
        left = -(passed // timedelta(seconds=1))
        return texts.text("frame.span.ahead", {"span": texts.text("frame.span.second", {"count": left})})
    seconds = abs(passed.total_seconds())
    for unit, length in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)):
        if seconds >= length:
            words = texts.text(f"frame.span.{unit}", {"count": int(seconds // length)})
            break
    else:
        return texts.text("frame.span.now")
    return texts.text("frame.span.ago" if passed > timedelta(0) else "frame.span.ahead", {"span": words})


def shortened(value: float) -> float:
    """A measure as a person reads it: two digits that say something, whole from ten on."""
    return float(round(value)) if value >= 10 or not value else float(f"{value:.2g}")  # noqa: PLR2004 - ten


def lasting(seconds: float) -> str:
    """A length of time as it is told beside a chart: `2.5 s`, `12 min`, `4.2 h`, `3 d`."""
    for least, length, unit in ((3 * 86_400, 86_400, "d"), (3 * 3_600, 3_600, "h"), (180, 60, "min")):
        if seconds >= least:
            return f"{shortened(seconds / length):g} {unit}"
    return f"{shortened(seconds):g} s"


def commands(words: str) -> Markup:
    """A text with what stands between backquotes shown as code."""
    parts = words.split("`")
    shown = [Markup("<code>{}</code>").format(part) if at % 2 else Markup("{}").format(part)
             for at, part in enumerate(parts)]  # fmt: skip
    return Markup("").join(shown)
