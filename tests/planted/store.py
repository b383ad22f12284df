"""Faults in what is remembered: leases, marks, links, workers, the budget's ledger."""

from __future__ import annotations

from tests.planted.fault import Fault

LEASES, MARKS, WORKERS = "state/leases.py", "state/marks.py", "state/workers.py"

STORE = (
    Fault(
        "an empty file is a new state", "R14", "state/database.py",
        "            self._wait_for_content(self._path)\n", "            pass\n",
        "A full disk empties the state, and the next pass begins anew as another installation.",
        "tests/cli/test_state_files.py::test_an_empty_state_is_refused_with_the_way_back_and_stays_as_it_is",
    ),
    Fault(
        "a held lease is taken", "I8", LEASES,
        ", where=not_(lasts(leases.c.until))", "",
        "Two processes write one mailbox at once and each undoes the other.",
        "tests/state/test_leases.py::test_a_free_lease_is_taken_and_a_held_one_is_not",
    ),
    Fault(
        "a stale holder renews", "I8", LEASES,
        '.where(_named, _fenced, leases.c.owner == bindparam("b_owner"))', ".where(_named)",
        "A worker that was replaced stores its old results over the new ones.",
        "tests/state/test_leases.py::test_i8_a_stale_holder_can_neither_renew_nor_store_nor_give_back_what_another_has",
    ),
    Fault(
        "any lease will do", "I8", LEASES,
        "    if row is None or (row.fence, row.owner) != (lease.fence, lease.owner):", "    if row is None:",
        "A worker that was replaced clears marks that the next one is working on.",
        "tests/state/test_leases.py::test_i8_a_stale_holder_can_neither_renew_nor_store_nor_give_back_what_another_has",
    ),
    Fault(
        "a raised mark is cleared", "I2", MARKS,
        '    marks.c.seq == bindparam("b_seq"),\n', '    bindparam("b_seq") == bindparam("b_seq"),\n',
        "A change that comes in while the one before it is being written is lost.",
        "tests/state/test_marks.py::test_a_mark_is_cleared_only_if_it_is_unchanged_since_it_was_loaded",
    ),
    Fault(
        "a mark without a date", "I2", MARKS,
        '    recompute(tx, environment, {str(row["mailbox"]) for row in rows})\n', "",
        "A change is remembered and its mailbox never comes due.",
        "tests/state/test_marks.py::test_a_marked_booking_is_due_at_once_and_so_is_its_mailbox",
    ),
    Fault(
        "written before it was read", "R11", MARKS,
        "        func.coalesce(bookings.c.stale, False).is_(False),\n", "",
        "An appointment is made without its work order: no address, no number.",
        "tests/state/test_marks.py::test_r11_a_booking_whose_details_wait_to_be_read_is_not_due",
    ),
    Fault(
        "an older row wins", "I2", "state/rows.py",
        "statement.excluded[newer] >= table.c[newer] if newer else None", "None",
        "A page that arrives late puts yesterday's time back into the calendar.",
        "tests/state/test_bookings.py::test_a_row_is_stored_only_if_its_version_is_not_older",
    ),
    Fault(
        "a worker's new mailbox is not noticed", "D10", WORKERS,
        "return known is None or known[0].mailbox != told.mailbox or known[1]", "return known is None",
        "A technician who gets a mailbox today sees an empty calendar until each job changes.",
        "tests/state/test_workers.py::test_d10_a_worker_who_gets_a_mailbox_later_has_all_window_bookings_marked",
    ),
    Fault(
        "a changed address stays approved", "I5", WORKERS,
        'approval="empty", enabled=False, disabled_reason="the address', 'disabled_reason="the address',
        "Somebody else inherits an address and the customers' jobs with it.",
        "tests/state/test_workers.py::test_a_changed_address_needs_its_approval_again",
    ),
    Fault(
        "a deleted booking keeps no first proof", "I4", "state/bookings.py",
        "bookings.c.id.in_(some), bookings.c.deleted_at.is_(None))\n            .values(deleted_at=now, stale=False)",
        "bookings.c.id.in_(some))\n            .values(deleted_at=now, stale=False)",
        "A removal that a person rejected is proposed again with every full read.",
        "tests/state/test_bookings.py::test_a_proof_of_deletion_is_kept_from_its_first_telling",
    ),
    Fault(
        "what a full read passes over is not asked for", "I2", "state/bookings.py",
        "            bookings.c.seen_run != run,\n", "            bookings.c.seen_run == run,\n",
        "Jobs deleted while the delta link was dead stand in the calendars for ever.",
        "tests/state/test_bookings.py::test_f30_a_full_read_asks_after_every_booking_with_an_event_that_it_did_not_name",
    ),
    Fault(
        "an intent loses its triggers", "I2", "state/links.py",
        "Intent(msgspec.json.decode(self.action, type=_ACTIONS[self.kind]), at, self.triggers)",
        "Intent(msgspec.json.decode(self.action, type=_ACTIONS[self.kind]), at, {})",
        "A job whose creation went unanswered no longer follows its booking.",
        "tests/state/test_links.py::test_an_intent_comes_back_to_the_last_byte_for_a_repeat_sends_the_same",
    ),
)  # fmt: skip
