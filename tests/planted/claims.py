"""Faults in the claim on a calendar (R14)."""

from __future__ import annotations

from tests.planted.fault import Fault

TESTS = "tests/sync/test_installations.py"

CLAIMS = (
    Fault(
        "an old sight of the claim is good for ever", "R14", "sync/gate.py",
        "timedelta(0) <= now - row.claimed_at < CLAIM_HOLDS", "timedelta(0) <= now - row.claimed_at",
        "A server that was away for a week comes back and writes into calendars that another serves by now.",
        f"{TESTS}::test_r14_a_pass_reads_the_claim_before_it_writes_when_it_was_not_seen_for_long_or_was_refused",
    ),
    Fault(
        "a refusal puts nothing in doubt", "R14", "state/troubles.py",
        '{"claimed_at": None} if refused else {}', '{"failures": failures} if refused else {}',
        "Taken over by another installation, the old one tries on for hours after it was refused.",
        f"{TESTS}::test_r14_a_pass_reads_the_claim_before_it_writes_when_it_was_not_seen_for_long_or_was_refused",
    ),
    Fault(
        "a conflict is a hand's deed", "R14", "sync/apply.py",
        "        if there is not None and there.stamp and there.stamp != item.link.stamp:",
        "        if there is not None and not there.stamp:",
        "Two installations write over each other for half a day.",
        f"{TESTS}::test_r14_the_first_conflict_with_anothers_write_has_the_claim_read_in_the_same_pass",
    ),
    Fault(
        "the claim is not read again", "R14", "setup/trial.py",
        "    return claims.judge(await calendar.claim(may_begin), ours)\n", "    return verdict\n",
        "Two administrators press Test & Enable in one minute, and both installations write.",
        f"{TESTS}::test_r14_two_that_claim_in_one_moment_are_not_both_switched_on",
    ),
    Fault(
        "the same organization is ourselves", "R14", "setup/claims.py",
        "standing is not None and standing.installation == ours.installation):\n        return Check(NAME, ok=True)",
        "standing is not None and standing.organization == ours.organization):\n        return Check(NAME, ok=True)",
        "A second server, set up by mistake for the same company, is switched on beside the first.",
        f"{TESTS}::test_r14_a_second_installation_is_refused_and_told_who_serves_the_mailbox_since_when",
    ),
)  # fmt: skip
