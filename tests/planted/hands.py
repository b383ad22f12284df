"""Faults in what is done about hands (D8)."""

from __future__ import annotations

from tests.planted.fault import Fault

DRIFT, E2E = "tests/plan/test_drift.py", "tests/sync/test_drift.py"

HANDS = (
    Fault(
        "restored every night", "D8", "plan/drift.py",
        "    if link.restored == drifted.print:", "    if not drifted.print:",
        "A mailbox rule renames the appointment again and again, and every night writes into it for ever.",
        f"{E2E}::test_f16_what_a_server_rewrites_is_written_over_once_and_then_left",
    ),
    Fault(
        "a restored event is remembered as such for good", "D8", "sync/check.py",
        "    links.settle_drift(tx, site.environment, mailbox, over=found.over)\n", "",
        "The second time that a technician moves an appointment by mistake it stays at the wrong time.",
        f"{E2E}::test_d8_restore_writes_a_hands_change_over_once_at_the_check_that_finds_it",
    ),
    Fault(
        "restored whatever the rules say", "D8", "sync/drift.py",
        "        if isinstance(wish(row.known, where, mailbox, link, site.settings, moment), Show):", "        if where:",
        "A canceled job's appointment that the technician threw away comes back every night.",
        f"{E2E}::test_d8_restore_leaves_what_the_rules_leave",
    ),
    Fault(
        "a status ends the respect", "D8", "plan/rules.py",
        'frozenset({"status", "work_order_version"})', "frozenset[str]()",
        "The technician deletes an appointment, sets the job in progress, and has it back.",
        f"{DRIFT}::test_d8_a_respected_deletion_ends_with_a_change_of_the_job_and_not_of_its_status_alone",
    ),
    Fault(
        "the stamp alone tells what was written over a hand", "D8", "plan/decide.py",
        "    return isinstance(action, Update) and bool(observed.etag) and observed.etag == action.etag\n",
        "    return isinstance(action, Update) and observed.etag == action.etag + action.stamp\n",
        "A server fails once while a moved appointment is put back, and the technician stands at the wrong door for ever.",
        "tests/sync/test_write_again.py::test_what_cannot_be_written_now_stays_listed_and_due",
    ),
    Fault(
        "respected for ever", "D8", "plan/decide.py",
        "    if respects and live.declined and same_job(live.triggers or {}, triggers):",
        "    if respects and live.declined:",
        "A job moved to Thursday never shows, for its appointment of Monday was deleted.",
        f"{E2E}::test_f34_a_deletion_that_is_respected_stays_until_the_job_changes",
    ),
    Fault(
        "an update brings back what was deleted", "D8", "sync/apply.py",
        "    if not armed.decision.yields:", "    if armed.decision:",
        "The setting says respect, and the next change of status makes the appointment anew all the same.",
        f"{E2E}::test_f34_a_deletion_that_is_respected_stays_until_the_job_changes",
    ),
    Fault(
        "a deletion in a restored state is believed", "D8", "plan/drift.py",
        "    if link.rewrite:\n        return Answer.REPORT, REPORTED",
        "    if link.rewrite and drifted.now:\n        return Answer.REPORT, REPORTED",
        "After a restore a job that we removed and that came back is taken for one that the technician does not want.",
        f"{E2E}::test_d8_a_deletion_in_the_window_of_an_unread_restore_is_not_believed",
    ),
)  # fmt: skip
