"""How things stand."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field
from sqlalchemy import Connection

from fieldcal import __version__, standing
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Environment
from fieldcal.standing import Standing
from fieldcal.web import to_do
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import FailureShown, Shown
from fieldcal.web.house import House
from fieldcal.web.to_do import Halts, Task

RESOURCE = Resource("overview", "How things stand: what `fieldcal status` tells.")


class ObstacleShown(Shown):
    """What keeps bookings out of calendars."""

    why: str = Field(description="What it is.")
    remedy: str = Field(description="What helps.")
    mailboxes: int = Field(description="Mailboxes that it concerns; 0: all of the environment.")
    narrowed: dict[str, str] = Field(
        description="The parameters that leave exactly these in the list of mailboxes; none where no filter does.",
        examples=[{"standing": "disabled", "reason": "switched off by anna"}],
    )


class TaskShown(Shown):
    """What somebody has to do, or to know of, besides the obstacles."""

    kind: str = Field(
        description="`secret`, `source`, `paused`, `troubled`, `held`, `refused`, `unreadable` or `missing`.",
        examples=["held"],
    )
    count: int = Field(description="Mailboxes, bookings or removals; 0: all of the environment.", examples=[66])
    link: str = Field(description="The page that lists exactly these.", examples=["/plans?state=held"])
    why: str = Field(description='The cause, "" where the list tells it of each.')
    until: datetime | None = Field(description="When it is over by itself.")


class CensusShown(Shown):
    """Mailboxes, counted."""

    total: int = Field(description="Known.", examples=[120])
    enabled: int = Field(description="Switched on.", examples=[112])
    troubled: int = Field(description="Switched on, and the last try failed.", examples=[1])
    by_standing: dict[str, int] = Field(
        description="By whether they are written to: `written`, `failing`, `unapproved`, `unfinished`, `off`.",
        examples=[{"written": 112, "off": 8}],
    )
    by_status: dict[str, int] = Field(description="By how Test & Enable went.", examples=[{"success": 112}])


class LatencyShown(Shown):
    """How long changes of the last day took from the source into the calendar."""

    changes: int = Field(description="Changes that were carried.", examples=[310])
    p50: float | None = Field(description="Half of them took at most so many seconds; null: none was.", examples=[12.6])
    p95: float | None = Field(description="95 in 100 of them took at most so many seconds.", examples=[50.1])


class StandingShown(Shown):
    """How one environment stands."""

    environment: str = Field(description="Its name.", examples=["main"])
    enabled: bool = Field(description="It is switched on.")
    organization: str = Field(description='Which organization it is, "" until it was signed in to.')
    obstacles: list[ObstacleShown] = Field(description="What keeps bookings out of calendars, the most first.")
    to_do: list[TaskShown] = Field(description="What else is to be done or known; nothing is where both are empty.")
    mailboxes: CensusShown = Field(description="Its mailboxes.")
    paused: int = Field(description="Mailboxes among the `written` that a pause keeps from being written to now.")
    paused_until: datetime | None = Field(description="When the last of these may be written to again.")
    last_read: datetime | None = Field(description="When its source was last read to the end.")
    next_read: datetime | None = Field(description="When it is read next.")
    error: str = Field(description='Why the last read failed, "" where it did not.')
    events: int = Field(description="Events of ours that stand in calendars.")
    waiting: int = Field(description="Bookings that wait to be looked at.")
    oldest: datetime | None = Field(description="Since when the oldest of them waits.")
    closed: int = Field(description="Bookings for mailboxes that are not written to.")
    set_aside: int = Field(description="Bookings that were refused, and wait until they change.")
    unreadable: int = Field(description="Bookings whose rows cannot be read.")
    held_plans: int = Field(description="Plans that wait for a person.")
    held_removals: int = Field(description="Removals in them.")
    latency: LatencyShown = Field(description="How long changes took into the calendar.")
    failures: list[FailureShown] = Field(description="Writes that failed in the last day, by reason.")
    state_of_last: str = Field(
        description='The last pass: `ended`, `under way`, `interrupted`, "" where there is none.'
    )
    alerts: int = Field(description="Warnings and errors that stand.")
    findings: int = Field(description="What the last check found.")


class PauseShown(Shown):
    """Nothing is sent there for a while."""

    who: str = Field(description="Where.")
    until: datetime = Field(description="Until when.")
    reason: str = Field(description="Why.")


class Overview(Shown):
    """How everything stands."""

    version: str = Field(description="Fieldcal's.", examples=[__version__])
    since: datetime = Field(description="When the service started.")
    environments: list[StandingShown] = Field(description="Each environment.")
    pauses: list[PauseShown] = Field(description="Where nothing is sent for a while.")


@RESOURCE.get("/overview", Action.SEE_OVERVIEW)
async def show(caller: Call) -> Overview:
    """Show how everything stands."""
    now, since = caller.house.app.clock.now(), caller.house.since

    def look(tx: Connection) -> Overview:
        places = [_one(caller.house, tx, place, now, since) for place in caller.environments]
        pauses = [PauseShown.model_validate(one) for one in standing.paused(tx, now)]
        return Overview(version=__version__, since=since, environments=places, pauses=pauses)

    return await caller.house.read(look)


@RESOURCE.get("/environments/{environment}/overview", Action.SEE_OVERVIEW)
async def show_one(caller: Call, place: Place) -> StandingShown:
    """Show how one environment stands."""
    now, since = caller.house.app.clock.now(), caller.house.since
    return await caller.house.read(lambda tx: _one(caller.house, tx, place, now, since))


def _one(house: House, tx: Connection, place: Environment, now: datetime, since: datetime) -> StandingShown:
    one, halted = standing.look(tx, place, now, since, told=0), to_do.halts(tx, place, now)
    return _shown(one, halted, to_do.tasks(house, tx, place, one, halted))


def _shown(one: Standing, halted: Halts, tasks: list[Task]) -> StandingShown:
    waits = one.backlog
    return StandingShown(
        environment=one.environment, enabled=one.enabled, organization=one.organization,
        obstacles=[ObstacleShown.model_validate(each) for each in one.obstacles],
        to_do=[TaskShown.model_validate(each) for each in tasks], paused=halted.mailboxes, paused_until=halted.until,
        mailboxes=CensusShown.model_validate(one.mailboxes), last_read=one.last_read, next_read=one.next_read,
        error=one.error, events=one.events, waiting=waits.waiting, oldest=waits.oldest, closed=waits.closed,
        set_aside=waits.set_aside, unreadable=one.unreadable, held_plans=one.held_plans,
        held_removals=one.held_removals, latency=LatencyShown.model_validate(one.latency),
        failures=[FailureShown.model_validate(each) for each in one.failures[:20]],
        state_of_last=one.state_of_last, alerts=one.alerts_waiting + one.alerts_seen, findings=len(one.findings),
    )  # fmt: skip
