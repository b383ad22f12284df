"""R14 between installations: two states over one Exchange and one source, and a state that was lost altogether."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.sync.test_restore import Jobs, settle, standing
from tests.sync.world import ENVIRONMENT, NOW, PROFILE, SERVER, TENANT, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.setup import claims, takeover, trial
from fieldcal.setup.bench import Bench
from fieldcal.setup_model import Actor, Endpoint, Environment, Mailbox, Method, ServerProfile
from fieldcal.state import environments, mailboxes, profiles, schema, workers
from fieldcal.state.database import Database
from fieldcal.state.tables import meta
from fieldcal.sync.gate import CLAIM_HOLDS
from fieldcal.sync.passes import Report, run_check, run_pass
from fieldcal.sync.site import Site

TOMORROW = NOW + timedelta(days=1)
OPERATOR = Actor("root")


class Installation:
    """One Fieldcal with a state of its own, over the world's Exchange and Field Service; set up by the rules."""

    def __init__(self, world: World, database: Database, *, fresh: bool) -> None:
        self.world, self.database = world, database
        self.site: Site = world.new_site(database)
        now, organization = world.clock.now(), str(world.field_service.organization_id)
        with database.write() as tx:
            if fresh:
                end = Endpoint(world.source_url)
                environments.add(tx, Environment(ENVIRONMENT, end, now, settings=world.settings, organization="",
                                                 tenant=""))  # fmt: skip
                profiles.add(tx, ServerProfile(PROFILE, Endpoint(world.graph_url), now))
            place = replace(environments.get(tx, ENVIRONMENT), organization=organization, tenant=str(TENANT))
            environments.save(tx, place)
            if fresh:  # the tests' states are copies of one; this one is another machine's
                tx.execute(update(meta).where(meta.c.key == "installation").values(value="the-second"))
            self.id = schema.installation(tx)

    @property
    def bench(self) -> Bench:
        return Bench(self.database, self.world.clock, self.site.calendars, self.site.worker, self.site.pace)

    def read_workers(self) -> None:
        page = self.world.run(self.site.source.workers(None))
        now = self.world.clock.now()
        with self.database.write() as tx:
            workers.store(tx, ENVIRONMENT, page.rows, page.gone, self.site.settings.window(now), now)

    def test(self, *names: str) -> list[Mailbox]:
        """Test & Enable, after everything that R9 asks before it."""
        boxes = [self.world.box(name) for name in names]
        self.read_workers()
        with self.database.write() as tx:
            mailboxes.set_profile(tx, ENVIRONMENT, boxes, PROFILE)
            mailboxes.set_method(tx, ENVIRONMENT, boxes, Method.SERVER_SIDE_SYNC)
            mailboxes.approve(tx, ENVIRONMENT, boxes, "operator")
        return self.world.run(trial.run_now(self.bench, OPERATOR, ENVIRONMENT, boxes))

    def take_over(self, name: str) -> None:
        self.world.run(takeover.take_over(self.bench, OPERATOR, ENVIRONMENT, self.world.box(name)))

    def pass_(self) -> Report:
        return self.world.run(run_pass(self.site))

    def check(self) -> Report:
        return self.world.run(run_check(self.site, [self.world.box("Ana")]))

    def row(self, name: str) -> Mailbox:
        with self.database.read() as tx:
            found = mailboxes.load(tx, ENVIRONMENT, self.world.box(name))
        assert found is not None
        return found

    def claim(self, name: str) -> str | None:
        calendar = self.site.calendars(SERVER).open(self.world.box(name), self.site.organization)
        return self.world.run(calendar.claim(lambda: None))


@pytest.fixture
def first(world: World) -> Installation:
    """Ana's mailbox, set up and filled."""
    world.worker("Ana", enabled=False)
    made = Installation(world, world.database, fresh=False)
    assert made.test("Ana")[0].enabled
    return made


