"""What every calendar promises (`ports.Calendar`), asked of each implementation over its real protocol.

An end is one implementation with a server behind it; `ENDS` lists them. Each is asked again over rough roads.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.contracts.graph_end import ORGANIZATION, OTHER, GraphEnd
from tests.contracts.roads import on_every_road

from fieldcal.calendars.graph import wire
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
from fieldcal.model import BookingId, Create, Delete, Event, EventId, Mark, Receipt, ShowAs, Update, Window

ENDS = {"graph": GraphEnd}
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(START - timedelta(days=7), START + timedelta(days=14))


def free():
    """A lease that is held."""


@pytest.fixture(params=on_every_road(ENDS))
def end(request, tmp_path):
    name, _, road = request.param.partition("-")
    made = ENDS[name](tmp_path / "calendar.sqlite3")
    made.road.kind = road
    yield made
    made.close()


def run(end, body):
    """Run `body(calendar)` against the end's server."""

    async def go():
        async with end.serve():
            return await body(end.calendar())

    return asyncio.run(go())


def event(number=0, **changes):
    start = START + number * HOUR
    text = f"{number:04} · Repair"
    made = Event(text, "<p>text</p>", start, start + HOUR, "Main Street 1", ShowAs.BUSY, ("Field Service",))
    return replace(made, **changes)


def booking(number=0):
    return BookingId(f"0c000000-0000-4000-8000-{number:012}")


def mark(end, number=0, generation=1):
    return Mark(ORGANIZATION, booking(number), end.mailbox, generation)


def create(end, number=0, generation=1, /, **changes):
    made = mark(end, number, generation)
    return Create(made, f"key-{number}-{generation}", event(number, **changes), f"stamp-{number}")


def update(action, receipt, etag=None, **changes):
    return Update(
        action.mark, receipt.id, receipt.etag if etag is None else etag, replace(action.event, **changes), "stamp-new"
    )


def delete(action, receipt, etag=None):
    return Delete(action.mark, receipt.id, receipt.etag if etag is None else etag)


async def first_page(end, size):
    """The body of a page with the first events, no more pages behind it."""
    courier = end.calendar()._courier
    rows = await courier.pages(wire.owned_path(end.mailbox, ORGANIZATION), free)
    return msgspec.json.encode({"@odata.context": "c", "value": rows[:size]}).decode()


