"""Faults on the two wires: what is sent to Exchange and the source, and how their answers are read."""

from __future__ import annotations

from tests.planted.fault import Fault

GRAPH, BATCH, REPLIES = "calendars/graph/wire.py", "calendars/graph/batch.py", "calendars/graph/replies.py"
CALENDAR = "tests/contracts/test_calendar_contract.py"
GRAPHS = "tests/contracts/test_graph_calendar.py"
FEED, DATAVERSE = "sources/dataverse/feed.py", "sources/dataverse/wire.py"

WIRES = (
    Fault(
        "no If-Match", "I8", BATCH,
        "        if self.etag:\n", "        if self.etag == self.path:\n",
        "What the technician typed into the appointment a second ago is written over unseen.",
        f"{CALENDAR}::TestWriting::test_an_update_over_a_change_by_hand_is_told_and_changes_nothing",
    ),
    Fault(
        "no create key", "I1", GRAPH,
        'body |= {"transactionId": action.key, "importance": "normal"}', 'body |= {"importance": "normal"}',
        "A lost answer makes the same job twice.",
        f"{CALENDAR}::TestWriting::test_a_repeat_with_the_same_key_and_content_makes_no_second_event",
    ),
    Fault(
        "local times sent as UTC", "R4", GRAPH,
        'return {"dateTime": instant.astimezone(UTC).replace(tzinfo=None)',
        'return {"dateTime": instant.replace(tzinfo=None)',
        "Every appointment from a source that tells local times is hours off.",
        "tests/wire/test_graph_wire.py::test_times_of_another_zone_are_sent_as_the_same_instant_in_utc",
    ),
    Fault(
        "categories are sent with each update", "R4", GRAPH,
        'return _owned_fields(action.event) | {"singleValueExtendedProperties"',
        'return _owned_fields(action.event) | {"categories": []} | {"singleValueExtendedProperties"',
        "The technician's own colours and categories vanish with every change of the job.",
        f"{CALENDAR}::TestWriting::test_an_update_changes_what_we_own_and_leaves_the_workers_own_additions",
    ),
    Fault(
        "anybody's mark is ours", "I3", "calendars/graph/calendar.py",
        "        ours = [event for event in listed if self._is_ours(event)]", "        ours = list(listed)",
        "The technician's dentist appointment is taken for one of ours, and the check falls over it.",
        f"{CALENDAR}::TestReading::test_owned_gives_our_events_of_the_window_and_no_others",
    ),
    Fault(
        "a short list of events is whole", "I4", BATCH,
        "        if counted is not None and len(found) < counted:", "        if counted is not None and not found:",
        "A proxy cuts a list and the check believes that half of the appointments are gone.",
        f"{GRAPHS}::TestReading::test_a_list_that_is_not_whole_is_never_taken_for_one",
    ),
    Fault(
        "a throttled write is refused", "I2", REPLIES,
        "_LATER = frozenset({*THROTTLES, HTTPStatus.FAILED_DEPENDENCY,", "_LATER = frozenset({HTTPStatus.FAILED_DEPENDENCY,",
        "On a busy Monday the jobs that met a 429 are set aside for good.",
        f"{GRAPHS}::TestThrottling::test_f24_throttled_items_are_not_carried_out_and_the_longest_wait_counts",
    ),
    Fault(
        "a proxy's 400 is the server's last word", "I2", REPLIES,
        "        if told.code:\n            return Rejected", "        if told.status:\n            return Rejected",
        "A firewall that was out of order for a minute keeps jobs from calendars until a dispatcher touches them.",
        "tests/wire/test_graph_error_table.py::test_a_refused_write_says_who_must_act_next",
    ),
    Fault(
        "a refused token says nothing can be written", "I7", REPLIES,
        "code=told.code, status=told.status, everywhere=False)", "code=told.code, status=told.status, everywhere=True)",
        "One mailbox that answers 401 keeps every technician's jobs waiting, a quarter of an hour at a time.",
        "tests/sync/test_fair.py::test_i7_a_token_refused_for_one_mailbox_for_hours_holds_up_no_other",
    ),
    Fault(
        "a refused event pauses its mailbox", "I7", "sync/gate.py",
        "not (carried_out and _of_one(outcome)):", "not (carried_out and outcome is None):",
        "One job that the server denies delays all the others of its technician.",
        "tests/sync/test_every_refusal.py::test_an_answer_stops_whom_it_concerns_and_ends_well",
    ),
    Fault(
        "a second is always a second", "I2", "sync/gate.py",
        "    if refused and waiting:\n", "    if refused and not waiting:\n",
        "A server that says `Retry-After: 1` all day is asked all day, every second, and never recovers.",
        "tests/sync/test_fair.py::test_f23_a_server_that_asks_for_a_second_each_time_is_asked_less_and_less",
    ),
    Fault(
        "a mailbox at its limit sleeps in its place", "I7", "engine/pace.py",
        "            if waiting > PATIENCE:", "            if waiting > PATIENCE * self._limit * self._span:",
        "The first load of eight busy mailboxes stops all the others for ten minutes.",
        "tests/sync/test_fair.py::test_a_mailbox_at_its_own_limit_waits_without_holding_a_place",
    ),
    Fault(
        "a read is repeated though told to wait", "I2", "http.py",
        "(answer.retry_after() or 0.0) > READ_AGAIN_AFTER:", "(answer.retry_after() or 0.0) < 0.0:",
        "A server that is down for maintenance gets each question twice, which keeps it down.",
        f"{CALENDAR}::TestReading::test_a_read_is_not_repeated_before_the_time_that_the_server_named",
    ),
    Fault(
        "a server in trouble did nothing", "I1", REPLIES,
        '    return OutcomeUnknown(f"nobody knows whether it was carried out',
        '    return NotSent(f"nobody knows whether it was carried out',
        "A 503 after the event was made lets a deleted booking's appointment stand for ever.",
        f"{CALENDAR}::TestLostAnswers::test_a_server_in_trouble_leaves_the_outcome_open",
    ),
    Fault(
        "a proxy's page is the word that it was removed", "I2", REPLIES,
        "        if reply.status == HTTPStatus.NO_CONTENT:", "        if isinstance(action, Delete) or reply.status == HTTPStatus.NO_CONTENT:",
        "The technician keeps the appointment of a deleted job until the night.",
        "tests/sync/test_found.py::test_a_page_of_a_proxy_is_no_word_that_an_appointment_was_removed",
    ),
    Fault(
        "an answer that nobody asked for is taken", "I1", "connection.py",
        "        if conn.protocol is None or conn.protocol.should_close:", "        if conn.protocol is None:",
        "A proxy gone out of step has a job linked to somebody else's appointment, which is then moved and removed.",
        "tests/wire/test_http.py::test_an_answer_that_nobody_asked_for_is_never_taken_for_that_to_the_next_request",
    ),
    Fault(
        "whatever id the server gives is ours", "I1", GRAPH,
        '    if (item.get("transactionId") or sent.key) != sent.key:', '    if item.get("transactionId") == sent:',
        "The service mixes two creations up, and one customer's job is written over the other's.",
        "tests/wire/test_graph_wire.py::test_f13_the_event_of_another_key_is_no_receipt",
    ),
    Fault(
        "an empty object shows no claim", "I5", "calendars/graph/wire.py",
        '    return isinstance(body, dict) and isinstance(body.get("id"), str)', "    return isinstance(body, dict)",
        "A proxy's empty answer has two installations write into one mailbox.",
        f"{GRAPHS}::TestClaim::test_r14_an_answer_that_is_no_calendar_shows_no_absence_of_a_claim",
    ),
    Fault(
        "the lease is not asked", "I8", "connection.py",
        "                _ask()\n", "                pass\n",
        "A worker that slept past its lease writes over what the next one has written.",
        "tests/wire/test_http.py::test_before_send_is_asked_before_each_sending_and_may_forbid_it",
    ),
    Fault(
        "the lease is asked before there is a connection", "I8", "http.py",
        "        asked = BEFORE_SEND.set(before_send)\n",
        "        if before_send is not None:\n            before_send()\n        asked = BEFORE_SEND.set(None)\n",
        "A worker that slept past its lease while it connected sends what the next one has written.",
        "tests/wire/test_http.py::test_before_send_is_asked_when_connected_and_no_byte_goes_out_that_it_forbids",
    ),
    Fault(
        "canceled is told by its name", "D5", DATAVERSE,
        "if row.status == _CANCELED or row.msdyn_fieldservicestatus == _FIELD_SERVICE_CANCELED:",
        'if "cancel" in (row.name or "").lower():',
        'Where the status is called "Storniert", technicians drive to canceled jobs.',
        "tests/wire/test_dataverse_wire.py::test_a_status_means_what_its_codes_say_never_its_name",
    ),
    Fault(
        "deleted is told by what is lacking", "I4", DATAVERSE,
        '    return row.context.endswith("/$deletedEntity")',
        '    return getattr(row, "starttime", row.context) is None or row.context.endswith("/$deletedEntity")',
        "A row that a server could not fill deletes the appointment.",
        "tests/wire/test_dataverse_wire.py::test_a_row_that_lacks_everything_is_not_taken_for_a_deleted_one",
    ),
    Fault(
        "a refusal proves absence", "I4", FEED,
        "        if answer.status == HTTPStatus.NOT_FOUND and code.lower() in wire.NO_SUCH_ROW:",
        "        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:",
        'A privilege taken away by mistake reads as "all these bookings are deleted".',
        "tests/contracts/test_source_contract.py::TestDetails::test_any_other_answer_to_a_single_read_proves_nothing",
    ),
    Fault(
        "one bad row is a bad page", "I7", "sources/dataverse/pages.py",
        "    make = _SPOILED.get(row)\n", "    make = _SPOILED.get(row) if row is None else None\n",
        "One booking that somebody imported badly keeps every technician's calendar as it was that day.",
        "tests/contracts/test_source_contract.py::TestUnreadable::"
        "test_i7_a_row_that_cannot_be_read_is_told_apart_and_its_neighbours_come",
    ),
    Fault(
        "fewer rows than counted are a whole list", "I4", "sources/dataverse/reader.py",
        "        if count is None or (countable and len(rows) < count):", "        if count is None:",
        "A proxy cuts a sweep short and nobody sees it.",
        "tests/contracts/test_source_contract.py::TestSweep::test_a_row_passed_over_between_two_pages_is_missed_by_the_count",
    ),
    Fault(
        "the zone of an instant is ignored", "R4", DATAVERSE,
        "        start=row.starttime.astimezone(UTC),", "        start=row.starttime.replace(tzinfo=UTC),",
        "Bookings of a server that answers with offsets are hours off.",
        "tests/wire/test_dataverse_wire.py::test_what_a_row_may_lack_is_read_as_nothing",
    ),
    Fault(
        "the source is told what was read", "I9", FEED,
        "        answer = await self._reader.sound(self._reader.path(query.ORGANIZATION))\n",
        "        answer = await self._reader.sound(self._reader.path(query.ORGANIZATION))\n"
        '        await self._http.request("POST", self._reader.path("fieldcal_reads"), body=b"{}")\n',
        "The dispatchers' system is written to by a product that promised to read only.",
        "tests/contracts/test_source_contract.py::test_i9_nothing_but_reads_is_ever_sent",
    ),
    Fault(
        "nobody is served by another sync", "D9", "sources/dataverse/other_sync.py",
        "                latest[user] = max(at, latest.get(user, at))\n", "                latest.pop(user, at)\n",
        "After an import every booking stands twice in the calendars that Microsoft's own sync serves.",
        "tests/contracts/test_set_up_there.py::"
        "test_f53_a_row_that_microsofts_own_sync_changed_lately_shows_whom_it_serves",
    ),
    Fault(
        "an address approved there is any address", "R9", "setup/imports.py",
        "    if not row.address or row.address != box.address.casefold():", "    if not row.address:",
        "Customers' addresses are written into a mailbox that nobody has approved.",
        "tests/setup/test_imports.py::test_d9_who_is_imported",
    ),
    Fault(
        "an unreadable map shows nobody", "D9", "setup/imports.py",
        "    if doubt:\n", "    if doubt and row.missing:\n",
        "A privilege that is missing reads as: nobody else writes these bookings.",
        "tests/setup/test_imports.py::test_d9_who_is_imported",
    ),
    Fault(
        "a disabled user has a mailbox", "D10", DATAVERSE,
        " and row.user is not None and not user.isdisabled:", " and row.user is not None:",
        "Jobs are written into the mailbox of somebody who has left.",
        "tests/wire/test_dataverse_wire.py::test_only_an_active_enabled_user_with_an_id_or_address_has_a_mailbox",
    ),
)  # fmt: skip
