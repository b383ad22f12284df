"""The check as a person asks for it: run now, and its findings written again.

The command line and the pages share it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.model import MailboxId
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Selection
from fieldcal.state import audit, findings, mailboxes
from fieldcal.state.findings import BY_HAND, Finding
from fieldcal.state.history import Tally
from fieldcal.sync.passes import Progress, Rewritten, run_check, run_write_again
from fieldcal.sync.site import Site


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of some mailboxes came to."""

    environment: str
    #: the addresses of those that were checked
    addresses: Mapping[MailboxId, str]
    tally: Tally
    findings: Sequence[Finding]
    #: mailboxes that were named and may not be looked at (R13), by address, and why
    not_set_up: Mapping[str, str]
    #: mailboxes that still wait to be read, by address, and what stands in the way
    unreached: Mapping[str, str]

    @property
    def good(self) -> bool:
        """Every one of them was checked."""
        return not (self.tally.failed or self.unreached)


async def check(
    site: Site, only: Collection[MailboxId] | None, progress: Progress, *, everything: bool = False
) -> Checked:
    """Check these mailboxes, None: all that are set up. Who may ask for it is looked at by whoever names them.

    `everything`: also what lies outside the window.
    """
    place = site.environment
    boxes, left = await site.database.reading(checkable, place, only)
    report = await run_check(site, list(boxes), everything=everything, progress=progress)

    def look(tx: Connection) -> tuple[list[Finding], dict[str, str]]:
        found = [one for one in findings.load(tx, place) if one.mailbox in boxes]
        rest = mailboxes.some(tx, place, list(boxes))
        waits = {box.address: box.trouble or "it is being worked on; try again" for box in rest if box.trouble}
        return found, waits

    found, waits = await site.database.reading(look)
    return Checked(place, boxes, report.tally, found, left, waits)


def checkable(
    tx: Connection, environment: str, only: Collection[MailboxId] | None
) -> tuple[dict[MailboxId, str], dict[str, str]]:
    """The mailboxes that may be looked at, with their addresses; of those named the others, with why (R13)."""
    ids = mailboxes.ids(tx, environment, Selection()) if only is None else sorted(only)
    may: dict[MailboxId, str] = {}
    closed: dict[str, str] = {}
    for box in mailboxes.some(tx, environment, ids):
        why = mailboxes.why_not(tx, environment, box.id)
        if why is None:
            may[box.id] = box.address
        elif only is not None:
            closed[box.address or box.id] = why
    return may, closed


def by_hand(
    tx: Connection, environment: str, boxes: Collection[MailboxId] | None = None, kind: str = ""
) -> list[Finding]:
    """What was found changed or deleted by hand, so that it can be written again: of one kind, or of some mailboxes."""
    kinds = {kind} & set(BY_HAND) if kind else set(BY_HAND)
    found = findings.load(tx, environment)
    return [one for one in found if one.kind in kinds and (boxes is None or one.mailbox in boxes)]


async def write_again(app: App, actor: Actor, site: Site, chosen: Sequence[Finding], progress: Progress) -> Rewritten:
    """Write these findings over, as this person has approved; what the rules leave alone stays, and is told."""
    require(actor, Action.SYNC)

    def approved(tx: Connection) -> None:
        subjects = sorted({f"{site.environment}/{one.mailbox}" for one in chosen})
        audit.record(tx, actor, app.clock.now(), "check write again", subjects, f"{len(chosen)} events")

    await app.database.writing(approved)
    return await run_write_again(site, chosen, actor.name, progress)
