"""Passes: what each did, and having one run now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import Field
from sqlalchemy import Connection

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup.permissions import Action, require, require_for
from fieldcal.setup_model import Selection
from fieldcal.state import history, mailboxes, outcomes
from fieldcal.state.history import Pass
from fieldcal.web.api import paging
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.long_work import Once, begin
from fieldcal.web.api.paging import Paged, Pages
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.results import Tallied, tallied
from fieldcal.web.api.shapes import Asked, Begun, FailureShown, Shown, Words
from fieldcal.web.work import Work

RESOURCE = Resource("passes", "Passes over an environment: what each did, and having one run now.")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Id = Annotated[str, Path(description="The pass's id.", max_length=60, examples=["000660ecfb01a00000000010faba7d6a"])]


class PassShown(Tallied):
    """A pass."""

    id: str = Field(description="Its id.")
    kind: str = Field(description="`scheduled`, `announced` or `asked`.", examples=["scheduled"])
    started_at: datetime = Field(description="When it began.")
    ended_at: datetime | None = Field(description="When it ended; null while it is under way.")
    error: str = Field(description='Why the source could not be read, "" where it was.')


class SideShown(Shown):
    """What was sent to one side, sign-ins aside."""

    requests: int = Field(description="Requests.", examples=[42])
    answers: dict[str, int] = Field(
        description="Answers by kind: `2xx`, `3xx`, `4xx`, `429`, `5xx`, `none`; refusals inside of a batch, too.",
        examples=[{"2xx": 41, "429": 1}],
    )  # fmt: skip


class SentShown(Shown):
    """What a pass sent."""

    source: SideShown = Field(description="To the source of bookings.")
    calendars: SideShown = Field(description="To the calendars.")


class DeedShown(Shown):
    """What a pass set out to do, for one reason."""

    action: str = Field(description="`create`, `update`, `remove`, `hold` and the like.", examples=["create"])
    reason: str = Field(description="Why.")
    number: int = Field(description="How often.")
    done: int = Field(description="How often it was done.")


class PassLookedAt(PassShown):
    """A pass with its plan and outcome."""

    adopted: int = Field(description="Events that were found and taken over.")
    churn: int = Field(description="Writes that followed no change and no fault.")
    sent: SentShown | None = Field(description="What it sent; null where nothing is known of it.")
    plan: list[DeedShown] = Field(description="What it set out to do, the most of it first.")
    failures: list[FailureShown] = Field(description="What failed, by reason, the most frequent first.")


class Wish(Asked):
    """Which mailboxes a pass is for."""

    mailboxes: list[Words] | None = Field(
        default=None, min_length=1, max_length=1_000, description="Object ids or addresses; null: all of them.",
        examples=[["anna.berg@example.com"]],
    )  # fmt: skip


@RESOURCE.get("/environments/{environment}/passes", Action.SEE_OVERVIEW)
async def list_all(caller: Call, place: Place, pages: Pages) -> Paged[PassShown]:
    """List passes, the newest first."""
    before = _before(pages.cursor)
    found = await caller.house.read(lambda tx: history.last_passes(tx, place.id, pages.limit + 1, before))
    shown, more = found[: pages.limit], len(found) > pages.limit
    return Paged(**pages.keyed([_shown(one) for one in shown], _cursor(shown[-1]) if more else ""))


@RESOURCE.get("/environments/{environment}/passes/{run}", Action.SEE_OVERVIEW)
async def show(caller: Call, place: Place, run: Id) -> PassLookedAt:
    """Show one pass: what it set out to do, what came of it, and what it sent."""
    return await caller.house.read(lambda tx: _looked_at(tx, place.id, run))


@RESOURCE.post("/environments/{environment}/sync", Action.SYNC, own=True, status=202)
async def synchronize(caller: Call, place: Place, wish: Wish, once: Once, response: Response) -> Begun:
    """Have a pass run now.

    It goes on after this answer: `Location` leads to it.
    """
    house, actor = caller.house, caller.actor

    def look(tx: Connection) -> frozenset[MailboxId] | None:
        if wish.mailboxes is None:
            require(actor, Action.SYNC)
            return None
        chosen = mailboxes.ids(tx, place.id, Selection(names=tuple(wish.mailboxes)))
        require_for(actor, Action.SYNC, mailboxes.some(tx, place.id, chosen), place.settings)
        return frozenset(chosen)

    only = await house.read(look)
    if not place.enabled:
        raise ConfigError(f"the environment {place.id} is switched off, so nothing is sent")

    async def run(work: Work[Any]) -> None:
        def progress(done: int, of: int) -> None:
            work.done, work.total = done, of

        report = await house.service.ask(place.id, only, progress)
        work.step(work.done, report)

    return begin(caller, response, once, "sync", place.id, 0 if only is None else len(only), run)


def _shown(one: Pass) -> PassShown:
    return PassShown(
        id=one.id, kind=one.kind, started_at=one.started_at, ended_at=one.ended_at, error=one.error,
        **tallied(one.tally),
    )  # fmt: skip


def _looked_at(tx: Connection, place: str, run: str) -> PassLookedAt:
    one = history.one_pass(tx, place, run)
    if one is None:
        raise Missing(f"there is no pass {run} in the environment {place}")
    return PassLookedAt(
        **_shown(one).model_dump(), adopted=one.tally.adopted, churn=one.churn,
        sent=SentShown.model_validate(one.sent) if one.sent else None,
        plan=[DeedShown.model_validate(each) for each in outcomes.deeds(tx, place, one)],
        failures=[FailureShown.model_validate(each) for each in outcomes.failures_of(tx, place, one)],
    )  # fmt: skip


def _cursor(last: Pass) -> str:
    return paging.write([(last.started_at - _EPOCH) // timedelta(microseconds=1), last.id])


def _before(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    at, run = paging.read(cursor, 2)
    try:
        return _EPOCH + timedelta(microseconds=paging.number(at)), run
    except OverflowError:
        raise paging.wrong() from None