async def make(calendar, *actions):
    """Write these creations and give their receipts in order."""
    outcomes = await calendar.write(list(actions), free)
    receipts = [outcomes[action.mark] for action in actions]
    assert all(isinstance(receipt, Receipt) for receipt in receipts), receipts
    return receipts


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
            end.worker_edits({"categories": ["Mine"], "isReminderOn": False})
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
            other = create(end, subject="other words")
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
            bad = create(end, 99, start=START + 5 * HOUR, end=START)
            good = [create(end, n) for n in range(beside)]
            outcomes = await calendar.write([*good[:1], bad, *good[1:]], free)
            return outcomes[bad.mark], [outcomes[action.mark] for action in good]

        refused, others = run(end, body)
        assert isinstance(refused, Rejected)
        assert refused.code
        assert all(isinstance(told, Receipt) for told in others)
        assert len(end.events()) == beside

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
    @pytest.mark.parametrize("number", [1, 3])
    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncated", "garbage"])
    def test_a_lost_answer_leaves_every_outcome_open_and_a_repeat_makes_no_second_event(self, end, kind, number):
        actions = [create(end, n) for n in range(number)]

        async def body(calendar):
            end.fault(kind, method="POST")
            first = await calendar.write(actions, free)
            again = await calendar.write(actions, free)
            return first, again

        first, again = run(end, body)
        assert {type(told) for told in first.values()} == {OutcomeUnknown}
        assert all(isinstance(told, Receipt) for told in again.values())
        assert len(end.events()) == number

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
    @pytest.mark.parametrize("number", [1, 3])
    def test_a_server_in_trouble_leaves_the_outcome_open(self, end, status, number):
        async def body(calendar):
            end.fault("status", method="POST", status=status, code="UnknownError")
            return await calendar.write([create(end, n) for n in range(number)], free)

        assert {type(told) for told in run(end, body).values()} == {OutcomeUnknown}
        assert sum(method == "POST" for method, _ in end.requests()) == 1

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

    @pytest.mark.parametrize(("header", "least"), [("0", 1), ("-5", 5), ("soon", 5), ("1e400", 5), ("", 5)])
    def test_f23_no_retry_after_however_absurd_makes_us_ask_again_at_once(self, end, header, least):
        async def body(calendar):
            headers = {"Retry-After": header}
            end.fault("status", method="POST", status=429, code="ApplicationThrottled", headers=headers)
            return await calendar.write([create(end)], free)

        before = datetime.now(UTC)
        run(end, body)
        ((_, until, _),) = end.pace.pauses
        assert before + timedelta(seconds=least) <= until <= datetime.now(UTC) + timedelta(seconds=least)

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

    @pytest.mark.parametrize("number", [1, 3])
    def test_a_second_401_is_a_failed_sign_in(self, end, number):
        async def body(calendar):
            end.fault("status", status=401, times=None)
            return await calendar.write([create(end, n) for n in range(number)], free)

        assert {type(told) for told in run(end, body).values()} == {SignInFailed}

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
        end.state(state)
        outcomes = run(end, lambda calendar: calendar.write([create(end, n) for n in range(number)], free))
        kinds = [type(told) for told in outcomes.values()]
        assert kinds == [kind] * min(number, 20) + [NotSent] * (number - 20)
        assert end.events() == []

    def test_reads_of_such_a_mailbox_raise_the_same(self, end):
        async def body(calendar):
            for state, kind in (("disabled", NotAMailbox), ("moving", Unavailable), ("denied", Forbidden)):
                end.state(state)
                for read in (
                    calendar.owned(WINDOW, free),
                    calendar.get([EventId("AAA=")], free),
                    calendar.find([mark(end)], free),
                    calendar.claim(free),
                    calendar.set_claim("x", free),
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

    def test_a_mailbox_is_found_by_its_address_too(self, end):
        async def go():
            async with end.serve():
                return await make(end.calendar(mailbox="anna@contoso.test"), create(end))

        assert asyncio.run(go())
        assert len(end.events()) == 1


class TestLease:
    @pytest.mark.parametrize("number", [1, 3])
    def test_a_lost_lease_sends_nothing(self, end, number):
        def lost():
            raise LeaseLost("taken over")

        async def body(calendar):
            reads = (
                calendar.owned(WINDOW, lost),
                calendar.get([EventId("A=")], lost),
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

    def test_the_lease_is_asked_before_each_batch_and_each_repeat(self, end):
        asked = []

        async def body(calendar):
            end.fault("status", status=401)
            await calendar.write([create(end, n) for n in range(45)], lambda: asked.append(end.sent()))

        run(end, body)
        assert asked == [0, 1, 2, 3]


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

    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncated"])
    def test_a_page_that_was_lost_once_is_read_again(self, end, kind):
        async def body(calendar):
            await make(calendar, create(end))
            end.fault(kind, method="GET")
            return await calendar.owned(WINDOW, free)

        assert len(run(end, body)) == 1

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

    @pytest.mark.parametrize("number", [1, 2, 25])
    def test_find_gives_the_events_of_each_mark(self, end, number):
        async def body(calendar):
            made = await make(calendar, *[create(end, n) for n in range(number)])
            wanted = [mark(end, n) for n in range(number)] + [mark(end, 77)]
            return made, await calendar.find(wanted, free)

        made, found = run(end, body)
        assert [[seen.id for seen in found[mark(end, n)]] for n in range(number)] == [[each.id] for each in made]
        assert found[mark(end, 77)] == []

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
    def test_a_good_mailbox_passes_and_nothing_stays_in_it(self, end):
        checks = run(end, lambda calendar: calendar.test(free))
        assert [(check.name, check.ok) for check in checks] == [
            ("sign-in", True), ("mailbox found", True), ("calendar writable", True),
        ]  # fmt: skip
        assert end.events() == []

    def test_leftovers_of_a_crash_are_cleaned_and_the_workers_events_are_not(self, end):
        async def body(calendar):
            end.worker_adds(START)
            end.fault("drop_after", method="POST", path="events")
            first = await calendar.test(free)
            left = len(end.events())
            return first, left, await calendar.test(free)

        first, left, second = run(end, body)
        assert not first[-1].ok
        assert first[-1].transient
        assert left == 2
        assert second[-1].ok
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
        assert (last.name, last.ok, last.transient) == (name, False, transient)
        assert last.detail
        assert last.remedy

    def test_a_calendar_that_cannot_be_edited_is_told_before_anything_is_written(self, end):
        end.read_only()
        last = run(end, lambda calendar: calendar.test(free))[-1]
        assert (last.name, last.ok, last.transient) == ("calendar writable", False, False)
        assert [method for method, _ in end.requests()] == ["GET"]

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
    def test_a_claim_is_seen_replaced_and_taken_back(self, end):
        async def body(calendar):
            seen = [await calendar.claim(free)]
            for value in ("organization-a/installation-1", "organization-b/2", None, "c", ""):
                await calendar.set_claim(value, free)
                seen.append(await calendar.claim(free))
            return seen

        assert run(end, body) == [None, "organization-a/installation-1", "organization-b/2", None, "c", None]

    def test_a_claim_is_the_mailboxs_own(self, end):
        async def go():
            async with end.serve():
                await end.calendar().set_claim("mine", free)
                return await end.calendar(mailbox=end.other_mailbox).claim(free)

        assert asyncio.run(go()) is None

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


def test_the_other_mailbox_is_never_touched(end):
    run(end, lambda calendar: make(calendar, *[create(end, n) for n in range(5)]))
    assert end.events(OTHER) == []
    assert not any(str(OTHER) in path for _, path in end.requests())
