"""What lives beside the state in one PostgreSQL: each in a schema of its own, so that no name meets another."""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ProgrammingError

from fieldcal.errors import ConfigError
from fieldcal.state.database import reached

#: The queue of jobs, and the embedded Field Service.
QUEUE, FIELD_SERVICE = "procrastinate", "fieldservice"
_SCHEMAS = (QUEUE, FIELD_SERVICE)


def address(url: URL, schema: str) -> str:
    """The same database with this schema as its search path, password included; for psycopg and SQLAlchemy alike."""
    there = reached(url).set(drivername="postgresql")
    there = there.update_query_dict({"options": f"{there.query['options']} -csearch_path={schema}"})
    place, _, query = there.render_as_string(hide_password=False).partition("?")
    # libpq takes a plus as it stands (PostgreSQL, libpq, connection URIs: percent-encoding alone is decoded)
    return f"{place}?{query.replace('+', '%20')}"


def make(tx: Connection, schema: str) -> None:
    """Make one of these schemas where it is missing; a `ConfigError` says what its owner has to grant."""
    if schema not in _SCHEMAS:
        raise ValueError(schema)
    known = tx.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": schema})
    if known is not None:
        return
    try:
        tx.execute(text(f"CREATE SCHEMA {schema}"))
    except ProgrammingError as error:
        raise ConfigError(
            f"the schema {schema} cannot be made: {str(error.orig).splitlines()[0]}; have the database's owner run "
            f"`GRANT CREATE ON DATABASE ...` for this user, or `CREATE SCHEMA {schema} AUTHORIZATION ...`"
        ) from error
