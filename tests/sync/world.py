"""A small world for tests of the whole way: both embedded ends over HTTP on loopback, a state, and a played clock.

Dispatchers book over the Dataverse Web API, workers use their hands in Exchange, and the sync in between is the
product's own, wired as the product wires it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
from tests.dav.servers import DavServer
from tests.hostile.proxy import Proxy
from tests.sync.dav_boxes import Boxes
from tests.sync.exchange_boxes import ExchangeBoxes
from tests.sync.mortal import HeldPace, Life, MortalDatabase, Wire

from fieldcal import sent
from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.server import LocalServer
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http, TokenCredential
from fieldcal.model import BookingId, MailboxId
from fieldcal.plan.render import render
from fieldcal.plan.settings import parse
from fieldcal.setup_model import Endpoint, Environment, Method, ServerProfile
from fieldcal.sources.dataverse import DataverseSource
from fieldcal.state import environments, mailboxes, marks, profiles, workers
from fieldcal.state.database import Database
from fieldcal.state.schema import upgrade
from fieldcal.sync.passes import Report, run_check, run_pass
from fieldcal.sync.site import Site

T = TypeVar("T")
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ENVIRONMENT, PROFILE = "main", "Microsoft Exchange Online"
#: what a world is asked for its calendars with; it has one end
SERVER = ServerProfile(PROFILE, Endpoint("https://graph.example"), datetime(2026, 1, 1, tzinfo=UTC))
TENANT = uuid.UUID("5e4f0a52-1c0f-4b8b-9d6e-0a4c7b3f2d11")
MARK = "FieldcalMark"
WRITING = ("POST", "PATCH", "DELETE", "PUT", "PROPPATCH", "MKCALENDAR")
UNTRACKED = ("bookableresourcebooking", "bookableresource", "msdyn_workorder")


@dataclass(frozen=True, slots=True)
class Shown:
    """One event as its owner sees it; `raw` is what the hands take."""

    raw: StoredEvent
    key: bytes
    subject: str
    start: datetime
    end: datetime
    show_as: str
    body: str
    location: str
    categories: tuple[str, ...]
    mark: str
    transaction: str


class PlayedTime:
    """A clock that the test moves; a sleeper is let go at once and takes the time with it."""

    def __init__(self, start: datetime) -> None:
        self._now, self._elapsed = start, 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=max(seconds, 0)))
        await asyncio.sleep(0)

    def advance(self, by: timedelta) -> None:
        self._now += by
        self._elapsed += max(by.total_seconds(), 0)


@dataclass(frozen=True, slots=True)
class Basics:
    """A field service in which nothing is but what every organization has, and the ids of that."""

    database: bytes
    statuses: dict[str, str]
    type: str
    account: str


#: what the first world of a test process that began at a time has asked for, for those that begin at it too
_basics: dict[tuple[datetime, bool], Basics] = {}


@dataclass(frozen=True, slots=True)
class Process:
    """One running Fieldcal."""

    life: Life
    database: MortalDatabase
    site: Site


class World:
    """Both ends, the state and the sync between them. Blocking from outside; all of it runs in one loop."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        now: datetime = NOW,
        patience: float | None = None,
        swept: bool = False,
        caldav: DavServer | None = None,
        clock: Any = None,
        **settings: Any,
    ) -> None:
        """`patience`: a bad network lies before both ends, and the product waits so many seconds for an answer.

        `swept`: the organization tracks no changes, so that the window is read whole at every pass. `caldav`: the
        calendars lie on this server, and not in the embedded Exchange. `clock`: one that runs, in place of a played one.
        """
        self.clock: Any = clock or PlayedTime(now)
        self.loop = asyncio.new_event_loop()
        self.settings = parse(settings)
        self.page_size = 5000
        source = folder / "fieldservice.sqlite3"
        known = None if clock or source.exists() else _basics.get((now, swept))
        if known:
            source.write_bytes(known.database)
        self.field_service = FieldService(
            source, tenant_id=str(TENANT), clock=SandboxClock(self.clock.now), sandbox=True
        )
        self.caldav = caldav
        # Whatever stands there is asked for the same: `Any`, for they are no relatives.
        self.exchange: Any = (
            Boxes(caldav, self.clock) if caldav else ExchangeBoxes(folder / "exchange.sqlite3", TENANT, self.clock)
        )
        if swept:
            self.field_service.control.change(untracked=UNTRACKED)
        self.wires = (Wire(self.field_service.app), Wire(self.exchange.app))
        self.servers = [LocalServer(wire) for wire in self.wires]
        self.source_url, self.graph_url = (self.run(server.start()) for server in self.servers)
        self.proxies = [Proxy(url) for url in (self.source_url, self.graph_url)] if patience else []
        #: where the product finds both ends
        self.ways = [self.run(proxy.start()) for proxy in self.proxies] or [self.source_url, self.graph_url]
        self.patience = patience or 30.0
        self.http = self.run(self._session())
        self.database_url = database_url
        self.database = Database(database_url)
        self.statuses: dict[str, str] = {}
        self.resources: dict[str, str] = {}
        self.boxes: dict[str, str] = {}
        self._environment()
        self.site = self.new_site()
        if known:
            self.statuses, self.type, self.account = dict(known.statuses), known.type, known.account
        else:
            self._ask_for_basics()
        if not known and not clock:
            with closing(sqlite3.connect(source)) as served:
                found = Basics(served.serialize(), dict(self.statuses), self.type, self.account)
            _basics[now, swept] = found

    # -- the machinery

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def source_token(self, url: str = "") -> str:
        """A token that the field service takes now."""
        return self.field_service.tokens.grant(url or self.source_url)

    def _calendar_token(self) -> str:
        """A token that the embedded Exchange takes now; CalDAV's requests bring a password each."""
        return str(self.exchange.token())

    def new_site(self, database: Database | None = None, life: Life | None = None) -> Site:
        """The environment at work, as a process that just started would have it."""
        database = database or self.database
        organization = str(self.field_service.organization_id)
        pace = HeldPace(database, self.clock, life) if life else StoredPace(database, self.clock)
        name = life.name if life else uuid.uuid4().hex
        source = DataverseSource(
            self._http("source", self.ways[0], lambda: self.source_token(self.ways[0]), name),
            self.clock,
            track_location=self.settings.follow_location,
            track_work_orders=self.settings.follow_work_order,
            page_size=self.page_size,
        )
        graph = self.ways[1] + ("" if self.caldav else "/v1.0")
        end = self._http("calendars", graph, self._calendar_token, name)
        calendars = self.exchange.calendars(self.ways[1], end, pace, self.clock, PROFILE)
        self._to_close = [*getattr(self, "_to_close", []), source, calendars]
        return Site(
            ENVIRONMENT, organization, self.settings, database, self.clock, pace, source, lambda _profile: calendars,
            render, lambda: 0.0, name,
        )  # fmt: skip

    def _http(self, system: str, url: str, token: Callable[[], str], name: str) -> Http:
        def observe(_method: str, _path: str, status: int) -> None:
            sent.request(system, status)

        return Http(
            url, TokenCredential(token), self.clock, user_agent=name, timeout=self.patience, observe=observe
        )  # fmt: skip

    def start(self, name: str) -> Process:
        """A process of its own over the same state, which can be killed and held up."""
        life = Life(name)
        for wire in self.wires:
            wire.lives[name] = life
        database = MortalDatabase(self.database_url, life)
        return Process(life, database, self.new_site(database, life))

    def _environment(self) -> None:
        end = Endpoint(self.source_url)
        with self.database.write() as tx:
            environments.add(
                tx, Environment(ENVIRONMENT, end, self.clock.now(), settings=self.settings, organization="", tenant="")
            )
            profiles.add(tx, ServerProfile(PROFILE, Endpoint(self.graph_url), self.clock.now()))

    def change_settings(self, **changes: Any) -> None:
        """As an administrator changes them; taken up by the next pass."""
        self.settings = parse(changes, self.settings)
        self.site = self.new_site()

    def read_in_pages_of(self, rows: int) -> None:
        """From the next pass on the source is asked for pages as small as this."""
        self.page_size = rows
        self.site = self.new_site()

    def restart(self) -> None:
        """Another process over the same state: nothing is remembered but what is stored."""
        self.database.close()
        self.database = Database(self.database_url)
        self.site = self.new_site()

    def forget_state(self) -> None:
        """The state is lost altogether; the calendars stand as they are."""
        self.replace_state(None)
        upgrade(self.database)
        self._environment()
        self.site = self.new_site()

    def replace_state(self, by: Path | None) -> None:
        """Another file takes the state's place, or none."""
        self.database.close()
        path = Path(self.database.url.database or "")
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        if by is not None:
            by.rename(path)
        self.database = Database(self.database_url)
        self.site = self.new_site()

    def set_up_again(self, *names: str) -> None:
        """Workers are read anew and their mailboxes enabled, bookings or not."""
        self.run(self._read_workers())
        for name in names:
            self.enable(name)

    async def _read_workers(self) -> None:
        page = await self.site.source.workers(None)
        window, now = self.settings.window(self.clock.now()), self.clock.now()
        with self.database.write() as tx:
            workers.store(tx, ENVIRONMENT, page.rows, page.gone, window, now)

    def close(self) -> None:
        async def stop() -> None:
            for end in self._to_close:
                await end.close()
            await self.exchange.stop()
            await self.http.close()
            for proxy in self.proxies:
                await proxy.stop()
            for server in self.servers:
                await server.stop()
            await asyncio.sleep(0)

        self.run(stop())
        self.database.close()
        self.field_service.close()
        self.exchange.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    # -- the field service, over its API

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """One request to the Dataverse Web API; the JSON of the answer, None where there is none."""

        async def send() -> Any:
            url = f"{self.source_url}/api/data/v9.2/{path}"
            sent = {
                "Authorization": f"Bearer {self.source_token()}",
                "Prefer": "return=representation",
                **headers,
            }
            async with self.http.request(method, url, json=body, headers=sent) as answer:
                text = await answer.read()
                assert answer.status < 300, (method, path, answer.status, text)
                return msgspec.json.decode(text) if text else None

        return self.run(send())

    def _ask_for_basics(self) -> None:
        for name, status, code in (
            ("Scheduled", 2, 690970000), ("Traveling", 2, 690970001), ("In Progress", 2, 690970003),
            ("Completed", 2, 690970004), ("Canceled", 3, 690970005), ("Proposed", 1, None),
        ):  # fmt: skip
            row = {"name": name, "status": status, "msdyn_fieldservicestatus": code}
            self.statuses[name] = self.ask("POST", "bookingstatuses", row)["bookingstatusid"]
        self.type = self.ask("POST", "msdyn_workordertypes", {"msdyn_name": "Repair"})["msdyn_workordertypeid"]
        self.account = self.ask("POST", "accounts", {"name": "Northwind Bakery"})["accountid"]

    def worker(self, name: str, *, enabled: bool = True, zone: int = 110, box: str = "", kind: int = 3) -> str:
        """A technician with a mailbox (or one that shares `box`); set up unless told otherwise."""
        body: dict[str, Any] = {"name": name, "resourcetype": kind, "timezone": zone}
        if kind == 3:
            object_id = self.boxes.get(box) or str(uuid.uuid4())
            address = f"{(box or name).lower()}@northwind-trades.example"
            user = {
                "fullname": name, "internalemailaddress": address, "azureactivedirectoryobjectid": object_id,
                "domainname": address, "isdisabled": False,
            }  # fmt: skip
            user_id = self.ask("POST", "systemusers", user)["systemuserid"]
            body["UserId@odata.bind"] = f"/systemusers({user_id})"
            self.boxes[name] = object_id
            if not box:
                self.exchange.adds_mailbox(object_id, name)
        self.resources[name] = self.ask("POST", "bookableresources", body)["bookableresourceid"]
        if kind == 3 and enabled:
            self.pass_(workers_in_full=True)
            self.enable(name)
        return self.resources[name]

    def work_order(self, number: str = "WO-1", **columns: Any) -> str:
        row = {
            "msdyn_name": number, "msdyn_workordersummary": "Oven does not heat", "msdyn_address1": "Hauptstr. 1",
            "msdyn_city": "Berlin", "msdyn_serviceaccount@odata.bind": f"/accounts({self.account})",
            "msdyn_workordertype@odata.bind": f"/msdyn_workordertypes({self.type})", **columns,
        }  # fmt: skip
        return self.ask("POST", "msdyn_workorders", row)["msdyn_workorderid"]

    def book(
        self,
        worker: str,
        start: datetime,
        hours: float = 2,
        *,
        work_order: str | None = None,
        status: str = "Scheduled",
        name: str = "Job",
    ) -> BookingId:
        row: dict[str, Any] = {
            "name": name, "starttime": _z(start), "endtime": _z(start + timedelta(hours=hours)),
            "Resource@odata.bind": f"/bookableresources({self.resources[worker]})",
            "BookingStatus@odata.bind": f"/bookingstatuses({self.statuses[status]})",
        }  # fmt: skip
        if work_order:
            row["msdyn_workorder@odata.bind"] = f"/msdyn_workorders({work_order})"
        return BookingId(self.ask("POST", "bookableresourcebookings", row)["bookableresourcebookingid"])

    def change(self, booking: str, **columns: Any) -> None:
        self.ask("PATCH", f"bookableresourcebookings({booking})", columns)

    def move(self, booking: str, start: datetime, hours: float = 2) -> None:
        self.change(booking, starttime=_z(start), endtime=_z(start + timedelta(hours=hours)))

    def set_status(self, booking: str, status: str) -> None:
        self.change(booking, **{"BookingStatus@odata.bind": f"/bookingstatuses({self.statuses[status]})"})

    def reassign(self, booking: str, worker: str) -> None:
        self.change(booking, **{"Resource@odata.bind": f"/bookableresources({self.resources[worker]})"})

    def delete(self, booking: str) -> None:
        self.ask("DELETE", f"bookableresourcebookings({booking})")

    # -- set-up, as Test & Enable leaves it

    def box(self, name: str) -> MailboxId:
        return MailboxId(self.boxes[name])

    def enable(self, name: str, *, check_first: bool = True) -> None:
        box = self.box(name)
        with self.database.write() as tx:
            mailboxes.set_profile(tx, ENVIRONMENT, [box], PROFILE)
            mailboxes.set_method(tx, ENVIRONMENT, [box], Method.SERVER_SIDE_SYNC)
            mailboxes.approve(tx, ENVIRONMENT, [box], "operator")
            mailboxes.enable(tx, ENVIRONMENT, box, [])
            if check_first:
                mailboxes.check_first(tx, ENVIRONMENT, [box])
            window = self.settings.window(self.clock.now())
            marks.mark_mailbox(tx, ENVIRONMENT, box, window, self.clock.now(), "enabled")

    def disable(self, name: str) -> None:
        with self.database.write() as tx:
            mailboxes.disable(tx, ENVIRONMENT, [self.box(name)], "switched off by the operator")

    # -- the sync and what it left

    def pass_(self, **options: Any) -> Report:
        return self.run(run_pass(self.site, **options))

    def check(self, *, everything: bool = False) -> Report:
        boxes = [MailboxId(box) for box in dict.fromkeys(self.boxes.values())]
        return self.run(run_check(self.site, boxes, everything=everything))

    def events(self, name: str) -> list[Shown]:
        """Everything in the worker's calendar, by start."""
        return [self._shown(event) for event in self.exchange.look(self.boxes[name])]

    def ours(self, name: str) -> list[Shown]:
        """What carries our mark there."""
        return [event for event in self.events(name) if event.mark]

    def _shown(self, event: StoredEvent) -> Shown:
        properties = self.exchange.properties(event)
        mark = next((value for key, value in properties.items() if MARK in key), "")
        document = event.document
        place = ", ".join(str(item.get("displayName", "")) for item in document.locations)
        return Shown(
            event, event.key, event.subject, _instant(event.start), _instant(event.end), document.show_as,
            document.body, place, tuple(document.categories), mark, event.transaction_id or "",
        )  # fmt: skip

    def ask_calendar(self, name: str, path: str) -> Any:
        """What Graph shows of a worker's mailbox, asked past the product."""

        async def send() -> Any:
            headers = {"Authorization": f"Bearer {self.exchange.token()}", "Prefer": 'IdType="ImmutableId"'}
            url = f"{self.graph_url}/v1.0/users/{self.boxes[name]}/{path}"
            async with self.http.get(url, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                return msgspec.json.decode(await answer.read())

        return self.run(send())

    def edit(self, name: str, event: Shown, **changes: Any) -> None:
        """A worker's hand on an event, in Graph's words."""
        self.exchange.edit(self.boxes[name], event.raw, changes)

    def remove(self, name: str, event: Shown) -> None:
        """A worker deletes an event by hand."""
        self.exchange.delete(self.boxes[name], event.raw)

    def copy(self, name: str, event: Shown) -> None:
        """A worker copies an event, its mark too."""
        self.exchange.copy(self.boxes[name], event.raw)

    def subjects(self, name: str) -> list[str]:
        return [event.subject for event in self.events(name)]

    def writes(self) -> int:
        """Requests that change a calendar, single or as batch items, since the ledger was cleared."""
        count = 0
        for entry in self.exchange.control.ledger():
            count += entry.method in WRITING and "$batch" not in entry.url
            count += sum(item.method in ("POST", "PATCH", "DELETE") for item in entry.items)
        return count

    def forget_requests(self) -> None:
        self.exchange.control.clear_ledger()
        self.field_service.control.clear_ledger()


def _instant(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp.rstrip("Z")[:26]).replace(tzinfo=UTC)


def _z(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
