"""What work tells when it is followed: each kind of result, as a task shows it."""

from __future__ import annotations

from pydantic import Field

from fieldcal.setup.erasing import Erased
from fieldcal.setup_model import Mailbox
from fieldcal.state.history import Tally
from fieldcal.state.pruning import Pruned
from fieldcal.sync.clean import Cleaned
from fieldcal.sync.passes import Report
from fieldcal.sync.survey import Survey
from fieldcal.web.api.ends import CheckShown
from fieldcal.web.api.shapes import Shown


class Tallied(Shown):
    """What a pass, or a check, did."""

    changes: int = Field(description="Rows that came from the source.")
    created: int = Field(description="Events that were made.")
    updated: int = Field(description="Events that were changed.")
    removed: int = Field(description="Events that were taken away.")
    failed: int = Field(description="Writes that failed; they are tried again.")
    held: int = Field(description="Removals that wait for a person.")


class Tested(Shown):
    """One mailbox's Test & Enable."""

    mailbox: str = Field(description="The mailbox's id.")
    address: str = Field(description="Its address.")
    test: str = Field(description="How it went.", examples=["success"])
    enabled: bool = Field(description="It is switched on now.")
    checks: list[CheckShown] = Field(description="What was looked at.")


class PassDone(Tallied):
    """What a pass did."""

    run: str = Field(description="The pass's id.")
    mailboxes: int = Field(description="Mailboxes that were looked at.")
    busy: int = Field(description="Mailboxes that another was at work in; what is due there waits.")
    error: str = Field(description='Why the source could not be read, "" where it was.')


class TakenOver(Shown):
    """One mailbox that was to be served from here."""

    mailbox: str = Field(description="The mailbox's id.")
    address: str = Field(description="Its address.")
    problem: str = Field(description='Why it is not, "" where it is.')


class Surveyed(Shown):
    """What a clean would do in one mailbox."""

    mailbox: str = Field(description="The mailbox's id.")
    address: str = Field(description="Its address.")
    events: int = Field(description="Events of ours that would be taken out.", examples=[31])
    copies: int = Field(description="Copies by hand, which stay.")
    problem: str = Field(description='Why that is not known, "" where it is.')
    cleanable: bool = Field(description="It can be cleaned, now or when its server answers again.")


class CleanedOut(Shown):
    """What became of one mailbox that was cleaned."""

    mailbox: str = Field(description="The mailbox's id.")
    address: str = Field(description="Its address.")
    removed: int = Field(description="Events that were taken out.", examples=[31])
    copies: int = Field(description="Copies by hand, which stay.")
    problem: str = Field(description='Why something of ours may stand there still, "" where nothing does.')


class LineShown(Shown):
    """One thing that the doctor has looked at."""

    level: str = Field(description="`ok`, `warn` or `fail`.", examples=["ok"])
    what: str = Field(description="What was looked at.", examples=["environment main: sign-in"])
    detail: str = Field(description="What was found.")
    remedy: str = Field(description="What helps.")


class Forgotten(Shown):
    """What is, or was, older than it is kept, by kind."""

    total: int = Field(description="Rows of all kinds.", examples=[4711])
    history: int = Field(description="Lines of the history.")
    passes: int = Field(description="Passes.")
    audit: int = Field(description="Lines of the audit.")
    alerts: int = Field(description="Acknowledged alerts.")
    plans: int = Field(description="Decided removals.")
    bookings: int = Field(description="Bookings.")
    texts: int = Field(description="Bookings of which only the texts go.")


class PersonErased(Shown):
    """What an erasure came to."""

    rows: dict[str, int] = Field(description="Rows that were changed or deleted, by table.")
    left: list[str] = Field(description="What it could not reach, a sentence each.")


def forgotten(found: Pruned) -> Forgotten:
    """What is old, counted or gone."""
    return Forgotten.model_validate(found)


def erased(found: Erased) -> PersonErased:
    """A person who is erased."""
    return PersonErased(rows=found.rows, left=list(found.left))


def tested(box: Mailbox) -> Tested:
    """A mailbox after its test."""
    return Tested(
        mailbox=box.id, address=box.address, test=box.status.value, enabled=box.enabled,
        checks=[CheckShown.model_validate(one) for one in box.checks],
    )  # fmt: skip


def tallied(did: Tally) -> dict[str, int]:
    """The fields of `Tallied`."""
    return {name: getattr(did, name) for name in Tallied.model_fields}


def passed(report: Report) -> PassDone:
    """A pass that has ended."""
    return PassDone(
        run=report.run, mailboxes=report.mailboxes, busy=report.tally.busy, error=report.error, **tallied(report.tally)
    )


def surveyed(one: Survey) -> Surveyed:
    """A mailbox that was looked at."""
    return Surveyed(
        mailbox=one.mailbox, address=one.address, events=len(one.found.ours), copies=len(one.found.copies),
        problem=one.problem, cleanable=not one.problem or one.passing,
    )  # fmt: skip


def cleaned(one: Cleaned) -> CleanedOut:
    """A mailbox that was cleaned."""
    return CleanedOut.model_validate(one)
