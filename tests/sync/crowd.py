"""Both ends filled at once and served from threads, for stories in which numbers or processes matter."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.ends import add_history, fill, made_id
from tests.cli.processes import PATIENCE, Process, running
from tests.sync.one_pass import Given, Measured, one_pass
from tests.sync.world import MARK

from fieldcal.embedded.exchange import Exchange
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.server import serving_in_thread

#: a day: longer than any of these stories
LIFETIME = 86_400
#: seconds that a pass over thousands of mailboxes may take on a busy machine
LONGEST = 1500
PASS = "tests.sync.one_pass"


@dataclass(frozen=True)
class Crowd:
    """Workers with bookings at one end, their empty mailboxes at the other, and a state that is set up for all."""

    field_service: FieldService
    exchange: Exchange
    given: Given
    workers: int

    def starts(self, name: str = "one") -> Any:
        """A worker process at its pass, to be used as a context."""
        return running(PASS, *replace(self.given, name=name).words())

    def passes(self, name: str = "one") -> Measured:
        """One pass in a process of its own, to its end, however long a big one takes."""
        words = [sys.executable, "-m", PASS, *replace(self.given, name=name).words()]
        done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST, check=False)
        assert done.returncode == 0, done.stderr
        return Measured(**json.loads(done.stdout.splitlines()[-1]))

    def marks(self) -> Counter[tuple[int, str]]:
        """How many events stand for each booking in each worker's mailbox, by the marks on them."""
        found: Counter[tuple[int, str]] = Counter()
        for number in range(self.workers):
            for event in self.exchange.hands.look(made_id("box", number)):
                for name, value in self.exchange.hands.properties(event).items():
                    if MARK in name:
                        found[number, value.split("/")[2]] += 1
        return found


def told(process: Process) -> Measured:
    """What a worker process printed at its end."""
    status = process.wait()
    assert status == 0, process.printed
    return Measured(**json.loads(process.printed[-1]))


@contextmanager
def crowd(
    folder: Path, *, workers: int, bookings: int, speed: float = 1.0, history: int = 0, swept: bool = False
) -> Iterator[Crowd]:
    """Serve a crowd from this folder while the block runs; `history`: so many more bookings ended years ago.

    `swept`: the organization tracks no changes.
    """
    folder.mkdir(exist_ok=True)
    fill(folder, workers=workers, bookings=bookings)
    add_history(folder, history)
    with ExitStack() as stack:
        field_service = FieldService(folder / "fieldservice.sqlite3", sandbox=True)
        stack.callback(field_service.close)
        if swept:
            field_service.control.change(untracked=["bookableresourcebooking", "bookableresource"])
        exchange = stack.enter_context(Exchange(folder / "exchange.sqlite3", sandbox=True))
        exchange.control.change(mailbox_rate=1_000_000)
        urls = [stack.enter_context(serving_in_thread(end.app)) for end in (field_service, exchange)]
        given = Given(
            f"sqlite:///{folder / 'state.sqlite3'}", urls[0], field_service.tokens.grant(urls[0], lifetime=LIFETIME),
            f"{urls[1]}/v1.0", exchange.token(), speed=speed, epoch=time.time(),
        )  # fmt: skip
        asyncio.run(one_pass(given, first=True))
        yield Crowd(field_service, exchange, given, workers)


def awaited(what: str, condition: Any) -> None:
    """Return as soon as the condition holds; fails when it does not for too long."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain until {what}"
        time.sleep(0.02)
