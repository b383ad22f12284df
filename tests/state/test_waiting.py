"""Which mailboxes have something to do now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.sync.world import ENVIRONMENT, NOW, PROFILE

from fieldcal.model import BookingId, MailboxId
from fieldcal.setup_model import Endpoint, Environment, Method, ServerProfile
from fieldcal.state import environments, mailboxes, marks, pauses, profiles, waiting
from fieldcal.state.database import Database
from fieldcal.state.rows import add_missing
from fieldcal.state.tables import mailboxes as rows

ANA, BEN = MailboxId("ana"), MailboxId("ben")
Deed = Callable[[Connection], object]


def _marked(tx: Connection) -> None:
    marks.mark(tx, ENVIRONMENT, [(ANA, BookingId("job"))], NOW, "changed")


def _to_be_read(tx: Connection) -> None:
    mailboxes.check_first(tx, ENVIRONMENT, [ANA])


def _switched_off(tx: Connection) -> None:
    mailboxes.disable(tx, ENVIRONMENT, [ANA], "switched off")


def _without_a_method(tx: Connection) -> None:
    mailboxes.set_method(tx, ENVIRONMENT, [ANA], Method.NONE)


def _paused(tx: Connection) -> None:
    pauses.pause(tx, ANA, NOW + timedelta(minutes=5), "throttled")


@pytest.mark.parametrize(
    ("deeds", "found"),
    [
        ((), []),
        ((_marked,), [ANA]),
        # Events may stand there that the state has forgotten: no mark will ever tell of them.
        ((_to_be_read,), [ANA]),
        ((_to_be_read, _marked), [ANA]),
        # Asked every second: what cannot be written must not be begun every second.
        ((_marked, _switched_off), []),
        ((_marked, _without_a_method), []),
        ((_to_be_read, _without_a_method), []),
        ((_to_be_read, _paused), []),
    ],
    ids=lambda value: "-".join(one.__name__.strip("_") for one in value) if isinstance(value, tuple) else None,
)
def test_a_mailbox_is_ready_when_something_is_to_be_done_in_it_that_may_be_done(
    database: Database, deeds: tuple[Deed, ...], found: list[MailboxId]
) -> None:
    with database.write() as tx:
        environments.add(tx, Environment(ENVIRONMENT, Endpoint("http://source"), NOW))
        profiles.add(tx, ServerProfile(PROFILE, Endpoint("http://graph"), NOW))
        add_missing(tx, rows, [{"environment": ENVIRONMENT, "id": box, "address": f"{box}@x"} for box in (ANA, BEN)])
        for box in (ANA, BEN):
            mailboxes.set_profile(tx, ENVIRONMENT, [box], PROFILE)
            mailboxes.set_method(tx, ENVIRONMENT, [box], Method.SERVER_SIDE_SYNC)
            mailboxes.enable(tx, ENVIRONMENT, box, [])
            mailboxes.checked(tx, ENVIRONMENT, box, NOW)
        for deed in deeds:
            deed(tx)
        assert waiting.ready(tx, ENVIRONMENT, NOW) == found


def test_as_many_as_are_asked_for_come_those_that_wait_the_longest_and_how_many_are_left_is_counted(
    database: Database,
) -> None:
    boxes = [MailboxId(f"box-{n}") for n in range(8)]
    with database.write() as tx:
        environments.add(tx, Environment(ENVIRONMENT, Endpoint("http://source"), NOW))
        add_missing(tx, rows, [{"environment": ENVIRONMENT, "id": box, "address": f"{box}@x"} for box in boxes])
        for name in (PROFILE, "throttled"):
            profiles.add(tx, ServerProfile(name, Endpoint("http://graph"), NOW))
        for number, box in enumerate(boxes):
            mailboxes.set_profile(tx, ENVIRONMENT, [box], "throttled" if number == 1 else PROFILE)
            mailboxes.set_method(tx, ENVIRONMENT, [box], Method.SERVER_SIDE_SYNC)
            mailboxes.enable(tx, ENVIRONMENT, box, [])
            since = NOW - timedelta(minutes=9 - number)
            mailboxes.checked(tx, ENVIRONMENT, box, since)
            marks.mark(tx, ENVIRONMENT, [(box, BookingId("job"))], since, "changed")
        mailboxes.check_first(tx, ENVIRONMENT, boxes[:4])
        marks.clear(tx, ENVIRONMENT, boxes[2], marks.due(tx, ENVIRONMENT, boxes[2], NOW, 10))
        marks.recompute(tx, ENVIRONMENT, [boxes[2]])
        for scope in ("connector:throttled", boxes[3]):
            pauses.pause(tx, scope, NOW + timedelta(minutes=5), "throttled")
        pauses.pause(tx, boxes[4], NOW, "over")
        found = [boxes[number] for number in (0, 4, 5, 6, 7, 2)]
        assert [waiting.ready(tx, ENVIRONMENT, NOW, limit) for limit in range(9)] == [found[:n] for n in range(9)]
        assert waiting.ready(tx, ENVIRONMENT, NOW) == found
        assert waiting.left(tx, ENVIRONMENT, NOW, NOW) == len(found)
        assert waiting.left(tx, ENVIRONMENT, NOW, NOW, boxes[1:6]) == 3
        # What is marked later is not waited for, and what is paused or written neither.
        assert waiting.left(tx, ENVIRONMENT, NOW - timedelta(minutes=3), NOW) == len(found) - 1
        pauses.pause(tx, boxes[5], NOW + timedelta(minutes=5), "throttled")
        assert waiting.left(tx, ENVIRONMENT, NOW, NOW) == len(found) - 1
        assert waiting.left(tx, ENVIRONMENT, NOW, NOW + timedelta(minutes=5)) == len(boxes)
