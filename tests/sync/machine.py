"""The whole sync as a state machine: whatever people, networks and servers do, in whatever order, the promises hold.

Each rule is one deed on the stage; the stage asks the oracle after each. A run that fails is printed as a story.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.sync import office
from tests.sync.choices import (
    BEGINNINGS,
    DEEDS,
    FIRST_JOBS,
    FOLLOWS,
    GRAPH_METHODS,
    HANDS,
    HOURS,
    KINDS,
    MAILBOXES,
    READ_KINDS,
    SETTINGS,
    SHORT_PATH,
    SOURCE_PATHS,
    SPANS,
    STARTS,
    STATUS,
    WORDS,
)
from tests.sync.deeds import a_job, a_shown_job, deed, hand, is_looked_at_again, living, orders_of, takes_out
from tests.sync.mortal import WHERE, Where
from tests.sync.people import STATUSES
from tests.sync.stage import CAST, OWNERS, REST, Stage

from fieldcal.embedded.faults import Fault, Kind, Match

#: Makes a stage over fresh ends and a fresh state; its stories begin at this instant.
NewStage = Callable[[datetime, bool, Callable[[str], None]], Stage]

pick = st.integers(0, 99)
worker = st.sampled_from([name for name, *_ in CAST])


class SyncMachine(RuleBasedStateMachine):
    """Subclasses say where stages come from (`new_stage`)."""

    new_stage: NewStage

    def __init__(self) -> None:
        super().__init__()
        self.stage: Stage | None = None
        self.told: list[str] = []

    @initialize(
        start=st.sampled_from(STARTS),
        follow=st.sampled_from([False, False, True]),
        dead_key=st.sampled_from(["new", "error", "dead"]),
        stormy=st.booleans(),
        jobs=st.lists(st.sampled_from(FIRST_JOBS), min_size=1, max_size=4),
        drift=st.sampled_from(["report", "restore", "respect"]),
    )
    def begins(
        self, start: datetime, follow: bool, dead_key: str, stormy: bool, jobs: list[tuple[str, int, bool]], drift: str
    ) -> None:
        self.stage = type(self).new_stage(start, follow, self.told.append)
        self.stormy = stormy
        self.stage.world.exchange.used_keys_answer(dead_key)
        self.stage.says(f"a used key answers {dead_key}; work orders are {'' if follow else 'not '}followed")
        self.stage.sets(drift=drift)
        for who, ahead, ordered in jobs:
            order = self.stage.opens_order() if ordered else None
            self.stage.books(who, start + timedelta(hours=ahead), 2, order=order)
        self.stage.passes()

    def teardown(self) -> None:
        if self.stage is None:
            return
        went_wrong = sys.exc_info()[1]
        try:
            if went_wrong is not None:
                went_wrong.add_note(self._story())
            else:
                self._ends_well(self.stage)
        finally:
            self.stage.close()

    def _ends_well(self, stage: Stage) -> None:
        """However the story went: marks only first, then a check."""
        try:
            stage.quiets(everything=True)
        except AssertionError as error:
            error.add_note(self._story())
            raise

    def _story(self) -> str:
        return "\n".join(["The story:", *self.told])

    # -- what there is to choose from

    def _job(self, which: int) -> str:
        return a_job(self._on_stage(), which)

    def _on_stage(self) -> Stage:
        assert self.stage is not None
        return self.stage

    def _has_jobs(self) -> bool:
        return self.stage is not None and bool(living(self.stage))

    def _is_claimed(self) -> bool:
        return self.stage is not None and bool(self.stage.claimed)

    def _is_asked(self) -> bool:
        return self.stage is not None and self.stage.oracle.persons.are_asked

    def _is_stormy(self) -> bool:
        return self.stage is not None and self.stormy

    def _then(self, passes: bool) -> None:
        if passes:
            self._on_stage().passes()

    # -- dispatchers

    @rule(who=worker, ahead=st.sampled_from(BEGINNINGS), hours=st.sampled_from(HOURS), order=pick,
          status=st.sampled_from(STATUSES), passes=st.booleans())  # fmt: skip
    def books(self, who: str, ahead: int, hours: float, order: int, status: str, passes: bool) -> None:
        stage = self._on_stage()
        start = stage.now.replace(second=0, microsecond=0) + timedelta(hours=ahead)
        orders = [None, *orders_of(stage)]
        stage.books(who, start, hours, order=orders[order % len(orders)], status=status)
        self._then(passes)

    @rule(ahead=st.sampled_from(BEGINNINGS))
    def books_a_crew(self, ahead: int) -> None:
        stage = self._on_stage()
        start = stage.now.replace(second=0, microsecond=0) + timedelta(hours=ahead)
        for name in ("Crew North", "Ana", "Ben"):
            stage.books(name, start, 4)

    @precondition(_has_jobs)
    @rule(which=pick, ahead=st.sampled_from(BEGINNINGS), hours=st.sampled_from(HOURS), passes=st.booleans())
    def moves(self, which: int, ahead: int, hours: float, passes: bool) -> None:
        stage = self._on_stage()
        start = stage.now.replace(second=0, microsecond=0) + timedelta(hours=ahead)
        stage.moves(self._job(which), start, hours)
        self._then(passes)

    @precondition(_has_jobs)
    @rule(which=pick, hours=st.sampled_from(HOURS))
    def stretches(self, which: int, hours: float) -> None:
        booking = self._job(which)
        self._on_stage().moves(booking, self._on_stage().oracle.jobs[booking].now.start, hours)

    @precondition(_has_jobs)
    @rule(which=pick, status=st.sampled_from(STATUSES), passes=st.booleans())
    def sets_status(self, which: int, status: str, passes: bool) -> None:
        self._on_stage().sets_status(self._job(which), status)
        self._then(passes)

    @precondition(_has_jobs)
    @rule(which=pick, who=worker, passes=st.booleans())
    def reassigns(self, which: int, who: str, passes: bool) -> None:
        self._on_stage().reassigns(self._job(which), who)
        self._then(passes)

    @precondition(_has_jobs)
    @rule(which=pick, passes=st.booleans())
    def deletes(self, which: int, passes: bool) -> None:
        self._on_stage().deletes(self._job(which))
        self._then(passes)

    @precondition(_has_jobs)
    @rule(which=pick, passes=st.booleans())
    def deactivates_or_activates(self, which: int, passes: bool) -> None:
        booking = self._job(which)
        self._on_stage().activates(booking, active=not self._on_stage().oracle.jobs[booking].now.active)
        self._then(passes)

    @rule(which=pick, what=st.sampled_from(["open", "edit", "edit", "swap", "delete"]), job=pick, passes=st.booleans())
    def works_on_orders(self, which: int, what: str, job: int, passes: bool) -> None:
        stage = self._on_stage()
        orders = orders_of(stage)
        if what == "open" or not orders:
            orders = [stage.opens_order()]
        order = orders[which % len(orders)]
        if what == "edit":
            stage.edits_order(order)
        elif what == "swap" and living(stage):
            stage.swaps_order(self._job(job), order)
        elif what == "delete":
            stage.deletes_order(order)
        self._then(passes)

    # -- workers' hands

    @precondition(_has_jobs)
    @rule(which=pick, what=st.sampled_from(HANDS), checks=st.booleans())
    def hand(self, which: int, what: str, checks: bool) -> None:
        hand(self._on_stage(), what, which)
        if checks:
            self._on_stage().checks(everything=False)

    @precondition(_has_jobs)
    @rule(which=pick, what=st.sampled_from(HANDS), nights=st.integers(0, 2), then=st.sampled_from(FOLLOWS))
    def a_hand_and_what_follows(self, which: int, what: str, nights: int, then: str) -> None:
        """A hand on our event that says what its booking says, the nights after it, and what becomes of it (D8)."""
        stage = self._on_stage()
        stage.passes()
        booking = hand(stage, what, which, ours=True)
        for _ in range(nights):
            stage.checks(everything=False)
        deed(stage, then, which, of=booking)
        stage.passes()

    @rule(who=st.sampled_from(["Ana", "Ben"]), ahead=st.sampled_from(BEGINNINGS))
    def hand_adds(self, who: str, ahead: int) -> None:
        stage = self._on_stage()
        stage.hand_adds(stage.world.boxes[who], stage.now.replace(second=0, microsecond=0) + timedelta(hours=ahead))

    # -- administrators and time

    @rule(who=st.sampled_from(OWNERS), passes=st.booleans())
    def switches_mailbox(self, who: str, passes: bool) -> None:
        office.switches(self._on_stage(), who)
        self._then(passes)

    @rule(who=st.sampled_from(OWNERS), whose=st.sampled_from(["environment", "installation"]),
          then=st.sampled_from(["pass", "check", "back", "nothing"]))  # fmt: skip
    def is_taken_over(self, who: str, whose: str, then: str) -> None:
        stage = self._on_stage()
        office.is_taken_over(stage, who, whose)
        if then == "check":
            stage.checks(everything=False)
        elif then == "back":
            stage.passes()
            office.takes_back(stage, who)
        self._then(then != "nothing")

    @precondition(_is_claimed)
    @rule(who=st.sampled_from(OWNERS), passes=st.booleans())
    def takes_back(self, who: str, passes: bool) -> None:
        office.takes_back(self._on_stage(), who)
        self._then(passes)

    @rule(change=st.sampled_from(MAILBOXES), opens=st.booleans(), passes=st.booleans())
    def gets_a_mailbox(self, change: tuple[str, str | None], opens: bool, passes: bool) -> None:
        """A technician who has none, has another, or has none any more, bookings or not (D10)."""
        stage, (who, to) = self._on_stage(), change
        if who not in {stage.oracle.jobs[booking].now.worker for booking in living(stage)}:
            stage.books(who, stage.now.replace(second=0, microsecond=0) + timedelta(hours=24), 2)
            self._then(passes)
        office.gives_mailbox(stage, who, to)
        self._then(passes or opens)
        if opens and to is not None and not stage.is_on(to):
            office.switches(stage, to)
            self._then(passes)

    @precondition(_has_jobs)
    @rule(which=pick, how=st.sampled_from(["delete", "deactivate"]), word=st.sampled_from(WORDS), passes=st.booleans())
    def removals_wait_for_a_person(self, which: int, how: str, word: str, passes: bool) -> None:
        """A removal over the budget, what happens to its booking meanwhile, and a person's word."""
        stage, booking = self._on_stage(), a_shown_job(self._on_stage(), which)
        office.spends_the_removals(stage)
        takes_out(stage, booking, how)
        stage.passes()
        if word.startswith(("approve", "reject")):
            office.decides(stage, "approve" if word == "approve" else "reject")
        if word.endswith("look again"):
            is_looked_at_again(stage)
        elif word == "activate" and how != "delete":
            takes_out(stage, booking, "deactivate")
        elif word in ("move", "give"):
            deed(stage, word, which)
        self._then(passes)

    @precondition(_is_asked)
    @rule(word=st.sampled_from(["approve", "reject"]), passes=st.booleans())
    def a_person_decides(self, word: str, passes: bool) -> None:
        office.decides(self._on_stage(), word)
        self._then(passes)

    @precondition(_has_jobs)
    @rule(which=pick, with_change=st.booleans(), passes=st.booleans())
    def exchange_refuses(self, which: int, with_change: bool, passes: bool) -> None:
        """One booking's event is answered 400, again and again; its neighbours must not notice (I7)."""
        stage, booking = self._on_stage(), a_shown_job(self._on_stage(), which)
        office.poisons(stage, booking)
        if with_change:
            now = stage.oracle.jobs[booking].now
            stage.moves(booking, now.start + timedelta(hours=1), 1)
        self._then(passes)

    @precondition(_has_jobs)
    @rule(which=pick, ahead=st.sampled_from(BEGINNINGS), column=st.sampled_from(["starttime", "endtime", "statecode"]),
          who=worker, passes=st.booleans())  # fmt: skip
    def a_row_goes_bad_and_gets_well(self, which: int, ahead: int, column: str, who: str, passes: bool) -> None:
        """What changes meanwhile is carried when the row can be read again; its neighbours never wait (I7)."""
        stage, booking = self._on_stage(), self._job(which)
        stage.passes()
        start = stage.now.replace(second=0, microsecond=0) + timedelta(hours=ahead)
        stage.moves(booking, start, 2)
        stage.books(who, start, 1)
        office.cannot_be_read(stage, booking, column)
        office.can_be_read(stage)
        self._then(passes)

    @rule(what=st.sampled_from(["profile", "environment"]))
    def switches_all(self, what: str) -> None:
        """Off, a pass that must send nothing, and on again."""
        stage = self._on_stage()
        switch = stage.switch_profile if what == "profile" else stage.switch_environment
        switch(on=False)
        stage.passes()
        switch(on=True)

    @rule(change=st.sampled_from(SETTINGS), passes=st.booleans())
    def changes_a_setting(self, change: dict[str, object], passes: bool) -> None:
        self._on_stage().sets(**change)
        self._then(passes)

    @rule(by=st.sampled_from(SPANS), passes=st.booleans())
    def time_passes(self, by: timedelta, passes: bool) -> None:
        self._on_stage().waits(by)
        self._then(passes)

    # -- the sync

    @rule()
    def passes(self) -> None:
        self._on_stage().passes()

    @rule(everything=st.booleans())
    def checks(self, everything: bool) -> None:
        self._on_stage().checks(everything=everything)

    @rule(everything=st.booleans())
    def quiets(self, everything: bool) -> None:
        self._on_stage().quiets(everything=everything)

    @rule()
    def delta_links_expire(self) -> None:
        self._on_stage().says("every delta link expires")
        self._on_stage().world.field_service.control.actions["expire-delta-tokens"]()

    # -- what goes wrong

    @precondition(_is_stormy)
    @rule(kind=st.sampled_from(READ_KINDS), status=st.sampled_from(STATUS), path=st.sampled_from(SOURCE_PATHS),
          nth=st.integers(1, 3), times=st.sampled_from([1, 2, None]))  # fmt: skip
    def the_source_fails(self, kind: Kind, status: int, path: str | None, nth: int, times: int | None) -> None:
        match = Match(method="GET", path=SHORT_PATH if kind == "short_page" else path, nth=nth)
        fault = Fault(kind=kind, status=status, match=match, times=times, headers={"Retry-After": "7"})
        self._on_stage().plants("field service", fault)
        self._on_stage().passes()

    @precondition(_is_stormy)
    @rule(kind=st.sampled_from(KINDS), status=st.sampled_from(STATUS), method=st.sampled_from(GRAPH_METHODS),
          item=st.booleans(), nth=st.integers(1, 3), times=st.sampled_from([1, 2, None]))  # fmt: skip
    def the_calendars_fail(
        self, kind: Kind, status: int, method: str | None, item: bool, nth: int, times: int | None
    ) -> None:
        match = Match(method=method, item=item, nth=nth)
        fault = Fault(kind=kind, status=status, match=match, times=times, headers={"Retry-After": "7"})
        self._on_stage().plants("Exchange", fault)
        self._on_stage().passes()

    @precondition(_is_stormy)
    @rule(first=st.sampled_from(DEEDS), which=pick, kind=st.sampled_from(KINDS), status=st.sampled_from(STATUS),
          item=st.booleans(), then=st.sampled_from(DEEDS), rests=st.booleans())  # fmt: skip
    def a_write_meets_trouble(
        self, first: str, which: int, kind: Kind, status: int, item: bool, then: str, rests: bool
    ) -> None:
        """A change, its write in trouble, and another change or a hand before anybody knows what became of it."""
        stage = self._on_stage()
        deed(stage, first, which)
        for method in ("POST", "PATCH", "DELETE"):
            match = Match(method=method, item=item)
            stage.plants("Exchange", Fault(kind=kind, status=status, match=match, headers={"Retry-After": "7"}))
        stage.passes()
        stage.mends()
        deed(stage, then, which)
        if rests:
            stage.waits(REST)
        stage.passes()

    @precondition(_is_stormy)
    @rule(item=st.booleans())
    def an_event_is_said_to_have_changed(self, item: bool) -> None:
        fault = Fault(
            kind="status", status=412, code="ErrorIrresolvableConflict", match=Match(method="PATCH", item=item)
        )
        self._on_stage().plants("Exchange", fault)

    @precondition(_is_stormy)
    @rule()
    def searches_go_blind(self) -> None:
        stage = self._on_stage()
        stage.says("searches in Exchange find nothing")
        stage.oracle.storm = stage.oracle.blind = True
        stage.world.exchange.blinds(blind=True)

    @precondition(_is_stormy)
    @rule()
    def the_faults_stop(self) -> None:
        self._on_stage().mends()

    @precondition(_is_stormy)
    @rule(where=st.sampled_from(WHERE), nth=st.integers(1, 12), check=st.booleans(), after_lease=st.booleans())
    def the_process_dies(self, where: Where, nth: int, check: bool, after_lease: bool) -> None:
        if self._on_stage().dying(where, nth, check=check):
            self._on_stage().restart(after_lease=after_lease)

    @precondition(_is_stormy)
    @rule(where=st.sampled_from(["about to send", "on its way", "asking"]), nth=st.integers(1, 4))
    def a_process_is_held_up(self, where: str, nth: int) -> None:
        self._on_stage().held_up(where, nth)

    @precondition(_is_stormy)
    @rule()
    def two_passes_at_once(self) -> None:
        self._on_stage().two_at_once()
