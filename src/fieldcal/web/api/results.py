"""What work tells when it is followed: each kind of result, as a task shows it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from fieldcal.checking import Checked
from fieldcal.setup.erasing import Erased
from fieldcal.setup_model import Mailbox
from fieldcal.state.history import Tally
from fieldcal.state.pruning import Pruned
from fieldcal.sync.clean import Cleaned
from fieldcal.sync.duplicates import Found
from fieldcal.sync.passes import Report, Rewritten
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


class FindingShown(Shown):
    """What a check found and left alone."""

    mailbox: str = Field(description="The mailbox's id.")
    event: str = Field(description="The event's id.", examples=["AAMkAGI2"])
    booking: str = Field(description="The booking's id.")
    kind: str = Field(description="`changed`, `deleted` or `copy`.", examples=["changed"])
    detail: str = Field(description="What is not as it was written.")


class CheckDone(Shown):
    """What a check came to."""

    mailboxes: int = Field(description="Mailboxes that were checked.", examples=[12])
    adopted: int = Field(description="Events that were found and taken over.")
    did: Tallied = Field(description="What it did.")
    findings: list[FindingShown] = Field(description="What it found and left alone.")
    not_set_up: dict[str, str] = Field(description="Mailboxes that may not be looked at, by address, and why.")
    unreached: dict[str, str] = Field(description="Mailboxes that still wait to be read, and what stands in the way.")


class WrittenAgain(Shown):
    """What became of findings that were to be written again."""

    written: int = Field(description="Events that were written again.")
    left: dict[str, str] = Field(description="Events that stay as they are, by id, each with why.")


class DoubleShown(Shown):
    """An event of ours beside the one that counts."""

    mailbox: str = Field(description="The mailbox's id.")
    address: str = Field(description="Its address.")
    booking: str = Field(description='The booking\'s id, "" where it is not told.')
    event: str = Field(description="The event's id.", examples=["AAMkAGI2"])
    subject: str = Field(description="Its subject.")
    start: datetime = Field(description="When it begins.")
    end: datetime = Field(description="When it ends.")
    made_by_us: bool = Field(description="We made it; false: perhaps a hand did, and it goes only where it is named.")
    true_event: str = Field(description='The one that counts, "" where it is not known.')
    because: str = Field(description="Why that one counts.")
    obstacle: str = Field(description='Why it may not be removed, "" where it may.')


class Unread(Shown):
    """A mailbox of which it is not known."""

    address: str = Field(description="Its address.")
    problem: str = Field(description="Why.")


class Undoubled(Shown):
    """What became of one mailbox's duplicates."""

    mailbox: str = Field(description="The mailbox's id.")
    address: str = Field(description="Its address.")
    removed: list[str] = Field(description="Events that were removed.")
    left: dict[str, str] = Field(description="Events that stay, by id, each with why.")
    problem: str = Field(description='What stopped it, "" where nothing did.')


def checked(found: Checked) -> CheckDone:
    """A check that has ended."""
    return CheckDone(
        mailboxes=len(found.addresses), adopted=found.tally.adopted, did=Tallied(**tallied(found.tally)),
        findings=[FindingShown.model_validate(one) for one in found.findings], not_set_up=dict(found.not_set_up),
        unreached=dict(found.unreached),
    )  # fmt: skip


def written_again(done: Rewritten) -> WrittenAgain:
    """Findings that were written again."""
    return WrittenAgain(written=done.written, left={str(event): why for event, why in done.left.items()})


def doubles(found: Found) -> list[DoubleShown]:
    """What stands double in one mailbox."""
    return [
        DoubleShown(
            mailbox=found.mailbox, address=found.address, booking=one.event.mark.booking if one.event.mark else "",
            event=one.event.id, subject=one.event.subject, start=one.event.start, end=one.event.end,
            made_by_us=one.made_by_us, true_event=one.true.id if one.true else "", because=one.because,
            obstacle=one.obstacle,
        )
        for one in found.doubles
    ]  # fmt: skip


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


class StateCompacted(Shown):
    """What writing the state anew came to."""

    left: str = Field(description='What is left to do, "" where nothing is.')


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
