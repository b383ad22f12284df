"""An older state is put back, or none is left: the next pass adopts what stands, doubles nothing and loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from tests.sync.world import ENVIRONMENT, NOW, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.model import BookingId
from fieldcal.setup_model import Actor
from fieldcal.state import backup, findings, leases, links, mailboxes, schema, soundness
from fieldcal.state.database import Database
from fieldcal.state.tables import links as link_table
from fieldcal.state.tables import meta

TOMORROW = NOW + timedelta(days=1)
OPERATOR = Actor("root")
#: what stands in one mailbox: subject, start, end
Standing = list[tuple[str, datetime, datetime]]


class Jobs:
    """Ana's four jobs and Ben's one, all in their calendars."""

    def __init__(self, world: World) -> None:
        world.worker("Ana")
        world.worker("Ben")
        self.ids: list[BookingId] = [
            world.book("Ana", TOMORROW + timedelta(hours=2 * number), name=f"Job {number}") for number in range(4)
        ]
        self.ids.append(world.book("Ben", TOMORROW, name="Job 4"))
        world.pass_()


def take(world: World, folder: Path) -> Path:
    file = folder / "backup.sqlite3"
    backup.take(world.database, file, world.clock.now())
    return file


def put_back(world: World, file: Path) -> None:
    """As `fieldcal db restore` does, and a service that starts afterwards."""
    world.database.close()
    state = backup.path_of(world.database)
    new, aside = state.with_name("new"), state.with_name("aside")
    backup.prepare(file, new, OPERATOR, world.clock.now())
    backup.put_in_place(new, state, aside)
    world.restart()


def standing(world: World) -> dict[str, Standing]:
    return {name: sorted((e.subject, e.start, e.end) for e in world.events(name)) for name in world.boxes}


def settle(world: World) -> None:
    """Passes until second tries have had their turn; then one more that must write nothing."""
    for _ in range(3):
        world.pass_()
        world.clock.advance(timedelta(minutes=20))
    world.forget_requests()
    world.pass_()
    assert world.writes() == 0


def _moved(world: World, jobs: Jobs) -> None:
    world.move(jobs.ids[0], TOMORROW + timedelta(days=2))


def _moved_and_back(world: World, jobs: Jobs) -> None:
    _moved(world, jobs)
    world.pass_()
    world.move(jobs.ids[0], TOMORROW)


def _canceled(world: World, jobs: Jobs) -> None:
    world.set_status(jobs.ids[1], "Canceled")


def _deleted(world: World, jobs: Jobs) -> None:
    world.delete(jobs.ids[2])


def _reassigned(world: World, jobs: Jobs) -> None:
    world.reassign(jobs.ids[3], "Ben")


def _reassigned_and_back(world: World, jobs: Jobs) -> None:
    """Ana's event has a raised generation that the backup knows nothing of."""
    for name in ("Ben", "Ana", "Ben", "Ana"):
        world.reassign(jobs.ids[3], name)
        world.pass_()


def _reassigned_there_and_away(world: World, jobs: Jobs) -> None:
    for name in ("Ben", "Ana", "Ben"):
        world.reassign(jobs.ids[3], name)
        world.pass_()


def _booked(world: World, _jobs: Jobs) -> None:
    world.book("Ben", TOMORROW + timedelta(hours=5), name="new")


def _booked_and_deleted(world: World, _jobs: Jobs) -> None:
    booking = world.book("Ben", TOMORROW + timedelta(hours=5), name="new")
    world.pass_()
    world.delete(booking)


def _taken_by_hand_and_written_again(world: World, jobs: Jobs) -> None:
    [event] = [event for event in world.ours("Ana") if event.subject == "Job 0"]
    world.remove("Ana", event)
    _moved(world, jobs)


def _somebody_new(world: World, _jobs: Jobs) -> None:
    world.worker("Cara")
    world.book("Cara", TOMORROW, name="first job")


def _all_of_it(world: World, jobs: Jobs) -> None:
    for change in (_moved, _canceled, _deleted, _reassigned, _booked):
        change(world, jobs)


CHANGES = [
    _moved, _moved_and_back, _canceled, _deleted, _reassigned, _reassigned_and_back, _reassigned_there_and_away,
    _booked, _booked_and_deleted, _taken_by_hand_and_written_again, _all_of_it,
]  # fmt: skip


