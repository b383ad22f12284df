"""The settings of one environment: each decision with its choices, templates with a live preview, and the webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import StrEnum
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal import hooks, joining
from fieldcal.errors import ConfigError, FieldcalError, Overtaken
from fieldcal.model import Event
from fieldcal.plan.render import named, preview
from fieldcal.plan.settings import Settings
from fieldcal.plan.settings import read as read_settings
from fieldcal.plan.templates import BUILT_IN, for_page
from fieldcal.previewing import Sample, samples
from fieldcal.setup.environments import Changes, setting_mistakes
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Environment
from fieldcal.state import environments as rows
from fieldcal.state import webhooks
from fieldcal.state.webhooks import Webhook
from fieldcal.web import merging
from fieldcal.web.ends import Sent
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here, Visit

SECTION = Section("settings", Entry("setup", 40, "settings"))
#: The settings in the order of the page, by heading.
GROUPS = {
    "passes": ("interval", "window_past", "window_future", "sweep_every"),
    "events": (
        "follow_location",
        "follow_work_order",
        "without_work_order",
        "canceled",
        "deleted",
        "drift",
        "proposed",
    ),
    "people": ("account", "contact", "approval_rule", "self_approval", "set_up_there"),
    "looks": ("private", "booking_url", "subject_template", "body_template"),
}


def _kinds() -> dict[str, tuple[str, tuple[str, ...]]]:
    """How each setting is asked for: a number, yes or no, one of several, or a text."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for each in fields(Settings):
        value = getattr(Settings(), each.name)
        if isinstance(value, bool):
            found[each.name] = ("yes", ("true", "false"))
        elif isinstance(value, StrEnum):
            found[each.name] = ("choice", tuple(type(value)))
        else:
            long = each.name.endswith("_template")
            found[each.name] = ("number" if isinstance(value, int) else "long" if long else "text", ())
    return found


_KINDS = _kinds()
#: The names of templates in the order in which people look for them; the test of the page holds them against `NAMES`.
_ORDER = (
    "number", "title", "type", "account", "contact", "location", "place", "date", "window", "promised", "status",
    "priority", "incident_type", "summary", "worker", "zone", "booking", "link", "canceled", "rows",
)  # fmt: skip
#: What is written for those that are no texts.
_WRITTEN = {
    "canceled": "{% if canceled %}…{% endif %}",
    "rows": "{% for label, value in rows %}{{ label }}: {{ value|lines }}<br>{% endfor %}",
}


def _values(settings: Settings) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in asdict(settings).items()}  # fmt: skip


def _sent(given: Mapping[str, Any], base: Settings) -> tuple[Sent, dict[str, str]]:
    """The form, and of it what is to be changed: what another has set since it was shown stays."""
    now = _values(base)
    mine = {name: str(given.get(name, known)).replace("\r\n", "\n") for name, known in now.items()}
    found = merging.merged(given, mine, now)
    values = found.values
    sent = Sent(values, seen=merging.carried(found.seen), clashes=found.clashes)
    for mistake in setting_mistakes(dict(values), base):
        about = next((name for name in values if mistake.startswith(name)), "")
        words = mistake.removeprefix(about).lstrip(":, ") if about else mistake
        sent.wrong(about, words[:1].upper() + words[1:])
    return sent, {name: value for name, value in values.items() if value != now[name]}


@SECTION.get("/settings", Action.ENVIRONMENTS)
async def show(visit: Here) -> Response:
    """What is set."""
    place = visit.place_of_work
    sent, _ = _sent({}, place.settings)
    return await _page(visit, place, sent)


async def _page(visit: Visit, place: Environment, sent: Sent, chosen: str = "") -> Response:
    now = visit.house.app.clock.now()

    def look(tx: Connection) -> tuple[list[Sample], Webhook | None]:
        return samples(tx, place, now), webhooks.find(tx, place.id)

    offered, webhook = await visit.house.read(look)
    sample = next((one for one in offered if one.known.booking.id == chosen), offered[0] if offered else None)
    values = {"sent": sent, "groups": GROUPS, "kinds": _KINDS, "samples": offered, "sample": sample, "place": place,
              "built_in": BUILT_IN, "webhook": webhook, "names": _names(sample, place.settings),
              **_previewed(visit, sent, sample, place)}  # fmt: skip
    return visit.page("settings.html", values, 409 if sent.wants else 200)


