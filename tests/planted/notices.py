"""Faults in what is made of notifications: who may call, what a hint may do, how often."""

from __future__ import annotations

from tests.planted.fault import Fault

END, LOOK, HINTS, SERVICE = "web/hooks.py", "sync/look.py", "engine/hints.py", "engine/service.py"
HTTP, WORK = "tests/web/test_hooks.py", "tests/engine/test_hints.py"

NOTICES = (
    Fault(
        "any secret opens the door", "R1", END,
        "        if not good:\n", "        if not good and not secret:\n",
        "Anybody who finds the address can have the source read, and learns which environments there are.",
        f"{HTTP}::test_whatever_else_is_said_is_no_hint_and_whoever_lacks_the_secret_is_told_nothing",
    ),
    Fault(
        "a renewed secret ends the one before at once", "R1", "state/webhooks.py",
        "        return good or before\n", "        return good\n",
        "What Dataverse had under way when the secret was renewed is refused, and comes with the next pass.",
        f"{HTTP}::test_the_secret_before_is_good_for_a_while_after_a_renewal",
    ),
    Fault(
        "a body is kept however long it is", "R1", END,
        "                if size > LARGEST:\n", "                if size < 0:\n",
        "A few callers fill the memory of the service.",
        f"{HTTP}::test_a_body_without_a_length_is_cut_off_at_the_limit",
    ),
    Fault(
        "a look renews every snapshot", "I6", LOOK,
        " if item.booking.id in wanted)", ")",
        "A notification about nothing carries a changed work order into the next write of the event.",
        f"{WORK}::test_i6_a_groundless_hint_lets_no_changed_work_order_in",
    ),
    Fault(
        "a hint and an absence prove a deletion", "I4", LOOK,
        "Told(rows, Details(found), details.unreadable)",
        "Told(rows, Details(found, details.missing), details.unreadable)",
        "A replica that lags behind a notification takes appointments out of calendars.",
        f"{WORK}::test_a_hint_and_an_absence_alone_remove_nothing_the_pass_decides",
    ),
    Fault(
        "a hint wakes what is switched off", "R13", SERVICE,
        "        if not place.enabled or desk.refused", "        if desk.refused",
        "An environment that is switched off is read, and its calendars written, whenever a notification comes.",
        f"{WORK}::test_r13_while_the_environment_is_off_a_hint_asks_the_source_nothing",
    ),
    Fault(
        "a hint that comes during a read is dropped", "R1", SERVICE,
        "            desk.hinted.hints.put_back(taken)\n", "",
        "What is booked while a pass reads comes a quarter of an hour later.",
        f"{WORK}::test_a_hint_waits_while_another_process_reads_the_environment",
    ),
    Fault(
        "a flood is followed at its own pace", "R1", HINTS,
        "await self._clock.sleep(max(least, allowance.wait(self._clock.monotonic())))",
        "await self._clock.sleep(least)",
        "Whoever has the secret can use the source's limits up and have real reads refused.",
        f"{WORK}::test_a_flood_of_forged_hints_is_a_bounded_rate_of_reads_and_no_write",
    ),
)  # fmt: skip
