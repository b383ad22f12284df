"""Faults on the way of a booking: pull, enter, absorb, reconcile, apply, check, the writes that go unanswered."""

from __future__ import annotations

from tests.planted.fault import Fault

PULL, ABSORB, RECONCILE, APPLY = "sync/pull.py", "sync/absorb.py", "sync/reconcile.py", "sync/apply.py"
TAKE, SWEEP, SWEPT = "sync/take.py", "sync/sweep.py", "tests/sync/test_sweep.py"
BAD = "tests/sync/test_unreadable.py"
CHECK, SORT, PROOF = "sync/check.py", "sync/sort.py", "tests/sync/test_proof.py"

WAY = (
    Fault(
        "the cursor goes ahead of its page", "I2", TAKE,
        "    details = await read_details(site, wanted)\n    followed = frozenset(wanted)",
        "    await changed(site, held, **values)\n"
        "    details = await read_details(site, wanted)\n    followed = frozenset(wanted)",
        "A pass that dies between two requests loses a page of changes for ever.",
        f"{PROOF}::test_i2_a_page_whose_details_could_not_be_read_is_not_lost",
    ),
    Fault(
        "silence is proof", "I4", TAKE,
        "return replace(details, unknown=tuple(booking for booking in ids if booking not in answered))",
        "return replace(details, missing=tuple(booking for booking in ids if booking not in answered))",
        "A short answer of the source deletes appointments of jobs that still stand.",
        f"{PROOF}::test_i4_a_booking_that_the_source_does_not_answer_for_keeps_its_event",
    ),
    Fault(
        "an expired link begins without a run", "I2", PULL,
        "            feed = await _read_all_again(site, held, feed)\n            asked.clear()",
        "            feed = replace(feed, cursor=None)\n            asked.clear()",
        "Jobs deleted while the service was down for weeks stand in the calendars for ever.",
        "tests/sync/test_faults.py::test_f30_an_expired_delta_link_leads_to_a_full_read_and_removes_only_what_is_proven",
    ),
    Fault(
        "a bad row is a deletion", "I4", PULL,
        "    read = Read(page.rows, page.deleted, page.unreadable, followed)\n",
        "    gone = (*page.deleted, *(BookingId(row.id) for row in page.unreadable))\n"
        "    read = Read(page.rows, gone, page.unreadable, followed)\n",
        "A dispatcher leaves a field empty, and the job vanishes from the technician's calendar.",
        f"{BAD}::test_i4_a_row_gone_bad_is_no_evidence_and_what_it_says_when_it_is_well_is_carried[tracked]",
    ),
    Fault(
        "a 404 beside a bad row is proof", "I4", ABSORB,
        "if key not in rows and key not in spoiled)]", "if key not in rows)]",
        "Two answers of one moment contradict each other, and the appointment goes.",
        "tests/sync/test_absorb.py::test_i4_a_404_about_a_row_that_cannot_be_read_is_no_proof",
    ),
    Fault(
        "the cursor waits for a bad row", "I7", PULL,
        'onward = {"cursor": page.cursor} if page.cursor != feed.cursor else {}',
        'onward = {"cursor": page.cursor} if page.cursor != feed.cursor and not page.unreadable else {}',
        "One booking without a start, and every pass reads the same page for ever.",
        f"{BAD}::test_i7_the_cursor_goes_on_past_a_row_that_cannot_be_read",
    ),
    Fault(
        "a healed row is looked at when it says other things", "I2", ABSORB,
        "    return _mark(tx, frame, stored, linked, [*moved, *healed, *urged], lost)",
        "    return _mark(tx, frame, stored, linked, [*moved, *urged], lost)",
        "A calendar that nobody looked into while a row was bad is not looked into when the row is well.",
        "tests/sync/test_absorb.py::test_i2_a_row_that_is_well_again_is_marked_though_it_says_what_it_said",
    ),
    Fault(
        "what is set aside is asked for by nobody", "I2", PULL,
        "    return marked + await _ask_for_what_is_set_aside(site, held, frame)", "    return marked",
        "A work order is mended, and its job never reaches the calendar.",
        f"{BAD}::test_a_work_order_that_cannot_be_read_sets_its_booking_aside_until_it_can[tracked]",
    ),
    Fault(
        "what is set aside is written all the same", "I7", "state/marks.py",
        "        ~withheld(),\n", "",
        "A job is written as it was before a change that nobody could read, over the newer appointment.",
        f"{BAD}::test_a_change_that_waited_when_the_row_went_bad_is_written_when_it_is_well[tracked]",
    ),
    Fault(
        "what a sweep does not name is gone", "I4", SWEEP,
        "    asked = await ask_by_id(site, held, frame, absent)\n",
        "    asked = await ask_by_id(site, held, frame, absent)\n"
        "    await take(site, held, frame, Read(deleted=tuple(absent)))\n",
        "A privilege that is taken away empties every technician's calendar.",
        f"{SWEPT}::test_f10_a_source_that_shows_nothing_any_more_empties_no_calendar",
    ),
    Fault(
        "a sweep asks after nobody", "I2", "state/bookings.py",
        "for row in tx.scalars(rows) if row not in named)", "for row in tx.scalars(rows) if row in named)",
        "Without change tracking deleted jobs stay in the calendars.",
        f"{SWEPT}::test_f01_f02_f03_f04_f08_a_sweep_that_is_not_whole_removes_nothing_and_the_next_goes_on",
    ),
    Fault(
        "a sweep that broke off counts", "I4", SWEEP,
        "    began, frame = site.clock.now(), frame_of(site, feed)\n",
        "    began, frame = site.clock.now(), frame_of(site, feed)\n"
        "    await changed(site, held, swept_at=began, first_read_at=feed.first_read_at or began)\n",
        "Removals are made before everything was read for the first time.",
        f"{SWEPT}::test_f09_nothing_is_removed_before_the_first_sweep_has_come_to_its_end",
    ),
    Fault(
        "a sweep looks into the window only", "D7", PULL,
        "    found = await sweep(site, held, feed, outside=True)", "    found = await sweep(site, held, feed, outside=False)",
        "Last week's job that is planned anew for next month never moves in the calendar.",
        f"{SWEPT}::test_d4_d7_last_weeks_job_that_is_moved_or_given_away_is_noticed_outside_of_the_window",
    ),
    Fault(
        "a refused feed is the end", "I2", PULL,
        "            if not error.refused:\n", "            if error.refused:\n",
        "Somebody takes one privilege away and no booking reaches a calendar any more.",
        f"{SWEPT}::test_a_feed_that_is_refused_from_one_day_to_the_next_gives_way_to_the_sweep_and_nothing_is_removed",
    ),
    Fault(
        "no repair", "I2", SWEEP,
        "    return feed.swept_at is None or not", "    return feed.swept_at is None or",
        "What a page of changes lost on its way is lost for ever.",
        f"{SWEPT}::test_what_a_short_page_of_changes_has_hidden_is_repaired_within_a_day",
    ),
    Fault(
        "what enters is not marked", "D3", PULL,
        "forced=urged & _named(details)", "forced=frozenset()",
        "A job booked three weeks ahead never reaches the calendar unless somebody touches it.",
        "tests/sync/test_rules_end_to_end.py::test_d3_a_booking_that_enters_the_window_as_time_passes_gets_its_event",
    ),
    Fault(
        "entering goes by the clock", "D3", PULL,
        "bookings.entering, site.environment, far_edge, edge, DETAILS)",
        "bookings.entering, site.environment, edge - timedelta(hours=1), edge, DETAILS)",
        "Jobs that came into the window during a night's downtime are lost.",
        "tests/sync/test_rules_end_to_end.py::test_d3_no_downtime_loses_one_that_entered_meanwhile",
    ),
    Fault(
        "the same version again is news", "I2", ABSORB,
        "    return row.version >= old.known.booking.version\n", "    return True\n",
        "A page that arrives late undoes the change after it.",
        "tests/sync/test_absorb.py::test_a_page_that_is_told_twice_or_late_marks_nothing_and_changes_nothing",
    ),
    Fault(
        "the old worker is not told", "D7", ABSORB,
        "        for version in (row, before.get(row.id)):", "        for version in (row,):",
        "A job given to a colleague while its creation waits is made in the old calendar all the same.",
        "tests/sync/test_absorb.py::test_d7_a_booking_given_to_another_is_marked_in_both_mailboxes",
    ),
    Fault(
        "lagging details are taken", "I2", ABSORB,
        "item.booking.version < rows[key].version}", "item.booking.version < 0}",
        "A replica that lags behind puts the old time back, and nothing ever corrects it.",
        "tests/sync/test_absorb.py::test_details_that_lag_behind_the_feed_are_not_taken_and_are_read_again",
    ),
    Fault(
        "a deletion marks nobody", "D6", ABSORB,
        "key in stored and stored[key].known.deleted_at is None]",
        "key in stored and stored[key].known.deleted_at is not None]",
        "Deleted jobs stay in the calendars.",
        "tests/sync/test_absorb.py::test_d6_a_proof_of_deletion_is_kept_and_marks_where_an_event_stands",
    ),
    Fault(
        "no intent is stored", "I1", RECONCILE,
        "    links.store(tx, site.environment, [item.link for item in ready], None)\n", "",
        "A process dies, the booking is deleted, and its appointment stands for ever: nobody knows of it.",
        f"{PROOF}::test_i1_i2_a_create_that_nobody_heard_the_answer_to_is_found_and_removed_when_its_booking_is_gone",
    ),
    Fault(
        "the link is stored before the answer", "I2", RECONCILE,
        "    links.store(tx, site.environment, [item.link for item in ready], None)\n",
        "    early = [replace(item.link, triggers=item.decision.triggers, intent=None) for item in ready]\n"
        "    links.store(tx, site.environment, early, None)\n",
        "A change counts as done when the process dies before it is sent, and the technician goes at the old time.",
        f"{PROOF}::test_i2_a_change_whose_process_died_before_the_answer_is_not_taken_for_written",
    ),
    Fault(
        "a batch is as wide as the calendar likes", "I8", "sync/widths.py",
        "    if seconds > SLOW:\n", "    if seconds < 0:\n",
        "A mailbox at a slow server that is switched off goes on being written for many minutes.",
        "tests/sync/test_widths.py::test_a_server_that_turns_slow_gets_small_batches_and_wide_ones_when_it_is_quick_again",
    ),
    Fault(
        "two batches at once in one mailbox of Exchange", "I5", "calendars/graph/calendar.py",
        'which a batch uses up."""\n        return 1\n', 'which a batch uses up."""\n        return 2\n',
        "Exchange takes four requests at a time from us, and half of each batch is refused.",
        f"{PROOF}::test_i5_a_mailbox_that_is_switched_off_in_the_middle_of_a_pass_is_sent_nothing_more",
    ),
    Fault(
        "switched off is noticed at the end", "I5", RECONCILE,
        "may_write = bool(armed) and gate.why_not(tx, site, run.mailbox, alone=True) is None", "may_write = bool(armed)",
        "An administrator switches a mailbox off and hundreds of events are still written.",
        f"{PROOF}::test_i5_a_mailbox_that_is_switched_off_in_the_middle_of_a_pass_is_sent_nothing_more",
    ),
    Fault(
        "over budget goes all the same", "I4", RECONCILE,
        "    held_back = counted[granted:]\n", "    held_back = counted[len(counted):]\n",
        "A wrong import empties every calendar and no person is asked.",
        "tests/sync/test_faults.py::test_removals_over_the_budget_are_held_and_creations_go_on",
    ),
    Fault(
        "the check is not first", "I1", RECONCILE,
        "None if row.check_first else _load(tx, site, mailbox, feed)", "_load(tx, site, mailbox, feed)",
        "After a restore the mailbox is written from an old memory before anybody has looked into it.",
        f"{PROOF}::test_i1_what_a_restored_state_forgot_is_found_before_anything_is_written",
    ),
    Fault(
        "no answer means not carried out", "I1", APPLY,
        "        case OutcomeUnknown() | Unavailable() | Unreachable():", "        case Unavailable() | Unreachable():",
        "A create that was carried out is forgotten, and its appointment outlives its booking.",
        "tests/sync/test_apply.py::test_f11_an_unknown_outcome_keeps_the_intent_and_a_missing_one_is_unknown",
    ),
    Fault(
        "an event under our key is ours", "I3", APPLY,
        "    found = [event for event in found if event.mark == mark]\n", "",
        "An event that is none of ours is written over because a key matches.",
        "tests/sync/test_apply.py::test_f20_a_used_key_whose_event_is_gone_or_foreign_takes_the_next_generation",
    ),
    Fault(
        "a dead event is believed", "I2", APPLY,
        "    if receipt.suspect:\n", "    if receipt.suspect and receipt.differs:\n",
        "The server gives a deleted event back for its key, and the technician never sees the job.",
        "tests/sync/test_faults.py::test_a_key_whose_event_was_deleted_converges_under_each_behaviour[dead]",
    ),
    Fault(
        "sent again is up to date", "I2", APPLY,
        "later if differs or armed.resend else None", "later if differs else None",
        "A job moved while its creation went unanswered stays at the old time.",
        "tests/sync/test_found.py::test_a_booking_moved_while_its_create_went_unanswered_does_not_stay_at_the_old_time",
    ),
    Fault(
        "new bytes under an old key", "I1", SORT,
        "same = replace(decision, action=resend.action, triggers=candidate.link.intent.triggers)", "same = decision",
        "The server refuses the repeat, and each such job costs a search and a second event's worth of luck.",
        "tests/sync/test_sort.py::test_a_repeat_sends_the_same_bytes_and_newer_content_follows",
    ),
    Fault(
        "looked for once", "I2", SORT,
        "    elif marked.attempts + 1 < LOOKS:", "    elif marked.attempts + 1 < 0:",
        "Exchange's search lags, and the appointment of a deleted booking stands for ever.",
        "tests/sync/test_sort.py::test_a_create_that_nobody_wants_any_more_is_looked_for_again",
    ),
    Fault(
        "removed before all was read", "I4", SORT,
        "    if not work.first_read:\n", "    if not work.candidates:\n",
        "A first read that breaks off removes what it had not come to yet.",
        "tests/sync/test_sort.py::test_f09_nothing_is_removed_before_the_first_complete_read",
    ),
    Fault(
        "one poisoned text stops the mailbox", "I7", SORT,
        "        except Exception as error:", "        except LookupError as error:",
        "One booking with a date that cannot be shown keeps the whole day from its technician.",
        f"{PROOF}::test_i7_a_booking_that_cannot_be_rendered_stops_neither_its_neighbours_nor_other_mailboxes",
    ),
    Fault(
        "one broken mailbox ends the pass", "I7", "sync/passes.py",
        "    except Exception as error:\n        # A fault of ours",
        "    except ArithmeticError as error:\n        # A fault of ours",
        "A fault in one mailbox keeps all technicians' jobs from them.",
        f"{PROOF}::test_i7_a_fault_of_ours_in_one_mailbox_stops_no_other",
    ),
    Fault(
        "one broken profile ends the pass", "I7", "sync/passes.py",
        "    except OF_ALL:\n        raise\n    except LeaseLost",
        "    except (*OF_ALL, ConfigError):\n        raise\n    except LeaseLost",
        "The secret of one server profile runs out, and no technician of the environment sees a new job.",
        "tests/sync/test_fair.py"
        "::test_i7_a_profile_whose_secret_is_missing_keeps_its_own_mailboxes_waiting_and_no_others",
    ),
    Fault(
        "a night that could not be checked counts", "D8", "sync/passes.py",
        "            await site.database.writing(mailboxes.check_first, site.environment, [mailbox])\n            raise",
        "            raise",
        "What hands did to the calendars behind a server that could not be asked that night is told a day late.",
        "tests/sync/test_fair.py"
        "::test_a_mailbox_that_could_not_be_checked_at_night_is_checked_when_it_comes_back",
    ),
    Fault(
        "one silent mailbox pauses all", "I7", "sync/gate.py",
        "            return error.everywhere\n", "            return not error.everywhere or error.everywhere\n",
        "One mailbox that answers 500 for weeks keeps thousands of technicians waiting.",
        "tests/sync/test_found.py::test_one_mailbox_that_fails_for_weeks_does_not_hold_up_the_others",
    ),
    Fault(
        "a restored mailbox waits for the night", "I2", "sync/passes.py",
        "(mailbox for mailbox in mailboxes.unread(tx, site.environment) if mailbox not in set(due))", "()",
        "After a restore the appointment of a deleted job stands until the nightly check.",
        "tests/sync/test_found.py::test_an_event_of_a_booking_deleted_behind_a_restore_goes_with_the_first_pass",
    ),
    Fault(
        "a request begins at the lease's end", "I8", "state/held.py",
        "        if self._clock.now() + REQUEST > self.lease.until:",
        "        if self._clock.now() > self.lease.until + LEASE * 1000:",
        "A worker that was asleep for minutes writes its old plan over the newer one.",
        f"{PROOF}::test_i8_no_request_begins_whose_answer_could_come_after_the_leases_end",
    ),
    Fault(
        "a copy takes the place of a deleted event", "I3", CHECK,
        "chosen is not None and chosen.mark is not None and _made_by_us(chosen)", "chosen is not None",
        "The technician's own copy is written over and later removed.",
        "tests/sync/test_compare.py::test_i3_a_copy_does_not_take_the_place_of_an_event_deleted_by_hand",
    ),
    Fault(
        "an intent of a restored state is sent again", "I1", CHECK,
        "    return mine and chosen.mark is not None and chosen.mark.generation > link.generation\n",
        "    return mine and chosen.mark is not None and chosen.mark.generation < 0\n",
        "After a restore the technician sees a job twice that was given away and back.",
        f"{PROOF}::test_i1_an_open_create_of_a_restored_state_is_overtaken_by_the_event_of_a_later_generation",
    ),
    Fault(
        "a new etag is passed over", "I2", CHECK,
        "    if event.etag != link.etag:\n", "    if event.etag == link.etag:\n",
        "Each appointment with a reminder of the technician's own costs two requests a change.",
        "tests/sync/test_compare.py::test_a_new_etag_alone_is_taken_over_and_not_reported",
    ),
    Fault(
        "absence from a list is a deletion by hand", "I4", CHECK,
        "    there = await calendar.get(ids, held.may_begin) if ids else {}\n    settle_absent(found, there)",
        "    there = dict.fromkeys(ids)\n    settle_absent(found, there)",
        "An appointment that the technician moved out of the window is reported as deleted.",
        f"{PROOF}::test_i4_the_check_takes_absence_from_a_list_for_no_evidence",
    ),
    Fault(
        "an owned event without an answer is taken over", "I2", CHECK,
        "    found.adopted = [link for link in found.adopted if link.booking not in silent]\n", "",
        "After a restore an event is tied to a booking that nobody knows, and stands for ever when that was deleted.",
        f"{PROOF}::test_i2_an_event_whose_booking_the_source_does_not_answer_for_is_asked_for_again",
    ),
    Fault(
        "what a statement carried is logged", "I10", "state/database.py",
        "        hide_parameters=True,\n    )\n", "    )\n",
        "A database error puts a customer's name and address into a log that goes to a third party.",
        f"{PROOF}::test_i10_a_run_in_which_much_goes_wrong_tells_no_secret_and_no_customer",
    ),
    Fault(
        "the row that PostgreSQL refuses is logged", "I10", "log.py",
        "        return _ROW.sub(_HIDDEN, _TOKEN.sub(_HIDDEN, value))", "        return _TOKEN.sub(_HIDDEN, value)",
        "The same, from the words of the database itself.",
        f"{PROOF}::test_i10_the_row_that_postgresql_refuses_is_not_told",
    ),
)  # fmt: skip
