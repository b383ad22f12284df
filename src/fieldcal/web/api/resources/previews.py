"""What settings would make of a real booking, before they are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from fieldcal import previewing
from fieldcal.model import ShowAs
from fieldcal.plan.render import preview
from fieldcal.plan.settings import read
from fieldcal.setup.environments import setting_mistakes
from fieldcal.setup.permissions import Action
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Shown, Words, checked

RESOURCE = Resource("previews", "What settings would make of a real booking, before they are kept.")
_Template = Annotated[str, Field(max_length=20_000)]


class PreviewAsked(Asked):
    """Settings that are not kept yet."""

    settings: dict[str, _Template | StrictInt | StrictBool] = Field(
        default={}, max_length=100, description="Settings by name; what is left out is as it stands.",
        examples=[{"subject_template": "{{ number }}"}],
    )  # fmt: skip
    booking: Words = Field(
        default="", description="Of which booking: its id or its work order's number; else the next one."
    )


class PreviewShown(Shown):
    """An event as it would be written."""

    booking: str = Field(description="The booking's id.")
    number: str = Field(description="Its work order's number, else its name.", examples=["WO-01042"])
    worker: str = Field(description="The worker's name.", examples=["Anna Berg"])
    subject: str = Field(description="The event's subject.")
    body: str = Field(description="Its text, HTML of allowed tags only.")
    location: str = Field(description="Its location.")
    start: datetime = Field(description="When it begins.")
    end: datetime = Field(description="When it ends.")
    show_as: ShowAs = Field(description="How it is shown in the calendar.")
    private: bool = Field(description="It is private.")


@RESOURCE.post("/environments/{environment}/settings/preview", Action.ENVIRONMENTS)
async def show(caller: Call, place: Place, wish: PreviewAsked) -> PreviewShown:
    """Show the event of a real booking as it would be with these settings.

    Nothing is kept and nothing is written.
    """
    given, now = dict(wish.settings), caller.house.app.clock.now()
    checked(setting_mistakes(given, place.settings), "/settings")
    sample = await caller.house.read(lambda tx: previewing.chosen(tx, place, now, wish.booking))
    if sample is None:
        raise Missing("there is no such booking of a worker who is known; without one named, of the next two weeks")
    settings, _ = read(given, place.settings)
    event, row, order = preview(settings, sample.known, sample.worker, now), sample.known.booking, sample.known.snapshot
    return PreviewShown(
        booking=row.id, number=(order.number if order else "") or row.name, worker=sample.worker.name,
        subject=event.subject, body=event.body, location=event.location, start=event.start, end=event.end,
        show_as=event.show_as, private=event.private,
    )  # fmt: skip
