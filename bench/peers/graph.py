"""The clients' runs at Graph, each a process of its own against an Exchange of its own, as numbers by name."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.__main__ import client
from bench.caldav.runs import CHANGED, Numbers
from bench.ends import fill, made_id, only_exchange, patch_bookings, started, z
from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT

LATENCY = 0.05
ROOT = Path(__file__).resolve().parents[2]
#: The environment of the independent clients: their libraries are nothing of Fieldcal's.
READY = ".venv-conformance/.ready"
PYTHON = ROOT / ".venv-conformance" / "bin" / "python"
LOOPS = {
    "a loop over O365": ["bench.peers.o365_loop"],
    "a loop over msgraph-sdk": ["bench.peers.sdk_loop", "one"],
    "a loop over msgraph-sdk, its batches": ["bench.peers.sdk_loop", "batches"],
}


def fill_template(folder: Path, mailboxes: int, each: int) -> None:
    """What every run begins with; makes the peers' environment where it is missing."""
    subprocess.run(["make", READY], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    folder.mkdir()
    fill(folder, workers=mailboxes, bookings=mailboxes * each)


def all_of_them(template: Path, room: Path, mailboxes: int, each: int) -> Iterator[tuple[str, Numbers]]:
    """Fieldcal first: what it has written is what the others are asked to write."""
    told, wanted = of_fieldcal(template, room / "ours", mailboxes, each)
    yield "fieldcal", told
    for n, (what, words) in enumerate(LOOPS.items()):
        yield what, of_loop(template, room / f"loop-{n}", words, wanted, mailboxes * each)


def of_fieldcal(template: Path, room: Path, mailboxes: int, each: int) -> tuple[Numbers, Numbers]:
    """First pass, one with nothing new, one with ten changes; and what stands there after the first."""
    shutil.copytree(template, room)
    with started(room, latency=LATENCY, sandbox=True) as ends:
        client(room, ends, "prepare")
        first = counted(ends.graph, lambda: client(room, ends, "pass"))
        assert first["created"] == mailboxes * each, first
        wanted = standing(ends.graph, ends.graph_token, mailboxes)
        idle = counted(ends.graph, lambda: client(room, ends, "pass"))
        patch_bookings(ends, list(range(CHANGED)), timedelta(hours=1))
        few = counted(ends.graph, lambda: client(room, ends, "pass"))
        assert few["updated"] == CHANGED, few
    return {"first": first, "idle": idle, "few": few}, wanted


def of_loop(template: Path, room: Path, words: list[str], wanted: Numbers, events: int) -> Numbers:
    """First run, nothing new, ten events moved; each run a process, as one of cron's."""
    shutil.copytree(template, room)
    module, *more = words
    file, told = room / "wanted.json", dict[str, Any]()
    with only_exchange(room, latency=LATENCY, sandbox=True) as (graph, token):

        def run() -> Numbers:
            return json.loads(subprocess.run(
                [PYTHON, "-m", module, graph, token, str(file), *more], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
            ).stdout)  # fmt: skip

        for phase, number in (("first", events), ("idle", 0), ("few", CHANGED)):
            file.write_text(json.dumps(moved(wanted) if phase == "few" else wanted))
            told[phase] = counted(graph, run)
            assert told[phase]["written"] == number, (words, phase, told[phase])
    return told


def counted(graph: str, run: Callable[[], Any]) -> Numbers:
    """What the run tells, and how many requests Exchange had from it, a batch being one."""
    urllib.request.urlopen(urllib.request.Request(f"{graph}/_control/ledger", method="DELETE")).close()
    told = dict(run())
    with urllib.request.urlopen(f"{graph}/_control/counts") as answer:
        told["requests"] = sum(json.load(answer).get("request", {}).values())
    return told


def standing(graph: str, token: str, mailboxes: int) -> Numbers:
    """Every event, by its mailbox, as the loops are handed it, and the window that they lie in."""
    now, boxes = datetime.now(UTC), dict[str, Any]()
    window = [z(now - timedelta(days=7)), z(now + timedelta(days=14))]
    for n in range(mailboxes):
        span = f"startDateTime={window[0]}&endDateTime={window[1]}&$top=999"
        request = urllib.request.Request(
            f"{graph}/v1.0/users/{made_id('box', n)}/calendarView?{span}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request) as answer:
            boxes[made_id("box", n)] = [
                {
                    "key": one["transactionId"], "subject": one["subject"], "body": one["body"]["content"],
                    "start": one["start"]["dateTime"][:19], "end": one["end"]["dateTime"][:19],
                    "location": one["location"]["displayName"],
                }
                for one in json.load(answer)["value"]
            ]  # fmt: skip
    return {"tenant": str(DEFAULT_TENANT), "window": window, "mailboxes": boxes}


def moved(wanted: Numbers) -> Numbers:
    """The same with the first event of the first ten mailboxes ending a minute later."""
    boxes = dict(wanted["mailboxes"])
    for box in list(boxes)[:CHANGED]:
        first, *others = boxes[box]
        end = datetime.fromisoformat(first["end"]) + timedelta(minutes=1)
        boxes[box] = [{**first, "end": end.isoformat()}, *others]
    return {**wanted, "mailboxes": boxes}
