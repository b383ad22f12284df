"""A room for set-up: a state with environments and a server profile, and an Exchange that answers over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from tests.values import DAY, HOUR, NOW, ORGANIZATION, booking_id

from fieldcal.calendars.graph import GraphCalendars
from fieldcal.clock import PlayedClock
from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.server import serving_in_thread
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http, TokenCredential
from fieldcal.model import MailboxId, Window, Worker, WorkerId, WorkerKind
from fieldcal.setup import claims, mailboxes, takeover, trial
from fieldcal.setup.bench import Bench
from fieldcal.setup_model import Actor, Endpoint, Environment, Mailbox, Method, Role, ServerProfile, User
from fieldcal.state import environments, profiles, schema, workers
from fieldcal.state import mailboxes as rows
from fieldcal.state.database import Database
from fieldcal.state.tables import bookings

T = TypeVar("T")


class HastyClock(PlayedClock):
    """Nobody waits: a sleeper takes the time with it."""

    async def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=max(seconds, 0)))
        await asyncio.sleep(0)


OPERATOR = Actor("root")
MAIN, PROFILE = "main", "Microsoft Exchange Online"
#: what a bench is asked for its calendars with; it has one end
SERVER = ServerProfile(PROFILE, Endpoint("https://graph.example"), NOW)


def person(*roles: Role, name: str = "eve@x.example", object_id: str = "") -> Actor:
    """Somebody with these roles, who signs in by this name."""
    return Actor("root", User(name, name, name, object_id, frozenset(roles), NOW))


class Room:
    """One installation's set-up; `names` are mailboxes that Exchange has and the state knows."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.clock = database, HastyClock(NOW)
        self.exchange = Exchange(folder / "exchange.sqlite3", sandbox=True)
        self._serving: AbstractContextManager[str] = serving_in_thread(self.exchange.app)
        self.url = self._serving.__enter__()
        self.boxes: dict[str, MailboxId] = {}
        with database.write() as tx:
            profiles.add(tx, ServerProfile(PROFILE, Endpoint(self.url), NOW))
        self.environment(MAIN, ORGANIZATION)

    def close(self) -> None:
        self._serving.__exit__(None, None, None)
        self.exchange.close()

    def environment(self, name: str, organization: str, **values: Any) -> None:
        with self.database.write() as tx:
            tenant = str(self.exchange.tenant_id)
            environments.add(tx, Environment(name, Endpoint("http://127.0.0.1:1"), NOW, organization=organization,
                                             **{"tenant": tenant, **values}))  # fmt: skip

    def mailbox(self, name: str, *, environment: str = MAIN, exists: bool = True) -> MailboxId:
        """A worker with a mailbox; Exchange has it too unless it does not exist there."""
        address = f"{name}@x.example"
        if name not in self.boxes:
            self.boxes[name] = MailboxId(str(uuid.uuid5(uuid.NAMESPACE_DNS, address)))
            if exists:
                self.exchange.store.mailboxes.add([NewMailbox(uuid.UUID(self.boxes[name]), address, address, name)])
        self.tell(name, address, environment=environment)
        return self.boxes[name]

    def tell(self, name: str, address: str, *, environment: str = MAIN) -> None:
        """The source says that this worker has this address."""
        worker = Worker(WorkerId(f"w-{name}"), name, WorkerKind.USER, True, self.boxes[name], address, address, "UTC")
        with self.database.write() as tx:
            workers.store(tx, environment, [worker], [], Window(NOW - 7 * DAY, NOW + 14 * DAY), self.clock.now())

    def book(self, name: str, number: int, start: datetime = NOW + HOUR, *, environment: str = MAIN) -> None:
        with self.database.write() as tx:
            tx.execute(
                bookings.insert().values(
                    environment=environment, id=booking_id(number), start=start, end=start + HOUR, worker=f"w-{name}",
                    active=True, version=1,
                )
            )  # fmt: skip

    def prepare(self, *names: str, environment: str = MAIN, actor: Actor = OPERATOR) -> list[MailboxId]:
        """Everything that R9 asks before Test & Enable."""
        wanted = [self.boxes[name] for name in names]
        now = self.clock.now()
        with self.database.write() as tx:
            mailboxes.edit(
                tx, actor, now, environment, wanted, profile=PROFILE, method=Method.SERVER_SIDE_SYNC
            )  # fmt: skip
            mailboxes.approve(tx, actor, now, environment, wanted)
        return wanted

    def at_work(self, work: Callable[[Bench], Awaitable[T]]) -> T:
        """Run `work` with connections of its own loop."""

        async def run() -> T:
            http = Http(self.url, TokenCredential(self.exchange.token), self.clock, timeout=5)
            pace = StoredPace(self.database, self.clock)
            calendars = GraphCalendars(http, pace, self.clock, PROFILE)
            try:
                return await work(Bench(self.database, self.clock, lambda _profile: calendars, "a worker", pace))
            finally:
                await calendars.close()

        return asyncio.run(run())

    def test(self, *names: str, environment: str = MAIN, actor: Actor = OPERATOR) -> list[Mailbox]:
        """Run Test & Enable for these."""
        wanted = [self.boxes[name] for name in names]
        return self.at_work(lambda bench: trial.run_now(bench, actor, environment, wanted))

    def go_on(self, environment: str = MAIN) -> list[Mailbox]:
        return self.at_work(lambda bench: trial.go_on(bench, environment))

    def take_over(self, name: str, *, environment: str = MAIN, actor: Actor = OPERATOR) -> Mailbox:
        return self.at_work(lambda bench: takeover.take_over(bench, actor, environment, self.boxes[name]))

    def claim(self, name: str) -> claims.Claim | None:
        """The claim on this calendar, past our own eyes."""
        return claims.read(self.claim_text(name))

    def claim_text(self, name: str) -> str | None:
        box = self.exchange.store.mailboxes.get(self.boxes[name])
        properties = self.exchange.store.mailboxes.calendar_properties(box)
        return next((value for key, value in properties.items() if "Claim" in key and value), None)

    def set_claim(self, name: str, text: str) -> None:
        """Somebody else's claim."""

        async def write(bench: Bench) -> None:
            calendar = bench.calendars(SERVER).open(self.boxes[name], "")
            await calendar.set_claim(text, lambda: None)

        self.at_work(write)

    def ours(self, environment: str = MAIN, organization: str = ORGANIZATION) -> claims.Claim:
        with self.database.read() as tx:
            return claims.Claim(schema.installation(tx), organization, environment)

    def row(self, name: str, environment: str = MAIN) -> Mailbox:
        with self.database.read() as tx:
            found = rows.load(tx, environment, self.boxes[name])
        assert found is not None
        return found

    def why_not(self, name: str, environment: str = MAIN) -> str | None:
        with self.database.read() as tx:
            return rows.why_not(tx, environment, self.boxes[name])

    def fail(
        self, status: int, *, path: str = "", times: int | None = None, code: str = "", method: str | None = None
    ) -> None:
        """Have Exchange answer so."""
        self.exchange.control.add_fault(
            Fault("status", Match(path=path or None, method=method), times=times, status=status, code=code)
        )

    def recover(self) -> None:
        self.exchange.control.clear_faults()

    def requests(self) -> int:
        return len(self.exchange.control.ledger())

    def events(self, name: str) -> Sequence[Any]:
        return self.exchange.hands.look(self.boxes[name])

    def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
