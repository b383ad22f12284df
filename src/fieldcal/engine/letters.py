"""Tell people of alerts by e-mail: what is new, grouped, a letter a quarter of an hour at most.

Nothing waits for it, and nothing fails with it: a letter that is not taken is told in the log and by `status`, and
tried again with growing pauses. An alert counts as told when a server has taken the letter; should the process die
right between, it is told twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import structlog
from sqlalchemy import Connection

from fieldcal.clock import Clock
from fieldcal.errors import FieldcalError, one_line
from fieldcal.model import MailboxId
from fieldcal.plan.retry import LONGEST, pause
from fieldcal.setup_model import Alert
from fieldcal.state import alerts, mailboxes, posted
from fieldcal.state.database import Database
from fieldcal.state.posted import Posted

log = structlog.get_logger()

#: How often it is looked what is new, seconds; how long a burst is gathered; the least time between two letters.
LOOK, GATHER, APART = 15.0, timedelta(seconds=10), timedelta(minutes=15)
#: First pause after a letter was not taken, seconds.
FIRST_PAUSE = 60.0
#: More alerts than these are counted, not told.
TOLD = 50
#: hands a letter to a mail server; raises `FieldcalError`
Send = Callable[[EmailMessage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Address:
    """Who writes to whom, about what: levels of alerts."""

    sender: str
    to: tuple[str, ...]
    levels: tuple[str, ...]


async def by_schedule(database: Database, clock: Clock, address: Address, send: Send) -> None:
    """Send what is new as it comes up, for ever."""
    while True:
        try:
            await once(database, clock, address, send)
        except FieldcalError as error:
            log.warning("alerts could not be looked at", action="mail_failed", error=str(error))
        await clock.sleep(LOOK)


async def once(database: Database, clock: Clock, address: Address, send: Send) -> bool:
    """Send one letter if there is something new and its time has come; returns whether one was taken."""
    new, known, named = await database.reading(_look, address.levels)
    now = clock.now()
    if not new or not due(new, known, now):
        return False
    try:
        await send(letter(address, new, named, now))
    except FieldcalError as error:
        failures = known.failures + 1
        log.warning("the mail about alerts was not taken", action="mail_failed", failures=failures, error=str(error))
        await database.writing(posted.store, Posted(known.sent_at, failures, now, str(error)[:500]))
        return False
    await database.writing(_told, new, now)
    log.info("a mail told of alerts", action="mailed", alerts=len(new))
    return True


def due(new: Sequence[Alert], known: Posted, now: datetime) -> bool:
    """Whether a letter may go: the burst is gathered, the last one is long enough ago, no pause after a failure.

    An instant ahead was set while the clock was wrong, and counts for nothing.
    """
    first = min(one.first_at for one in new)
    wait = timedelta(seconds=pause(known.failures, 0.0, first=FIRST_PAUSE)) if known.failures else timedelta()
    return not any(
        since is not None and since <= now < since + by
        for since, by in (
            (first, GATHER), (known.sent_at, APART), (known.failed_at, min(wait, timedelta(seconds=LONGEST))),
        )
    )  # fmt: skip


def _look(tx: Connection, levels: Sequence[str]) -> tuple[list[Alert], Posted, dict[tuple[str, str], str]]:
    new = alerts.unmailed(tx, levels)
    named: dict[tuple[str, str], str] = {}
    for place in {one.environment for one in new}:
        ids = [MailboxId(one.mailbox) for one in new if one.environment == place and one.mailbox]
        named |= {(place, str(box.id)): box.address for box in mailboxes.some(tx, place, ids)}
    return new, posted.load(tx), named


def _told(tx: Connection, told: Sequence[Alert], now: datetime) -> None:
    alerts.mailed(tx, told, now)
    posted.store(tx, Posted(sent_at=now))


def letter(address: Address, new: Sequence[Alert], named: Mapping[tuple[str, str], str], now: datetime) -> EmailMessage:
    """The letter about these alerts: plain text, what the alerts say and whose mailbox it is, errors first."""
    ordered = sorted(new, key=lambda one: (one.level != "error", one.first_at))
    parts = [_paragraph(one, named.get((one.environment, one.mailbox)) or one.mailbox) for one in ordered[:TOLD]]
    if len(ordered) > TOLD:
        parts.append(f"and {len(ordered) - TOLD} more.")
    parts.append(_CLOSING)
    counted = Counter(one.level for one in ordered)
    told = ", ".join(_plural(counted[level], level) for level in ("error", "warning") if counted[level])
    places = ", ".join(sorted({one.environment for one in ordered}))
    return _letter(address, f"Fieldcal: {told} ({places})", "\n\n".join(parts), now)


def trial(address: Address, host: str, now: datetime) -> EmailMessage:
    """The letter of `fieldcal alert test`."""
    text = f"This is a test, asked for on {host}. Alerts ({' and '.join(address.levels)}) will come this way.\n"
    return _letter(address, "Fieldcal: a test of alerts by e-mail", text, now)


_CLOSING = (
    "How things are: `fieldcal status`. All that nobody has seen yet: `fieldcal alert list`;\n"
    "`fieldcal alert acknowledge` says that somebody has.\n"
    "What is new is told once, in one mail a quarter of an hour at most.\n"
)


def _paragraph(one: Alert, about: str) -> str:
    head = " ".join(part for part in (one.level.upper(), one.environment, about) if part)
    times = f", {one.times} times" if one.times > 1 else ""
    since = f"since {one.first_at:%Y-%m-%d %H:%M} UTC{times}; {one.code}"
    return f"{one_line(head)}\n  {one_line(one.message, 1000)}\n  {since}"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _letter(address: Address, subject: str, text: str, now: datetime) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = address.sender, ", ".join(address.to)
    made["Subject"], made["Date"] = one_line(subject, 150), format_datetime(now)
    made["Message-ID"] = make_msgid(domain=address.sender.rpartition("@")[2])
    # So that no absence note answers it (RFC 3834).
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text)
    return made
