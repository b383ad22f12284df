"""Faults of the schedule's records: files half loaded, forms that overwrite, crews that come apart."""

from __future__ import annotations

from tests.planted.fault import Fault

_IMPORT, _CREWS = "tests/schedule/test_importing.py", "tests/schedule/test_crews.py"

RECORDS = (
    Fault(
        "what is right in a file is loaded in spite of its mistakes", "I2", "schedule/loading.py",
        "        if found.mistakes or expected not in", "        if expected not in",
        "Half of a file stands in the schedule, and nobody knows which half.",
        f"{_IMPORT}::test_each_mistake_is_named_with_its_line_and_nothing_is_written",
    ),
    Fault(
        "a file is loaded though something else stands there than was confirmed", "I2", "schedule/loading.py",
        " or expected not in {None, (len(found.new), len(found.changed))}:", ":",
        "Who confirmed three new accounts finds that three others were changed.",
        "tests/web/test_sheets.py::test_what_became_something_else_meanwhile_is_shown_again_and_not_loaded",
    ),
    Fault(
        "another account of the same name is taken for the one with the number", "I2", "schedule/importing.py",
        "            if row and not self._differs(row, told, ways[: ways.index(n)]):", "            if row:",
        "An import of a second Northwind writes its address over the first one's.",
        f"{_IMPORT}::test_accounts_are_told_apart_by_their_number_and_else_by_their_name",
    ),
    Fault(
        "a form writes over what another has changed", "I2", "schedule/entering.py",
        "        if before is None or before.version != version:", "        if before is None:",
        "Of two dispatchers the slower one takes back what the other wrote, and neither hears of it.",
        "tests/schedule/test_lists.py::test_a_form_keeps_what_it_does_not_touch_and_nothing_of_what_cannot_be",
    ),
    Fault(
        "another address keeps the mailbox of the one before", "I3", "schedule/addresses.py",
        "    return at(tx, wanted, before.get(USER.id))", "    return dict(wanted)",
        "The successor's jobs are written into the calendar of who has left.",
        "tests/web/test_records.py::test_another_address_of_a_worker_is_another_mailbox_and_another_name_is_not",
    ),
    Fault(
        "a crew's booking goes and its members' stay", "I2", "schedule/moves.py",
        "        along = crews.dissolve(store, tx, seen)\n        store.delete(", "        along = []\n        store.delete(",
        "A job that was called off stands in two workers' calendars, and they drive there.",
        f"{_CREWS}::test_who_still_goes_along_follows_the_crew_and_who_was_moved_alone_does_not",
    ),
    Fault(
        "a member who was moved alone is moved back by the crew", "I2", "schedule/crews.py",
        'return as_it and other["statecode"] == 0', 'return other["statecode"] == 0',
        "A worker who comes an hour later stands there with the others, for nobody knows why.",
        f"{_CREWS}::test_who_still_goes_along_follows_the_crew_and_who_was_moved_alone_does_not",
    ),
    Fault(
        "a work order that was booked meanwhile is booked a second time", "I2", "schedule/moves.py",
        "        if order and not again:", "        if order and again:",
        "Two workers drive to the same customer, for two dispatchers had the order before them.",
        "tests/web/test_board.py::test_an_order_that_another_booked_meanwhile_is_booked_again_only_by_a_choice",
    ),
    Fault(
        "two dispatchers decide at the same moment, each by a look that holds no more", "I2", "schedule/moves.py",
        '        take_counter(tx, "version", 0)\n', "",
        "On PostgreSQL both move the booking; the slower one's stands, and the faster one is told that it is done.",
        "tests/schedule/test_moves.py::test_of_two_at_the_same_moment_one_books_or_moves_and_the_other_is_told",
    ),
    Fault(
        "a work order takes bookings with it that nobody was told of", "I4", "schedule/orders.py",
        "        if count(tx, order) != expected:", "        if count(tx, order) < expected:",
        "A booking made while the question stood open is gone without a word.",
        "tests/schedule/test_lists.py::test_an_order_goes_with_as_many_bookings_as_were_told_and_with_no_others",
    ),
    Fault(
        "a stranger's file is read before anybody asks who sends it", "R7", "web/centre.py",
        "    if visit.signed is None and request.url.path in LARGER:", "    if visit.signed is None and not request:",
        "Whoever finds the address fills the disk with files of eight megabytes.",
        "tests/web/test_sheets.py::test_a_file_is_its_senders_alone_and_takes_a_sign_in",
    ),
)  # fmt: skip
