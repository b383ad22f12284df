"""Two batches of one mailbox under way at once, at a CalDAV server: nothing doubled, and what stops one stops both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.dav.servers import DavServer
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.embedded.control import Entry
from fieldcal.state import mailboxes
from fieldcal.sync.passes import run_pass
from fieldcal.sync.widths import FIRST, lanes

BOOKINGS = 2 * FIRST + 4


@pytest.mark.parametrize(
    ("writes", "most", "then"),
    [(0, 2, 1), (FIRST, 2, 1), (2 * FIRST - 1, 2, 1), (2 * FIRST, 2, 2), (500, 2, 2), (500, 1, 1)],
)
def test_there_are_no_more_lanes_than_full_batches(writes: int, most: int, then: int) -> None:
    assert lanes(writes, most) == then


def _set_up(world: World) -> None:
    """Ana's calendar is enabled, was read, and its claim seen to be ours."""
    world.enable("Ana")
    with world.database.write() as tx:
        mailboxes.checked(tx, ENVIRONMENT, world.box("Ana"), world.clock.now())
        mailboxes.claim_seen(tx, ENVIRONMENT, world.box("Ana"), world.clock.now())


def test_i1_i5_two_lanes_write_each_event_once_and_stop_when_the_mailbox_is_switched_off(
    new_world: Callable[..., World], radicale: DavServer
) -> None:
    world = new_world(caldav=radicale)
    world.worker("Ana", enabled=False)
    world.pass_(workers_in_full=True)
    _set_up(world)
    for number in range(BOOKINGS):
        world.book("Ana", NOW + timedelta(hours=1 + number), 1)
    process = world.start("the service")
    written: Counter[str] = Counter()

    def watch(entry: Entry | None, _name: str, writing: bool, _late: bool) -> None:
        assert entry is not None
        if writing and entry.method == "PUT":
            written[entry.url] += 1
            world.disable("Ana")

    world.wires[1].watch = watch
    world.run(process.life.live(run_pass(process.site)))
    process.database.close()
    assert FIRST < len(written) <= 2 * FIRST, "both batches that were handed out, and no other"
    world.wires[1].watch = None
    _set_up(world)
    assert world.pass_().tally.created == BOOKINGS - len(written)
    assert len(world.ours("Ana")) == BOOKINGS
    assert set(written.values()) == {1}
    assert world.pass_().tally.writes == 0
