"""A backup is one moment of the state, whole in one file; a restore is there at once or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from tests.state.stocked import stock
from tests.values import BOOKING, BOX, ENVIRONMENT, NOW, ORDER, linked

from fieldcal.errors import ConfigError
from fieldcal.model import Detailed
from fieldcal.setup_model import Actor
from fieldcal.state import audit, backup, bookings, links, schema, soundness
from fieldcal.state.database import Database
from fieldcal.state.tables import mailboxes, marks, meta, plan_rows

OPERATOR = Actor("root")


@pytest.fixture
def stocked(sqlite_database: Database) -> Database:
    with sqlite_database.write() as tx:
        stock(tx)
        bookings.store_details(tx, ENVIRONMENT, [Detailed(BOOKING, ORDER)], "")
        links.store(tx, ENVIRONMENT, [linked()], NOW)
        tx.execute(update(mailboxes).values(enabled=True))
    return sqlite_database


def test_a_backup_is_one_file_for_this_user_alone_and_says_when_it_was_taken(stocked: Database, tmp_path: Path) -> None:
    file = tmp_path / "b.sqlite3"
    found = backup.take(stocked, file, NOW)
    assert (found.taken_at, found.environments, found.enabled_mailboxes) == (NOW, 1, 2)
    assert [path.name for path in tmp_path.glob("b.*")] == ["b.sqlite3"]
    assert file.stat().st_mode & 0o077 == 0
    with stocked.read() as tx:
        assert found.installation == schema.installation(tx)
        assert backup.facts(tx).taken_at is None


def test_a_backup_replaces_no_file(stocked: Database, tmp_path: Path) -> None:
    file = tmp_path / "b.sqlite3"
    file.write_text("precious")
    with pytest.raises(ConfigError, match="exists already"):
        backup.take(stocked, file, NOW)
    assert file.read_text() == "precious"
    with pytest.raises(ConfigError, match="cannot be written"):
        backup.take(stocked, tmp_path / "nowhere" / "b.sqlite3", NOW)


def test_a_backup_holds_one_moment_of_what_others_write_meanwhile(stocked: Database, tmp_path: Path) -> None:
    """Two rows that are only ever changed together are never seen apart."""
    with stocked.write() as tx:
        tx.execute(insert(meta), [{"key": "left", "value": "0"}, {"key": "right", "value": "0"}])
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            with stocked.write() as tx:
                for key in ("left", "right"):
                    tx.execute(update(meta).where(meta.c.key == key).values(value=str(number)))

    thread = threading.Thread(target=write)
    thread.start()
    other = Database(str(stocked.url))
    try:
        for number in range(10):
            file = tmp_path / f"{number}.sqlite3"
            backup.take(other, file, NOW)
            connection = sqlite3.connect(file)
            values = {row[0] for row in connection.execute("SELECT value FROM meta WHERE key IN ('left', 'right')")}
            assert len(values) == 1
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
    finally:
        over.set()
        thread.join()
        other.close()


def test_postgresql_is_told_its_own_tool(new_postgres: object) -> None:
    database = Database(new_postgres())  # type: ignore[operator]
    with pytest.raises(ConfigError, match="pg_dump"):
        backup.path_of(database)
    with database.write() as tx:
        stock(tx)
        tx.execute(update(mailboxes).values(enabled=True))
        assert backup.restored(tx, OPERATOR, NOW, "pg_restore") == 2
        assert set(tx.scalars(select(mailboxes.c.check_first))) == {True}
    database.close()


def test_a_restore_keeps_what_stood_there_and_marks_what_is_to_be_read(stocked: Database, tmp_path: Path) -> None:
    file, new, aside = tmp_path / "b.sqlite3", tmp_path / "new", tmp_path / "aside"
    backup.take(stocked, file, NOW)
    with stocked.write() as tx:
        tx.execute(insert(meta).values(key="later", value="x"))
    state = backup.path_of(stocked)
    stocked.close()
    found = backup.prepare(file, new, OPERATOR, NOW)
    backup.put_in_place(new, state, aside)
    assert (found.taken_at, new.exists()) == (NOW, False)
    assert _keys(aside) - _keys(state) == {"later"}
    again = Database(f"sqlite:///{state}")
    with again.read() as tx:
        assert set(tx.scalars(select(mailboxes.c.check_first))) == {True}
        assert tx.scalars(select(marks.c.mailbox)).all() == [BOX]
        assert [line.rewrite for line in links.of_mailbox(tx, ENVIRONMENT, BOX)] == [True]
        assert [(line.operator, line.action) for line in audit.latest(tx)] == [("root", "db restore")]
        assert soundness.faults(tx) == []
    again.close()


def _keys(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {row[0] for row in connection.execute("SELECT key FROM meta")}
    connection.close()
    return found


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00 and then nothing", b"not a database at all" * 100])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "b.sqlite3"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"b\.sqlite3"):
        backup.prepare(file, tmp_path / "new", OPERATOR, NOW)
    with pytest.raises(ConfigError, match="there is no backup"):
        backup.prepare(tmp_path / "none", tmp_path / "new", OPERATOR, NOW)


def test_a_backup_of_a_newer_fieldcal_is_refused(stocked: Database, tmp_path: Path) -> None:
    file = tmp_path / "b.sqlite3"
    backup.take(stocked, file, NOW)
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(ConfigError, match="a newer version wrote it"):
        backup.prepare(file, tmp_path / "new", OPERATOR, NOW)


def test_a_damaged_backup_is_refused_before_anything_is_replaced(stocked: Database, tmp_path: Path) -> None:
    file = tmp_path / "b.sqlite3"
    backup.take(stocked, file, NOW)
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 30] = os.urandom(4096 * 27)
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"damaged|cannot be read|malformed"):
        backup.prepare(file, tmp_path / "new", OPERATOR, NOW)


def test_a_restore_waits_for_no_process_that_has_the_state_open(stocked: Database, tmp_path: Path) -> None:
    file, new = tmp_path / "b.sqlite3", tmp_path / "new"
    backup.take(stocked, file, NOW)
    backup.prepare(file, new, OPERATOR, NOW)
    state = backup.path_of(stocked)
    with stocked.read() as tx:
        schema.installation(tx)
        with pytest.raises(ConfigError, match="another process has the state"):
            backup.put_in_place(new, state, tmp_path / "aside")
    assert not (tmp_path / "aside").exists()
    with stocked.write() as tx:
        schema.check(tx)


def test_a_damaged_state_is_kept_aside_with_all_that_lies_beside_it(stocked: Database, tmp_path: Path) -> None:
    file, new, aside = tmp_path / "b.sqlite3", tmp_path / "new", tmp_path / "aside"
    backup.take(stocked, file, NOW)
    state = tmp_path / "damaged.sqlite3"
    state.write_bytes(b"no database any more" * 500)
    shutil.copyfile(state, f"{state}-wal")
    backup.prepare(file, new, OPERATOR, NOW)
    backup.put_in_place(new, state, aside)
    assert aside.read_bytes().startswith(b"no database")
    assert Path(f"{aside}-wal").exists()
    assert not Path(f"{state}-wal").exists()
    again = Database(f"sqlite:///{state}")
    with again.read() as tx:
        schema.check(tx)
    again.close()


FAULTS = [
    (lambda tx: tx.execute(update(mailboxes).values(next_due=NOW)), "mailboxes: 2 rows whose next try"),
    (lambda tx: tx.execute(update(mailboxes).values(profile="gone")), "mailboxes: 2 rows with a server profile"),
    (lambda tx: tx.exec_driver_sql("DELETE FROM mailboxes"), "links: 1 rows of a mailbox"),
    (lambda tx: tx.exec_driver_sql("DELETE FROM environments"), "links: 1 rows of an environment"),
    (lambda tx: tx.exec_driver_sql("DROP INDEX ix_marks_environment_mailbox_due"), "table marks lacks the index"),
    (lambda tx: tx.exec_driver_sql("DROP TABLE findings"), "the table findings is missing"),
    (lambda tx: tx.exec_driver_sql("ALTER TABLE links DROP COLUMN stamp"), "the table links lacks stamp"),
    (
        lambda tx: tx.execute(insert(plan_rows).values(plan=9, mailbox=BOX, booking="b", environment=ENVIRONMENT)),
        "plan_rows: 1 rows of a plan",
    ),
]


@pytest.mark.parametrize(("harm", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_what_does_not_hang_together_is_told(database: Database, harm: object, said: str) -> None:
    with database.write() as tx:
        stock(tx)
        bookings.store_details(tx, ENVIRONMENT, [Detailed(BOOKING, ORDER)], "")
        links.store(tx, ENVIRONMENT, [linked()], NOW)
    with database.read() as tx:
        assert soundness.faults(tx) == []
    with database.write() as tx:
        harm(tx)  # type: ignore[operator]
        found = soundness.faults(tx)
    assert any(said in fault for fault in found)
