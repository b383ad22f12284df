"""Faults of the worker's page: whose jobs are moved, what is overwritten, and who reads a calendar."""

from __future__ import annotations

from tests.planted.fault import Fault

_DAY, _CALENDAR = "tests/web/test_my_day.py", "tests/web/test_my_calendar.py"

PHONE = (
    Fault(
        "a worker moves anybody's jobs",
        "R7",
        "schedule/steps.py",
        "    if found.worker not in workers:\n",
        "    if not found.worker:\n",
        "A technician completes a colleague's job with a made-up form, and the customer waits for nobody.",
        f"{_DAY}::test_another_s_booking_is_refused_whoever_asks",
    ),
    Fault(
        "a tap overwrites what the dispatcher changed",
        "R10",
        "schedule/steps.py",
        "    if seen.version != version:\n",
        "    version = seen.version\n    if seen.version < 0:\n",
        "A job that was moved to the afternoon meanwhile is begun now, and nobody hears of it.",
        f"{_DAY}::test_what_a_dispatcher_changed_meanwhile_is_not_overwritten",
    ),
    Fault(
        "to undo leaves the times as they are",
        "R10",
        "schedule/moves.py",
        '"bookingstatus": before.status, "starttime": instant_text(before.start),',
        '"bookingstatus": before.status, "starttime": instant_text(seen.start),',
        "After a wrong tap the job says that it is scheduled, for the moment of the tap.",
        f"{_DAY}::test_a_wrong_tap_is_undone_with_its_times_until_another_changes_the_booking",
    ),
    Fault(
        "to go on after a break is to begin again",
        "R10",
        "schedule/progress.py",
        "if step is Step.IN_PROGRESS and slot.status.step is not Step.ON_BREAK:",
        "if step is Step.IN_PROGRESS:",
        "Each break makes the job longer by what was worked already, and pushes the calendar into the next one.",
        "tests/schedule/test_progress.py::test_a_step_moves_the_window_as_the_mobile_app_does",
    ),
    Fault(
        "an account that anybody made reads a worker's calendar",
        "I10",
        "web/pages/my_calendar.py",
        "return visit.actor.user is not None and visit.actor.user.vouched",
        "return visit.actor.user is not None",
        "One administrator alone makes an account in a worker's name and subscribes to the worker's private life.",
        f"{_CALENDAR}::test_an_account_that_nobody_answers_for_gets_no_link",
    ),
    Fault(
        "who has left goes on reading the calendar",
        "R7",
        "web/pages/my_calendar.py",
        "return bool(owners) and not any(one.roles for one in owners)",
        "return bool(owners) and not owners[0].id",
        "A year after the notice the former technician still sees each customer of that calendar.",
        f"{_CALENDAR}::test_who_has_left_reads_nothing_by_an_old_link",
    ),
    Fault(
        "what a phone keeps is marked for everybody alike",
        "I10",
        "web/visit.py",
        'hashlib.sha256(f"kept {self.actor.name}".encode())',
        'hashlib.sha256(b"kept")',
        "Whoever signs in next on a shared tablet reads the week of the one before, offline.",
        f"{_DAY}::test_what_may_be_kept_offline_is_marked_for_one_person_and_nothing_else_is",
    ),
)
