"""Doctor: everything that the synchronization stands on, looked at when asked, each thing with what helps."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form
from starlette.responses import Response

from fieldcal.doctor.lines import Asked, Level, Line, worst
from fieldcal.doctor.look import look_at_all
from fieldcal.errors import ConfigError
from fieldcal.setup.permissions import Action
from fieldcal.state import environments
from fieldcal.web.following import followed
from fieldcal.web.section import Entry, Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here
from fieldcal.web.work import Work

SECTION = Section("doctor", Entry("service", 50, "doctor"))
_KIND = "doctor"
#: Mailboxes that one look takes.
_MOST = 50


@dataclass(frozen=True, slots=True)
class Part:
    """What was found of one thing that is looked at: an end, a profile, or "" the installation itself."""

    name: str
    #: what was looked at, and what was found
    lines: Sequence[tuple[str, Line]]

    @property
    def level(self) -> Level:
        """The worst of it."""
        return worst([line for _, line in self.lines])


def parts(lines: Sequence[Line]) -> list[Part]:
    """The lines by the end or profile they speak of; what failed stands first, else all is in the order it came."""
    found: dict[str, list[tuple[str, Line]]] = {}
    for line in lines:
        head, mark, rest = line.what.partition(": ")
        ours = not head.startswith(("environment ", "server profile "))
        found.setdefault("" if ours else head, []).append((line.what if ours or not mark else rest, line))
    worse = [*Level].index
    named = [
        Part(name, sorted(some, key=lambda pair: -worse(pair[1].level))) for name, some in found.items()
    ]  # fmt: skip
    return sorted(named, key=lambda part: -worse(part.level))


def _values(work: Work[Any] | None) -> dict[str, Any]:
    lines: list[Line] = list(work.results) if work else []
    counts = {level: sum(line.level is level for line in lines) for level in Level}
    return {"work": work, "parts": parts(lines), "counts": counts, "levels": list(Level)}


@SECTION.get("/doctor", Action.DOCTOR)
async def show(visit: Here) -> Response:
    """What the last look found, or finds just now, and the form for another."""
    work = visit.house.works.newest(_KIND)
    names = await visit.house.read(environments.names)
    return visit.page("doctor.html", {**_values(work), "names": names})


@SECTION.post("/doctor", Action.DOCTOR)
async def begin(
    visit: Here,
    environment: Annotated[str, Form()] = "",
    mailboxes: Annotated[str, Form()] = "",
    outsider: Annotated[str, Form()] = "",
) -> Response:
    """Look, unless a look is under way; it goes on though the page is left."""
    house, actor = visit.house, visit.actor
    back = visit.go("/doctor")
    known = house.works.newest(_KIND)
    if known is not None and not known.ended:
        return visit.say(back, "doctor.already", kind="note")
    named = tuple(dict.fromkeys(mailboxes.replace(",", " ").split()))
    if len(named) > _MOST:
        raise ConfigError(text("doctor.too_many", {"count": _MOST}))
    asked = Asked(environment, named, outsider.strip()[:320])

    async def run(work: Work[Any]) -> None:
        async for line in look_at_all(house.app, actor, asked):
            work.tell(line)

    house.works.begin(_KIND, environment, actor.name, 0, house.app.clock.now(), secrets.token_urlsafe(12), run)
    return back


@SECTION.get("/doctor/{number}/events", Action.DOCTOR)
async def follow(visit: Here, number: str) -> Response:
    """What is found, as it is found: server-sent events, each with the part of the page as it now is."""
    work = visit.house.works.find(number)
    return followed(visit, work if work and work.kind == _KIND else None, "parts/doctor_work.html", _values)
