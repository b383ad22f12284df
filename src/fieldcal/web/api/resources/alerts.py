"""Alerts: what somebody should look at, and saying that somebody has."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field, StrictBool
from sqlalchemy import Connection

from fieldcal import post
from fieldcal.errors import ConfigError
from fieldcal.setup import alerting
from fieldcal.setup.alerting import Meant
from fieldcal.setup.permissions import Action
from fieldcal.state import alerts
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Number, Shown, Words

RESOURCE = Resource("alerts", "Alerts: what somebody should look at.")
_AT = "/environments/{environment}/alerts"

Level = Annotated[Literal["", "information", "warning", "error"], Query(description="Only those of this level.")]
Seen = Annotated[Literal["no", "also"], Query(description="Those that were acknowledged too?")]


class AlertShown(Shown):
    """An alert."""

    mailbox: str = Field(description='The mailbox\'s id, "" where all of the environment is concerned.')
    code: str = Field(description="What kind it is.", examples=["test-enable"])
    level: str = Field(description="`information`, `warning` or `error`.", examples=["error"])
    message: str = Field(description="What it says.")
    first_at: datetime = Field(description="Since when.")
    last_at: datetime = Field(description="When it was raised last.")
    times: int = Field(description="How often.", examples=[3])
    acknowledged_by: str = Field(description='Who has seen it, "" nobody yet.')
    acknowledged_at: datetime | None = Field(description="When.")


class MailShown(Shown):
    """A test mail that was taken."""

    to: list[str] = Field(description="For whom.", examples=[["it@example.com"]])
    levels: list[str] = Field(description="Alerts of which levels are mailed.", examples=[["error"]])


class Wanted(Asked):
    """Which alerts: those that fit the mailboxes, codes and levels that are named, or with `all` every one."""

    mailboxes: list[Words] = Field(default=[], max_length=1_000, description="Ids of mailboxes.")
    codes: list[Words] = Field(default=[], max_length=100, description="Kinds of alerts.", examples=[["test-enable"]])
    levels: list[Literal["information", "warning", "error"]] = Field(
        default=[], max_length=3, description="Levels.", examples=[["error"]]
    )
    all: StrictBool = Field(default=False, description="Every one that nobody has acknowledged.")


@RESOURCE.get(_AT, Action.SEE_OVERVIEW)
async def list_all(
    caller: Call, place: Place, pages: Pages, level: Level = "", acknowledged: Seen = "no"
) -> Paged[AlertShown]:
    """List alerts, the newest first."""
    levels = (level,) if level else alerts.LEVELS
    found = await caller.house.read(
        lambda tx: alerting.standing(tx, caller.actor, [place.id], levels, seen=acknowledged == "also")
    )
    page = found[pages.offset :][: pages.limit]
    return Paged(**pages.counted([AlertShown.model_validate(one) for one in page], len(found)))


@RESOURCE.post(f"{_AT}/acknowledge", Action.ALERTS)
async def acknowledge(caller: Call, place: Place, meant: Wanted) -> Number:
    """Say that somebody has seen alerts.

    They are told again when they grow worse, or come anew after a quiet hour.
    """
    if meant.all is bool(meant.mailboxes or meant.codes or meant.levels):
        raise ConfigError("which alerts? name `mailboxes`, `codes` or `levels`, or all with `all`")
    actor, now = caller.actor, caller.house.app.clock.now()
    wanted = Meant(meant.levels, meant.codes, meant.mailboxes)

    def store(tx: Connection) -> int:
        return alerting.acknowledge(tx, actor, now, alerting.meant(tx, actor, [place.id], wanted))

    return Number(changed=await caller.house.write(store))


@RESOURCE.post("/alerts/test", Action.ALERTS)
async def send_test(caller: Call) -> MailShown:
    """Send a test mail to whom alerts are mailed."""
    app = caller.house.app
    address = await post.send_trial(app.config, app.secrets, app.tls, app.clock.now())
    return MailShown(to=list(address.to), levels=list(address.levels))
