"""Faults in what several workers keep together: leases that live as long as their holder, limits, pauses."""

from __future__ import annotations

from tests.planted.fault import Fault

HELD, LEASES, COUNTS = "state/held.py", "state/leases.py", "state/counts.py"
PACE, PORTIONS = "engine/pace.py", "engine/portions.py"
_HELD, _PACE = "tests/state/test_held.py", "tests/engine/test_pace.py"
_WANDERS = (
    f"{_PACE}::test_a_mailbox_that_wanders_between_workers_that_die_is_never_sent_more_than_its_limit_in_any_span"
)
_TAKES_OVER = f"{_PACE}::test_a_worker_takes_over_what_the_one_before_has_sent_and_a_dead_ones_portion"
_TOGETHER = f"{_PACE}::test_all_workers_together_send_no_more_than_an_application_may_in_any_span"

TOGETHER = (
    Fault(
        "a lease that is over is renewed for a request", "I8", HELD,
        "            if self._clock.now() >= self.lease.until:", "            if self._clock.now() < self._clock.now():",
        "A worker that slept for an hour goes on with a plan that is an hour old.",
        f"{_HELD}::test_i8_a_holder_that_slept_past_its_lease_begins_nothing_though_nobody_has_taken_it",
    ),
    Fault(
        "a slow server's mailbox is not held on to", "I8", HELD,
        "        if self._is_young() and not anew:\n            return\n", "        if not anew:\n            return\n",
        "A server that takes its time has its batches broken off, again and again.",
        f"{_HELD}::test_a_holder_whose_requests_are_slow_keeps_its_mailbox_as_long_as_it_sends",
    ),
    Fault(
        "each request renews the lease", "R1", HELD,
        "        return self.lease.until - self._clock.now() >= self._span - YOUNG\n",
        "        return self._span < YOUNG\n",
        "Each request costs a transaction, and a first load takes twice as long.",
        f"{_HELD}::test_requests_right_after_a_step_cost_no_transaction_and_a_later_one_costs_one",
    ),
    Fault(
        "a lease is as long as it was", "I8", HELD,
        "LEASE = timedelta(seconds=50)", "LEASE = timedelta(seconds=120)",
        "Of a worker that was killed a mailbox gets nothing for two minutes.",
        "tests/sync/test_proof.py::test_i8_the_time_kept_for_a_request_is_more_than_a_request_may_take",
    ),
    Fault(
        "a state that is away ends the lease at once", "I2", HELD,
        "                self.may_begin()\n", "                raise\n",
        "A database that is away for a second breaks off what is being written.",
        f"{_HELD}::test_while_the_state_cannot_be_written_what_is_left_of_the_lease_counts",
    ),
    Fault(
        "a dead worker has sent nothing", "R1", PACE,
        "Count(self._span, told, min(silent * self._portion, self._limit), self._seconds())", "Count(self._span, told)",
        "A mailbox whose workers die is sent more than Exchange takes, and is refused altogether.",
        _TAKES_OVER,
    ),
    Fault(
        "the next holder counts from nothing", "R1", PACE,
        "Count(self._span, told, min(silent * self._portion, self._limit), self._seconds())",
        'Count(self._span, "", min(silent * self._portion, self._limit), self._seconds())',
        "Each worker sends a mailbox what one alone may.",
        _TAKES_OVER,
    ),
    Fault(
        "a holder sends on without telling", "R1", PACE,
        "anew=counted.total > holding.told + self._portion)", "anew=counted.total < 0)",
        "What a worker sent before it died is counted as a tenth of it.",
        f"{_PACE}::test_a_holder_that_sends_more_than_its_portion_tells_first",
    ),
    Fault(
        "what is handed on counts as sent earlier", "R1", COUNTS,
        "                grain = int(-(-at // GRAIN))\n", "                grain = int(at // GRAIN) - 1\n",
        "A mailbox is sent more than its limit each time that another worker takes it.",
        "tests/state/test_counts.py::test_the_next_holder_has_what_room_there_is_and_no_more",
    ),
    Fault(
        "what is handed on counts from then on", "I2", COUNTS,
        "                grain = int(-(-at // GRAIN))\n", "                grain = int(-(-now // GRAIN))\n",
        "A busy mailbox that goes from worker to worker is at its limit for ever.",
        "tests/state/test_counts.py::test_handing_on_again_and_again_keeps_the_time_of_what_was_sent",
    ),
    Fault(
        "what a clock ahead has told stands for ever", "I2", COUNTS,
        "        if self._taken and self._taken[-1][0] > now + GRAIN:", "        if self._taken and now < 0:",
        "A machine whose clock was wrong for a minute has stopped its mailboxes for the time that it was ahead.",
        "tests/state/test_counts.py::test_what_a_clock_ahead_has_told_counts_from_now_on_and_not_for_ever",
    ),
    Fault(
        "a pause comes seconds after the lease", "I2", PACE,
        "        if holding.paused is not None and now < holding.paused", "        if holding.paused is not None and now > holding.paused",
        "A server that asked to be left alone is asked at once by the next worker.",
        f"{_PACE}::test_a_mailboxs_pause_is_seen_with_its_lease_and_not_seconds_later",
    ),
    Fault(
        "a pause is forgotten while pauses are read", "I2", PACE,
        "        for scope, until in self._meanwhile.items():\n", "        for scope, until in ():\n",
        "A server that has just asked to be left alone is sent whole batches for five seconds.",
        f"{_PACE}::test_a_pause_that_is_stored_while_the_stored_ones_are_read_is_not_forgotten",
    ),
    Fault(
        "a slot is handed out twice", "R1", "state/portions.py",
        "        where=or_(begins, portions.c.taken + new.taken <= limit),\n",
        "        where=or_(begins, portions.c.taken <= limit),\n",
        "All workers together send more than Exchange takes from an application, and every mailbox is refused.",
        f"{_PACE}::test_a_slot_is_never_handed_out_beyond_its_end",
    ),
    Fault(
        "a portion lasts", "R1", PORTIONS,
        "        elif not purse.slot <= slot <= purse.slot + 1:", "        elif slot < 0:",
        "Workers that saved up their portions send them all at once.",
        f"{_PACE}::test_a_portion_that_is_not_spent_lapses",
    ),
    Fault(
        "a person's pass goes on before the lease is over", "I2", "sync/passes.py",
        "PATIENCE, LOOK = LEASE + timedelta(seconds=30), 1.0", "PATIENCE, LOOK = LEASE - timedelta(seconds=30), 1.0",
        "Who asks for a pass after a worker was killed is told that it is done, and a mailbox is not.",
        "tests/sync/test_reviewed.py::test_a_person_waits_for_a_mailbox_that_a_killed_process_holds",
    ),
    Fault(
        "the wire counts for nobody", "R1", "http.py",
        "                if paced is not None:\n                    await paced()\n", "",
        "No limit of ours holds, and a mailbox is refused by Exchange instead.",
        "tests/sync/test_fair.py::test_a_mailbox_at_its_own_limit_waits_without_holding_a_place",
    ),
)  # fmt: skip
