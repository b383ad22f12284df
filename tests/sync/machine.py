"""The whole sync as a state machine: whatever people, networks and servers do, in whatever order, the promises hold.

Each rule is one deed on the stage; the stage asks the oracle after each. A run that fails is printed as a story.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.sync.mortal import WHERE, Where
from tests.sync.people import STATUSES
from tests.sync.stage import CAST, REST, Stage

from fieldcal.embedded.faults import Fault, Kind, Match

#: Makes a stage over fresh ends and a fresh state; its stories begin at this instant.
NewStage = Callable[[datetime, bool, Callable[[str], None]], Stage]

#: Berlin's clocks change on 25 October 2026 and 28 March 2027, New York's on 1 November and 14 March.
STARTS = (
    datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    datetime(2026, 10, 22, 8, 0, tzinfo=UTC),
    datetime(2027, 3, 12, 8, 0, tzinfo=UTC),
)
#: hours from now at which bookings begin: around the window's edges (7 days back, 14 ahead) and around now
BEGINNINGS = (24, 30, 3, 1, 0, -1, -3, 72, 168, -167, -168, -169, -180, 335, 336, 337, 360, 500, 1000)
HOURS = (2.0, 1.0, 0.5, 8.0, 30.0)
SPANS = (
    timedelta(minutes=5), timedelta(minutes=45), timedelta(hours=4), timedelta(days=1), timedelta(days=3),
    timedelta(days=8), timedelta(days=25),
)  # fmt: skip
SETTINGS = (
    {"canceled": "remove"}, {"canceled": "keep"}, {"canceled": "mark"}, {"deleted": "keep"}, {"deleted": "remove"},
    {"without_work_order": "skip"}, {"without_work_order": "synchronize"}, {"proposed": "leave_out"},
    {"proposed": "tentative"}, {"window_future": 7}, {"window_future": 28}, {"window_future": 14},
    {"window_past": 2}, {"window_past": 14}, {"window_past": 7},
)  # fmt: skip
#: what a request may meet; a list cut short is planted only where the protocol lets it be seen
KINDS: tuple[Kind, ...] = ("status", "drop_before", "drop_after", "truncated", "garbage", "empty_page", "delay")
STATUS = (503, 429, 500, 401, 403, 502, 504)
SOURCE_PATHS = (None, "bookableresourcebookings", r"In\(", r"bookableresourcebookings\(", "bookableresources", "token=")
GRAPH_METHODS = (None, "POST", "PATCH", "DELETE", "GET")

DEEDS = (
    "book", "move", "far", "Traveling", "Canceled", "give", "delete", "off and on", "order", "hand delete",
    "hand subject", "hand copy", "hand categories", "nothing",
)  # fmt: skip

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
    )
    def begins(self, start: datetime, follow: bool, dead_key: str, stormy: bool) -> None:
        self.stage = type(self).new_stage(start, follow, self.told.append)
        self.stormy = stormy
        self.stage.world.exchange.control.change(dead_key=dead_key)
        self.stage.says(f"a used key answers {dead_key}; work orders are {'' if follow else 'not '}followed")

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

    def _living(self) -> list[str]:
        return [booking for booking, job in self._on_stage().oracle.jobs.items() if not job.now.deleted]

    def _job(self, which: int) -> str:
        living = self._living()
        return living[-1 - which % len(living)]

    def _order(self, which: int) -> str | None:
        orders = [None, *self._orders()]
        return orders[which % len(orders)]

    def _orders(self) -> list[str]:
        stage = self._on_stage()
        return sorted(stage.standing_orders, key=lambda order: stage.oracle.orders[order].number)

    def _on_stage(self) -> Stage:
        assert self.stage is not None
        return self.stage

    def _has_jobs(self) -> bool:
        return self.stage is not None and bool(self._living())

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
        stage.books(who, start, hours, order=self._order(order), status=status)
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
        orders = self._orders()
        if what == "open" or not orders:
            orders = [stage.opens_order()]
        order = orders[which % len(orders)]
        if what == "edit":
            stage.edits_order(order)
        elif what == "swap" and self._living():
            stage.swaps_order(self._job(job), order)
        elif what == "delete":
            stage.deletes_order(order)
        self._then(passes)

    # -- workers' hands

    @precondition(_has_jobs)
    @rule(which=pick, what=st.sampled_from(["delete", "subject", "move", "categories", "copy", "delete"]))
    def hand(self, which: int, what: str) -> None:
        stage = self._on_stage()
        events = stage.events()
        if not events:
            return
        box, stand = events[-1 - which % len(events)]
        if what == "delete":
            stage.hand_deletes(box, stand)
        elif what == "copy":
            stage.hand_copies(box, stand)
        elif what == "subject":
            stage.hand_edits(box, stand, subject="my own words")
        elif what == "categories":
            stage.hand_edits(box, stand, categories=["Mine"])
        else:
            moment = {"dateTime": f"{stand.end + timedelta(hours=3):%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}
            stage.hand_edits(box, stand, end=moment)

    @rule(who=st.sampled_from(["Ana", "Ben"]), ahead=st.sampled_from(BEGINNINGS))
    def hand_adds(self, who: str, ahead: int) -> None:
        stage = self._on_stage()
        stage.hand_adds(stage.world.boxes[who], stage.now.replace(second=0, microsecond=0) + timedelta(hours=ahead))

    # -- administrators and time

    @rule(who=st.sampled_from(["Ana", "Ben"]), passes=st.booleans())
    def switches_mailbox(self, who: str, passes: bool) -> None:
        self._on_stage().switch_mailbox(who, on=not self._on_stage().is_on(who))
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
    @rule(kind=st.sampled_from(KINDS), status=st.sampled_from(STATUS), path=st.sampled_from(SOURCE_PATHS),
          nth=st.integers(1, 3), times=st.sampled_from([1, 2, None]))  # fmt: skip
    def the_source_fails(self, kind: Kind, status: int, path: str | None, nth: int, times: int | None) -> None:
        match = Match(method="GET", path=path, nth=nth)
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
        self._deed(first, which)
        for method in ("POST", "PATCH", "DELETE"):
            match = Match(method=method, item=item)
            stage.plants("Exchange", Fault(kind=kind, status=status, match=match, headers={"Retry-After": "7"}))
        stage.passes()
        stage.mends()
        self._deed(then, which)
        if rests:
            stage.waits(REST)
        stage.passes()

    def _deed(self, what: str, which: int) -> None:
        stage = self._on_stage()
        hour = stage.now.replace(second=0, microsecond=0) + timedelta(hours=1 + which)
        if what == "book" or not self._living():
            stage.books("Ana", hour, 2)
            return
        booking = self._job(which)
        events = stage.events()
        if what == "move":
            stage.moves(booking, hour, 1)
        elif what == "far":
            stage.moves(booking, hour + timedelta(days=40), 1)
        elif what in STATUSES:
            stage.sets_status(booking, what)
        elif what == "give":
            stage.reassigns(booking, ("Ana", "Ben", "Early shift", "Crew North")[which % 4])
        elif what == "delete":
            stage.deletes(booking)
        elif what == "off and on":
            stage.switch_mailbox("Ana", on=not stage.is_on("Ana"))
        elif what == "order" and stage.standing_orders:
            stage.edits_order(self._orders()[which % len(stage.standing_orders)])
        elif what.startswith("hand") and events:
            self.hand(which, what.removeprefix("hand "))

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
        stage.world.exchange.control.change(blind_search=True)

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