@pytest.fixture
def second(world: World, first: Installation, new_sqlite: Callable[[], str]) -> Iterator[Installation]:
    """Another machine, on which somebody sets the same environment up."""
    made = Installation(world, Database(new_sqlite()), fresh=True)
    yield made
    made.database.close()


def test_r14_a_second_installation_is_refused_and_told_who_serves_the_mailbox_since_when(
    world: World, first: Installation, second: Installation
) -> None:
    world.book("Ana", TOMORROW)
    first.pass_()
    (refused,) = second.test("Ana")
    assert not refused.enabled
    assert first.id in refused.disabled_reason
    assert "claimed on 2026-11-23 at 08:00 UTC" in refused.disabled_reason
    assert "--take-over" in refused.checks[-1].remedy
    world.forget_requests()
    second.pass_()
    assert world.exchange.control.count() == 0
    assert claims.read(first.claim("Ana")) == claims.Claim(first.id, first.site.organization, ENVIRONMENT)


def test_r14_taken_over_the_second_adopts_all_and_the_first_stops_at_its_next_check(
    world: World, first: Installation, second: Installation
) -> None:
    booking = world.book("Ana", TOMORROW)
    first.pass_()
    before = world.events("Ana")
    second.test("Ana")
    second.take_over("Ana")
    assert second.test("Ana")[0].enabled
    second.pass_()
    assert [event.key for event in world.events("Ana")] == [event.key for event in before]
    first.check()
    assert not first.row("Ana").enabled
    assert f"({second.id}) has taken this mailbox over" in first.row("Ana").disabled_reason
    world.move(booking, TOMORROW + timedelta(hours=1))
    world.forget_requests()
    first.pass_()
    assert world.exchange.control.count() == 0
    second.pass_()
    assert [event.start for event in world.events("Ana")] == [TOMORROW + timedelta(hours=1)]


def _after_a_long_pause(world: World) -> None:
    world.clock.advance(CLAIM_HOLDS)


def _after_a_refusal(world: World) -> None:
    world.exchange.control.add_fault(Fault(kind="status", status=403, match=Match(method="POST")))
    world.book("Ana", TOMORROW + timedelta(hours=9))


@pytest.mark.parametrize("sign", [_after_a_long_pause, _after_a_refusal], ids=lambda sign: sign.__name__.strip("_"))
def test_r14_a_pass_reads_the_claim_before_it_writes_when_it_was_not_seen_for_long_or_was_refused(
    world: World, first: Installation, second: Installation, sign: Callable[[World], None]
) -> None:
    first.pass_()
    second.test("Ana")
    second.take_over("Ana")
    sign(world)
    first.pass_()
    world.exchange.control.clear_faults()
    world.clock.advance(timedelta(minutes=30))
    world.book("Ana", TOMORROW)
    world.forget_requests()
    first.pass_()
    assert world.writes() == 0
    assert world.events("Ana") == []
    assert "has taken this mailbox over" in first.row("Ana").disabled_reason


def test_r14_the_first_conflict_with_anothers_write_has_the_claim_read_in_the_same_pass(
    world: World, first: Installation, second: Installation
) -> None:
    """Both write for some hours at most; where they meet, the one that was taken over from sees it at once."""
    booking = world.book("Ana", TOMORROW)
    first.pass_()
    second.test("Ana")
    second.take_over("Ana")
    second.test("Ana")
    world.set_status(booking, "Traveling")
    second.pass_()
    world.forget_requests()
    first.pass_()
    assert not first.row("Ana").enabled
    # its one write was refused, for the event is no more as it left it
    assert world.writes() == 1
    assert len(world.events("Ana")) == 1
    settled = world.events("Ana")
    second.pass_()
    assert world.events("Ana") == settled


