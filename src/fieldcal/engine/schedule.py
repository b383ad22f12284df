"""What is due, and how urgent. Pure: everything it knows is handed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from fieldcal.model import MailboxId
from fieldcal.state.feeds import Feed


class Priority(IntEnum):
    """Lower goes first: a person who waits > a change > the regular pass > the nightly check."""

    PERSON = 0
    CHANGE = 1
    REGULAR = 2
    CHECK = 3


class Kind(IntEnum):
    """What a job does: a pass, one mailbox's due marks, the check, the tests of mailboxes that wait, a look by id."""

    PASS = 0
    MAILBOX = 1
    CHECK = 2
    TESTS = 3
    LOOK = 4


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """`key` names what two jobs must not work on together."""

    priority: Priority
    kind: Kind
    environment: str
    mailbox: str = ""
    #: what it is about where another process has to be told: bookings of a look, mailboxes of a person's pass
    named: tuple[str, ...] = ()
    #: how many notifications a look stands for
    heard: int = 0
    #: the id under which a look's notifications were told, or of the pass that found a mailbox due
    run: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind.name}:{self.environment}:{self.mailbox}"


#: The nightly check begins at this hour, UTC, and not twice within the span.
CHECK_HOUR, CHECK_SPAN = 2, timedelta(hours=20)
#: Mailboxes of one environment that wait at a time in a queue that several processes share.
WINDOW = 128
#: The longest interval that may be set.
DAY = timedelta(days=1)


def due(
    environment: str, feed: Feed, mailboxes: Iterable[MailboxId], now: datetime, farthest: timedelta = DAY
) -> list[Job]:
    """The jobs of one environment whose time has come. Due mailboxes wait for the pass when one is due too.

    `farthest`: how far ahead the next pass may lie; one that lies farther was set while the clock was wrong.
    """
    if feed.next_pull_at is None or not now < feed.next_pull_at <= now + farthest:
        return [Job(Priority.REGULAR, Kind.PASS, environment)]
    jobs = [Job(Priority.CHANGE, Kind.MAILBOX, environment, mailbox) for mailbox in mailboxes]
    if check_due(feed.last_check_at, now):
        jobs.append(Job(Priority.CHECK, Kind.CHECK, environment))
    return jobs


def check_due(last: datetime | None, now: datetime) -> bool:
    """Whether the nightly check has to run, the last having ended at `last`."""
    if last is None or last > now:
        return now.hour == CHECK_HOUR
    return now - last >= CHECK_SPAN and (now.hour == CHECK_HOUR or now - last >= DAY + CHECK_SPAN)
