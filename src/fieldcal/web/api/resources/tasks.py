"""Work that goes on after its answer: Test & Enable, and passes that were asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import Field

from fieldcal.errors import NotAllowed
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Mailbox
from fieldcal.sync.passes import Report
from fieldcal.web.api.caller import Call
from fieldcal.web.api.ends import CheckShown
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Shown
from fieldcal.web.gates import Open

RESOURCE = Resource("tasks", "Work in hand: how far it is, and what came of it. Known until the service restarts.")


class Tested(Shown):
    """One mailbox's Test & Enable."""

    mailbox: str = Field(description="The mailbox's id.")
    address: str = Field(description="Its address.")
    test: str = Field(description="How it went.", examples=["success"])
    enabled: bool = Field(description="It is switched on now.")
    checks: list[CheckShown] = Field(description="What was looked at.")


class PassDone(Shown):
    """What a pass did."""

    run: str = Field(description="The pass's id.")
    mailboxes: int = Field(description="Mailboxes that were looked at.")
    changes: int = Field(description="Rows that came from the source.")
    created: int = Field(description="Events that were made.")
    updated: int = Field(description="Events that were changed.")
    removed: int = Field(description="Events that were taken away.")
    failed: int = Field(description="Writes that failed; they are tried again.")
    held: int = Field(description="Removals that wait for a person.")
    busy: int = Field(description="Mailboxes that another was at work in; what is due there waits.")
    error: str = Field(description='Why the source could not be read, "" where it was.')


class WorkShown(Shown):
    """One piece of work."""

    id: str = Field(description="Its id.", examples=["b3VyIHdvcms1"])
    kind: str = Field(description="What it is: `test`, `sync`, or what a page began.", examples=["test"])
    environment: str = Field(description="Where.", examples=["main"])
    user: str = Field(description="Who began it.", examples=["alice"])
    begun_at: datetime = Field(description="When.")
    done: int = Field(description="Pieces that are done.", examples=[7])
    total: int = Field(description="Pieces in all; of a pass 0 until it is known.", examples=[12])
    ended: bool = Field(description="Nothing more comes.")
    error: str = Field(description='Why it ended before all was done, "" where it did not.')
    tested: list[Tested] = Field(default=[], description="Of `test`: each mailbox so far.")
    passed: PassDone | None = Field(default=None, description="Of `sync`: what the pass did.")


@RESOURCE.get("/tasks/{task}", Open.SIGNED_IN)
async def show(
    caller: Call, task: Annotated[str, Path(description="The task's id.", max_length=60, examples=["b3VyIHdvcms1"])]
) -> WorkShown:
    """Show how far a piece of work is.

    For whoever began it, and whoever sees the overview.
    """
    known: Any = caller.house.works.find(task)
    if known is None:
        raise Missing("there is no such work; it is forgotten when the service restarts")
    if known.user != caller.actor.name and not caller.may(Action.SEE_OVERVIEW):
        raise NotAllowed(f"{caller.actor.name} may not look at the work of others")
    shown = WorkShown(
        id=known.id, kind=known.kind, environment=known.environment, user=known.user, begun_at=known.begun_at,
        done=known.done, total=known.total, ended=known.ended, error=known.error,
    )  # fmt: skip
    for result in known.results:
        if isinstance(result, Mailbox):
            shown.tested.append(_tested(result))
        elif isinstance(result, Report):
            shown.passed = _passed(result)
    return shown


def _tested(box: Mailbox) -> Tested:
    return Tested(
        mailbox=box.id, address=box.address, test=box.status.value, enabled=box.enabled,
        checks=[CheckShown.model_validate(one) for one in box.checks],
    )  # fmt: skip


def _passed(report: Report) -> PassDone:
    did = report.tally
    return PassDone(
        run=report.run, mailboxes=report.mailboxes, changes=did.changes, created=did.created, updated=did.updated,
        removed=did.removed, failed=did.failed, held=did.held, busy=did.busy, error=report.error,
    )  # fmt: skip
