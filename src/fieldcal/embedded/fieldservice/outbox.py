"""What was committed and a registered step listens to: noted within the transaction, published after its commit.

Only asynchronous post-operation steps are served, as webhooks of bookings are registered. Blocking.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.fieldservice.database import TABLES
from fieldcal.embedded.fieldservice.hook_tables import (
    ASYNCHRONOUS,
    ENDPOINT,
    FILTER,
    MESSAGE,
    POST_OPERATION,
    STEP,
    WEBHOOK,
)

#: Notices that wait; what comes beyond is lost, as a service that is overrun may lose it.
MOST = 20_000
_NOTED = "noted"
_REGISTRATION = frozenset({ENDPOINT.name, STEP.name})


@dataclass(frozen=True, slots=True)
class Step:
    """One registered step with the endpoint that it calls. `attributes`: of an Update one of these; empty: any."""

    id: str
    name: str
    message: str
    table: str
    attributes: frozenset[str]
    autodelete: bool
    url: str
    authtype: int
    authvalue: str = field(repr=False)

    def hears(self, happened: Happened) -> bool:
        """Whether it is called for this."""
        if (self.message, self.table) != (happened.message, happened.table):
            return False
        return happened.message != "Update" or not self.attributes or not self.attributes.isdisjoint(happened.values)


@dataclass(frozen=True, slots=True)
class Happened:
    """One write. `values`: the columns that it named, by logical name (of a deletion none)."""

    message: str
    table: str
    row_id: str
    at: datetime
    values: Mapping[str, Any]
    correlation: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One call of one step."""

    step: Step
    happened: Happened


class Outbox:
    """Notices in the order of their commits."""

    def __init__(self, engine: Engine, clock: SandboxClock) -> None:
        self._engine, self._clock = engine, clock
        self.waiting: deque[Notice] = deque(maxlen=MOST)
        self._steps = self._registered()
        self._tables = frozenset(step.table for step in self._steps) | _REGISTRATION

    def open(self, connection: Connection) -> list[Happened]:
        """What the transaction that begins here will note."""
        noted: list[Happened] = []
        connection.info[_NOTED] = noted
        return noted

    def note(self, connection: Connection, message: str, table: str, row_id: str, values: Mapping[str, Any]) -> None:
        """Remember a write until its commit, where anybody may listen to it."""
        noted = connection.info.get(_NOTED)
        if noted is not None and table in self._tables:
            happened = Happened(message, table, row_id, self._clock.now(), dict(values), str(uuid.uuid4()))
            noted.append(happened)

    def publish(self, noted: list[Happened]) -> None:
        """Have the steps called for what is now committed."""
        if any(happened.table in _REGISTRATION for happened in noted):
            self._steps = self._registered()
            self._tables = frozenset(step.table for step in self._steps) | _REGISTRATION
        self.waiting.extend(
            Notice(step, happened) for happened in noted for step in self._steps if step.hears(happened)
        )

    def _registered(self) -> tuple[Step, ...]:
        step, endpoint = TABLES[STEP.name].c, TABLES[ENDPOINT.name].c
        message, narrowed = TABLES[MESSAGE.name].c, TABLES[FILTER.name].c
        statement = select(
            step.sdkmessageprocessingstepid, step.name, message.name, narrowed.primaryobjecttypecode,
            step.filteringattributes, step.asyncautodelete, endpoint.url, endpoint.authtype, endpoint.authvalue,
        ).where(
            step.eventhandler == endpoint.serviceendpointid, step.sdkmessageid == message.sdkmessageid,
            step.sdkmessagefilterid == narrowed.sdkmessagefilterid, step.statecode == 0, step.stage == POST_OPERATION,
            step.mode == ASYNCHRONOUS, endpoint.contract == WEBHOOK,
        ).order_by(step.rank, step.sdkmessageprocessingstepid)  # fmt: skip
        with self._engine.connect() as connection:
            rows = connection.execute(statement).all()
        return tuple(
            Step(row[0], row[1] or "", row[2], row[3], _names(row[4]), bool(row[5]), row[6] or "", row[7] or 0,
                 row[8] or "")
            for row in rows
        )  # fmt: skip


def _names(text: str | None) -> frozenset[str]:
    return frozenset(name.strip() for name in (text or "").split(",") if name.strip())
