"""A mailbox that somebody else has again and again is asked for less and less often, and no longer than it is another's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.engine.test_service import TOMORROW, Served, served, world  # noqa: F401 - two of them are fixtures
from tests.sync.world import World

from fieldcal.engine import errands
from fieldcal.engine.elsewhere import FIRST, LONGEST, Elsewhere
from fieldcal.errors import LeaseLost
from fieldcal.model import MailboxId
from fieldcal.state import leases, pauses
from fieldcal.state.history import Tally
from fieldcal.sync import passes
from fieldcal.sync.site import Site


class Watch:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def asked(elsewhere: Elsewhere, watch: Watch, seconds: int) -> list[int]:
    """When, looking each second, the mailbox is asked for while another has it."""
    found = []
    for second in range(seconds):
        if not elsewhere.waits("main", "box"):
            found.append(second)
            elsewhere.tell("main", "box", busy=True)
        watch.seconds += 1.0
    return found


def test_each_time_in_a_row_the_wait_doubles_up_to_the_longest_and_others_are_not_concerned() -> None:
    watch = Watch()
    elsewhere = Elsewhere(watch)  # type: ignore[arg-type] # of a clock only this is asked
    assert asked(elsewhere, watch, 22) == [0, 1, 3, 7, 12, 17]
    assert (FIRST, LONGEST) == (1.0, 5.0)
    assert not elsewhere.waits("main", "another")
    assert not elsewhere.waits("other", "box")


def test_once_it_was_ours_the_waits_begin_anew() -> None:
    watch = Watch()
    elsewhere = Elsewhere(watch)  # type: ignore[arg-type] # of a clock only this is asked
    asked(elsewhere, watch, 32)
    elsewhere.tell("main", "box", busy=False)
    assert asked(elsewhere, watch, 4) == [0, 1, 3]


def test_the_service_leaves_a_mailbox_that_another_has_and_comes_back_when_it_is_free(
    served: Served,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served.until(served.done(1))
    world = served.world  # noqa: F811 - of the served
    asked: list[str] = []

    async def counted(site: Site, mailbox: str) -> bool:
        asked.append(mailbox)
        return await in_mailbox(site, mailbox)  # type: ignore[arg-type]

    in_mailbox = errands.in_mailbox
    monkeypatch.setattr(errands, "in_mailbox", counted)
    name = f"mailbox:{world.boxes['Anna']}"
    with world.database.write() as tx:
        held = leases.take(tx, name, "another", world.clock.now(), timedelta(minutes=4))
    assert held is not None
    world.book("Anna", TOMORROW)
    served.announce()
    served.later(timedelta(seconds=1))
    served.until(served.done(2))
    for _ in range(16):
        served.tick()
    assert 3 <= len(asked) <= 6
    assert world.events("Anna") == []
    with world.database.write() as tx:
        leases.give_back(tx, held)
    for _ in range(int(LONGEST)):
        served.tick()
    served.until(lambda: len(world.events("Anna")) == 1)


def test_a_mailbox_that_is_lost_on_the_way_counts_as_anothers(world: World) -> None:  # noqa: F811 - the fixture
    async def losing(_mailbox: MailboxId) -> Tally:
        raise LeaseLost("taken by another worker")

    async def alone() -> Tally:
        return await passes._alone(world.site, MailboxId(world.boxes["Anna"]), losing)

    assert world.run(alone()) == Tally(failed=1, busy=1)
    with world.database.read() as tx:
        assert pauses.lasting(tx, world.clock.now()) == {}