def test_r14_a_claim_that_was_seen_to_be_ours_is_not_asked_for_again_for_hours(
    world: World, first: Installation
) -> None:
    def asked() -> int:
        # A token that has run out is told by a 401, and the question put again.
        return sum("Claim" in entry.url and entry.status == 200 for entry in world.exchange.control.ledger())

    first.pass_()
    world.clock.advance(CLAIM_HOLDS)
    world.forget_requests()
    first.pass_()
    assert world.exchange.control.count() == 0  # a quiet pass asks for nothing, however old the sight of it
    for hour in range(3):
        world.book("Ana", TOMORROW + timedelta(hours=2 * hour))
        first.pass_()
    assert asked() == 1
    world.clock.advance(CLAIM_HOLDS)
    world.book("Ana", TOMORROW + timedelta(hours=9))
    first.pass_()
    assert asked() == 2


def test_r14_two_that_claim_in_one_moment_are_not_both_switched_on(
    world: World, first: Installation, second: Installation
) -> None:
    """The other's claim comes between our writing and our reading it again."""
    world.worker("Ben", enabled=False)
    theirs = claims.Claim(first.id, first.site.organization, ENVIRONMENT).text(NOW)
    calendar = second.site.calendars(SERVER).open(world.box("Ben"), second.site.organization)
    real = type(calendar).set_claim

    async def slower(self: object, value: str | None, before_send: Callable[[], None]) -> bool:
        await real(calendar, value, before_send)
        return await real(calendar, theirs, before_send)

    second.read_workers()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(calendar), "set_claim", slower)
        (refused,) = second.test("Ben")
    assert not refused.enabled
    assert first.id in refused.disabled_reason


def test_a_state_lost_altogether_ends_at_our_own_old_claim_and_finds_all_again_after_taking_over(world: World) -> None:
    jobs = Jobs(world)
    old = Installation(world, world.database, fresh=False)
    assert all(box.enabled for box in old.test("Ana", "Ben"))
    world.reassign(jobs.ids[3], "Ben")
    world.pass_()
    before, keys = standing(world), {event.key for name in world.boxes for event in world.events(name)}
    world.forget_state()
    new = Installation(world, world.database, fresh=False)
    refused = new.test("Ana", "Ben")
    assert [box.enabled for box in refused] == [False, False]
    for box in refused:
        assert "looks like an earlier installation of this environment" in box.disabled_reason
        assert old.id in box.disabled_reason
        assert "take it over" in box.checks[-1].remedy
    world.pass_()
    assert standing(world) == before
    # What changed meanwhile is followed once the mailboxes are ours again.
    world.delete(jobs.ids[0])
    world.move(jobs.ids[1], TOMORROW + timedelta(days=3))
    for name in ("Ana", "Ben"):
        new.take_over(name)
    assert all(box.enabled for box in new.test("Ana", "Ben"))
    settle(world)
    after = standing(world)
    assert [len(after[name]) for name in ("Ana", "Ben")] == [len(before["Ana"]) - 1, len(before["Ben"])]
    assert {event.key for name in world.boxes for event in world.events(name)} < keys
    assert ("Job 1", TOMORROW + timedelta(days=3)) in [(subject, start) for subject, start, _ in after["Ana"]]
    assert claims.read(new.claim("Ana")) == claims.Claim(new.id, new.site.organization, ENVIRONMENT)


def test_r14_an_earlier_installation_of_another_environment_is_not_called_an_earlier_one_of_this() -> None:
    ours = claims.Claim("new", "org", "main")
    for other in (claims.Claim("old", "org", "other"), claims.Claim("old", "another", "main")):
        assert "earlier" not in claims.judge(other.text(NOW), ours).detail
    told = claims.judge(claims.Claim("old", "org", "main").text(), ours)
    assert "earlier installation of this environment (old)" in told.detail
    assert "claimed on" not in told.detail


@pytest.mark.parametrize(
    "text", ['{"installation":"a","organization":"b","environment":"c","since":"yesterday"}', "[]"]
)
def test_r14_a_claim_in_strange_words_is_nobodys_and_refused(text: str) -> None:
    assert claims.read(text) is None
    assert not claims.judge(text, claims.Claim("a", "b", "c")).ok