@pytest.mark.parametrize("cursor", ["valid", "expired"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_an_older_state_put_back_doubles_nothing_and_loses_nothing(
    world: World, tmp_path: Path, change: Callable[[World, Jobs], None], cursor: str
) -> None:
    jobs = Jobs(world)
    file = take(world, tmp_path)
    change(world, jobs)
    world.pass_()
    world.clock.advance(timedelta(hours=1))
    world.pass_()
    before, keys = standing(world), _keys(world)
    put_back(world, file)
    if cursor == "expired":
        world.field_service.control.actions["expire-delta-tokens"]()
    world.pass_()
    assert standing(world) == before
    assert _keys(world) == keys
    settle(world)
    assert standing(world) == before
    _is_known(world)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_changes_while_the_state_is_being_put_back_is_followed(
    world: World, tmp_path: Path, change: Callable[[World, Jobs], None]
) -> None:
    jobs = Jobs(world)
    file = take(world, tmp_path)
    _booked(world, jobs)
    world.pass_()
    change(world, jobs)
    put_back(world, file)
    settle(world)
    after = standing(world)
    world.check(everything=True)
    settle(world)
    assert standing(world) == after
    _is_known(world)
    world.forget_state()
    world.set_up_again("Ana", "Ben")
    settle(world)
    assert standing(world) == after


def _keys(world: World) -> set[bytes]:
    return {event.key for name in world.boxes for event in world.events(name)}


def _is_known(world: World) -> None:
    """Every event of ours has its link, and every link its event."""
    with world.database.read() as tx:
        assert links.live(tx, ENVIRONMENT) == sum(len(world.ours(name)) for name in world.boxes)
        assert soundness.faults(tx) == []


def test_a_mailbox_that_was_enabled_after_the_backup_is_off_and_found_again_when_it_is_enabled(
    world: World, tmp_path: Path
) -> None:
    jobs = Jobs(world)
    file = take(world, tmp_path)
    _somebody_new(world, jobs)
    world.pass_()
    before, keys = standing(world), _keys(world)
    put_back(world, file)
    settle(world)
    assert standing(world) == before
    world.enable("Cara")
    settle(world)
    assert (standing(world), _keys(world)) == (before, keys)


def test_a_mailbox_in_which_no_booking_is_known_is_read_too(world: World, tmp_path: Path) -> None:
    """Its only event was made after the backup, and its booking deleted before a pass could see it."""
    world.worker("Ana")
    file = take(world, tmp_path)
    booking = world.book("Ana", TOMORROW, name="short-lived")
    world.pass_()
    world.delete(booking)
    put_back(world, file)
    settle(world)
    assert world.events("Ana") == []


def test_a_state_put_back_trusts_no_pause_and_no_lease_of_before(world: World, tmp_path: Path) -> None:
    Jobs(world)
    world.exchange.control.add_fault(Fault(kind="status", status=429, headers={"Retry-After": "600"}))
    world.book("Ana", TOMORROW, name="waits")
    world.pass_()
    assert "waits" not in world.subjects("Ana")
    with world.database.write() as tx:
        for name in ("pull:main", f"mailbox:{world.box('Ana')}"):
            assert leases.take(tx, name, "the dead", world.clock.now(), timedelta(minutes=4))
    put_back(world, take(world, tmp_path))
    began = world.clock.now()
    world.pass_()
    assert "waits" in world.subjects("Ana")
    assert world.clock.now() - began < timedelta(minutes=1)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_backup_with_a_write_that_was_under_way_is_put_back_and_made_once(
    world: World, tmp_path: Path, kind: str
) -> None:
    world.worker("Ana")
    world.pass_()
    booking = world.book("Ana", TOMORROW, name="Job")
    world.exchange.control.add_fault(Fault(kind=kind, match=Match(method="POST", path="/events")))  # type: ignore[arg-type]
    world.pass_()
    file = take(world, tmp_path)
    world.clock.advance(timedelta(minutes=20))
    world.pass_()
    world.move(booking, TOMORROW + timedelta(hours=4))
    world.pass_()
    before, keys = standing(world), _keys(world)
    put_back(world, file)
    settle(world)
    assert (standing(world), _keys(world)) == (before, keys)


def test_what_a_hand_changed_since_is_not_mistaken_for_a_copy_or_touched(world: World, tmp_path: Path) -> None:
    Jobs(world)
    file = take(world, tmp_path)
    [ours, *_] = world.ours("Ana")
    world.copy("Ana", ours)
    own = {"dateTime": "2026-11-24T18:00:00", "timeZone": "UTC"}
    world.exchange.hands.add(world.box("Ana"), {"subject": "Dentist", "start": own, "end": own})
    put_back(world, file)
    settle(world)
    assert sorted(world.subjects("Ana")) == ["Dentist", "Job 0", "Job 0", "Job 1", "Job 2", "Job 3"]
    with world.database.read() as tx:
        assert [found.kind for found in findings.load(tx, ENVIRONMENT)] == ["copy"]


def test_r14_the_installation_is_the_same_after_a_restore(world: World, tmp_path: Path) -> None:
    with world.database.read() as tx:
        before = schema.installation(tx)
    file = take(world, tmp_path)
    world.forget_state()
    with world.database.read() as tx:
        assert schema.installation(tx) != before
    put_back(world, file)
    with world.database.read() as tx:
        assert schema.installation(tx) == before
        assert tx.scalar(select(meta.c.value).where(meta.c.key == "backed_up_at")) is None


def test_a_backup_that_is_taken_while_passes_write_is_sound_and_good_to_put_back(world: World, tmp_path: Path) -> None:
    world.worker("Ana")
    world.pass_()
    for hour in range(60):
        world.book("Ana", TOMORROW + timedelta(hours=hour), 1, name=f"Job {hour}")
    taken: list[Path] = []
    over = threading.Event()

    def keep_taking() -> None:
        other = Database(world.database_url)
        while not over.is_set() or not taken:
            taken.append(tmp_path / f"backup-{len(taken)}.sqlite3")
            backup.take(other, taken[-1], NOW)
        other.close()

    thread = threading.Thread(target=keep_taking)
    thread.start()
    world.pass_()
    over.set()
    thread.join()
    before, keys = standing(world), _keys(world)
    assert len(before["Ana"]) == 60
    for file in {taken[0], taken[len(taken) // 2], taken[-1]}:
        put_back(world, file)
        world.pass_()
        assert (standing(world), _keys(world)) == (before, keys)
        settle(world)
        Path(f"{backup.path_of(world.database).with_name('aside')}").unlink()


def test_a_state_lost_altogether_finds_all_again_after_every_kind_of_change(world: World) -> None:
    jobs = Jobs(world)
    _all_of_it(world, jobs)
    _reassigned_and_back(world, jobs)
    world.pass_()
    before, keys = standing(world), _keys(world)
    world.forget_state()
    world.set_up_again("Ana", "Ben")
    settle(world)
    assert (standing(world), _keys(world)) == (before, keys)
    _is_known(world)


def test_what_was_switched_off_since_the_backup_is_on_again_and_a_person_is_to_look(
    world: World, tmp_path: Path
) -> None:
    Jobs(world)
    file = take(world, tmp_path)
    world.disable("Ana")
    put_back(world, file)
    with world.database.read() as tx:
        assert mailboxes.unread(tx, ENVIRONMENT) == sorted([world.box("Ana"), world.box("Ben")])


def test_state_in_postgresql_put_back_by_other_means_is_read_before_it_is_written(
    new_world: Callable[..., World], new_postgres: Callable[[], str]
) -> None:
    world = new_world(new_postgres())
    jobs = Jobs(world)
    with world.database.read() as tx:
        kept = tx.execute(select(link_table)).mappings().all()
    world.reassign(jobs.ids[3], "Ben")
    world.pass_()
    world.reassign(jobs.ids[3], "Ana")
    world.pass_()
    before, keys = standing(world), _keys(world)
    with world.database.write() as tx:
        for row in kept:
            same = (link_table.c.mailbox == row["mailbox"], link_table.c.booking == row["booking"])
            tx.execute(update(link_table).where(*same).values(dict(row)))
        backup.restored(tx, OPERATOR, world.clock.now(), "pg_restore")
    settle(world)
    assert (standing(world), _keys(world)) == (before, keys)
