"""Faults in what is decided: rules, decisions, budget, keys, windows, zones."""

from __future__ import annotations

from tests.planted.fault import Fault

RULES, DECIDE = "plan/rules.py", "plan/decide.py"

PLAN = (
    Fault(
        "far edge counted in", "R12", RULES,
        "    if booking.start >= window.far:", "    if booking.start > window.far:",
        "A job that starts exactly at the far edge is made two passes early, and the window is not the one promised.",
        "tests/plan/test_rules.py::test_r12_f26_the_window_is_half_open",
    ),
    Fault(
        "a long job that began before the window is not kept", "I2", RULES,
        "    return linked or max(booking.end, booking.start) > window.near",
        "    return linked or booking.start > window.near",
        "A three-week installation that began before the first pass never reaches the technician's calendar.",
        "tests/plan/test_rules.py::test_r12_a_row_is_kept_while_it_can_still_come_to_matter",
    ),
    Fault(
        "frozen by the new time alone", "D4", RULES,
        "link.end <= window.near and booking.end <= window.near", "booking.end <= window.near",
        "A job moved from tomorrow to last month stays in tomorrow's calendar and the technician drives there.",
        "tests/plan/test_rules.py::test_d4_an_event_follows_its_booking_and_is_frozen_only_when_both_times_lie_before_the_window",
    ),
    Fault(
        "an unknown worker is evidence", "I4", RULES,
        "    if where in (Reason.NO_WORKER, Reason.UNKNOWN_WORKER):", "    if where is Reason.NO_WORKER:",
        "A workers' list that came back short takes the appointments of everybody it leaves out from their calendars.",
        "tests/plan/test_rules.py::test_i4_what_is_no_evidence_removes_nothing",
    ),
    Fault(
        "made although canceled", "D5", RULES,
        "return Leave(Reason.CANCELED_UNSEEN) if booking.kind is StatusKind.CANCELED else Show()", "return Show()",
        "Jobs called off long ago turn up in the calendar of a technician who is set up today.",
        "tests/plan/test_rules.py::test_d5_a_canceled_booking",
    ),
    Fault(
        "ended events are removed", "D6", RULES,
        "    if link.end is not None and link.end <= now:", "    if link.end is None:",
        "Tidying up old bookings takes last week's work out of the technicians' calendars, their proof of hours.",
        "tests/plan/test_rules.py::test_d6_d16_a_deleted_or_inactive_booking",
    ),
    Fault(
        "deletions do not count", "I4", RULES,
        '{known.deleted_at.isoformat()}", counted=True)', '{known.deleted_at.isoformat()}", counted=False)',
        "Somebody deletes a project by mistake and 3,000 appointments vanish before anybody is asked.",
        "tests/plan/test_rules.py::test_removals_which_evidence_counts_against_the_budget",
    ),
    Fault(
        "a changed end triggers nothing", "R10", RULES,
        '        "end": booking.end.isoformat(),\n', "",
        "A job stretched to four hours shows as two, and the next customer is promised a technician who is not free.",
        "tests/plan/test_rules.py::test_r10_d1_an_update_follows_the_status_the_time_the_worker_the_work_order_and_activity_alone",
    ),
    Fault(
        "updated because it looks different", "I6", DECIDE,
        "    elif differ(live.triggers, triggers):",
        "    elif differ(live.triggers, triggers) or (\n"
        "        fingerprint(render(known, worker, place.settings, place.moment.now)) != live.stamp\n    ):",
        "Each repair rewrites appointments whose work order was edited, against the rule, and wears out the mailbox.",
        "tests/plan/test_decide.py::test_i6_a_changed_rendering_alone_writes_nothing",
    ),
    Fault(
        "the generation is forgotten", "I2", DECIDE,
        "        generation = candidate.link.generation if candidate.link else 0\n", "        generation = 0\n",
        "A job given away and given back gets the key of its dead event and never shows again.",
        "tests/plan/test_decide.py::test_an_event_made_again_after_its_end_has_the_next_generations_key",
    ),
    Fault(
        "not found means not made", "I1", DECIDE,
        "ours(made, action.key, linked=None)) if made else Resend(action)",
        "ours(made, action.key, linked=None)) if made else Forget(mark)",
        "Exchange's search lags behind a lost answer, and the technician has the same job twice.",
        "tests/sync/test_failures.py::test_f55_a_search_that_misses_an_existing_event_makes_no_second_one",
    ),
    Fault(
        "a copy for an unanswered create", "I3", DECIDE,
        "            made = [event for event in found if event.key == action.key]\n", "            made = list(found)\n",
        "The technician's own copy is adopted, and the next change of the booking writes into it.",
        "tests/sync/test_found.py::test_a_copy_is_not_adopted_when_the_original_goes_before_we_know_of_it",
    ),
    Fault(
        "the oldest of several is ours", "I3", DECIDE,
        "return (event.id != linked, event.key != key, created, event.id)",
        "return (event.id != linked, created, event.id)",
        "An older copy that a technician keeps is taken for ours and written over.",
        "tests/plan/test_decide.py::test_f36_of_several_events_with_one_mark_one_is_ours",
    ),
    Fault(
        "adopted unread", "I2", DECIDE,
        "stamp=observed.stamp, rewrite=True, intent=None,", "stamp=observed.stamp, rewrite=False, intent=None,",
        "After a restore the calendar goes on showing what stood there, however old it is.",
        "tests/plan/test_decide.py::test_an_owned_event_without_a_link_is_adopted_to_be_written_once",
    ),
    Fault(
        "a dead key is used again", "I2", DECIDE,
        "link.generation + 1, None, restored=link.restored)",
        "link.generation, None, restored=link.restored)",
        "An appointment that the technician deleted can never be made again: its key stands for a dead event.",
        "tests/sync/test_faults.py::test_a_key_whose_event_was_deleted_converges_under_each_behaviour[error]",
    ),
    Fault(
        "the hour's removals are not counted", "I4", "plan/budget.py",
        "budget(links_not_ended) - already))", "budget(links_not_ended)))",
        "Fifty wrong removals go every pass instead of every hour, and nobody is asked.",
        "tests/plan/test_budget.py::test_no_more_goes_than_is_wanted_and_never_more_in_an_hour_than_the_budget",
    ),
    Fault(
        "a key without its generation", "I2", "marks.py",
        "{mark.mailbox}/{mark.generation}", "{mark.mailbox}",
        "A job that comes back to the same technician is refused for ever as a repeat of its dead event.",
        "tests/plan/test_keys.py::test_a_key_is_other_for_another_organization_booking_mailbox_and_generation",
    ),
    Fault(
        "a key without its mailbox", "I1", "marks.py",
        "{mark.booking}/{mark.mailbox}/", "{mark.booking}/",
        "Two mailboxes on one server share keys, and the second technician's appointment is taken for a repeat.",
        "tests/plan/test_keys.py::test_a_key_is_other_for_another_organization_booking_mailbox_and_generation",
    ),
    Fault(
        "the refused is sent for ever", "I7", "plan/retry.py",
        "        case Rejected():\n            return None\n",
        "        case Rejected():\n            return now + timedelta(seconds=pause(attempt, spread))\n",
        "One booking that Exchange refuses costs requests for ever and never shows up as set aside.",
        "tests/sync/test_apply.py::test_f40_what_is_refused_for_good_is_set_aside_with_its_reason",
    ),
    Fault(
        "the server's word is a ceiling", "I2", "plan/retry.py",
        "max(grown, retry_after or 0.0)", "min(grown, retry_after or grown)",
        'A server that always answers "1 second" is asked every second until it locks the application out.',
        "tests/plan/test_retry.py::test_f23_a_server_that_always_answers_one_second_is_asked_ever_more_seldom",
    ),
    Fault(
        "the window looks back as far as ahead", "R12", "plan/settings.py",
        "now + timedelta(days=self.window_future)", "now + timedelta(days=self.window_past)",
        "The second week ahead never reaches the calendars.",
        "tests/plan/test_settings.py::test_the_window_reaches_back_and_ahead_in_whole_days_of_24_hours",
    ),
    Fault(
        "times in the text are UTC", "D14", "plan/zones.py",
        "    first, last = local(start, place), local(end, place)", "    first, last = start, end",
        "The text says 08:00 where the technician's clock will say 09:00.",
        "tests/plan/test_render.py::test_d14_texts_are_in_the_workers_zone_and_instants_in_utc",
    ),
    Fault(
        "one abbreviation for both ends", "D14", "plan/zones.py",
        "_abbreviation(first), _abbreviation(last)", "_abbreviation(first), _abbreviation(first)",
        "In the night of the clock change 02:30 to 02:30 looks like no time at all.",
        "tests/plan/test_render.py::test_d14_texts_are_in_the_workers_zone_and_instants_in_utc",
    ),
    Fault(
        "an inactive profile is good enough", "I5", "plan/ready.py",
        "    if not profile.active:", "    if not profile.id:",
        "An administrator deactivates the profile to stop everything, and the writing goes on.",
        "tests/plan/test_ready.py::test_r3_f52_whatever_is_missing_is_the_reason_that_nothing_is_written",
    ),
)  # fmt: skip
