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
        "        if not place.enabled or feed.refused", "        if feed.refused",
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
        "a hint of a deletion leads to no pass", "R1", SERVICE,
        "        if taken.anything or not (desk.begun or self._part):\n            desk.hinted.pass_soon(taken.run)\n",
        "        if taken.anything or not (desk.begun or self._part):\n",
        "What was deleted, which no read by id proves, stands in the calendar for a quarter of an hour more.",
        f"{WORK}::test_a_deletion_is_proven_by_the_feed_that_the_hint_leads_to",
    ),
    Fault(
        "a look forgets how long the source asked to wait", "R1", "sync/throttle.py",
        "        return await read_details(site, ids)\n    except Throttled as error:\n        await wait(site, error)\n",
        "        return await read_details(site, ids)\n    except Throttled:\n",
        "Each notification asks a source that is throttling us again, which makes it throttle longer.",
        "tests/sync/test_reviewed_reads.py"
        "::test_whoever_is_asked_to_wait_by_the_source_leaves_it_alone_for_everybody",
    ),
    Fault(
        "a daily repair that fails makes its pass a failed one", "R1", "sync/pull.py",
        "        await tell_repair(site, str(error))\n        return Found()\n",
        "        await tell_repair(site, str(error))\n        raise\n",
        "While the whole read fails, notifications are passed over, and bookings come by growing pauses.",
        "tests/sync/test_sweep.py"
        "::test_a_repair_that_fails_leaves_the_pass_its_work_is_told_of_and_tried_again_in_an_hour",
    ),
    Fault(
        "a mailbox that another has is asked for each second", "I8", SERVICE,
        " if not self._elsewhere.waits(environment, box)]", "]",
        "While another works in a mailbox the state is written each second for nothing.",
        "tests/engine/test_elsewhere.py"
        "::test_the_service_leaves_a_mailbox_that_another_has_and_comes_back_when_it_is_free",
    ),
    Fault(
        "a flood is followed at its own pace", "R1", HINTS,
        "await self._clock.sleep(max(least, allowance.wait(self._clock.monotonic())))",
        "await self._clock.sleep(least)",
        "Whoever has the secret can use the source's limits up and have real reads refused.",
        f"{WORK}::test_a_flood_of_forged_hints_is_a_bounded_rate_of_reads_and_no_write",
    ),
)  # fmt: skip
