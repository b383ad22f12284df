"""What commands do where several machines share one state on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.cli.conftest import Fieldcal

from fieldcal.state import queue_schema
from fieldcal.state.database import Database


def test_db_upgrade_makes_the_queue_and_db_check_tells_of_it(
    empty_postgres: str, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", empty_postgres)
    said = fieldcal("db", "upgrade")
    assert (said.status, "queue of jobs" in said.out) == (0, True), said
    assert "already" in fieldcal("db", "upgrade").out
    said = fieldcal("db", "check")
    assert (said.status, f"queue of jobs: {queue_schema.newest()}" in said.out) == (0, True), said
    database = Database(empty_postgres)
    with database.write() as tx:
        tx.execute(text("DELETE FROM meta WHERE key = 'queue'"))
        tx.execute(text("DROP SCHEMA procrastinate CASCADE"))
    database.close()
    said = fieldcal("db", "check")
    assert (said.status, "none yet; `fieldcal db upgrade` makes it" in said.out) == (0, True), said
