"""What the control plane can set: what is tracked, what may be read, and the service protection limits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.fieldservice.errors import NO_PRIVILEGE, Refused, unknown_property
from fieldcal.embedded.fieldservice.odata import Expand, Query
from fieldcal.embedded.fieldservice.schema import Column, Table


class FieldServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All off by default. Tables are named by their logical names.

    The limits are per caller and `window` seconds, as https://learn.microsoft.com/en-us/power-apps/developer/data-platform/api-limits
    describes them: 6000 requests, 1200 seconds of work, 52 at once, in 300 seconds.
    """

    #: change tracking is off for these tables
    untracked: tuple[str, ...] = ()
    #: no privilege to read these tables; none to read their changes
    unreadable: tuple[str, ...] = ()
    changes_unreadable: tuple[str, ...] = ()
    #: privileges that a caller's role has beyond reading, such as prvWriteAccount; told, and nothing else
    granted: tuple[str, ...] = ()
    #: ids of rows of another business unit: lists leave them out, a read of their own is refused
    hidden: tuple[str, ...] = ()
    #: `table.name` of columns and navigation properties that this organization does not have
    missing: tuple[str, ...] = ()
    #: rows that are shown with other values than are stored, by id: column as in an answer -> any JSON value
    spoiled: dict[str, dict[str, Any]] = {}
    expired_status: int = 400
    #: rows between two pages: 1 gives the last one again, -1 passes over one
    page_slip: int = 0
    #: answers carry no formatted values, whatever is preferred
    unformatted: bool = False
    #: how webhooks are sent: each once, not at all, each twice, or when the action `release-webhooks` lets them go,
    #: the last first; and the seconds that each is late
    webhooks: Literal["send", "lose", "double", "hold"] = "send"
    webhook_delay: float = 0.0
    max_requests: int | None = None
    max_seconds: float | None = None
    max_concurrent: int | None = None
    window: float = 300.0

    def check_read(self, query: Query) -> None:
        """Refused: 403 without the privilege to read one of the query's tables, 400 for what the tables lack."""
        for name in (query.table.name, *(each.target.name for each in _every(query.expand))):
            if name in self.unreadable:
                raise _no_privilege(name)
        if self.missing:
            self._check_names(query.table, query.columns, query.expand)

    def check_changes(self, table: str) -> None:
        """Refused (403) where the caller may not read the changes of this table."""
        if table in self.changes_unreadable:
            raise _no_privilege(table)

    def check_row(self, row_id: str) -> None:
        """Refused (403) where the caller may not see this row."""
        if row_id in self.hidden:
            raise Refused(403, NO_PRIVILEGE, f"SecLib::AccessCheckEx failed. ObjectID: {row_id}")

    def _check_names(self, table: Table, columns: tuple[Column, ...], expand: tuple[Expand, ...]) -> None:
        names = [(column.property, column.name) for column in columns]
        names += [(each.column.nav, each.column.nav) for each in expand]
        for shown, name in names:
            if f"{table.name}.{name}" in self.missing:
                raise unknown_property(shown, table.name)
        for each in expand:
            self._check_names(each.target, each.columns, each.expand)


def _every(expand: tuple[Expand, ...]) -> list[Expand]:
    return [one for each in expand for one in (each, *_every(each.expand))]


def _no_privilege(table: str) -> Refused:
    return Refused(403, NO_PRIVILEGE, f"Principal user is missing prvRead{table} privilege on entity '{table}'.")


def privileges(settings: FieldServiceSettings, tables: Iterable[str]) -> list[str]:
    """The names of all privileges of a caller: to read these tables, and what is granted beyond that.

    As Dataverse names them: that of the table `systemuser` is called User.
    """
    reads = [f"prvRead{'User' if name == 'systemuser' else name}" for name in tables if name not in settings.unreadable]
    return [*reads, *settings.granted]


class Limits:
    """Counts what each caller did in the window, and says when it was too much."""

    def __init__(self, clock: SandboxClock) -> None:
        """The window is measured by the clock, the work by the machine."""
        self._clock = clock
        self._done: dict[str, deque[tuple[float, float]]] = {}
        self._running: dict[str, int] = {}
        #: the most that one caller had under way at once
        self.most_at_once = 0

    def enter(self, settings: FieldServiceSettings, caller: str) -> float:
        """Begin a request; Refused (429) with `Retry-After` where a limit is reached. Give the result to `leave`."""
        now = self._clock.now().timestamp()
        done = self._done.setdefault(caller, deque())
        while done and done[0][0] <= now - settings.window:
            done.popleft()
        running = self._running.get(caller, 0)
        if settings.max_concurrent is not None and running >= settings.max_concurrent:
            raise _too_many("0x80072326", f"Number of concurrent requests exceeded the limit of {running}.", 1)
        wait = max(1, round(done[0][0] + settings.window - now)) if done else 1
        if settings.max_requests is not None and len(done) >= settings.max_requests:
            text = f"Number of requests exceeded the limit of {settings.max_requests} over time window of "
            raise _too_many("0x80072322", text + f"{settings.window:g} seconds.", wait)
        if settings.max_seconds is not None and sum(work for _, work in done) >= settings.max_seconds:
            text = f"Combined execution time of incoming requests exceeded limit of {settings.max_seconds:g} seconds "
            raise _too_many("0x80072321", text + f"over time window of {settings.window:g} seconds.", wait)
        self._running[caller] = running + 1
        self.most_at_once = max(self.most_at_once, running + 1)
        return time.perf_counter()

    def leave(self, caller: str, began: float) -> None:
        """End a request that `enter` let in."""
        self._running[caller] -= 1
        self._done[caller].append((self._clock.now().timestamp(), time.perf_counter() - began))


def _too_many(code: str, text: str, wait: int) -> Refused:
    return Refused(429, code, text, {"retry-after": str(wait)})
