"""Faults in what is forgotten: by age, and of a person on command."""

from __future__ import annotations

from tests.planted.fault import Fault

PRUNING, ERASURE, SCRUB = "state/pruning.py", "state/erasure.py", "state/scrub.py"
_BY_AGE = (
    "tests/state/test_pruning.py::test_i1_a_booking_goes_by_age_only_where_nothing_stands_of_it_and_nothing_is_open"
)

KEEPING = (
    Fault(
        "an unanswered write is no reason to keep", "I1", PRUNING,
        "over = not row.unanswered and row.end is not None and row.end < before", "over = True",
        "A write that may have arrived is forgotten with its booking.",
        _BY_AGE,
    ),
    Fault(
        "a booking with an event is forgotten", "I4", PRUNING,
        "[key for key in free if key not in standing], [key for key in free if key in standing],", "free, [],",
        "An event stands in a calendar and nothing tells any more what it stands for.",
        _BY_AGE,
    ),
    Fault(
        "held removals are forgotten", "I4", PRUNING,
        'plan_rows.c.state.in_(("held", "approved"))', 'plan_rows.c.state.in_(("approved",))',
        "A person is asked about a removal of which nothing is known any more.",
        _BY_AGE,
    ),
    Fault(
        "a rejection is forgotten while its event stands", "I4", PRUNING,
        'and_(plan_rows.c.state == "rejected", ~stands)', 'plan_rows.c.state == "rejected"',
        "What a person has refused is proposed again, year after year.",
        "tests/state/test_pruning.py"
        "::test_i4_a_decided_plan_goes_by_age_but_never_a_rejection_that_still_protects_an_event",
    ),
    Fault(
        "the window is no reason to keep", "R12", "engine/upkeep.py",
        "max(kept.bookings, timedelta(days=place.settings.window_past) + MARGIN)", "kept.bookings",
        "With a short age, bookings of this week are forgotten, and their changes are news each time.",
        "tests/state/test_pruning.py::test_no_booking_goes_that_any_window_could_still_hold",
    ),
    Fault(
        "texts that are not remembered are compared", "I2", "plan/drift.py",
        'if link.subject else ("start", "end")', 'if link.subject else ("start", "end", "subject", "location")',
        "After the first pruning every check reports each old event as changed by a hand.",
        "tests/state/test_pruning.py::test_an_event_of_which_no_texts_are_remembered_is_compared_by_its_times_alone",
    ),
    Fault(
        "a place goes from the trigger values as a text", "I2", SCRUB,
        'if k != "place"}', "}",
        "Erasing a customer has the events of that address written again.",
        "tests/state/test_erasure.py"
        "::test_a_name_is_taken_out_of_every_text_of_every_table_in_whatever_form_it_stands",
    ),
    Fault(
        "an unanswered write is rewritten", "I1", ERASURE,
        "    _refuse_unanswered(tx, words)\n    number = _work_orders(", "    number = _work_orders(",
        "A creation is repeated with other bytes under its key, and the event may stand twice.",
        "tests/state/test_erasure.py::test_i1_an_unanswered_write_keeps_its_bytes_so_the_erasure_waits",
    ),
    Fault(
        "a worker is erased whose events stand", "I1", ERASURE,
        "    refuse_worker(tx, traces)\n    here,", "    here,",
        "Events of ours stand in a calendar that nobody knows any more.",
        "tests/state/test_erasure.py"
        "::test_a_worker_is_not_erased_while_anything_of_ours_may_stand_in_the_mailbox",
    ),
    Fault(
        "a letter goes out without TLS", "I10", "mailing.py",
        "    if not server.plain:\n", "    if False:\n",
        "The mail server's password can be read by everybody on the way.",
        "tests/engine/test_letters.py::test_a_letter_that_is_not_taken_is_told_in_one_line_without_a_secret",
    ),
)  # fmt: skip
