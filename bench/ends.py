"""The two embedded ends, filled and started as processes of their own, so that only the sync is measured here."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.fieldservice.database import TABLES, take_counter

_SPACE = uuid.UUID("0b0f4f0e-5a56-4d0c-9a6e-0d5a3c1e7f42")


@dataclass(frozen=True)
class Ends:
    source: str
    source_token: str
    graph: str
    graph_token: str


def made_id(kind: str, number: int) -> str:
    return str(uuid.uuid5(_SPACE, f"{kind}/{number}"))


def z(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fill(folder: Path, *, workers: int, bookings: int, beyond: int = 0, busy: int = 0) -> None:
    """`bookings` in the window, spread over the workers, or the `busy` first; `beyond` more of them start after it."""
    busy = busy or workers
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    field_service = FieldService(folder / "fieldservice.sqlite3")
    store = field_service.store
    store.load("bookingstatus", [{"bookingstatusid": made_id("status", 1), "name": "Scheduled", "status": 2, "msdyn_fieldservicestatus": 690970000},
                                 {"bookingstatusid": made_id("status", 2), "name": "Traveling", "status": 2, "msdyn_fieldservicestatus": 690970001}])  # fmt: skip
    store.load("account", [{"accountid": made_id("account", n), "name": f"Customer {n}"} for n in range(200)])
    store.load("msdyn_workordertype", [{"msdyn_workordertypeid": made_id("type", 1), "msdyn_name": "Repair"}])
    store.load("systemuser", [
        {"systemuserid": made_id("user", n), "fullname": f"Worker {n}", "internalemailaddress": f"worker{n}@northwind-trades.example",
         "domainname": f"worker{n}@northwind-trades.example", "azureactivedirectoryobjectid": made_id("box", n), "isdisabled": False}
        for n in range(workers)
    ])  # fmt: skip
    store.load("bookableresource", [
        {"bookableresourceid": made_id("worker", n), "name": f"Worker {n}", "resourcetype": 3, "timezone": 110, "userid": made_id("user", n)}
        for n in range(workers)
    ])  # fmt: skip
    orders = min(bookings + beyond, 20_000)
    store.load("msdyn_workorder", [
        {"msdyn_workorderid": made_id("order", n), "msdyn_name": f"WO-{n:06}", "msdyn_workordersummary": "Boiler loses pressure; check the expansion vessel and the relief valve.",
         "msdyn_address1": f"Street {n % 90}", "msdyn_city": "Berlin", "msdyn_postalcode": "10115", "msdyn_serviceaccount": made_id("account", n % 200),
         "msdyn_workordertype": made_id("type", 1)}
        for n in range(orders)
    ])  # fmt: skip

    def booking(n: int) -> dict[str, object]:
        if n < bookings:
            start = now + timedelta(hours=1 + n // busy * (13 * 24 / max(bookings // busy, 1)))
        else:
            start = now + timedelta(days=20 + n % 300)
        return {
            "bookableresourcebookingid": made_id("booking", n), "name": f"Job {n}", "starttime": z(start), "endtime": z(start + timedelta(hours=2)),
            "duration": 120, "resource": made_id("worker", n % busy), "bookingstatus": made_id("status", 1),
            "msdyn_workorder": made_id("order", n % orders), "statecode": 0,
        }  # fmt: skip

    store.load("bookableresourcebooking", [booking(n) for n in range(bookings + beyond)])
    field_service.close()
    exchange = Exchange(folder / "exchange.sqlite3")
    exchange.store.mailboxes.add(
        NewMailbox(
            uuid.UUID(made_id("box", n)),
            f"worker{n}@northwind-trades.example",
            f"worker{n}@northwind-trades.example",
            f"Worker {n}",
        )
        for n in range(workers)
    )
    exchange.close()


#: one row told many times over: what the store's own way does in minutes, SQLite does in seconds
_HISTORY = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :number)
INSERT INTO bookableresourcebooking ({names}, bookableresourcebookingid, versionnumber, starttime, endtime)
SELECT {names}, printf('%08x-0000-4000-9000-%012x', i * 2654435761 % 4294967296, i), :version + i,
       strftime('%Y-%m-%dT%H:%M:%SZ', 1420444800 + i * 180, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%SZ', 1420444800 + i * 180 + 7200, 'unixepoch')
FROM bookableresourcebooking, n WHERE bookableresourcebookingid = :pattern
"""


def add_history(folder: Path, number: int) -> None:
    """So many bookings that ended years ago, as a long life leaves them behind; each like the first of `fill`."""
    if not number:
        return
    field_service = FieldService(folder / "fieldservice.sqlite3")
    table = TABLES["bookableresourcebooking"]
    own = {"bookableresourcebookingid", "versionnumber", "starttime", "endtime"}
    names = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in own)
    with field_service.store.writing() as connection:
        first = take_counter(connection, "version", number) - number + 1
        given = {"number": number, "version": first, "pattern": made_id("booking", 0)}
        connection.execute(text(_HISTORY.replace("{names}", names)), given)
    field_service.close()


@contextlib.contextmanager
def started(folder: Path, *, latency: float = 0.0, sandbox: bool = False) -> Iterator[Ends]:
    """Both ends as processes; they end with the block. `sandbox`: Exchange's control plane is open."""
    first = _start("fieldcal.embedded.fieldservice", folder / "fieldservice.sqlite3")
    second = _exchange(folder, latency, sandbox=sandbox)
    try:
        told = [json.loads(process.stdout.readline()) for process in (first, second) if process.stdout]
        yield Ends(told[0]["url"], told[0]["token"], told[1]["url"], told[1]["token"])
    finally:
        for process in (first, second):
            process.terminate()
            process.wait()
            if process.stdout:
                process.stdout.close()


@contextlib.contextmanager
def only_exchange(folder: Path, *, latency: float, sandbox: bool = False) -> Iterator[tuple[str, str]]:
    """Exchange alone as a process: its address and a token."""
    with _alone(_exchange(folder, latency, sandbox=sandbox)) as end:
        yield end


@contextlib.contextmanager
def only_source(folder: Path) -> Iterator[tuple[str, str]]:
    """Field Service alone as a process: its address and a token."""
    with _alone(_start("fieldcal.embedded.fieldservice", folder / "fieldservice.sqlite3")) as end:
        yield end


@contextlib.contextmanager
def _alone(process: subprocess.Popen[str]) -> Iterator[tuple[str, str]]:
    try:
        told = json.loads(process.stdout.readline()) if process.stdout else {}
        yield told["url"], told["token"]
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


def _exchange(folder: Path, latency: float, *, sandbox: bool) -> subprocess.Popen[str]:
    options = ["--latency", str(latency), *(["--sandbox"] if sandbox else [])]
    return _start("fieldcal.embedded.exchange", folder / "exchange.sqlite3", *options)


def _start(module: str, database: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, "--port", "0", "--database", str(database), *options],
        stdout=subprocess.PIPE,
        text=True,
    )


def patch_bookings(ends: Ends, numbers: list[int], shift: timedelta) -> None:
    """A dispatcher moves these bookings, over the API."""
    for n in numbers:
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2) + shift
        body = json.dumps({"starttime": z(start), "endtime": z(start + timedelta(hours=1))}).encode()
        request = urllib.request.Request(
            f"{ends.source}/api/data/v9.2/bookableresourcebookings({made_id('booking', n)})", data=body, method="PATCH",
            headers={"Authorization": f"Bearer {ends.source_token}", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request) as answer:
            answer.read()