def _previewed(visit: Visit, sent: Sent, sample: Sample | None, place: Environment) -> dict[str, Any]:
    event: Event | None = None
    parts = ("subject_template", "body_template", "booking_url")
    wrong = [f"{text(f'settings.part.{name}')}: {words}" for name in parts for words in sent.mistakes.get(name, [])]
    if sample is not None and not wrong:
        settings, _ = read_settings(dict(sent.values), place.settings)
        try:
            event = preview(settings, sample.known, sample.worker, visit.house.app.clock.now())
        except ConfigError as error:
            wrong = [str(error)]
    # made of allowed tags only by `templates`, whoever wrote the template
    shown = Markup(for_page(event.body)) if event else ""  # noqa: S704 - sanitized right here
    return {"event": event, "body": shown, "wrong": wrong}


def _names(sample: Sample | None, settings: Settings) -> list[tuple[str, str, str]]:
    """What a template may say, each with what to write for it and what that is in the real booking."""
    known = named(sample.known, sample.worker, settings) if sample else {}
    found: list[tuple[str, str, str]] = []
    for name in _ORDER:
        value = known.get(name, "")
        example = text("frame.yes" if value else "frame.no") if isinstance(value, bool) else value
        if name == "rows":
            example = " · ".join(f"{label}: {told}" for label, told in known.get("rows", ()))
        found.append((name, _WRITTEN.get(name, f"{{{{ {name} }}}}"), str(example)))
    return found


@SECTION.post("/settings/preview", Action.ENVIRONMENTS)
async def look(visit: Here) -> Response:
    """The event of a real booking as it would be with what stands in the form; nothing is saved."""
    form, place = await visit.form(), visit.place_of_work
    sent, _ = _sent(form, place.settings)
    chosen = str(form.get("booking", ""))
    if not visit.live:
        return await _page(visit, place, sent, chosen)
    now = visit.house.app.clock.now()
    offered = await visit.house.read(lambda tx: samples(tx, place, now))
    sample = next((one for one in offered if one.known.booking.id == chosen), offered[0] if offered else None)
    return visit.page("parts/settings_preview.html", {"sample": sample, **_previewed(visit, sent, sample, place)})


@SECTION.post("/settings/save", Action.ENVIRONMENTS)
async def save(visit: Here) -> Response:
    """Keep all of them, or none where one is wrong."""
    form, app, name = await visit.form(), visit.house.app, visit.chosen_place.id
    place = await visit.house.read(lambda tx: rows.get(tx, name))
    sent, changed = _sent(form, place.settings)
    if sent.wants:
        return await _page(visit, place, sent, str(form.get("booking", "")))
    try:
        await joining.change_environment(app, visit.actor, place, Changes(dict(changed)))
    except Overtaken:
        return await save(visit)
    return visit.say(visit.go("/settings", {"environment": place.id}), "settings.saved")


@SECTION.post("/settings/webhook", Action.ENVIRONMENTS)
async def add_webhook(visit: Here) -> Response:
    """Register the webhook at the source, or repair it, and call it once as the source will."""
    form, place, app = await visit.form(), visit.place_of_work, visit.house.app
    await hooks.add(app, visit.actor, place.id, hooks.public_address(str(form.get("url", "")).strip(), place))
    try:
        called = await hooks.call(app, place.id)
        good, detail = called.ok, called.detail if called.ok else f"{called.detail}: {called.remedy}"
    except FieldcalError as error:
        good, detail = False, str(error)
    answer = visit.go("/settings", {"environment": place.id})
    return visit.say(answer, "settings.webhook_told", {"detail": detail}, "good" if good else "bad")


@SECTION.post("/settings/webhook/remove", Action.ENVIRONMENTS)
async def remove_webhook(visit: Here) -> Response:
    """Take back what is ours at the source."""
    place = visit.place_of_work
    await hooks.remove(visit.house.app, visit.actor, place.id)
    return visit.say(visit.go("/settings", {"environment": place.id}), "settings.webhook_removed")
