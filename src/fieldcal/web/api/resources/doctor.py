"""The doctor: everything that the synchronization stands on, looked at when asked, each thing with what helps."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import Field

from fieldcal.doctor import lines
from fieldcal.doctor.look import look_at_all
from fieldcal.setup.permissions import Action
from fieldcal.web.api.caller import Call
from fieldcal.web.api.long_work import Once, begin
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Begun, Words
from fieldcal.web.work import Work

RESOURCE = Resource("doctor", "Looking at everything that the synchronization stands on.")


class Examination(Asked):
    """What is to be looked at; nothing named: everything."""

    environment: Words = Field(default="", description="Only this one, and what it is written through.")
    mailboxes: list[Words] = Field(
        default=[], max_length=50, description="Look into these, not into a few of each environment: ids or addresses."
    )
    outsider: Words = Field(default="", description="A mailbox that must not be reachable; tried once, with one read.")


@RESOURCE.post("/doctor", Action.DOCTOR, status=202)
async def look(caller: Call, wish: Examination, once: Once, response: Response) -> Begun:
    """Look at everything, each thing with what helps.

    Every end is asked, nothing is changed. It goes on after this answer: `Location` leads to it.
    """
    app, actor = caller.house.app, caller.actor
    asked = lines.Asked(wish.environment, tuple(dict.fromkeys(wish.mailboxes)), wish.outsider)

    async def run(work: Work[Any]) -> None:
        async for line in look_at_all(app, actor, asked):
            work.tell(line)

    return begin(caller, response, once, "doctor", wish.environment, 0, run)
