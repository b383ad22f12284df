"""The stage on which stories are played: people who act, processes that sync, and the oracle that looks on."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from structlog.processors import format_exc_info
from structlog.testing import capture_logs
from tests.dav.servers import DavServer
from tests.sync import hands
from tests.sync.agreement import links_agree
from tests.sync.mortal import Where
from tests.sync.oracle import Oracle, Wrong
from tests.sync.pair import Pair
from tests.sync.people import People
from tests.sync.truth import Worker
from tests.sync.world import ENVIRONMENT, Process, World

from fieldcal.embedded.control import Entry
from fieldcal.errors import FieldcalError
from fieldcal.model import MailboxId
from fieldcal.setup_model import Actor
from fieldcal.state import backup, environments, mailboxes, plans
from fieldcal.state.held import READING
from fieldcal.state.tables import leases
from fieldcal.sync.passes import Report, run_check, run_pass
from fieldcal.sync.site import Site

T = TypeVar("T")

#: name, zone (Dataverse's code and the name it stands for), whose mailbox, resource type
CAST = (
    ("Ana", 110, "Europe/Berlin", "", 3),
    ("Ben", 35, "America/New_York", "", 3),
    ("Early shift", 85, "Europe/London", "Ana", 3),
    ("Crew North", 110, "Europe/Berlin", "", 6),
    ("Dora", 140, "Africa/Johannesburg", "", 3),
)
#: whose mailboxes there are; Dora has hers only later (D10)
OWNERS, LATE = ("Ana", "Ben", "Dora"), "Dora"
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
        swept: bool = False,
        caldav: DavServer | None = None,
        tell: Callable[[str], None] = print,
        before_the_first_pass: Callable[[Stage], None] | None = None,
        two: random.Random | None = None,
    ) -> None:
        """`two`: each pass is shared by two workers, whose turns are drawn from this."""
        world = World(
            folder, url, now=now, patience=patience, swept=swept, caldav=caldav, follow_work_order=follow_work_order
        )
        super().__init__(world, Oracle(follow_work_order), tell)
        self._processes = 0
        #: what somebody saw who looked on while a request was carried out
        self._seen: list[AssertionError] = []
        self._pair = Pair(world, self._site, two) if two is not None else None
        self.process = self._start()
        self.world.wires[1].watch = self._watch
        for name, code, zone, box, kind in CAST:
            self.world.worker(name, enabled=False, zone=code, box=box, kind=kind)
            has = None if name == LATE else self.world.boxes.get(name)
            self.oracle.workers[name] = Worker(name, has, zone, frozenset({has} if has else ()))
        self.world.ask("PATCH", f"bookableresources({self.world.resources[LATE]})", {"UserId@odata.bind": None})
        self.boxes = {self.world.boxes[name]: name for name in OWNERS}
        if before_the_first_pass is not None:
            before_the_first_pass(self)
        self.world.set_up_again()
        with world.database.write() as tx:
            environments.save(tx, replace(environments.get(tx, ENVIRONMENT), organization=world.site.organization))
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
            self.world.clock.advance(READING + timedelta(seconds=1))
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
            if self._pair is not None and work is run_pass:
                result = self._runs_two(self._pair)
            else:
                result = self.world.run(_answer(process, work(self._site(process))))
        self._heard(result)
        return result

    def _runs_two(self, pair: Pair) -> Report | FieldcalError | None:
        other = self._start()
        try:
            return self.world.run(pair.passes(self.process, other))
        finally:
            other.database.close()

    def sets(self, **changes: Any) -> None:
        super().sets(**changes)
        if "follow_work_order" in changes:
            # What the source is asked for follows the settings that a process begins with.
            self.process.database.close()
            self.process = self._start()

    @contextmanager
    def _observed(self) -> Iterator[None]:
        """Whatever runs inside: only reads for the source (I9), nothing for what is switched off (R13, I5)."""
        began = self.now
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
                box = self.world.exchange.box_of(url)
                if box is not None and box not in self.oracle.on:
                    raise Wrong(f"I5: {entry.method} {url} was sent to a mailbox that is switched off")
        self._notices_claims()
        self.hears_of_plans(since=began)

    @staticmethod
    def _heard(result: object) -> None:
        if isinstance(result, Report) and result.tally.churn:
            raise Wrong(f"churn: {result.tally.churn} writes followed no change and no fault")

    def _notices_claims(self) -> None:
        """What the sync has switched off because somebody else serves it (R14); nothing was written there."""
        for box in sorted(self.claimed & self._boxes_on):
            with self.world.database.read() as tx:
                known = mailboxes.load(tx, ENVIRONMENT, box)
            if known is not None and not known.enabled:
                self.is_off(self.boxes[box])

    def hears_of_plans(self, since: datetime | None = None) -> None:
        """What waits for a person or was decided, as `fieldcal plan` shows it; `since`: held by what began then."""
        with self.world.database.read() as tx:
            known = [plan.id for plan in plans.load(tx, ENVIRONMENT) if plan.kind == "removals"]
            rows = [row for plan in reversed(known) for row in plans.rows_of(tx, ENVIRONMENT, plan)]
        self.oracle.hear(rows, since)

    def _watch(self, entry: Entry | None, name: str, writing: bool, late: bool) -> None:
        """Right after each request to the calendars: no double (I1), and sent only under the lease (I8)."""
        try:
            if writing:
                self._no_double()
            if entry is not None and not late:
                for box in {
                    self.world.exchange.box_of(url) for url in [entry.url, *(item.url for item in entry.items)]
                } - {None}:
                    self._leased(str(box), name)
        except AssertionError as error:
            self._seen.append(error)

    def _no_double(self) -> None:
        for box, name in self.boxes.items():
            ours = [stand.booking for stand in self.look_into(box) if stand.made_by_us]
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
        self.oracle.moment = self.now
        for box in self.boxes:
            self.oracle.look(box, self.look_into(box), quiet_box=quiet or box not in self.oracle.on)

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
            if box in self.oracle.on:
                self.oracle.settle(box, outcomes, before[box])

    def checks(self, *, everything: bool) -> Report | FieldcalError | None:
        self.oracle.step += 1
        boxes = [MailboxId(box) for box in self.boxes]
        calm = not self.oracle.storm
        wanted = {box: hands.to_be_restored(self.oracle, box, self.now) if calm else [] for box in self.oracle.on}
        result = self.runs(lambda site: run_check(site, boxes, everything=everything))
        self.says(f"a check{' of everything' if everything else ''}: {answered(result)}")
        self.looks()
        for box in wanted.keys() & self.oracle.on:
            hands.after_a_check(self.oracle, box, wanted[box])
        if not self.oracle.storm:
            self._claims_found()
        return result

    def _claims_found(self) -> None:
        if overlooked := self.claimed & self.oracle.on:
            names = ", ".join(self.boxes[box] for box in overlooked)
            raise Wrong(f"R14: a check has not noticed that somebody else serves the mailbox of {names}")

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
            self.world.clock.advance(READING + timedelta(seconds=1))
            quick = await _answer(second, run_pass(self._site(second)))
            first.life.go_on()
            return await slow, quick

        first.life.holds(where, nth)
        with self._observed():
            slow, quick = self.world.run(story())
        self._heard(slow)
        self._heard(quick)
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
        for result in results:
            self._heard(result)
        self.says("two passes at once: " + " / ".join(answered(result) for result in results))
        pair[1].database.close()
        self.looks()

    def quiets(self, *, everything: bool = False) -> None:
        """The faults stop and every pause ends: one pass, and the calendars say what the rules want (I2)."""
        self.says("quiet: every pause ends")
        self.mends()
        self._mend_refused()
        self._correct_refused()
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
        links_agree(self)
        if self.oracle.rules[-1][1].drift == "restore":
            self.checks(everything=everything)
        boxes = [MailboxId(box) for box in self.boxes]
        self._still(lambda: self.runs(lambda site: run_check(site, boxes, everything=everything)), "a check")
        self._claims_found()
        links_agree(self)

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

    def _correct_refused(self) -> None:
        """What Exchange refused was set aside until its booking changes: a dispatcher corrects it (I7)."""
        for booking in list(self.oracle.poisoned):
            now = self.oracle.jobs[booking].now
            if not now.deleted:
                self.moves(booking, now.start + timedelta(minutes=5), (now.end - now.start) / timedelta(hours=1))
        self.oracle.poisoned.clear()

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


async def _together(works: list[Coroutine[Any, Any, T]]) -> list[T]:
    return list(await asyncio.gather(*works))
