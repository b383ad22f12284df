"""How the work in one mailbox begins: what stands in the way is found before anything is planned, and leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.errors import ConfigError
from fieldcal.ports import Calendars
from fieldcal.setup_model import ServerProfile
from fieldcal.state import feeds, marks
from fieldcal.state.tables import leases
from fieldcal.sync.reconcile import reconcile

TOMORROW = NOW + timedelta(days=1)


def lease(world: World, name: str) -> tuple[bool, int]:
    """Whether somebody has this mailbox, and how many holders have told nothing of what they sent."""
    with world.database.read() as tx:
        row = tx.execute(select(leases).where(leases.c.name == f"mailbox:{world.box(name)}")).one()
    return row.until > world.clock.now(), row.untold


def test_a_mailbox_whose_calendar_cannot_be_opened_is_left_at_once_and_counts_nothing_as_sent(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    world.book("Ana", TOMORROW)

    def closed(_profile: ServerProfile) -> Calendars:
        raise ConfigError("the secret is not set in this process")

    for _ in range(3):
        with pytest.raises(ConfigError, match="secret is not set"):
            world.run(reconcile(replace(world.site, calendars=closed), world.box("Ana"), "run"))
        assert lease(world, "Ana") == (False, 0)
    world.pass_()
    assert len(world.ours("Ana")) == 1


def test_nothing_is_planned_while_a_stranger_answers_for_the_source_until_a_pass_has_read_it(world: World) -> None:
    world.worker("Ana")
    world.pass_()
    job = world.book("Ana", TOMORROW)
    with world.database.write() as tx:
        marks.mark(tx, ENVIRONMENT, [(world.box("Ana"), job)], NOW, "planted")
        feeds.change(tx, ENVIRONMENT, refused=True)
    world.forget_requests()
    world.run(reconcile(world.site, world.box("Ana"), "run"))
    with world.database.read() as tx:
        assert marks.one(tx, ENVIRONMENT, world.box("Ana"), job) is not None
    assert world.exchange.control.count() == 0
    assert lease(world, "Ana") == (False, 0)
    world.pass_()
    with world.database.read() as tx:
        assert not feeds.load(tx, ENVIRONMENT).refused
    assert len(world.ours("Ana")) == 1
