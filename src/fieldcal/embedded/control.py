"""The sandbox's control plane: planted faults, the played clock, and a ledger of every request.

Both embedded systems wrap their app in it. The ledger and the counters always run (they cost microseconds and are
bounded); faults, the clock's changes and the routes under `/_control/` exist only where `sandbox` is true.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Generic, TypeVar
from urllib.parse import unquote_plus

import msgspec
from starlette.responses import Response

from fieldcal.embedded.control_routes import control_routes
from fieldcal.embedded.faults import App, Fault, Message, Receive, Rule, Scope, Send, inject, raw_url, read_body, replay

Settings = TypeVar("Settings", bound=msgspec.Struct)

CONTROL = "/_control/"
ENTRY = "fieldcal.entry"


class Sandboxed(PermissionError):
    """The control plane was asked to do what only a sandbox may do."""


class SandboxClock:
    """The time of an embedded system: real, or set, advanced and held by the control plane. Aware, UTC."""

    def __init__(self, source: Callable[[], datetime] | None = None) -> None:
        """`source` is any clock that gives aware UTC instants; without one: the machine's."""
        self._source = source or (lambda: datetime.now(UTC))
        self._offset = timedelta(0)
        self._held: datetime | None = None
        self._date = (0, b"")

    def now(self) -> datetime:
        """The instant that this system takes for now."""
        return self._held if self._held is not None else self._source() + self._offset

    def set(self, instant: datetime, *, held: bool = False) -> None:
        """Put the clock to an instant, from where it runs on, or stands still if `held`."""
        if instant.tzinfo is None:
            raise ValueError("the clock is set by an instant with a zone, such as 2026-11-23T10:00:00Z")
        instant = instant.astimezone(UTC)
        self._held = instant if held else None
        self._offset = instant - self._source()

    def advance(self, by: timedelta) -> None:
        """Let time pass at once."""
        self._offset += by
        if self._held is not None:
            self._held += by

    def reset(self) -> None:
        """Show the source's time again."""
        self._offset, self._held = timedelta(0), None

    def http_date(self) -> bytes:
        """Now, as the `Date` header writes it."""
        now = self.now()
        second = int(now.timestamp())
        if second != self._date[0]:
            self._date = (second, format_datetime(now, usegmt=True).encode())
        return self._date[1]


class Item(msgspec.Struct, frozen=True):
    """One line of a `$batch`; `raw` and `prefer` as in `Entry`."""

    method: str
    url: str
    status: int
    fault: str | None = None
    raw: str = ""
    prefer: str = ""


class Entry(msgspec.Struct):
    """One request. `status` 0: no answer was sent (yet). `url` is the decoded path with its query, `raw` as it came.

    `prefer`: the request's Prefer header.
    """

    number: int
    at: datetime
    method: str
    url: str
    status: int = 0
    request_id: str | None = None
    fault: str | None = None
    dropped: bool = False
    items: list[Item] = []
    raw: str = ""
    prefer: str = ""


