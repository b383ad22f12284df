"""Who uses a state in PostgreSQL now: what its server tells of the sessions there, each called after its process.

Leases and beats tell of work in hand, and a service that only plans and shows has neither. But whatever service or
worker lives asks its database each second, from whichever machine and data folder.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from fieldcal.errors import ConfigError, StateAway, one_line

#: Seconds of silence after which a process is taken for dead; a service asks each second, a worker beats every five.
SILENT = 25.0
#: How long one is waited for that is about to end.
PATIENCE = "3s"
#: What this process is called in its sessions; a server keeps 63 letters of ASCII.
OWN = f"fieldcal:{re.sub('[^!-9;-~]', '_', socket.gethostname())[:36]}:{os.getpid()}:{secrets.token_hex(4)}"

# Without the right to see when a session asked last, it counts.
_OTHERS = text(
    "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() "
    r"AND application_name LIKE 'fieldcal:%' AND application_name <> :own AND (state_change IS NULL "
    "OR state IS DISTINCT FROM 'idle' OR state_change > clock_timestamp() - make_interval(secs => :silent))"
)
_HOLDER = (
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid = 0 AND objid = %s"
)
# Any number that no other program takes on this database: whoever serves the embedded systems has it.
_ENDS = 7_041_778


def others(tx: Connection) -> list[str]:
    """The other processes of Fieldcal that live on this database, in words; none on SQLite, whose folder has a lock."""
    if tx.dialect.name == "sqlite":
        return []
    return sorted(map(_in_words, tx.scalars(_OTHERS, {"own": OWN, "silent": SILENT})))


def refuse_others(tx: Connection, where: str) -> None:
    """Return when nobody else is at work there; a `ConfigError` names who is. `where`: "the source", say."""
    if found := others(tx):
        raise ConfigError(
            f"somebody is at work on {where} ({', '.join(found)}); end every service, worker and command there first. "
            f"One whose machine is gone counts for {SILENT:.0f} seconds"
        )


@contextmanager
def serving_ends(address: str) -> Iterator[None]:
    """Be the one process that has the embedded systems of this state open; a `ConfigError` names who is already.

    `address`: as libpq takes it. Another data folder has another file of calendars, in which nothing of ours stands.
    """
    # Who has no PostgreSQL loads none of it.
    from psycopg import Error, connect
    from psycopg.errors import LockNotAvailable

    try:
        connection = connect(address, autocommit=True)
    except Error as error:
        raise StateAway("the state's database cannot be reached", one_line(error)) from error
    try:
        # A machine that is gone must not keep the others out for hours.
        for name, seconds in (("idle", 30), ("interval", 10), ("count", 3)):
            connection.execute("SELECT set_config(%s, %s, false)", [f"tcp_keepalives_{name}", str(seconds)])
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [PATIENCE])
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", [_ENDS])
        except LockNotAvailable:
            row = connection.execute(_HOLDER, [_ENDS]).fetchone()
            holder = _in_words(str(row[0])) if row else "another process"
            raise ConfigError(
                f"the embedded systems of this state are open elsewhere ({holder}), and its calendars are kept there; "
                "end that service first, or work from its data folder"
            ) from None
        yield
    finally:
        connection.close()


def _in_words(name: str) -> str:
    _, host, process, *_ = [*name.split(":"), "", ""]
    return f"process {process} on {host}"
