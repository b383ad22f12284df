"""Whether anybody works on what several processes share: living workers, and jobs that wait while there is none.

Only on PostgreSQL with a queue of jobs; a plain `serve` there does the work itself and is taken for no missing worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select, text

from fieldcal.state import history, queue_schema
from fieldcal.state.pass_tables import passes
from fieldcal.state.present import SILENT

# The database's clock throughout: heartbeats are in its time. The schema is `beside.QUEUE`.
_WORKERS = text(
    "SELECT count(*) FILTER (WHERE last_heartbeat > clock_timestamp() - make_interval(secs => :dead)) AS alive, "
    "extract(epoch FROM clock_timestamp() - max(last_heartbeat)) AS silent FROM procrastinate.procrastinate_workers"
)
_JOBS = text(
    "SELECT count(*) AS jobs, extract(epoch FROM clock_timestamp() - min(told.at)) AS oldest, max(told.at) AS newest "
    "FROM procrastinate.procrastinate_jobs job JOIN procrastinate.procrastinate_events told ON told.job_id = job.id "
    "AND told.type = 'deferred' WHERE job.status NOT IN ('succeeded', 'failed', 'cancelled', 'aborted') "
    "AND (job.scheduled_at IS NULL OR job.scheduled_at <= clock_timestamp())"
)


@dataclass(frozen=True, slots=True)
class Unworked:
    """Jobs that wait while no worker is alive."""

    jobs: int
    #: for how many seconds the oldest of them has waited
    waited: int
    #: since how many seconds no worker has shown life; None: every one there was has ended in good order
    silent: int | None

    @property
    def why(self) -> str:
        """In words, without a remedy."""
        jobs = f"{self.jobs} jobs wait" if self.jobs > 1 else "a job waits"
        if self.silent is None:
            return f"no worker is running, and {jobs} for one, for {self.waited} s by now"
        return f"no worker has shown life for {self.silent} s, and {jobs} for one"


#: What helps, whoever tells it.
REMEDY = "start `fieldcal worker`; what waits is then done"


def alive(tx: Connection) -> int:
    """How many workers have shown life lately; 0 where work is not shared."""
    return 0 if not _shared(tx) else int(tx.execute(_WORKERS, {"dead": SILENT}).one().alive)


def unworked(tx: Connection) -> Unworked | None:
    """What waits for a worker for longer than one may be silent, while none is alive; None where all is well."""
    if not _shared(tx):
        return None
    workers = tx.execute(_WORKERS, {"dead": SILENT}).one()
    if workers.alive:
        return None
    waiting = tx.execute(_JOBS).one()
    if not waiting.jobs or waiting.oldest < SILENT:
        return None
    # A plain `serve` leaves in the queue what it finds there, and begins with a pass by schedule.
    since = history.new_run(waiting.newest - timedelta(seconds=1))
    other = select(passes.c.id).where(passes.c.id > since, passes.c.kind == "scheduled").limit(1)
    if tx.execute(other).first() is not None:
        return None
    return Unworked(waiting.jobs, int(waiting.oldest), None if workers.silent is None else int(workers.silent))


def _shared(tx: Connection) -> bool:
    return tx.dialect.name == "postgresql" and queue_schema.standing(tx) is not None