class Control(Generic[Settings]):
    """What one embedded system shares with its control plane. Use it in the loop's thread, or hand values over.

    `settings` is the system's own frozen struct, read anew at each use; `actions` are its own named deeds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sandbox: bool = False,
        clock: SandboxClock | None = None,
        ledger_size: int = 10_000,
    ) -> None:
        """`ledger_size`: how many requests are remembered; the counters remember all."""
        self.settings = settings
        self.sandbox = sandbox
        self.clock = clock or SandboxClock()
        self.actions: dict[str, Callable[[], None]] = {}
        self._rules: list[Rule] = []
        self._rule_number = 0
        self._ledger: deque[Entry] = deque(maxlen=ledger_size)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._number = 0

    def change(self, **settings: object) -> None:
        """Change some of the settings; ValueError names what is unknown or of the wrong type."""
        known = msgspec.structs.asdict(self.settings)
        if unknown := sorted(settings.keys() - known.keys()):
            message = f"no such setting: {', '.join(unknown)}; there are: {', '.join(sorted(known))}"
            raise ValueError(message)
        try:
            self.settings = msgspec.convert({**known, **settings}, type(self.settings))
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error

    def add_fault(self, fault: Fault) -> int:
        """Plant a fault; its number clears it. The first rule that matches a request acts."""
        if not self.sandbox:
            raise Sandboxed("faults are planted in a sandbox only")
        self._rule_number += 1
        self._rules.append(Rule(self._rule_number, fault))
        return self._rule_number

    def clear_faults(self, number: int | None = None) -> None:
        """Take one fault back, or all."""
        self._rules = [rule for rule in self._rules if number is not None and rule.number != number]

    def faults(self) -> list[Rule]:
        """The rules as they stand, the spent ones too, until they are cleared."""
        return list(self._rules)

    def ledger(self, since: int = 0) -> list[Entry]:
        """The requests remembered, oldest first, whose number is above `since`."""
        return [entry for entry in self._ledger if entry.number > since]

    def clear_ledger(self) -> None:
        """Forget the requests and put the counters to zero."""
        self._ledger.clear()
        self._counts.clear()

    def count(self, kind: str = "request", method: str | None = None) -> int:
        """How many since the start or the last clearing. Kinds: `request`, `item` (of a batch), `sign-in`."""
        return sum(n for (each, of_kind), n in self._counts.items() if of_kind == kind and method in (None, each))

    def counts(self) -> dict[str, dict[str, int]]:
        """All counters: kind, method, number."""
        result: dict[str, dict[str, int]] = {}
        for (method, kind), number in sorted(self._counts.items()):
            result.setdefault(kind, {})[method] = number
        return result

    def item_fault(self, method: str, url: str, body: bytes = b"") -> Fault | None:
        """The planted fault that acts on this batch item, if any; who handles the batch carries it out."""
        return self._first(method, url, body, item=True) if self._rules else None

    def item(self, scope: Scope, item: Item) -> None:
        """Write one batch line into the ledger, under the request that is being answered."""
        entry: Entry = scope[ENTRY]
        entry.items.append(item)
        self._counts[item.method, "item"] += 1

    def wrap(self, app: App) -> App:
        """The app with the control plane before it. Every answer gets a `Date` of this system's clock."""
        routes = control_routes(self)

        async def controlled(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            if scope["path"].startswith(CONTROL):
                closed = Response(status_code=404)
                await (routes if self.sandbox else closed)(scope, receive, send)
                return
            entry = self._enter(scope)

            async def dated(message: Message) -> None:
                if message["type"] == "http.response.start":
                    entry.status = message["status"]
                    message["headers"] = [*message["headers"], (b"date", self.clock.http_date())]
                await send(message)

            if self._rules:
                await self._faulty(entry, app, scope, receive, dated)
            else:
                await app(scope, receive, dated)

        return controlled

    def _enter(self, scope: Scope) -> Entry:
        query: bytes = scope["query_string"]
        method, path = scope["method"], scope["path"]
        self._number += 1
        entry = Entry(
            number=self._number,
            at=self.clock.now(),
            method=method,
            url=f"{path}?{unquote_plus(query.decode('latin-1'))}" if query else path,
            request_id=_header(scope, b"client-request-id"),
            raw=raw_url(scope),
            prefer=_header(scope, b"prefer") or "",
        )
        kind = "sign-in" if path.endswith(("/oauth2/v2.0/token", "/.well-known/openid-configuration")) else "request"
        self._counts[method, kind] += 1
        self._ledger.append(entry)
        scope[ENTRY] = entry
        return entry

    async def _faulty(self, entry: Entry, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        if any(rule.reads_body for rule in self._rules):
            body = await read_body(receive)
            receive = replay(body, receive)
        fault = self._first(entry.method, entry.url, body, item=False)
        if fault is None:
            await app(scope, receive, send)
            return
        entry.fault = fault.kind
        entry.dropped = await inject(fault, app, scope, receive, send)

    def _first(self, method: str, url: str, body: bytes, *, item: bool) -> Fault | None:
        return next((rule.fault for rule in self._rules if rule.takes(method, url, body, item=item)), None)


def _header(scope: Scope, name: bytes) -> str | None:
    """A header that came several times is joined by commas."""
    found = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return ", ".join(found) if found else None
