"""That nobody works on what waits is told, and of a queue that a plain `serve` does without it is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text
from tests.conftest import NewState

from fieldcal.state import history, living, queue_schema
from fieldcal.state.database import Database
from fieldcal.state.living import Unworked

_JOB = text("""INSERT INTO procrastinate.procrastinate_jobs (queue_name, task_name, scheduled_at)
               VALUES ('main', 'fieldcal', clock_timestamp() + make_interval(secs => :later)) RETURNING id""")
_WAITED = text("""UPDATE procrastinate.procrastinate_events SET at = clock_timestamp() - make_interval(secs => :seconds)
                  WHERE job_id = :job""")
_WORKER = text("""INSERT INTO procrastinate.procrastinate_workers (last_heartbeat)
                  VALUES (clock_timestamp() - make_interval(secs => :seconds))""")


@dataclass(frozen=True)
class Case:
    """Seconds ago: jobs put in, workers' last beats, the last pass of a kind."""

    jobs: tuple[int, ...] = (60,)
    beats: tuple[int, ...] = ()
    later: int = 0
    began: tuple[str, int] | None = None
    told: tuple[int, int, int | None] | None = None


CASES = {
    "nothing waits": Case(jobs=(), beats=(40,)),
    "a worker may begin in a moment": Case(jobs=(20,)),
    "a worker is alive": Case(beats=(300, 20)),
    "it is not to be done yet": Case(later=600, beats=(40,)),
    "every worker was killed": Case(jobs=(60, 90), beats=(40, 300), told=(2, 90, 40)),
    "every worker was stopped": Case(told=(1, 60, None)),
    "somebody cleaned by command": Case(began=("clean", 30), told=(1, 60, None)),
    "a pass was run before it waited": Case(began=("scheduled", 90), told=(1, 60, None)),
    "a plain serve does the work": Case(jobs=(90, 60), began=("scheduled", 30)),
}


def put_in(tx: Connection, seconds: int, later: int = 0) -> None:
    """A job that was put into the queue so many seconds ago, to be done `later` seconds from now on."""
    tx.execute(text("SET LOCAL search_path TO public, procrastinate"))  # its triggers name no schema
    job = tx.execute(_JOB, {"later": later - 1}).scalar_one()
    tx.execute(_WAITED, {"job": job, "seconds": seconds})


def made(tx: Connection, case: Case) -> None:
    for seconds in case.jobs:
        put_in(tx, seconds, case.later)
    for seconds in case.beats:
        tx.execute(_WORKER, {"seconds": seconds})
    if case.began is not None:
        kind, seconds = case.began
        at = datetime.now(UTC) - timedelta(seconds=seconds)
        history.begin(tx, "main", history.new_run(at), kind, at)


def test_that_nobody_works_is_told_where_work_waits_and_nowhere_else(new_postgres: NewState) -> None:
    database, found = Database(new_postgres()), {}
    queue_schema.upgrade(database)
    with database.write() as tx:
        for name, case in CASES.items():
            with tx.begin_nested() as trial:
                made(tx, case)
                found[name] = living.unworked(tx)
                trial.rollback()
    database.close()
    assert found == {name: case.told and Unworked(*case.told) for name, case in CASES.items()}


def test_it_is_said_in_one_line_since_when_no_worker_has_shown_life() -> None:
    assert Unworked(3, 60, 40).why == "no worker has shown life for 40 s, and 3 jobs wait for one"
    assert Unworked(1, 60, None).why == "no worker is running, and a job waits for one, for 60 s by now"


def test_of_a_state_that_one_process_works_on_nothing_is_told(sqlite_database: Database) -> None:
    with sqlite_database.read() as tx:
        assert (living.unworked(tx), living.alive(tx)) == (None, 0)
