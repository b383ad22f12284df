"""Work that goes on after its answer: Test & Enable, and passes that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import Field

from fieldcal.checking import Checked
from fieldcal.doctor.lines import Line
from fieldcal.engine.upkeep import Compacted
from fieldcal.errors import NotAllowed
from fieldcal.setup import takeover
from fieldcal.setup.erasing import Erased
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Mailbox
from fieldcal.state.pruning import Pruned
from fieldcal.sync.clean import Cleaned
from fieldcal.sync.duplicates import Found, Removed
from fieldcal.sync.passes import Report, Rewritten
from fieldcal.sync.survey import Survey
from fieldcal.web.api import results
from fieldcal.web.api.caller import Call
from fieldcal.web.api.problem import Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.results import (
    CheckDone,
    CleanedOut,
    DoubleShown,
    Forgotten,
    LineShown,
    PassDone,
    PersonErased,
    StateCompacted,
    Surveyed,
    TakenOver,
    Tested,
    Undoubled,
    Unread,
    WrittenAgain,
)
from fieldcal.web.api.shapes import Shown
from fieldcal.web.gates import Open

RESOURCE = Resource("tasks", "Work in hand: how far it is, and what came of it. Known until the service restarts.")


#: Who may look at the work of others, where it is not whoever sees the overview.
_SEEN_BY = {
    "doctor": Action.DOCTOR, "prune": Action.DATA, "compact": Action.DATA, "erase": Action.ERASE,
}  # fmt: skip


class WorkShown(Shown):
    """One piece of work."""

    id: str = Field(description="Its id.", examples=["b3VyIHdvcms1"])
    kind: str = Field(description="What it is, such as `test`, `sync` or `clean`.", examples=["test"])
    environment: str = Field(description="Where.", examples=["main"])
    user: str = Field(description="Who began it.", examples=["alice"])
    begun_at: datetime = Field(description="When.")
    done: int = Field(description="Pieces that are done.", examples=[7])
    total: int = Field(description="Pieces in all; of a pass 0 until it is known.", examples=[12])
    ended: bool = Field(description="Nothing more comes.")
    error: str = Field(description='Why it ended before all was done, "" where it did not.')
    tested: list[Tested] = Field(default=[], description="Of `test` and `import`: each mailbox so far.")
    passed: PassDone | None = Field(default=None, description="Of `sync`: what the pass did.")
    surveyed: list[Surveyed] = Field(default=[], description="Of `survey`: each mailbox.")
    cleaned: list[CleanedOut] = Field(default=[], description="Of `clean`: each mailbox.")
    checked: CheckDone | None = Field(default=None, description="Of `check`: what it came to.")
    written_again: WrittenAgain | None = Field(default=None, description="Of `write again`: what came of it.")
    doubles: list[DoubleShown] = Field(default=[], description="Of `duplicates`: what stands double.")
    unread: list[Unread] = Field(default=[], description="Of `duplicates`: mailboxes that could not be read.")
    undoubled: list[Undoubled] = Field(default=[], description="Of `remove duplicates`: each mailbox.")
    looked: list[LineShown] = Field(default=[], description="Of `doctor`: each thing so far.")
    forgotten: Forgotten | None = Field(default=None, description="Of `prune`: how much went.")
    compacted: StateCompacted | None = Field(default=None, description="Of `compact`: what it came to.")
    erased: PersonErased | None = Field(default=None, description="Of `erase`: what it came to.")
    taken_over: list[TakenOver] = Field(default=[], description="Of `take over`: each mailbox so far.")


@RESOURCE.get("/tasks/{task}", Open.SIGNED_IN)
async def show(
    caller: Call, task: Annotated[str, Path(description="The task's id.", max_length=60, examples=["b3VyIHdvcms1"])]
) -> WorkShown:
    """Show how far a piece of work is.

    For whoever began it, and whoever sees the overview, or may do the same.
    """
    known: Any = caller.house.works.find(task)
    if known is None:
        raise Missing("there is no such work; it is forgotten when the service restarts")
    if known.user != caller.actor.name and not caller.may(_SEEN_BY.get(known.kind, Action.SEE_OVERVIEW)):
        raise NotAllowed(f"{caller.actor.name} may not look at the work of others")
    shown = WorkShown(
        id=known.id, kind=known.kind, environment=known.environment, user=known.user, begun_at=known.begun_at,
        done=known.done, total=known.total, ended=known.ended, error=known.error,
    )  # fmt: skip
    for result in known.results:
        for each in result if isinstance(result, list | tuple) else [result]:
            _tell(shown, each)
    return shown


#: Kinds of results: the field of `WorkShown`, and how it is shown there; of the first a work has one, else many.
_ONE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    Report: ("passed", results.passed), Checked: ("checked", results.checked),
    Rewritten: ("written_again", results.written_again), Pruned: ("forgotten", results.forgotten),
    Erased: ("erased", results.erased), Compacted: ("compacted", StateCompacted.model_validate),
}  # fmt: skip
_EACH: dict[type, tuple[str, Callable[[Any], Any]]] = {
    Mailbox: ("tested", results.tested), Survey: ("surveyed", results.surveyed), Cleaned: ("cleaned", results.cleaned),
    Removed: ("undoubled", Undoubled.model_validate), Line: ("looked", LineShown.model_validate),
    takeover.TakenOver: ("taken_over", TakenOver.model_validate),
}  # fmt: skip


def _tell(shown: WorkShown, result: object) -> None:
    kind = type(result)
    if kind in _ONE:
        name, show_one = _ONE[kind]
        setattr(shown, name, show_one(result))
    elif kind in _EACH:
        name, show_one = _EACH[kind]
        getattr(shown, name).append(show_one(result))
    elif isinstance(result, Found):
        shown.doubles += results.doubles(result)
        shown.unread += [Unread.model_validate(result)] if result.problem else []
