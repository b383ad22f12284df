"""Faults in what several do to the same rows at the same moment: plans, mailboxes, links, leases."""

from __future__ import annotations

from tests.planted.fault import Fault

PLANS, RECONCILE = "state/plans.py", "sync/reconcile.py"
_STATE, _SYNC = "tests/state/test_two_at_once.py", "tests/sync/test_at_once.py"
_ENDS = f"{_STATE}::test_a_removal_is_never_held_in_a_plan_that_ends_at_the_same_moment"
_CLOSES = f"{_STATE}::test_of_two_workers_who_carry_out_the_last_of_a_plan_one_closes_it"
_TAKES_ON = f"{_SYNC}::test_i1_a_mailbox_takes_on_its_object_id_before_it_is_written_or_not_at_all"

AT_ONCE = (
    Fault(
        "a removal is held in whatever plan was open", "I4", PLANS,
        'in a new one; returns its number."""\n    _alone(tx, environment)\n', 'in a new one; returns its number."""\n',
        "A job that was deleted stands in a calendar for ever, and no person is asked about it.",
        _ENDS,
    ),
    Fault(
        "a plan is decided while it grows", "I4", PLANS,
        'none if it was decided before."""\n    _alone(tx, environment)\n', 'none if it was decided before."""\n',
        "What was held in the moment of a person's word is neither removed nor asked about again.",
        _ENDS,
    ),
    Fault(
        "a plan is closed while it grows", "I4", PLANS,
        "        return\n    _alone(tx, environment)\n", "        return\n",
        "The plan is done and gone from the list, with a removal in it that waits for a person.",
        _ENDS,
    ),
    Fault(
        "of two who end a plan neither closes it", "I2", PLANS,
        'is over and was not done."""\n    _alone(tx, environment)\n', 'is over and was not done."""\n',
        "A plan of duplicates is shown as under way for ever.",
        _CLOSES,
    ),
    Fault(
        "a mailbox takes on its object id while it is written", "I1", "state/workers.py",
        "    alone(tx, environment, {box.mailbox for", "    print(tx, environment, {box.mailbox for",
        "The booking stands in the calendar twice, and nobody ever removes the first event.",
        _TAKES_ON,
    ),
    Fault(
        "a mailbox is written while it takes on its object id", "I1", RECONCILE,
        "gate.why_not(tx, site, run.mailbox, alone=True)", "gate.why_not(tx, site, run.mailbox)",
        "The booking stands in the calendar twice, and nobody ever removes the first event.",
        _TAKES_ON,
    ),
    Fault(
        "links are asked before marks", "I2", "state/bookings.py",
        "[*tx.execute(waiting), *tx.execute(live)]", "[*tx.execute(live), *tx.execute(waiting)]",
        "A change that comes in the moment of a write never reaches the event.",
        f"{_STATE}::test_a_mailbox_that_is_written_while_it_is_asked_for_is_named_by_its_mark_or_by_its_link",
    ),
    Fault(
        "what a worker wrote meanwhile is overwritten", "I2", "state/pruning.py",
        "        .with_for_update()\n    ).all()\n    for row in rows:\n        values", "    ).all()\n    for row in rows:\n        values",
        "Texts are forgotten, and an appointment is written once more for nothing.",
        f"{_STATE}::test_a_place_is_forgotten_of_what_a_worker_writes_at_the_same_moment",
    ),
    Fault(
        "links are touched before their mailbox", "I7", "state/links.py",
        "    alone(tx, environment, {box for these in which", "    print(tx, environment, {box for these in which",
        "A pass and a change of the source wait for each other, and one is thrown back again and again.",
        f"{_STATE}::test_who_holds_a_mailbox_waits_for_nobody_who_waits_for_it",
    ),
    Fault(
        "a person's word takes the plans before the mailbox", "I7", "sync/approve.py",
        "    marks.alone(tx, site.environment, {mailbox for mailbox, _ in answered})", "    marks.recompute(tx, site.environment, ())",
        "Who approves a plan is told that the database took it back, for a pass waits for the same rows.",
        f"{_SYNC}::test_a_persons_word_waits_for_a_mailbox_before_it_holds_the_plans",
    ),
    Fault(
        "what nobody has seen is approved too", "I4", "sync/approve.py",
        "    silent = [row for row in decided if (row.mailbox, row.booking) not in answered]",
        "    silent = [row for row in decided if row.booking in set(told.details.unknown)]",
        "A removal that was held after the list was read is approved with it, and the source was not asked.",
        f"{_SYNC}::test_i4_what_is_held_while_the_source_is_asked_is_not_approved_unseen",
    ),
    Fault(
        "who is cancelled keeps the lease", "I2", "state/held.py",
        "        if lease is not None:\n            await database.writing(leases.give_back, lease)\n", "",
        "What is asked for and broken off leaves its mailbox to nobody for a minute.",
        "tests/state/test_held.py::test_who_is_cancelled_while_the_lease_is_taken_leaves_none_behind",
    ),
    Fault(
        "a reconciliation that is cancelled keeps the lease", "I2", RECONCILE,
        "    return begun.lease if isinstance(begun, Begun) else None\n", "    return None\n",
        "What is asked for and broken off leaves its mailbox to nobody for a minute.",
        f"{_SYNC}::test_a_reconciliation_that_is_cancelled_at_its_beginning_leaves_no_lease_behind",
    ),
    Fault(
        "a hundred deaths count for ten limits", "I2", "engine/pace.py",
        "min(silent * self._portion, self._limit)", "silent * self._portion",
        "A mailbox whose workers died often is taken for sent ten times what Exchange allows, and each worker hands it on.",
        "tests/engine/test_pace.py::test_however_many_died_the_next_takes_no_more_than_the_limit_for_sent",
    ),
)  # fmt: skip
