"""What every calendar promises (`ports.Calendar`), asked of each implementation over its real protocol.

An end is one implementation with a server behind it; `ENDS` lists them. Each is asked again over rough roads. What only
one kind of server has (batches and pages of Graph, hrefs and etags of CalDAV) stands in a file of its own beside this.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.contracts.dav_end import RadicaleEnd, XandikosEnd
from tests.contracts.graph_end import ORGANIZATION, GraphEnd
from tests.contracts.roads import on_every_road
from tests.contracts.writing import HOUR, START, WINDOW, booking, create, delete, free, make, mark, run, update

from fieldcal.errors import (
    Changed,
    Forbidden,
    Full,
    Gone,
    KeyUsed,
    LeaseLost,
    NotAMailbox,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SignInFailed,
    Throttled,
    Unavailable,
    Unreachable,
)
from fieldcal.model import Receipt, ShowAs

ENDS = {"graph": GraphEnd, "radicale": RadicaleEnd, "xandikos": XandikosEnd}


@pytest.fixture(params=on_every_road(ENDS))
def end(request, tmp_path):
    name, _, road = request.param.partition("-")
    made = ENDS[name](tmp_path / "calendar.sqlite3" if name == "graph" else request.getfixturevalue(name))
    made.road.kind = road
    yield made
    made.close()


class TestWriting:
    def test_a_created_event_shows_what_was_sent(self, end):
        (receipt,) = run(end, lambda calendar: make(calendar, create(end)))
        assert not receipt.differs
        assert not receipt.suspect
        assert receipt.etag
        assert end.shown() == [("0000 · Repair", START, "Main Street 1", "busy", ("Field Service",), "normal", True)]

    @pytest.mark.parametrize(
        ("changes", "place", "value"),
        [
            ({"private": True}, 5, "private"),
            ({"reminder": False}, 6, False),
            ({"show_as": ShowAs.FREE}, 3, "free"),
            ({"show_as": ShowAs.TENTATIVE}, 3, "tentative"),
            ({"categories": ()}, 4, ()),
            ({"location": ""}, 2, ""),
            ({"subject": 'Zaß "quoted" 漢字 <b>&amp;'}, 0, 'Zaß "quoted" 漢字 <b>&amp;'),
        ],
    )
    def test_each_field_arrives(self, end, changes, place, value):
        run(end, lambda calendar: make(calendar, create(end, **changes)))
        assert end.shown()[0][place] == value

    @pytest.mark.parametrize("number", [1, 2, 20, 21, 45])
    def test_any_number_of_actions_has_an_outcome_each(self, end, number):
        actions = [create(end, n) for n in range(number)]
        receipts = run(end, lambda calendar: make(calendar, *actions))
        assert len({receipt.id for receipt in receipts}) == number
        assert [row[0] for row in end.shown()] == [action.event.subject for action in actions]

    def test_nothing_to_do_sends_nothing(self, end):
        assert run(end, lambda calendar: calendar.write([], free)) == {}
        assert end.sent() == 0

    def test_an_update_changes_what_we_own_and_leaves_the_workers_own_additions(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            end.worker_edits(categories=["Mine"], reminder=False)
            change = update(action, made, "", subject="moved", start=START + 2 * HOUR, end=START + 3 * HOUR)
            return made, (await calendar.write([change], free))[action.mark]

        made, changed = run(end, body)
        assert changed.id == made.id
        assert changed.etag != made.etag
        assert end.shown() == [("moved", START + 2 * HOUR, "Main Street 1", "busy", ("Mine",), "normal", False)]

    def test_a_removed_event_is_gone_and_removing_it_again_is_done(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            first = await calendar.write([delete(action, made)], free)
            again = await calendar.write([delete(action, made, "")], free)
            return first[action.mark], again[action.mark]

        assert all(isinstance(told, Receipt) for told in run(end, body))
        assert end.shown() == []

    def test_different_writes_go_together(self, end):
        async def body(calendar):
            actions = [create(end, n) for n in range(3)]
            made = await make(calendar, *actions)
            later = create(end, 9)
            return await calendar.write(
                [update(actions[0], made[0], subject="changed"), delete(actions[1], made[1]), later], free
            )

        assert all(isinstance(told, Receipt) for told in run(end, body).values())
        assert [row[0] for row in end.shown()] == ["changed", "0002 · Repair", "0009 · Repair"]

    def test_a_repeat_with_the_same_key_and_content_makes_no_second_event(self, end):
        async def body(calendar):
            return [(await make(calendar, create(end)))[0].id for _ in range(3)]

        assert len(set(run(end, body))) == 1
        assert len(end.events()) == 1

    def test_a_key_used_for_other_content_is_told_with_the_event_that_has_it(self, end):
        async def body(calendar):
            (made,) = await make(calendar, create(end))
            other = replace(create(end, subject="other words"), stamp="stamp-other")
            return made, (await calendar.write([other], free))[other.mark]

        made, told = run(end, body)
        assert isinstance(told, KeyUsed)
        assert told.existing == made.id
        assert len(end.events()) == 1

    def test_an_update_over_a_change_by_hand_is_told_and_changes_nothing(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            end.worker_edits()
            writes = [update(action, made, subject="ours")], [delete(action, made)]
            return [(await calendar.write(write, free))[action.mark] for write in writes]

        assert [type(told) for told in run(end, body)] == [Changed, Changed]
        assert end.shown()[0][0] == "changed by hand"

    def test_an_update_without_an_etag_writes_whatever_stands_there(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            end.worker_edits()
            return (await calendar.write([update(action, made, "", subject="ours")], free))[action.mark]

        assert isinstance(run(end, body), Receipt)
        assert end.shown()[0][0] == "ours"

    def test_an_update_of_an_event_that_was_deleted_by_hand_says_gone(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            end.worker_deletes()
            return (await calendar.write([update(action, made, subject="ours")], free))[action.mark]

        assert isinstance(run(end, body), Gone)
        assert end.events() == []

    @pytest.mark.parametrize("beside", [0, 3, 25])
    def test_one_refused_event_never_stops_its_neighbours(self, end, beside):
        async def body(calendar):
            bad = end.refused(create(end, 99))
            good = [create(end, n) for n in range(beside)]
            outcomes = await calendar.write([*good[:1], bad, *good[1:]], free)
            return outcomes[bad.mark], [outcomes[action.mark] for action in good]

        refused, others = run(end, body)
        assert isinstance(refused, Rejected)
        assert refused.code or refused.status
        assert [told for told in others if not isinstance(told, Receipt)] == []
        assert len(end.events()) == beside


class TestLostAnswers:
    @pytest.mark.parametrize("number", [1, 3])
    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncated", "garbage"])
    def test_a_lost_answer_leaves_every_outcome_open_and_a_repeat_makes_no_second_event(self, end, kind, number):
        """What was surely never sent may be told as that; at least one was."""
        actions = [create(end, n) for n in range(number)]

        async def body(calendar):
            end.fault(kind, method=end.methods["create"], times=None)
            first = await calendar.write(actions, free)
            end.calm()
            return first, await calendar.write(actions, free)

        first, again = run(end, body)
        kinds = {type(told) for told in first.values()}
        assert {OutcomeUnknown} <= kinds <= {OutcomeUnknown, NotSent}
        assert all(isinstance(told, Receipt) for told in again.values())
        assert len(end.events()) == number

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
    @pytest.mark.parametrize("number", [1, 3])
    def test_a_server_in_trouble_leaves_the_outcome_open(self, end, status, number):
        async def body(calendar):
            end.fault("status", method=end.methods["create"], status=status, code="UnknownError", times=None)
            return await calendar.write([create(end, n) for n in range(number)], free)

        kinds = {type(told) for told in run(end, body).values()}
        assert {OutcomeUnknown} <= kinds <= {OutcomeUnknown, NotSent}
        written = Counter(path for method, path in end.requests() if method == end.methods["create"])
        assert set(written.values()) == {1}, "nothing is sent a second time by itself"

    def test_a_server_that_is_not_there_means_nothing_was_sent(self, end):
        async def go():
            async with end.serve():
                pass
            async with end.serve():
                calendar = end.calendar()
            outcome = await calendar.write([create(end)], free)
            await end.calendars.close()
            return outcome[mark(end)]

        assert isinstance(asyncio.run(go()), NotSent)


class TestThrottling:
    @pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.249", 0.249)])
    @pytest.mark.parametrize("number", [1, 3])
    def test_a_429_is_not_carried_out_and_pauses_whom_it_concerns(self, end, header, seconds, number):
        async def body(calendar):
            headers = {"Retry-After": header}
            end.fault(
                "status", method=end.methods["create"], status=429, code="ApplicationThrottled", headers=headers,
                times=None,
            )  # fmt: skip
            return await calendar.write([create(end, n) for n in range(number)], free)

        before = datetime.now(UTC)
        outcomes = run(end, body)
        assert {type(told) for told in outcomes.values()} <= {NotSent, Throttled}
        assert seconds in {told.retry_after for told in outcomes.values()}
        assert {scope for scope, _, _ in end.pace.pauses} == {end.throttled}
        assert max(until for _, until, _ in end.pace.pauses) >= before + timedelta(seconds=seconds)
        assert end.events() == []

    def test_a_429_without_retry_after_still_pauses(self, end):
        async def body(calendar):
            end.fault("status", method=end.methods["create"], status=429, code="ApplicationThrottled")
            return await calendar.write([create(end)], free)

        before = datetime.now(UTC)
        (told,) = run(end, body).values()
        assert isinstance(told, NotSent | Throttled)
        assert told.retry_after is None
        ((scope, until, _),) = end.pace.pauses
        assert scope == end.throttled
        assert until >= before + timedelta(seconds=1)

    def test_no_more_requests_are_ever_in_flight_than_the_server_likes(self, end):
        end.slows(0.01)
        actions = [create(end, n) for n in range(60)]
        run(end, lambda calendar: make(calendar, *actions))
        assert end.peak <= end.at_once
        assert len(end.events()) == 60

    def test_the_pace_is_asked_for_each_write(self, end):
        run(end, lambda calendar: make(calendar, *[create(end, n) for n in range(21)]))
        assert {mailbox for mailbox, _ in end.pace.taken} == {end.mailbox}
        assert sum(cost for _, cost in end.pace.taken) >= 21

    @pytest.mark.parametrize(("header", "least"), [("0", 1), ("-5", 5), ("soon", 5), ("1e400", 5), ("", 5)])
    def test_f23_no_retry_after_however_absurd_makes_us_ask_again_at_once(self, end, header, least):
        async def body(calendar):
            headers = {"Retry-After": header}
            end.fault("status", method=end.methods["create"], status=429, code="ApplicationThrottled", headers=headers)
            return await calendar.write([create(end)], free)

        before = datetime.now(UTC)
        run(end, body)
        ((_, until, _),) = end.pace.pauses
        assert before + timedelta(seconds=least) <= until <= datetime.now(UTC) + timedelta(seconds=least)


class TestSignInAndMailbox:
    @pytest.mark.parametrize("number", [1, 3, 25])
    @pytest.mark.parametrize(
        ("state", "kind"),
        [
            ("disabled", NotAMailbox),
            ("not_enabled", NotAMailbox),
            ("moving", Unavailable),
            ("full", Full),
            ("denied", Forbidden),
        ],
    )
    def test_a_mailbox_that_cannot_be_written_to_says_why(self, end, state, kind, number):
        async def body(calendar):
            await calendar.owned(WINDOW, free)  # it was good before
            end.state(state)
            return await calendar.write([create(end, n) for n in range(number)], free)

        kinds = [type(told) for told in run(end, body).values()]
        assert {kind} <= set(kinds) <= {kind, NotSent}
        end.calm()
        assert end.standing() == 0

    @pytest.mark.parametrize("number", [1, 3])
    def test_a_second_401_is_a_failed_sign_in(self, end, number):
        async def body(calendar):
            end.fault("status", status=401, times=None)
            return await calendar.write([create(end, n) for n in range(number)], free)

        assert {type(told) for told in run(end, body).values()} == {SignInFailed}

    def test_reads_of_such_a_mailbox_raise_the_same(self, end):
        async def body(calendar):
            for state, kind in (("moving", Unavailable), ("denied", Forbidden), ("disabled", NotAMailbox)):
                end.state(state)
                for read in (
                    calendar.owned(WINDOW, free),
                    calendar.get([end.some_id], free),
                    calendar.find([mark(end)], free),
                    calendar.claim(free),
                    *([calendar.set_claim("x", free)] if end.keeps_claims else []),
                ):
                    with pytest.raises(kind):
                        await read

        run(end, body)

    def test_an_unknown_mailbox_is_none(self, end):
        async def go():
            async with end.serve():
                stranger = end.calendar(mailbox="nobody@contoso.test")
                return await stranger.write([create(end)], free)

        (told,) = asyncio.run(go()).values()
        assert isinstance(told, NotAMailbox)


class TestLease:
    @pytest.mark.parametrize("number", [1, 3])
    def test_a_lost_lease_sends_nothing(self, end, number):
        def lost():
            raise LeaseLost("taken over")

        async def body(calendar):
            reads = (
                calendar.owned(WINDOW, lost),
                calendar.get([end.some_id], lost),
                calendar.find([mark(end)], lost),
            )
            for call in (calendar.write([create(end, n) for n in range(number)], lost), *reads):
                with pytest.raises(LeaseLost):
                    await call
            for call in (calendar.test(lost), calendar.claim(lost), calendar.set_claim("x", lost)):
                with pytest.raises(LeaseLost):
                    await call

        run(end, body)
        assert end.sent() == 0

    @pytest.mark.parametrize("held", [1, 2, 3])
    def test_a_lease_lost_during_the_test_sends_nothing_more(self, end, held):
        asked = []

        def lost():
            asked.append(1)
            if len(asked) > held:
                raise LeaseLost("taken over")

        async def body(calendar):
            with pytest.raises(LeaseLost):
                await calendar.test(lost)

        run(end, body)
        assert end.sent() == held


class TestReading:
    def test_owned_gives_our_events_of_the_window_and_no_others(self, end):
        async def body(calendar):
            await make(calendar, create(end, 0), create(end, 1), create(end, 24 * 30))
            end.worker_adds(START)
            end.worker_adds(START, mark="1/another/organization/x/1")
            end.worker_adds(START, mark="not one of ours")
            end.worker_adds(START, mark=f"1/another-organization/{booking(5)}/{end.mailbox}/1")
            end.worker_adds(START, mark=f"1/{ORGANIZATION}/{booking(5)}/{end.other_mailbox}/1")
            return await calendar.owned(WINDOW, free), await calendar.owned(None, free)

        near, everywhere = run(end, body)
        assert {seen.mark for seen in near} == {mark(end, 0), mark(end, 1)}
        assert {seen.mark for seen in everywhere} == {mark(end, 0), mark(end, 1), mark(end, 24 * 30)}

    @pytest.mark.parametrize("window", [WINDOW, None])
    def test_what_is_observed_is_what_was_written(self, end, window):
        async def body(calendar):
            (made,) = await make(calendar, create(end))
            (seen,) = await calendar.owned(window, free)
            return made, seen

        made, seen = run(end, body)
        assert (seen.id, seen.etag, seen.mark) == (made.id, made.etag, mark(end))
        assert (seen.subject, seen.start, seen.end) == ("0000 · Repair", START, START + HOUR)
        assert (seen.location, seen.key, seen.stamp) == ("Main Street 1", "key-0-1", "stamp-0")

    def test_an_update_writes_its_stamp_and_keeps_the_mark(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            await make(calendar, update(action, made, subject="new"))
            return (await calendar.owned(WINDOW, free))[0]

        seen = run(end, body)
        assert (seen.mark, seen.stamp, seen.subject) == (mark(end), "stamp-new", "new")

    @pytest.mark.parametrize(
        ("start", "length", "seen"),
        [
            (WINDOW.near - HOUR, HOUR, False),
            (WINDOW.near - HOUR, HOUR + timedelta(seconds=1), True),
            (WINDOW.far - timedelta(seconds=1), HOUR, True),
            (WINDOW.far, HOUR, False),
            (WINDOW.near - HOUR, timedelta(days=60), True),
        ],
    )
    def test_the_windows_edges_are_half_open(self, end, start, length, seen):
        async def body(calendar):
            await make(calendar, create(end, start=start, end=start + length))
            return await calendar.owned(WINDOW, free)

        assert bool(run(end, body)) is seen

    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncated"])
    def test_a_page_that_was_lost_once_is_read_again(self, end, kind):
        async def body(calendar):
            await make(calendar, create(end))
            end.fault(kind, method=end.methods["list"])
            return await calendar.owned(WINDOW, free)

        assert len(run(end, body)) == 1

    @pytest.mark.parametrize("window", [WINDOW, None])
    def test_everything_is_read_however_much_there_is(self, end, window):
        async def body(calendar):
            await make(calendar, *[create(end, n) for n in range(end.many)])
            return await calendar.owned(window, free)

        assert len({seen.id for seen in run(end, body)}) == end.many

    @pytest.mark.parametrize("window", [WINDOW, None])
    @pytest.mark.parametrize(
        ("kind", "status", "error"),
        [
            ("garbage", 0, Unreachable),
            ("status", 500, Unreachable),
            ("status", 400, Unreachable),
            ("status", 403, Forbidden),
            ("status", 429, Throttled),
        ],
    )
    def test_a_list_that_is_not_whole_is_never_taken_for_one(self, end, window, kind, status, error):
        async def body(calendar):
            await make(calendar, *[create(end, n) for n in range(3)])
            for method in end.reads:
                end.fault(kind, method=method, status=status, times=None)
            with pytest.raises(error):
                await calendar.owned(window, free)

        run(end, body)

    @pytest.mark.parametrize("wait", ["30", "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_a_read_is_not_repeated_before_the_time_that_the_server_named(self, end, wait):
        async def body(calendar):
            await calendar.owned(WINDOW, free)
            end.forget_requests()
            end.fault("status", status=503, headers={"Retry-After": wait}, times=None)
            with pytest.raises((Unreachable, Throttled)):
                await calendar.owned(WINDOW, free)

        run(end, body)
        assert end.sent() == 1
        assert len(end.pace.pauses) == 1

    @pytest.mark.parametrize("number", [1, 3, 25])
    def test_get_tells_each_event_as_it_is_now_and_none_for_what_is_gone(self, end, number):
        async def body(calendar):
            made = await make(calendar, *[create(end, n) for n in range(number)])
            end.worker_deletes()
            return [receipt.id for receipt in made], await calendar.get([receipt.id for receipt in made], free)

        ids, seen = run(end, body)
        assert seen[ids[0]] is None
        assert all(seen[other].id == other for other in ids[1:])
        assert len(seen) == number

    @pytest.mark.parametrize("number", [1, 2, 25])
    def test_find_gives_the_events_of_each_mark(self, end, number):
        async def body(calendar):
            made = await make(calendar, *[create(end, n) for n in range(number)])
            wanted = [mark(end, n) for n in range(number)] + [mark(end, 77)]
            return made, await calendar.find(wanted, free)

        made, found = run(end, body)
        assert [[seen.id for seen in found[mark(end, n)]] for n in range(number)] == [[each.id] for each in made]
        assert found[mark(end, 77)] == []

    def test_a_copy_that_the_worker_made_is_told_from_the_original(self, end):
        async def body(calendar):
            (made,) = await make(calendar, create(end))
            end.worker_copies()
            end.worker_copies()
            return made, await calendar.find([mark(end)], free), await calendar.owned(WINDOW, free)

        made, found, owned = run(end, body)
        assert [seen.id for seen in owned if seen.key == "key-0-1"] == [made.id]
        assert [seen.key for seen in owned if seen.id != made.id] == ["", ""]
        assert made.id in {seen.id for seen in found[mark(end)]}
        assert {seen.id for seen in found[mark(end)]} <= {seen.id for seen in owned}

    def test_one_doubtful_answer_to_a_read_is_no_absence(self, end):
        async def body(calendar):
            made = await make(calendar, create(end, 0), create(end, 1))
            for number in (1, 2):
                for kind in ("garbage", "drop_before", "drop_after", "truncated"):
                    for method in end.reads:
                        end.fault(kind, method=method, times=None)
                    with pytest.raises(Unreachable):
                        await calendar.get([receipt.id for receipt in made[:number]], free)
                    end.calm()

        run(end, body)


class TestTestAndEnable:
    def test_a_good_mailbox_passes_and_nothing_stays_in_it(self, end):
        checks = run(end, lambda calendar: calendar.test(free))
        assert [(check.name, check.ok) for check in checks] == [(name, True) for name in end.checks]
        assert all(check.ok for check in checks)
        assert end.events() == []

    def test_the_trial_changes_nothing_else_and_is_sent_far_from_today(self, end):
        async def body(calendar):
            end.worker_adds(START)
            before = end.shown()
            end.fault("drop_after", method=end.methods["delete"], times=None)
            await calendar.test(free)
            return before

        before = run(end, body)
        end.calm()
        assert [row for row in end.shown() if row in before] == before
        assert all(row[1] < START - timedelta(days=365) for row in end.shown() if row not in before)

    def test_a_calendar_that_cannot_be_edited_is_told_before_anything_is_written(self, end):
        end.read_only()
        last = run(end, lambda calendar: calendar.test(free))[-1]
        assert (last.name, last.ok, last.transient) == ("calendar writable", False, False)
        assert last.remedy
        assert {method for method, _ in end.requests()} <= set(end.reads)

    def test_leftovers_of_a_crash_are_cleaned_and_the_workers_events_are_not(self, end):
        async def body(calendar):
            end.worker_adds(START)
            end.fault("drop_after", method=end.methods["create"])
            first = await calendar.test(free)
            left = len(end.events())
            return first, left, await calendar.test(free)

        first, left, second = run(end, body)
        assert [check.transient for check in first if not check.ok] == [True]
        assert left == 2
        assert all(check.ok for check in second)
        assert [row[0] for row in end.shown()] == ["Dentist"]

    @pytest.mark.parametrize(
        ("state", "name", "transient"),
        [
            ("disabled", "mailbox found", False),
            ("not_enabled", "mailbox found", False),
            ("denied", "mailbox found", False),
            ("moving", "mailbox found", True),
            ("full", "calendar writable", False),
        ],
    )
    def test_a_mailbox_that_fails_says_where_why_and_what_helps(self, end, state, name, transient):
        end.state(state)
        last = run(end, lambda calendar: calendar.test(free))[-1]
        assert (last.name in end.where(name), last.ok, last.transient) == (True, False, transient)
        assert last.detail
        assert last.remedy

    @pytest.mark.parametrize(
        ("status", "name", "transient"),
        [(401, "sign-in", False), (429, "sign-in", True), (500, "sign-in", True), (503, "sign-in", True)],
    )
    def test_a_server_that_refuses_is_told_with_whether_time_heals_it(self, end, status, name, transient):
        async def body(calendar):
            end.fault("status", status=status, times=None)
            return await calendar.test(free)

        last = run(end, body)[-1]
        assert (last.name, last.ok, last.transient) == (name, False, transient)


class TestClaim:
    def test_a_claim_is_seen_replaced_and_taken_back(self, end):
        if not end.keeps_claims:
            pytest.skip("this server keeps no dead properties")

        async def body(calendar):
            seen = [await calendar.claim(free)]
            for value in ("organization-a/installation-1", "organization-b/2", None, "c", ""):
                assert await calendar.set_claim(value, free) is True
                seen.append(await calendar.claim(free))
            return seen

        assert run(end, body) == [None, "organization-a/installation-1", "organization-b/2", None, "c", None]

    def test_a_claim_is_the_mailboxs_own(self, end):
        if not end.keeps_claims:
            pytest.skip("this server keeps no dead properties")

        async def go():
            async with end.serve():
                await end.calendar().set_claim("mine", free)
                return await end.calendar(mailbox=end.other_mailbox).claim(free)

        assert asyncio.run(go()) is None


class TestIdentity:
    def test_the_tenant_is_told_where_the_server_has_one(self, end):
        async def go():
            async with end.serve():
                return await end.calendars.identity()

        assert asyncio.run(go()).tenant == end.tenant


def test_the_other_mailbox_is_never_touched(end):
    run(end, lambda calendar: make(calendar, *[create(end, n) for n in range(5)]))
    assert end.events(end.other_mailbox) == []
    assert not end.touches(end.other_mailbox)
