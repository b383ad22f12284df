"""The process of a pass is killed (-9) in the middle of its writes, again and again; both ends live in other processes."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from tests.cli.conftest import Fieldcal, fieldcal  # noqa: F401 -- pytest finds the fixture here
from tests.cli.processes import PATIENCE, Process, running

from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.fieldservice.sample import Sample, load_sample

#: kills, bookings in all, and of these the appointments to make: those in the window of technicians with a mailbox
SHORT, LONG = (3, 450, 100), (20, 6000, 2000)
YES = ("--all", "--yes")


@dataclass
class Ends:
    """Both ends as processes, and a state of ours that is attached to them."""

    folder: Path
    sample: Sample
    graph: str
    env: dict[str, str]
    command: Fieldcal

    def fieldcal(self, *words: str) -> Any:
        """Run a command that nobody kills to its end, in this process; its JSON where it prints some."""
        said = self.command(*words)
        assert said.status == 0, said.err
        return said.json() if "--json" in words else said.out

    def marks(self) -> Counter[tuple[str, str]]:
        """How many events stand for each booking in each mailbox, by the marks on them."""
        found: Counter[tuple[str, str]] = Counter()
        with Exchange(self.folder / "exchange.db") as exchange:
            for box in self.sample.mailboxes:
                for event in exchange.hands.look(box.object_id):
                    for name, value in exchange.hands.properties(event).items():
                        if "FieldcalMark" in name:
                            found[box.object_id, value.split("/")[2]] += 1
        return found

    def sent(self) -> int:
        """Requests about single events so far: writes, searches by mark and reads by id, in batches or alone."""
        with urllib.request.urlopen(f"{self.graph}/_control/ledger", timeout=PATIENCE) as answer:
            ledger = json.load(answer)
        alone = sum(1 for entry in ledger if _about_one_event(entry["method"], entry["url"]))
        return alone + sum(len(entry["items"]) for entry in ledger)

    def let_at_once(self, requests: int) -> None:
        """How many requests about one mailbox the embedded Exchange carries out at once, from now on."""
        body = json.dumps({"mailbox_concurrency": requests}).encode()
        asked = urllib.request.Request(f"{self.graph}/_control/settings", body, method="PATCH")
        urllib.request.urlopen(asked, timeout=PATIENCE).close()

    def in_flight(self) -> int:
        """How many writes the state knows to be handed out and not answered; leases are let run out.

        By SQL, for the processes' clock is the machine's: waiting would take two minutes a kill. What a lease does while
        it lasts is asked in `test_paused_worker.py` and of the state machine, whose clocks are played.
        """
        connection = sqlite3.connect(self.folder / "data" / "state.sqlite3")
        with connection:
            (number,) = connection.execute("SELECT count(*) FROM links WHERE intent IS NOT NULL").fetchone()
            # As if the two minutes had passed for which a dead process keeps its leases.
            connection.execute("UPDATE leases SET until = 0")
        connection.close()
        return int(number)


def _about_one_event(method: str, url: str) -> bool:
    path = url.partition("?")[0]
    if path.endswith("$batch"):
        return False
    writes = (method == "POST" and path.endswith("/events")) or method in {"PATCH", "DELETE"}
    searches = method == "GET" and ("ep/value eq" in url or "/events/" in path)
    return writes or searches


@contextmanager
def both_ends(tmp_path: Path, bookings: int, command: Fieldcal) -> Iterator[Ends]:
    field_service = FieldService(tmp_path / "fieldservice.db")
    sample = load_sample(field_service.store, workers=3, bookings=bookings)
    field_service.close()
    with Exchange(tmp_path / "exchange.db") as exchange:
        exchange.store.mailboxes.add(
            NewMailbox(uuid.UUID(box.object_id), box.address, box.name, zone=box.zone) for box in sample.mailboxes
        )
    tenant = ("--tenant", str(DEFAULT_TENANT))
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        source = stack.enter_context(
            running("fieldcal.embedded.fieldservice", "--database", str(tmp_path / "fieldservice.db"), *tenant)
        )
        # Each item takes its time, so that there is a middle to be killed in.
        calendars = stack.enter_context(
            running("fieldcal.embedded.exchange", "--database", str(tmp_path / "exchange.db"), *tenant, "--sandbox",
                    "--latency", "0.1")
        )  # fmt: skip
        at_source, at_graph = (json.loads(process.until('"url"')) for process in (source, calendars))
        env = {
            "FIELDCAL_DATA": str(tmp_path / "data"), "SOURCE_TOKEN": at_source["token"],
            "GRAPH_TOKEN": at_graph["token"],
        }  # fmt: skip
        made = Ends(tmp_path, sample, at_graph["url"], env, command)
        for name, value in env.items():
            patch.setenv(name, value)
        made.fieldcal("environment", "add", "main", "--url", at_source["url"], "--secret", "env:SOURCE_TOKEN")
        made.fieldcal("profile", "add", "exchange", "--url", at_graph["url"], "--secret", "env:GRAPH_TOKEN")
        made.fieldcal("sync", "--dry-run")
        made.fieldcal("mailbox", "edit", *YES, "--profile", "exchange", "--method", "server-side-sync")
        made.fieldcal("mailbox", "approve", *YES)
        made.fieldcal("mailbox", "test", *YES)
        yield made


def test_i1_i2_f43_killed_three_times_nothing_is_doubled_nothing_lost_and_each_open_write_costs_one_request(
    tmp_path: Path,
    fieldcal: Fieldcal,  # noqa: F811 -- the fixture
) -> None:
    kills, bookings, at_least = SHORT
    with both_ends(tmp_path, bookings, fieldcal) as ends:
        assert killed(ends, kills, at_least) == {1}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_i1_i2_killed_twenty_times_in_two_thousand_writes_it_is_the_same(
    tmp_path: Path,
    fieldcal: Fieldcal,  # noqa: F811 -- the fixture
) -> None:
    kills, bookings, at_least = LONG
    with both_ends(tmp_path, bookings, fieldcal) as ends:
        assert killed(ends, kills, at_least) == {1}


def killed(ends: Ends, kills: int, at_least: int) -> set[int]:
    """Kill so many passes, finish with one more, and ask; how many events each booking has."""
    (plan,) = ends.fieldcal("sync", "--dry-run", "--json")
    wanted = {(step["mailbox"], step["booking"]) for step in plan["steps"] if step["verb"] == "create"}
    assert len(wanted) > at_least
    began, open_writes, moments = ends.sent(), 0, []
    for _ in range(kills):
        before = ends.sent()
        with running("fieldcal", "sync", **ends.env) as process:
            until_more(ends, before, process)
            moments.append(random.uniform(0.0, 0.7))
            threading.Event().wait(moments[-1])
            process.signal(SIGKILL)
            process.wait()
        open_writes += ends.in_flight()
        assert max(ends.marks().values(), default=0) <= 1, moments
    # What the last dead process had sent may still be at work there, and holds places of its mailboxes.
    ends.let_at_once(1000)
    (last,) = ends.fieldcal("sync", "--json")
    marks = ends.marks()
    assert set(marks) == wanted, moments
    assert ends.sent() - began <= len(wanted) + open_writes, (moments, open_writes)
    assert (last["failed"], last["error"]) == (0, "")
    quiet = ends.sent()
    (again,) = ends.fieldcal("sync", "--json")
    assert (again["created"], again["updated"], again["removed"], ends.sent()) == (0, 0, 0, quiet)
    return set(marks.values())


def until_more(ends: Ends, before: int, process: Process) -> None:
    """Return when the pass has begun to write, or has ended because nothing was left to write."""
    pause = threading.Event()
    while ends.sent() <= before and process.alive:
        pause.wait(0.02)
