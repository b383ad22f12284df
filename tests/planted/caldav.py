"""Faults planted into the connector for CalDAV servers."""

from __future__ import annotations

from tests.planted.fault import Fault

WRITING, SET_UP = "tests/caldav/test_writing.py", "tests/caldav/test_set_up.py"
CONTRACT = "tests/contracts/test_caldav_calendar.py"
_HERE = "calendars/caldav"

CALDAV: tuple[Fault, ...] = (
    Fault(
        "a lock is the last word", "I2", f"{_HERE}/writing.py",
        "            if answer.status != HTTPStatus.LOCKED:\n                return answer\n        async",
        "            if answer.status != HTTPStatus.CONTINUE:\n                return answer\n        async",
        "On a server that takes one change at a time a morning's forty changes arrive over an hour, pause after pause.",
        f"{CONTRACT}::TestEtags::test_a_change_of_an_event_that_only_we_have_written_is_one_request",
    ),
    Fault(
        "a used UID is told by one status", "I2", f"{_HERE}/writing.py",
        "        if told.uid_used:  # under Xandikos a 412 too\n",
        "        if told.uid_used and answer.status != HTTPStatus.PRECONDITION_FAILED:\n",
        "A job whose UID somebody's copy has is tried again for ever and never appears.",
        f"{CONTRACT}::TestNames::test_i3_a_foreign_object_that_has_the_uid_of_our_event_is_never_touched",
    ),
    Fault(
        "a CalDAV event is made without a condition", "I1", f"{_HERE}/writing.py",
        '{"If-None-Match": "*"})', "{})",
        "A second sending writes over what the technician has changed since the first.",
        f"{WRITING}::TestCreating::test_i3_a_strangers_object_of_that_name_is_not_touched_and_not_ours",
    ),
    Fault(
        "a CalDAV event is written over whoever changed it", "I3", f"{_HERE}/writing.py",
        '{"If-Match": etag})\n', "{})\n",
        "What the technician typed a second ago is lost.",
        f"{WRITING}::TestUpdating::test_a_change_by_hand_is_told_and_not_written_over",
    ),
    Fault(
        "a CalDAV event is removed whoever changed it", "I3", f"{_HERE}/writing.py",
        '{"If-Match": etag} if etag else {}', "{}",
        "An appointment that the technician has just made their own is removed.",
        f"{WRITING}::TestRemoving::test_what_changed_by_hand_is_not_removed",
    ),
    Fault(
        "somebody else's words are replaced", "I3", f"{_HERE}/writing.py",
        "    others = not etag or etag.startswith(wire.OTHERS_WORDS)\n", "    others = not etag\n    etag = wire.bare(etag)\n",
        "The key code that the technician noted in the appointment is gone after the next change.",
        f"{WRITING}::TestUpdating::test_what_a_worker_added_survives",
    ),
    Fault(
        "nobody's words are told apart", "I3", f"{_HERE}/wire.py",
        "and told == digest(event)", "and len(told) == len(digest(event))",
        "The key code that the technician noted in the appointment is gone after the next change.",
        "tests/caldav/test_wire.py::test_somebody_elses_words_are_told_by_the_etag",
    ),
    Fault(
        "a stranger's event of our name is ours", "I3", f"{_HERE}/writing.py",
        "    if not wire.made_for(there.text, action.mark):\n", "    if not there.text:\n",
        "A dentist's appointment is taken for a booking, written over and removed with it.",
        f"{WRITING}::TestCreating::test_i3_a_strangers_object_of_that_name_is_not_touched_and_not_ours",
    ),
    Fault(
        "a copy by hand has our key", "I3", f"{_HERE}/wire.py",
        '    own = mark is not None and event.text("UID") == uid_of(mark)\n', "    own = mark is not None\n",
        "The technician's own copy is taken for ours and removed.",
        "tests/caldav/test_wire.py::test_i3_a_copy_with_another_uid_has_the_mark_and_no_key",
    ),
    Fault(
        "what a list leaves out is not there", "I1", f"{_HERE}/courier.py",
        "                left.append(href)\n", "                told[href] = None\n",
        "An answer cut short makes every event that it lacks a second time.",
        f"{WRITING}::TestReading::test_a_list_with_too_much_left_out_proves_nothing",
    ),
    Fault(
        "a listing without its calendar is whole", "I1", f"{_HERE}/courier.py",
        "        if here not in {dav.folder(one.href) for one in found}:\n", "        if not isinstance(found, list):\n",
        "An empty answer of somebody on the way reads as an empty calendar.",
        f"{WRITING}::TestReading::test_a_listing_that_is_not_whole_is_never_taken_for_one",
    ),
    Fault(
        "a server that lost its way has lost our events", "I1", f"{_HERE}/courier.py",
        "        return told if told.get(href) is not None else await self.things([href], before_send)\n",
        "        return told\n",
        "A server that says 404 to everything for an hour has every booking twice afterwards.",
        f"{WRITING}::TestUpdating::test_i1_a_server_that_has_lost_its_way_has_lost_no_event",
    ),
    Fault(
        "the service account's principal is followed", "I5", f"{_HERE}/discovery.py",
        "    if own & reached:\n", "    if own > reached:\n",
        "Every technician's bookings land in one calendar, the service account's.",
        f"{SET_UP}::TestFinding::test_i5_one_account_for_all_never_leads_to_its_own_calendar",
    ),
    Fault(
        "a server that ignores conditions is enabled", "I1", f"{_HERE}/trial.py",
        '    if 200 <= answer.status < 300:  # noqa: PLR2004 - the 2xx class\n        raise Rejected(f"this server does not keep',
        '    if answer.status == 999:\n        raise Rejected(f"this server does not keep',
        "Bookings stand twice, or over the technician's words, on a server that never said so.",
        f"{SET_UP}::TestTrying::test_i1_a_server_that_cannot_keep_an_event_single_is_not_enabled",
    ),
    Fault(
        "cookies are shared", "I5", "connection.py",
        "cookie_jar=aiohttp.DummyCookieJar(),", "cookie_jar=aiohttp.CookieJar(unsafe=True),",
        "One mailbox's session signs in the next one's requests, and bookings land in the wrong calendar.",
        f"{WRITING}::TestSignIn::test_cookies_of_one_mailbox_sign_in_no_other",
    ),
    Fault(
        "after a throttle CalDAV goes on", "I7", f"{_HERE}/calendar.py",
        "        self._stop = self._stop or _stop(self._courier, outcome)\n", "",
        "A server that asks to be left alone gets a hundred more requests and bars the client.",
        f"{WRITING}::TestTogether::test_after_a_throttle_the_rest_is_not_sent_and_the_whole_server_pauses",
    ),
)  # fmt: skip
