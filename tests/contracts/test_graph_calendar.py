"""What only Graph has, asked of its calendar: batches and their items, pages, dead keys, tokens, four at once.

What every calendar promises stands in `test_calendar_contract.py`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.contracts.graph_end import ORGANIZATION, GraphEnd
from tests.contracts.roads import on_every_road
from tests.contracts.writing import START, WINDOW, booking, create, delete, free, make, mark, run

from fieldcal.calendars.graph import wire
from fieldcal.errors import (
    Forbidden,
    NotSent,
    OutcomeUnknown,
    Throttled,
    Unreachable,
)
from fieldcal.model import Mark, Receipt

ENDS = {"graph": GraphEnd}


@pytest.fixture(params=on_every_road(ENDS))
def end(request, tmp_path):
    made = GraphEnd(tmp_path / "calendar.sqlite3")
    made.road.kind = request.param.partition("-")[2]
    yield made
    made.close()


async def first_page(end, size):
    """The body of a page with the first events, no more pages behind it."""
    courier = end.calendar()._courier
    rows = await courier.pages(wire.owned_path(end.mailbox, ORGANIZATION), free)
    return msgspec.json.encode({"@odata.context": "c", "value": rows[:size]}).decode()


class TestWriting:
    @pytest.mark.parametrize("status", [400, 413])
    def test_a_batch_that_is_refused_whole_is_carried_out_one_by_one(self, end, status):
        actions = [create(end, n) for n in range(5)]

        async def body(calendar):
            end.fault("status", method="POST", path="batch", status=status)
            return await calendar.write(actions, free)

        assert all(isinstance(told, Receipt) for told in run(end, body).values())
        assert len(end.events()) == 5
        assert end.sent() == 6

    def test_what_goes_one_by_one_stops_where_the_server_asks_to_wait(self, end):
        actions = [create(end, n) for n in range(5)]

        async def body(calendar):
            end.fault("status", method="POST", path="batch", status=400)
            end.fault("status", method="POST", contains="0002", path="events", status=429)
            return await calendar.write(actions, free)

        outcomes = run(end, body)
        kinds = [type(outcomes[action.mark]) for action in actions]
        assert kinds == [Receipt, Receipt, NotSent, NotSent, NotSent]
        assert end.sent() == 4


class TestLostAnswers:
    @pytest.mark.parametrize("kind", ["drop_after", "garbage"])
    def test_one_item_without_an_answer_is_open_while_its_neighbours_are_done(self, end, kind):
        actions = [create(end, n) for n in range(3)]

        async def body(calendar):
            end.fault(kind, item=True, contains="0001 ")
            return await calendar.write(actions, free)

        outcomes = run(end, body)
        assert [type(outcomes[action.mark]) for action in actions] == [Receipt, OutcomeUnknown, Receipt]

    def test_after_a_lost_answer_the_rest_is_not_sent(self, end):
        actions = [create(end, n) for n in range(45)]

        async def body(calendar):
            end.fault("drop_after", nth=2)
            return await calendar.write(actions, free)

        outcomes = run(end, body)
        kinds = [type(outcomes[action.mark]) for action in actions]
        assert kinds == [Receipt] * 20 + [OutcomeUnknown] * 20 + [NotSent] * 5
        assert end.sent() == 2

    def test_a_dead_event_given_back_for_its_key_is_suspect(self, end):
        end.exchange.control.change(dead_key="dead")

        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            await make(calendar, delete(action, made))
            end.exchange.control.clock.advance(timedelta(minutes=1))
            (again,) = await make(calendar, action)
            return again, await calendar.get([again.id], free)

        again, found = run(end, body)
        assert again.suspect
        assert found == {again.id: None}


class TestThrottling:
    @pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.249", 0.249), ("2.128", 2.128)])
    @pytest.mark.parametrize(("code", "whole"), [("ApplicationThrottled", False), ("TooManyRequests", True)])
    @pytest.mark.parametrize("number", [1, 3])
    def test_a_429_is_not_carried_out_and_pauses_whom_it_concerns(self, end, header, seconds, code, whole, number):
        async def body(calendar):
            end.fault("status", method="POST", status=429, code=code, headers={"Retry-After": header})
            return await calendar.write([create(end, n) for n in range(number)], free)

        before = datetime.now(UTC)
        outcomes = run(end, body)
        assert {type(told) for told in outcomes.values()} == {NotSent}
        assert {told.retry_after for told in outcomes.values()} == {seconds}
        ((scope, until, reason),) = end.pace.pauses
        assert scope == (end.connector if whole else end.mailbox)
        assert until >= before + timedelta(seconds=seconds)
        assert code in reason
        assert end.events() == []

    def test_a_429_without_retry_after_still_pauses_the_mailbox(self, end):
        async def body(calendar):
            end.fault("status", method="POST", status=429, code="ApplicationThrottled")
            return await calendar.write([create(end)], free)

        before = datetime.now(UTC)
        (told,) = run(end, body).values()
        assert (type(told), told.retry_after) == (NotSent, None)
        ((scope, until, _),) = end.pace.pauses
        assert scope == end.mailbox
        assert until >= before + timedelta(seconds=1)

    @pytest.mark.parametrize("waits", [("1.5", "9"), ("9", "1.5")])
    def test_f24_throttled_items_are_not_carried_out_and_the_longest_wait_counts(self, end, waits):
        actions = [create(end, n) for n in range(22)]

        async def body(calendar):
            for number, wait in zip((3, 4), waits, strict=True):
                end.fault(
                    "status", item=True, contains=f"{number:04} ", status=429, code="ApplicationThrottled",
                    headers={"Retry-After": wait},
                )  # fmt: skip
            return await calendar.write(actions, free)

        before = datetime.now(UTC)
        outcomes = run(end, body)
        kinds = [type(outcomes[action.mark]) for action in actions]
        assert kinds == [Receipt] * 3 + [NotSent] * 2 + [Receipt] * 15 + [NotSent] * 2
        ((scope, until, _),) = end.pace.pauses
        assert scope == end.mailbox
        assert until >= before + timedelta(seconds=9)
        assert end.sent() == 1

    def test_an_item_whose_dependency_failed_is_not_carried_out(self, end):
        async def body(calendar):
            end.fault("status", item=True, contains="0001 ", status=424, code="FailedDependency")
            return await calendar.write([create(end, n) for n in range(3)], free)

        assert [type(told) for told in run(end, body).values()] == [Receipt, NotSent, Receipt]

    def test_f21_batches_shrink_while_the_mailbox_is_asked_too_much_and_grow_again(self, end):
        sizes = []

        async def body(_):
            for number in range(8):
                if number < 2:
                    end.fault("status", item=True, status=429, code="ApplicationThrottled")
                calendar = end.calendar()  # as each reconciliation opens its own
                await calendar.write([create(end, number * 20 + n) for n in range(20)], free)
                entry = next(entry for entry in reversed(end.exchange.control.ledger()) if entry.items or number == 2)
                sizes.append(len(entry.items) or 1)
            end.exchange.control.clear_faults()

        run(end, body)
        assert sizes[0] == 20
        assert sizes[1] == 2
        assert sizes[-1] == 20

    def test_no_more_than_four_requests_are_ever_in_flight_on_a_mailbox(self, end):
        end.exchange.control.change(latency=0.01)
        actions = [create(end, n) for n in range(60)]
        run(end, lambda calendar: make(calendar, *actions))
        assert end.exchange.throttle.peak <= 4
        assert len(end.events()) == 60

    def test_the_pace_is_asked_for_each_item_before_it_is_sent(self, end):
        run(end, lambda calendar: make(calendar, *[create(end, n) for n in range(21)]))
        assert end.pace.taken == [(end.mailbox, 20), (end.mailbox, 1)]


class TestSignInAndMailbox:
    @pytest.mark.parametrize("number", [1, 3])
    def test_a_401_is_met_by_signing_in_anew_and_nothing_is_lost(self, end, number):
        async def body(calendar):
            end.fault("status", status=401)
            return await calendar.write([create(end, n) for n in range(number)], free)

        assert all(isinstance(told, Receipt) for told in run(end, body).values())
        assert len(end.events()) == number

    @pytest.mark.parametrize("times", [1, 2])
    def test_a_401_of_single_items_repeats_those_only(self, end, times):
        async def body(calendar):
            end.fault("status", item=True, contains="000[01] ", status=401, times=times)
            return await calendar.write([create(end, n) for n in range(4)], free)

        assert all(isinstance(told, Receipt) for told in run(end, body).values())
        assert len(end.events()) == 4

    def test_no_batch_follows_one_that_the_mailbox_refused(self, end):
        end.state("denied")
        outcomes = run(end, lambda calendar: calendar.write([create(end, n) for n in range(25)], free))
        assert [type(told) for told in outcomes.values()] == [Forbidden] * 20 + [NotSent] * 5
        assert end.events() == []

    def test_a_mailbox_is_found_by_its_address_too(self, end):
        async def go():
            async with end.serve():
                return await make(end.calendar(mailbox="anna@contoso.test"), create(end))

        assert asyncio.run(go())
        assert len(end.events()) == 1


class TestLease:
    def test_the_lease_is_asked_before_each_batch_and_each_repeat(self, end):
        asked = []

        async def body(calendar):
            end.fault("status", status=401)
            await calendar.write([create(end, n) for n in range(45)], lambda: asked.append(end.sent()))

        run(end, body)
        assert asked == [0, 1, 2, 3]


class TestReading:
    @pytest.mark.parametrize("window", [WINDOW, None])
    def test_every_page_is_read(self, end, window, monkeypatch):
        monkeypatch.setattr("fieldcal.calendars.graph.wire.PAGE", 7)

        async def body(calendar):
            await make(calendar, *[create(end, n) for n in range(30)])
            return await calendar.owned(window, free)

        assert len({seen.id for seen in run(end, body)}) == 30

    @pytest.mark.parametrize("window", [WINDOW, None])
    @pytest.mark.parametrize("nth", [1, 2, 3])
    @pytest.mark.parametrize(
        ("kind", "status", "error"),
        [
            ("empty_page", 0, Unreachable),
            ("short_page", 0, Unreachable),
            ("loop_page", 0, Unreachable),
            ("stray_page", 0, Unreachable),
            ("garbage", 0, Unreachable),
            ("status", 500, Unreachable),
            ("status", 400, Unreachable),
            ("status", 403, Forbidden),
            ("status", 429, Throttled),
        ],
    )
    def test_a_list_that_is_not_whole_is_never_taken_for_one(self, end, window, nth, kind, status, error, monkeypatch):
        monkeypatch.setattr("fieldcal.calendars.graph.wire.PAGE", 4)

        async def body(calendar):
            await make(calendar, *[create(end, n) for n in range(10)])
            end.fault(kind, method="GET", nth=nth, status=status)
            with pytest.raises(error):
                await calendar.owned(window, free)

        run(end, body)

    def test_an_event_that_comes_on_two_pages_counts_once_and_hides_no_missing_one(self, end, monkeypatch):
        """A page that repeats a row of the page before, as lists do that are cut while they change."""
        monkeypatch.setattr("fieldcal.calendars.graph.wire.PAGE", 2)

        async def body(calendar):
            await make(calendar, *[create(end, n) for n in range(4)])
            whole = await calendar.owned(None, free)
            page = await first_page(end, 2)
            end.fault("status", method="GET", path="skip=2", status=200, body=page)
            with pytest.raises(Unreachable):
                await calendar.owned(None, free)
            return whole

        assert len(run(end, body)) == 4

    @pytest.mark.parametrize("wait", ["30", "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_a_read_is_not_repeated_before_the_time_that_the_server_named(self, end, wait):
        async def body(calendar):
            end.fault("status", method="GET", status=503, headers={"Retry-After": wait}, times=None)
            with pytest.raises(Unreachable):
                await calendar.owned(WINDOW, free)

        run(end, body)
        assert end.sent() == 1
        assert [scope for scope, _, _ in end.pace.pauses] == [end.mailbox]

    @pytest.mark.parametrize("link", ["https://evil.test/x", "http://127.0.0.1:1/x", 7, ""])
    def test_a_page_that_leads_elsewhere_is_not_followed(self, end, link):
        body_text = f'{{"@odata.context":"c","value":[],"@odata.nextLink":{link if link == 7 else chr(34) + str(link) + chr(34)}}}'

        async def body(calendar):
            end.fault("status", method="GET", status=200, body=body_text)
            with pytest.raises(Unreachable):
                await calendar.owned(WINDOW, free)

        run(end, body)
        assert end.sent() == 1

    def test_a_list_that_goes_in_a_circle_ends(self, end):
        async def body(calendar):
            circle = '{"@odata.context":"c","value":[],"@odata.nextLink":"/v1.0/users/circle"}'
            end.fault("status", method="GET", status=200, body=circle, times=None)
            with pytest.raises(Unreachable):
                await calendar.owned(WINDOW, free)

        run(end, body)
        assert end.sent() == 2

    @pytest.mark.parametrize("number", [1, 3, 25])
    def test_get_tells_each_event_as_it_is_now_and_none_for_what_is_gone(self, end, number):
        async def body(calendar):
            made = await make(calendar, *[create(end, n) for n in range(number)])
            end.worker_deletes()
            return [receipt.id for receipt in made], await calendar.get([receipt.id for receipt in made], free)

        ids, seen = run(end, body)
        assert seen[ids[0]] is None
        assert all(seen[other].id == other and seen[other].created for other in ids[1:])
        assert len(seen) == number

    def test_find_takes_no_mark_that_only_looks_alike(self, end):
        async def body(calendar):
            capital = Mark(ORGANIZATION.upper(), booking(), end.mailbox, 1)
            end.worker_adds(START, mark=f"1/{ORGANIZATION.upper()}/{booking()}/{end.mailbox}/1")
            return await calendar.find([mark(end)], free), await calendar.find([capital], free)

        lower, capital = run(end, body)
        assert lower == {mark(end): []}
        assert len(next(iter(capital.values()))) == 1

    def test_find_reads_every_page_of_one_marks_events(self, end):
        async def body(calendar):
            await make(calendar, create(end))
            for _ in range(25):
                end.worker_copies()
            return await calendar.find([mark(end)], free)

        assert len(run(end, body)[mark(end)]) == 26

    def test_a_copy_that_the_worker_made_is_found_beside_the_original_with_both_times_of_making(self, end):
        async def body(calendar):
            (made,) = await make(calendar, create(end))
            end.exchange.control.clock.advance(timedelta(minutes=5))
            end.worker_copies()
            return made, await calendar.find([mark(end)], free), await calendar.owned(WINDOW, free)

        made, found, owned = run(end, body)
        both = found[mark(end)]
        assert len(both) == len(owned) == 2
        oldest = min(owned, key=lambda seen: seen.created)
        assert (oldest.id, oldest.key) == (made.id, "key-0-1")
        assert {seen.key for seen in both} == {"key-0-1", ""}

    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncated", "garbage"])
    def test_a_batch_of_reads_without_an_answer_proves_nothing(self, end, kind):
        async def body(calendar):
            made = await make(calendar, create(end, 0), create(end, 1))
            for read in (
                lambda: calendar.get([receipt.id for receipt in made], free),
                lambda: calendar.find([mark(end, 0), mark(end, 1)], free),
            ):
                end.fault(kind, method="POST")
                with pytest.raises(Unreachable):
                    await read()

        run(end, body)

    @pytest.mark.parametrize(
        ("kind", "error"), [("garbage", Unreachable), ("empty_page", Unreachable), ("drop_before", Unreachable)]
    )
    def test_one_doubtful_item_of_a_read_is_no_absence(self, end, kind, error):
        async def body(calendar):
            made = await make(calendar, create(end, 0), create(end, 1))
            end.fault(kind, method="GET", item=True)
            with pytest.raises(error):
                await calendar.get([receipt.id for receipt in made], free)

        run(end, body)


class TestTestAndEnable:
    def test_a_calendar_that_cannot_be_edited_is_told_before_anything_is_written(self, end):
        end.read_only()
        last = run(end, lambda calendar: calendar.test(free))[-1]
        assert (last.name, last.ok, last.transient) == ("calendar writable", False, False)
        assert [method for method, _ in end.requests()] == ["GET"]

    @pytest.mark.parametrize("body", ["{}", "<html>", '{"id":"x"}', '{"id":"x","canEdit":"no"}', '{"canEdit":false}'])
    def test_an_answer_that_is_no_calendar_is_no_word_that_it_cannot_be_edited(self, end, body):
        async def ask(calendar):
            end.fault("status", method="GET", status=200, body=body)
            return await calendar.test(free)

        last = run(end, ask)[-1]
        assert (last.name, last.ok, last.transient) == ("calendar writable", False, True)

    def test_the_trial_is_written_read_and_removed_far_from_today(self, end):
        run(end, lambda calendar: calendar.test(free))
        assert [method for method, _ in end.requests()] == ["GET", "GET", "POST", "GET", "DELETE"]


class TestClaim:
    @pytest.mark.parametrize("body", ["{}", "[]", "<html>", '{"id":7}', '{"@odata.context":"c","value":[]}'])
    def test_r14_an_answer_that_is_no_calendar_shows_no_absence_of_a_claim(self, end, body):
        async def ask(calendar):
            await calendar.set_claim("theirs", free)
            for call in (lambda: calendar.claim(free), lambda: calendar.set_claim("ours", free)):
                end.fault("status", status=200, body=body)
                with pytest.raises(Unreachable):
                    await call()
            return await calendar.claim(free)

        assert run(end, ask) == "theirs"


class TestIdentity:
    def test_the_tenant_is_told(self, end):
        async def go():
            async with end.serve():
                return await end.calendars.identity()

        assert asyncio.run(go()).tenant == end.tenant
