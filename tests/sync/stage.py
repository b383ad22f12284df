"""The stage on which stories are played: people who act, processes that sync, and the oracle that looks on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from structlog.processors import format_exc_info
from structlog.testing import capture_logs
from tests.sync.mortal import Where
from tests.sync.oracle import Oracle, Wrong
from tests.sync.people import People
from tests.sync.truth import Worker
from tests.sync.world import ENVIRONMENT, Process, World

from fieldcal.embedded.control import Entry
from fieldcal.embedded.exchange import ids
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.errors import FieldcalError
from fieldcal.model import MailboxId
from fieldcal.setup_model import Actor
from fieldcal.state import backup, links, mailboxes
from fieldcal.state.tables import leases
from fieldcal.sync.passes import Report, run_check, run_pass
from fieldcal.sync.site import LEASE, Site

T = TypeVar("T")

#: name, zone (Dataverse's code and the name it stands for), whose mailbox, resource type
CAST = (
    ("Ana", 110, "Europe/Berlin", "", 3),
    ("Ben", 35, "America/New_York", "", 3),
    ("Early shift", 85, "Europe/London", "Ana", 3),
    ("Crew North", 110, "Europe/Berlin", "", 6),
)
#: longer than every pause that the sync takes
REST = timedelta(minutes=40)


class Stage(People):
    """One world, its people and its processes."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        now: datetime,
        follow_work_order: bool = False,
        patience: float | None = None,
        tell: Callable[[str], None] = print,
        before_the_first_pass: Callable[[Stage], None] | None = None,
    ) -> None:
        world = World(folder, url, now=now, patience=patience, follow_work_order=follow_work_order)
        super().__init__(world, Oracle(follow_work_order), tell)
        self._processes = 0
        #: what somebody saw who looked on while a request was carried out
        self._seen: list[AssertionError] = []
        self.process = self._start()
        self.world.wires[1].watch = self._watch
        for name, code, zone, box, kind in CAST:
            self.world.worker(name, enabled=False, zone=code, box=box, kind=kind)
            self.oracle.workers[name] = Worker(name, self.world.boxes.get(name), zone)
        self.boxes = {self.world.boxes[name]: name for name in ("Ana", "Ben")}
        if before_the_first_pass is not None:
            before_the_first_pass(self)
        self.world.set_up_again()
        for name in ("Ana", "Ben"):
            self.switch_mailbox(name, on=True)
        if before_the_first_pass is None:
            # Read whole and found empty: the story begins.
            self.passes()

    # -- processes

    def _start(self) -> Process:
        self._processes += 1
        return self.world.start(f"process {self._processes}")

    def restart(self, *, after_lease: bool = True) -> None:
        """The dead process is gone; another is started, at once or when the dead one's leases have ended."""
        self.process.database.close()
        if after_lease:
            self.world.clock.advance(LEASE + timedelta(seconds=1))
        self.process = self._start()
        self.says(f"{self.process.life.name} starts")

    def keeps_a_copy(self) -> None:
        """The operator copies the state file (SQLite's own way, beside a running process)."""
        self.says("the state is copied")
        state = str(self.world.database.url.database)
        with closing(sqlite3.connect(state)) as source, closing(sqlite3.connect(f"{state}.copy")) as target:
            source.backup(target)

    def puts_the_copy_back(self) -> None:
        """The copy takes the state's place, and is not believed until the calendars are read."""
        self.says("the copy of the state is put back")
        self.process.database.close()
        self.world.replace_state(Path(f"{self.world.database.url.database}.copy"))
        life = self.process.life
        self.process = self._start()
        self.process.life.inherits(life)
        with self.world.database.write() as tx:
            backup.restored(tx, Actor("operator"), self.now, "a copy")

    def _site(self, process: Process) -> Site:
        return replace(process.site, settings=self.world.settings)

    def runs(self, work: Callable[[Site], Coroutine[Any, Any, Report]]) -> Report | FieldcalError | None:
        """Have the process do this; None where it died of it."""
        process = self.process
        with self._observed():
            return self.world.run(_answer(process, work(self._site(process))))

    @contextmanager
    def _observed(self) -> Iterator[None]:
        """Whatever runs inside: only reads for the source (I9), nothing for what is switched off (R13, I5)."""
        source, exchange = self.world.field_service.control, self.world.exchange.control
        source_before = max((entry.number for entry in source.ledger()), default=0)
        before = max((entry.number for entry in exchange.ledger()), default=0)
        with capture_logs(processors=[format_exc_info]) as logs:
            yield
        if self._seen:
            raise self._seen[0]
        for line in logs:
            if line.get("action") == "mailbox_failed":
                raise Wrong(f"the sync itself failed in a mailbox: {line['exception'].splitlines()[-1]}")
        for entry in source.ledger(source_before):
            if entry.method != "GET":
                raise Wrong(f"I9: the source was sent {entry.method} {entry.url}")
        for entry in exchange.ledger(before):
            for url in [entry.url, *(item.url for item in entry.items)]:
                box = _box_of(url)
                if box is not None and box not in self.oracle.on:
                    raise Wrong(f"I5: {entry.method} {url} was sent to a mailbox that is switched off")

    def _watch(self, entry: Entry | None, name: str, writing: bool, late: bool) -> None:
        """Right after each request to the calendars: no double (I1), and sent only under the lease (I8)."""
        try:
            if writing:
                self._no_double()
            if entry is not None and not late:
                for box in {_box_of(url) for url in [entry.url, *(item.url for item in entry.items)]} - {None}:
                    self._leased(str(box), name)
        except AssertionError as error:
            self._seen.append(error)

    def _no_double(self) -> None:
        for box, name in self.boxes.items():
            ours = [stand.booking for stand in self._look(box) if stand.made_by_us]
            for booking in ours:
                if ours.count(booking) > 1:
                    raise Wrong(f"I1: two events for {self._name(booking)} in {name}'s calendar, for a moment")

    def _leased(self, box: str, sender: str) -> None:
        with self.world.database.read() as tx:
            row = tx.execute(select(leases).where(leases.c.name == f"mailbox:{box}")).first()
        if row is None or row.owner != sender:
            raise Wrong(f"I8: {sender} sent to {self.boxes[box]}'s mailbox, whose lease is {row and row.owner!r}'s")

    # -- passes, and what is asked after them

    def looks(self, *, quiet: bool = False) -> None:
        """Ask what must hold at every moment; `quiet`: nothing may have been written since the last look."""
        for box in self.boxes:
            self.oracle.look(box, self._look(box), quiet_box=quiet or box not in self.oracle.on)

    def passes(self) -> Report | FieldcalError | None:
        """One pass; in calm weather every calendar must say what the rules want when it is over."""
        self.oracle.step += 1
        sure = not self.oracle.storm
        before, expected = self._before(sure=sure)
        result = self.runs(run_pass)
        self.says(f"a pass: {answered(result)}")
        self.looks()
        if sure:
            if not isinstance(result, Report) or result.error:
                raise Wrong(f"a pass failed in calm weather: {answered(result)}")
            self._settles(expected, before)
        return result

    def _before(self, *, sure: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        before = {box: {booking: p.stand for (at, booking), p in self.oracle.places.items() if at == box}
                  for box in self.oracle.on}  # fmt: skip
        return before, {box: self.oracle.expect(box, self.now, sure=sure) for box in self.oracle.on}

    def _settles(self, expected: dict[str, Any], before: dict[str, Any]) -> None:
        for box, outcomes in expected.items():
            self.oracle.settle(box, outcomes, before[box])

    def checks(self, *, everything: bool) -> Report | FieldcalError | None:
        self.oracle.step += 1
        boxes = [MailboxId(box) for box in self.boxes]
        result = self.runs(lambda site: run_check(site, boxes, everything=everything))
        self.says(f"a check{' of everything' if everything else ''}: {answered(result)}")
        self.looks()
        return result

    def dying(self, where: Where, nth: int, *, check: bool = False) -> bool:
        """A pass (or check) whose process dies; False where it got to its end before that."""
        self.oracle.storm = True
        self.oracle.step += 1
        life = self.process.life
        life.dies(where, nth)
        boxes = [MailboxId(box) for box in self.boxes]
        result = self.runs((lambda site: run_check(site, boxes)) if check else run_pass)
        life.spare()
        what = "check" if check else "pass"
        self.says(f"a {what}: " + (answered(result) if life.alive else f"{life.name} died {where} no. {nth}"))
        self.looks()
        return not life.alive

    def passes_or_dies(self) -> None:
        """A pass of a process that may be about to die; if it does, another one starts."""
        if self.passes() is None:
            self.restart()

    def held_up(self, where: str, nth: int) -> None:
        """A pass is held up for minutes, past its lease; another process takes over; then the first goes on (I8)."""
        self.oracle.storm = True
        self.oracle.step += 1
        first, second = self.process, self._start()

        async def story() -> tuple[object, object]:
            held = asyncio.ensure_future(first.life.held.wait())
            slow = asyncio.ensure_future(_answer(first, run_pass(self._site(first))))
            await asyncio.wait({held, slow}, return_when=asyncio.FIRST_COMPLETED)
            if not held.done():
                held.cancel()
                return await slow, None
            self.world.clock.advance(LEASE + timedelta(seconds=1))
            quick = await _answer(second, run_pass(self._site(second)))
            first.life.go_on()
            return await slow, quick

        first.life.holds(where, nth)
        with self._observed():
            slow, quick = self.world.run(story())
        first.life.spare()
        self.says(f"a pass, held up {where} no. {nth}: {answered(slow)}; another meanwhile: {answered(quick)}")
        second.database.close()
        self.looks()

    def two_at_once(self) -> None:
        """Two processes go over the same mailboxes at the same time."""
        self.oracle.storm = True
        self.oracle.step += 1
        pair = [self.process, self._start()]
        with self._observed():
            works = [_answer(process, run_pass(self._site(process))) for process in pair]
            results = self.world.run(_together(works))
        self.says("two passes at once: " + " / ".join(answered(result) for result in results))
        pair[1].database.close()
        self.looks()

    def quiets(self, *, everything: bool = False) -> None:
        """The faults stop and every pause ends: one pass, and the calendars say what the rules want (I2)."""
        self.says("quiet: every pause ends")
        self.mends()
        self._mend_refused()
        self.world.clock.advance(REST)
        self.oracle.step += 1
        before, expected = self._before(sure=False)
        result = self.runs(run_pass)
        self.says(f"a pass: {answered(result)}")
        self.looks()
        if self.oracle.blind:
            self.checks(everything=True)
        if not isinstance(result, Report) or result.error:
            raise Wrong(f"I2: a pass failed though nothing stood in its way: {answered(result)}")
        self._settles(expected, before)
        self.oracle.storm = self.oracle.blind = False
        self._still(lambda: self.runs(run_pass), "the next pass")
        self._links_agree()
        boxes = [MailboxId(box) for box in self.boxes]
        self._still(lambda: self.runs(lambda site: run_check(site, boxes, everything=everything)), "a check")
        self._links_agree()

    def _still(self, work: Callable[[], object], what: str) -> None:
        self.world.forget_requests()
        work()
        if self.world.writes():
            raise Wrong(f"I2: {what} wrote {self.world.writes()} times though nothing had changed")
        self.looks(quiet=True)

    def _mend_refused(self) -> None:
        """Who was refused too often is switched off by the sync (F54); the administrator enables it again."""
        for box in self._boxes_on:
            with self.world.database.read() as tx:
                known = mailboxes.load(tx, ENVIRONMENT, box)
            if known is not None and not known.enabled:
                if not self.oracle.storm:
                    raise Wrong(
                        f"{self.boxes[box]}'s mailbox was switched off in calm weather: {known.disabled_reason}"
                    )
                self.switch_mailbox(self.boxes[box], on=True)

    def _links_agree(self) -> None:
        """What is remembered is what stands there, so that the next change takes one request."""
        for box in self.oracle.on:
            with self.world.database.read() as tx:
                linked = {link.booking: link for link in links.of_mailbox(tx, ENVIRONMENT, box)}
            for (at, booking), place in self.oracle.places.items():
                if at != box or place.stand is None:
                    continue
                link, stand = linked.get(booking), place.stand  # type: ignore[call-overload] # a plain str
                event, etag = _names(box, stand.raw)
                if link is None or link.event != event:
                    raise Wrong(f"the state does not know the event of {self._name(booking)} in {self.boxes[box]}")
                if link.intent is not None or link.rewrite:
                    raise Wrong(f"the state is not done with {self._name(booking)} in {self.boxes[box]}")
                if link.etag != etag and place.touched is None and stand.raw.key not in self.oracle.categories:
                    raise Wrong(f"the state holds a stale etag for {self._name(booking)} in {self.boxes[box]}")

    def close(self) -> None:
        self.process.database.close()
        self.world.close()


async def _answer(process: Process, work: Coroutine[Any, Any, Report]) -> Report | FieldcalError | None:
    try:
        return await process.life.live(work)
    except FieldcalError as error:
        return error


def answered(result: object) -> str:
    """What the sync answered, in a few words."""
    if not isinstance(result, Report):
        return f"{type(result).__name__}: {result}" if result else "nothing"
    counts = {
        name: getattr(result.tally, name) for name in ("created", "updated", "removed", "adopted", "failed", "held")
    }
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to do"
    return f"{told}; the source: {result.error}" if result.error else told


def _box_of(url: str) -> str | None:
    _, found, rest = url.partition("/users/")
    return rest.split("/")[0].split("?")[0] if found else None


def _names(box: str, event: StoredEvent) -> tuple[str, str]:
    """The id and the etag under which the server knows this event now."""
    return ids.immutable_id(UUID(box), event.key), ids.etag(ids.change_key(UUID(box), event.change))


async def _together(works: list[Coroutine[Any, Any, T]]) -> list[T]:
    return list(await asyncio.gather(*works))
