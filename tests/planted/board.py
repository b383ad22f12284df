"""Faults of what dispatchers and their lists are told: what is to do, what is missing, whose time it is."""

from __future__ import annotations

from tests.planted.fault import Fault

_MOVES, _BOARD, _DAY = "tests/schedule/test_moves.py", "tests/web/test_board.py", "tests/web/test_my_day.py"
_TO_DO = (
    "tests/web/test_overview.py"
    "::test_what_is_to_do_names_all_that_is_not_well_with_its_number_and_the_page_and_the_api_agree"
)
_MISSING = "tests/sync/test_missing.py"

BOARD = (
    Fault(
        "held removals are nothing to do", "I4", "web/to_do.py",
        'Task("held", one.held_removals, ', 'Task("held", 0, ',
        "Removals wait for a person for weeks, and the overview says that all is well.",
        _TO_DO,
    ),
    Fault(
        "what a calendar refused is nothing to do", "I7", "web/to_do.py",
        'Task("refused", one.backlog.set_aside, ', 'Task("refused", 0, ',
        "A booking that no calendar takes is told of to nobody.",
        _TO_DO,
    ),
    Fault(
        "the own event in another calendar is enough", "D7", "state/booking_lists.py",
        "or_(links.c.mailbox == workers.c.mailbox, workers.c.mailbox.is_(None), ~known),", 'links.c.mailbox != "",',
        "A booking stands with the worker who had it before, and not on the list of what is missing.",
        f"{_MISSING}::test_the_list_and_the_answer_agree_on_what_is_missing",
    ),
    Fault(
        "an event that a hand took counts as there", "D8", "state/booking_lists.py",
        "and_(~links.c.declined, ~taken.exists())", "~links.c.declined",
        "A worker has deleted the appointment, and no list says that it is missing.",
        f"{_MISSING}::test_an_event_that_a_hand_took_is_missing_unless_that_is_respected",
    ),
    Fault(
        "a cancellation is taken back over another's time", "I2", "schedule/moves.py",
        "        if chosen.takes_time and not seen.takes_time and not again:\n",
        "        if chosen.takes_time and not seen.takes_time and again:\n",
        "Undo of a cancellation books a worker twice, and the two dispatchers learn of it from the customer.",
        f"{_MOVES}::test_a_canceled_booking_takes_its_time_again_only_where_it_is_free_or_that_is_wanted",
    ),
    Fault(
        "whoever is booked beside it is not looked for", "I2", "schedule/bookable.py",
        "    if beside:\n        raise TimeTaken(beside)\n", "",
        "Undo of a cancellation books a worker twice, and the two dispatchers learn of it from the customer.",
        f"{_BOARD}::test_a_cancellation_is_taken_back_unasked_only_while_its_time_is_free",
    ),
    Fault(
        "the later of two drops wins", "I2", "schedule/moves.py",
        "    if found is None or found.version != version:\n        raise Overtaken(found)\n",
        "    if found is None:\n        raise Overtaken(found)\n",
        "What one dispatcher has just moved is moved back by another who had not seen it.",
        f"{_BOARD}::test_of_two_dispatchers_the_second_is_told_how_it_stands_and_overwrites_nothing",
    ),
    Fault(
        "a crew's file is loaded with a member who cannot be one", "I2", "schedule/loading.py",
        "    return replace(found, mistakes=(*found.mistakes, *wrong), same=0) if wrong else found\n", "    return found\n",
        "A crew is its own member's member; to book it books nobody whom a calendar could tell.",
        "tests/schedule/test_membership.py::test_a_member_that_cannot_be_is_named_by_its_line_and_nothing_is_written",
    ),
    Fault(
        "a link that was renewed keeps its secret", "I10", "embedded/exchange/mailbox_store.py",
        "        token = secrets.token_urlsafe(32)\n", "        token = self.get(named).feed_token\n",
        "A link that got into wrong hands is taken back, and is read on.",
        "tests/web/test_my_calendar.py"
        "::test_a_worker_s_link_is_shown_on_demand_and_leads_to_the_own_calendar_until_it_is_renewed",
    ),
    Fault(
        "a step is taken on whatever day", "R10", "schedule/steps.py",
        "    if step not in offered(seen, day):\n", "    if step not in after(seen):\n",
        "A made-up form completes next week's job, and it leaves the week's calendar.",
        f"{_DAY}::test_a_step_that_the_page_does_not_offer_is_not_taken",
    ),
    Fault(
        "a booking that nobody has read yet is shown to everybody", "R7", "unread.py",
        "        if row.id in known or not seeing.may_see(tx, actor, place.id, row):\n", "        if row.id in known:\n",
        "A worker reads customers' names by the numbers of work orders, as long as they are new.",
        f"{_BOARD}::test_why_a_booking_that_was_just_made_is_in_no_calendar_is_told_before_any_pass_has_read_it",
    ),
    Fault(
        "a customer goes though work orders name it", "I4", "schedule/removing.py",
        "        if kept := refused(held):\n", "        if (kept := refused(held)) and expected:\n",
        "Forty work orders are for nobody, and no event says where to go.",
        "tests/schedule/test_removing.py::test_what_others_name_stays_and_the_line_tells_who",
    ),
    Fault(
        "a work order is canceled under the worker's hands", "I4", "schedule/orders.py",
        "        if told.obstacle:\n", "        if told.obstacle and not told.going:\n",
        "Who is at work at the customer's sees the job called off.",
        "tests/schedule/test_removing.py"
        "::test_a_canceled_work_order_takes_its_open_bookings_along_and_leaves_what_is_done",
    ),
    Fault(
        "a mailbox that a pass is at counts as empty", "I4", "sync/survey.py",
        "        for _ in range(TRIES):\n", "        for _ in range(1):\n",
        "A clean is asked about with nothing to remove, and the leaver's calendar stays full.",
        "tests/sync/test_clean.py::test_a_mailbox_that_a_pass_is_at_is_waited_for_and_not_counted_as_empty",
    ),
)  # fmt: skip
