"""Faults in what people set up and decide: claims, mailboxes that come late, held removals; and in what watches us."""

from __future__ import annotations

from tests.planted.fault import Fault

GATE, SORT, OFFICE = "sync/gate.py", "sync/sort.py", "tests/sync/test_office.py"
CHURN, CLAIMS = "tests/sync/test_churn.py", "tests/sync/test_claims.py"

SETUP = (
    Fault(
        "the service accepts copies", "D9", "engine/importing.py",
        "accept_copies=False", "accept_copies=True",
        "Left to itself, it puts every booking a second time into the calendars that Microsoft's own sync serves.",
        "tests/engine/test_importing.py::"
        "test_r6_d9_who_is_set_up_there_starts_by_itself_and_who_is_served_there_never_does",
    ),
    Fault(
        "the same tenant is the same server", "I2", "setup/profiles.py",
        "    if places[0] != places[1]:\n        return False\n", "",
        "A profile is pointed at another server, and what stands at the old one is lost sight of and never mended.",
        "tests/setup/test_profile_change.py::test_another_server_is_refused_while_events_of_ours_stand",
    ),
    Fault(
        "two mailboxes may come out at one calendar", "I3", "accounts.py",
        "        if others:\n", "        if not others and others:\n",
        "One address without a placeholder, and a technician's phone shows the jobs of all the others.",
        "tests/setup/test_dav_accounts.py::test_a_calendar_that_another_mailbox_is_written_into_is_refused_and_named",
    ),
    Fault(
        "one credential for all needs no placeholder", "I3", "attaching.py",
        "if end.secret and not addresses.names_one(end.url) else []", "if not end.url else []",
        "The service account is asked for its own calendar, and every booking lands in it.",
        "tests/setup/test_addresses.py::test_a_caldav_profile_of_a_wrong_form_is_refused",
    ),
    Fault(
        "another account is the same calendar", "I2", "setup/accounts.py",
        "        if accounts.stands(tx, mailbox.environment, mailbox.id):", "        if mailbox.id is None:",
        "An account's name is corrected, what stands in the old calendar is lost sight of, and the worker sees both.",
        "tests/setup/test_dav_accounts.py::"
        "test_another_account_is_refused_while_events_of_ours_stand_and_nothing_is_changed_for_anybody",
    ),
    Fault(
        "the check does not ask whose the mailbox is", "R14", "sync/check.py",
        "    if await gate.claimed_elsewhere(site, held, mailbox, calendar):\n        return None\n", "",
        "Two installations go on writing one technician's jobs, each its own, and nobody is told.",
        f"{CLAIMS}::test_r14_a_check_that_finds_anothers_claim_switches_the_mailbox_off_and_writes_nothing",
    ),
    Fault(
        "another's claim is told and not heeded", "R14", GATE,
        "        mailboxes.disable(tx, site.environment, [mailbox], verdict.detail)\n", "",
        "The alert says that somebody else serves the mailbox, and both go on writing.",
        f"{CLAIMS}::test_r14_a_check_that_finds_anothers_claim_switches_the_mailbox_off_and_writes_nothing",
    ),
    Fault(
        "any environment of ours may write", "R14", "setup/claims.py",
        "    if standing is None or standing == ours:",
        "    if standing is None or standing.installation == ours.installation:",
        "After a restore the environment that gave the mailbox away writes into it again.",
        f"{CLAIMS}::test_r14_a_check_that_finds_anothers_claim_switches_the_mailbox_off_and_writes_nothing",
    ),
    Fault(
        "the new mailbox gets jobs as they were read long ago", "R11", "state/workers.py",
        "                    unread.append(booking)\n", "                    pass\n",
        "A technician who gets a mailbox today reads last month's address and summary.",
        f"{OFFICE}::test_d10_a_mailbox_that_comes_after_the_bookings_is_filled_with_them",
    ),
    Fault(
        "moved out before there is a place", "D10", SORT,
        "decision.reason is Reason.MOVED and home not in work.open_homes:",
        "decision.reason is Reason.MOVED and home is None:",
        "A technician whose mailbox is changed in the directory has his jobs in no calendar until somebody sets it up.",
        f"{OFFICE}::test_d10_jobs_of_a_technician_with_a_new_mailbox_stay_in_the_old_one_until_the_new_one_is_set_up",
    ),
    Fault(
        "no mailbox is proof", "I4", "plan/rules.py",
        "    if isinstance(where, Reason):\n        return Leave(Reason.LOST_MAILBOX)\n", "",
        "A licence is taken away by mistake and all appointments of that technician vanish.",
        "tests/plan/test_rules.py::test_i4_what_is_no_evidence_removes_nothing",
    ),
    Fault(
        "a rejected removal goes when the hour has room", "I4", SORT,
        'if said and said[0] in ("held", "rejected"):', 'if said and said[0] == "held":',
        "A person says no, and an hour later the appointments are gone.",
        f"{OFFICE}::test_i4_removals_held_for_a_person_go_when_approved_and_stay_when_rejected_whatever_time_passes",
    ),
    Fault(
        "a held removal goes when the hour has room", "I4", SORT,
        'if said and said[0] in ("held", "rejected"):', 'if said and said[0] == "rejected":',
        "A wrong import empties the calendars by fifty an hour while the question to a person still stands.",
        f"{OFFICE}::test_i4_removals_held_for_a_person_go_when_approved_and_stay_when_rejected_whatever_time_passes",
    ),
    Fault(
        "workers of tomorrow count as read", "D10", "sync/pull.py",
        "timedelta(0) <= site.clock.now() - read_at < WORKERS_IN_FULL", "site.clock.now() - read_at < WORKERS_IN_FULL",
        "The clock is set back by a year, and a technician who has left keeps getting customers' jobs for that year.",
        "tests/sync/test_reviewed.py::test_workers_read_in_the_future_are_read_again_at_once",
    ),
    Fault(
        "only marks make a mailbox ready", "I2", "state/waiting.py",
        "in (*map(ordered.where, _marked(now)), unread):", "in map(ordered.where, _marked(now)):",
        "What a forgotten state left in a calendar is only found when some job of that technician changes.",
        "tests/state/test_waiting.py::test_a_mailbox_is_ready_when_something_is_to_be_done_in_it_that_may_be_done",
    ),
    Fault(
        "the same again is no churn", "I2", "state/history.py",
        "return self.uncalled + (0 if self.changes else self.same)", "return self.uncalled",
        "Every pass rewrites every appointment, and the operator's status shows nothing.",
        f"{CHURN}::test_the_same_written_again_though_nothing_changed_is_counted_stored_and_told",
    ),
    Fault(
        "any mark is a cause", "I2", "sync/apply.py",
        "    called = marked.reason in CAUSES or marked.attempts > 0\n", "    called = bool(marked.reason)\n",
        "Writes that nothing called for are not told from the others.",
        f"{CHURN}::test_a_write_that_only_a_mark_without_a_cause_led_to_is_churn_though_its_content_is_new",
    ),
    Fault(
        "a change that looks the same is churn", "I2", "state/history.py",
        "(0 if self.changes else self.same)", "self.same",
        "An alarm at each job that is given to a colleague in one mailbox, until nobody looks at alarms any more.",
        f"{CHURN}::test_what_a_change_time_or_a_fault_calls_for_is_no_churn",
    ),
)  # fmt: skip
