"""Faults in what is removed as a duplicate (I3, I4)."""

from __future__ import annotations

from tests.planted.fault import Fault

PURE, WAY = "tests/plan/test_duplicates.py", "tests/sync/test_duplicates.py"

DOUBLES = (
    Fault(
        "a copy by hand is offered", "I3", "plan/duplicates.py",
        "        return self.made_by_us and not self.obstacle", "        return not self.obstacle",
        "The copy that a technician made for a second visit goes with the first approval.",
        f"{PURE}::test_f36_a_copy_is_shown_and_only_ours_is_offered",
    ),
    Fault(
        "the last one is a duplicate", "I4", "plan/duplicates.py",
        '    if true is None:\n        return "the event', '    if link.event is None:\n        return "the event',
        "The appointment that counts was deleted by hand, and its double goes too: the job is in no calendar.",
        f"{PURE}::test_i4_nothing_may_be_removed_where_no_true_event_is_known_to_stand",
    ),
    Fault(
        "a listed event is proof enough", "I4", "sync/duplicates.py",
        "            if pure.proven(one, there.get(one.true.id)):", "            if there is not None:",
        "A list that lags behind costs a technician the only appointment of a job.",
        f"{WAY}::test_i4_the_true_event_is_read_right_before_a_removal",
    ),
    Fault(
        "removed whatever it is by now", "I3", "sync/duplicates.py",
        "safe.append(Delete(event.mark, event.id, event.etag))", 'safe.append(Delete(event.mark, event.id, ""))',
        "What a technician wrote into the double while the administrator looked at the list is gone.",
        f"{WAY}::test_a_duplicate_that_a_hand_changes_between_looking_and_removing_stays",
    ),
    Fault(
        "what was shown is removed unseen", "I4", "sync/duplicates.py",
        "            if await gate.claimed_elsewhere(site, held, mailbox, calendar):", "            if held is None:",
        "Two installations tidy one calendar, and each removes what the other counts on.",
        f"{WAY}::test_i5_r14_nothing_is_removed_from_a_mailbox_that_is_off_unread_or_anothers",
    ),
)  # fmt: skip
