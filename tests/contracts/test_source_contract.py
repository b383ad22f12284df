"""What every source promises (`ports.BookingSource`), asked of each implementation over its real protocol.

An end is one implementation with a server behind it, in one way of reading; `ENDS` lists them. Each is asked again
over rough roads. What only a source that tracks changes promises is asked of that end alone.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from tests.contracts.dataverse_end import HOUR, START, WORK_ORDER_FIELDS, DataverseEnd
from tests.contracts.roads import on_every_road

from fieldcal.clock import PlayedClock
from fieldcal.errors import ConfigError, CursorExpired, Denied, Incomplete, SignInFailed, Throttled, Unreachable
from fieldcal.model import BookingId, Reading, StatusKind, Way, Window, WorkerKind
from fieldcal.sources.dataverse import wire
from fieldcal.sources.dataverse.feed import AT_ONCE
from fieldcal.sources.dataverse.reader import PART_TRIES

ENDS = {"dataverse": DataverseEnd, "dataverse swept": partial(DataverseEnd, swept=True)}
where_changes_are_tracked = pytest.mark.parametrize("end", on_every_road(["dataverse"]), indirect=True)
where_none_are = pytest.mark.parametrize("end", on_every_road(["dataverse swept"]), indirect=True)
WINDOW = Window(START - timedelta(days=7), START + timedelta(days=14))
NOWHERE = BookingId("0c000000-0000-4000-8000-00000000dead")


@pytest.fixture(params=on_every_road(ENDS))
def end(request, tmp_path):
    name, _, road = request.param.partition("-")
    made = ENDS[name](tmp_path / "source.sqlite3")
    made.road.kind = road
    yield made
    made.close()


def run(end, body, **options):
    """Run `body(source)` against the end's server, the source made with these options."""
    end.options = options

    async def go():
        async with end.serve():
            return await body(end.source)

    return asyncio.run(go())


async def read_all(source, cursor=None):
    """Every page until the feed is at its end: (rows, deleted ids, work orders, last cursor)."""
    rows, deleted, orders = [], [], []
    while True:
        page = await source.changes(cursor)
        rows += page.rows
        deleted += page.deleted
        orders += page.work_orders
        cursor = page.cursor
        if page.complete:
            return rows, deleted, orders, cursor


async def swept(source, window=WINDOW, since=None):
    return [row async for part in source.sweep(window, since) for row in part.rows]


@where_changes_are_tracked
class TestChanges:
    @pytest.mark.parametrize("page_size", [1, 3, 5000])
    def test_the_first_read_gives_every_booking_once(self, end, page_size):
        made = [end.books(number) for number in range(7)]
        rows, deleted, _, _ = run(end, read_all, page_size=page_size)
        assert sorted(row.id for row in rows) == sorted(made)
        assert deleted == []

    def test_a_thin_row_says_what_decides(self, end):
        made = end.books()
        ((row,), *_) = run(end, read_all)
        assert (row.id, row.name, row.start, row.end) == (made, "0000", START, START + HOUR)
        assert (row.worker, row.work_order) == (end.workers["Anna"], end.order)
        assert (row.status, row.status_name, row.kind) == (end.statuses["scheduled"], "Scheduled", StatusKind.COMMITTED)
        assert row.active
        assert row.version > 0

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("scheduled", StatusKind.COMMITTED),
            ("proposed", StatusKind.PROPOSED),
            ("canceled", StatusKind.CANCELED),
            ("field canceled", StatusKind.CANCELED),
        ],
    )
    def test_the_status_is_told_by_its_codes(self, end, status, kind):
        end.books(bookingstatus=end.statuses[status])
        ((row,), *_) = run(end, read_all)
        assert row.kind is kind

    def test_later_pages_give_what_changed_and_nothing_else(self, end):
        kept, moved, gone = (end.books(number) for number in range(3))

        async def body(source):
            *_, cursor = await read_all(source)
            before = await source.changes(cursor)
            end.changes(moved, starttime="2026-11-25T09:00:00Z", endtime="2026-11-25T10:00:00Z")
            end.deletes(gone)
            new = end.books(9)
            rows, deleted, _, cursor = await read_all(source, before.cursor)
            return before, new, rows, deleted, await read_all(source, cursor)

        before, new, rows, deleted, after = run(end, body)
        assert (before.rows, before.deleted, before.complete) == ((), (), True)
        assert {row.id for row in rows} == {moved, new}
        assert next(row for row in rows if row.id == moved).start == datetime(2026, 11, 25, 9, tzinfo=UTC)
        assert deleted == [gone]
        assert after[:3] == ([], [], [])
        assert kept not in {row.id for row in rows}

    def test_a_version_grows_with_every_change(self, end):
        made = end.books()

        async def body(source):
            versions, cursor = [], None
            for name in ("a", "b", "c"):
                rows, _, _, cursor = await read_all(source, cursor)
                versions += [row.version for row in rows]
                end.changes(made, name=name)
            return versions

        versions = run(end, body)
        assert versions == sorted(set(versions))
        assert len(versions) == 3

    def test_the_same_cursor_may_be_asked_twice(self, end):
        made = end.books()

        async def body(source):
            *_, cursor = await read_all(source)
            end.changes(made, name="new")
            return await source.changes(cursor), await source.changes(cursor)

        first, again = run(end, body)
        assert first.rows == again.rows
        assert first.rows[0].name == "new"

    def test_a_cursor_outlives_the_process_and_the_servers_address(self, end):
        made = end.books()
        *_, cursor = run(end, read_all)
        end.changes(made, name="new")
        rows, _, _, _ = run(end, lambda source: read_all(source, cursor))
        assert [row.name for row in rows] == ["new"]

    def test_an_inactive_row_and_one_without_a_work_order_come_too(self, end):
        end.books(statecode=1, statuscode=2, msdyn_workorder=None)
        ((row,), *_) = run(end, read_all)
        assert (row.active, row.work_order) == (False, None)

    def test_a_pass_with_nothing_changed_is_one_request(self, end):
        end.books()

        async def body(source):
            *_, cursor = await read_all(source)
            end.forget_requests()
            await source.changes(cursor)

        run(end, body)
        assert len(end.requests()) == 1

    def test_statuses_are_read_again_after_a_day_for_somebody_may_have_given_one_another_meaning(self, end):
        made = end.books()
        clock = end.clock = PlayedClock(START)

        async def body(source):
            *_, cursor = await read_all(source)
            end.store.change("bookingstatus", end.statuses["scheduled"], {"status": 3})
            kinds = []
            for hours in (1, 24):
                clock.advance(timedelta(hours=hours))
                end.changes(made, name=f"after {hours}")
                (row,), _, _, cursor = await read_all(source, cursor)
                kinds.append(row.kind)
            return kinds

        assert run(end, body) == [StatusKind.COMMITTED, StatusKind.CANCELED]

    def test_statuses_are_read_once_and_again_where_one_is_new(self, end):
        made = end.books()

        async def body(source):
            *_, cursor = await read_all(source)
            end.changes(made, name="same status")
            *_, cursor = await read_all(source, cursor)
            new = end.store.create("bookingstatus", {"name": "New", "status": 3})
            end.changes(made, bookingstatus=new)
            return (await read_all(source, cursor))[0]

        (row,) = run(end, body)
        assert (row.status_name, row.kind) == ("New", StatusKind.CANCELED)
        assert sum("bookingstatuses?" in path for _, path in end.requests()) == 2

    def test_an_expired_cursor_says_so(self, end):
        end.books()

        async def body(source):
            *_, cursor = await read_all(source)
            end.store.expire_tokens()
            end.books(1)
            with pytest.raises(CursorExpired):
                await source.changes(cursor)
            return await read_all(source)

        assert len(run(end, body)[0]) == 2

    @pytest.mark.parametrize(
        ("status", "code"), [(400, "0x80044352"), (500, "0x80044352"), (404, "0x0"), (410, "x"), (400, "0x80060888")]
    )
    def test_a_refused_delta_link_says_that_the_cursor_has_expired(self, end, status, code):
        async def body(source):
            *_, cursor = await read_all(source)
            end.fault("status", status=status, code=code)
            with pytest.raises(CursorExpired):
                await source.changes(cursor)

        run(end, body)

    @pytest.mark.parametrize("status", [400, 404, 410])
    def test_a_first_read_that_is_refused_has_no_cursor_to_expire(self, end, status):
        end.fault("status", status=status, code="0x80060888")

        async def body(source):
            with pytest.raises(Unreachable):
                await source.changes(None)

        run(end, body)

    @pytest.mark.parametrize("cursor", ["x", "{", '{"bookings":1}', "[]"])
    def test_a_cursor_of_another_version_has_expired(self, end, cursor):
        async def body(source):
            with pytest.raises(CursorExpired):
                await source.changes(cursor)

        run(end, body)
        assert end.requests() == []

    @pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncated"])
    def test_a_page_that_was_lost_once_is_read_again(self, end, kind):
        end.books()
        end.fault(kind)
        assert len(run(end, read_all)[0]) == 1

    @pytest.mark.parametrize(
        ("kind", "more", "error"),
        [
            ("garbage", {}, Incomplete),
            ("empty_page", {}, Incomplete),
            ("status", {"status": 200, "body": '{"@odata.context":"c","value":[]}'}, Incomplete),
            ("status", {"status": 200, "body": '{"@odata.context":"c","value":7,"@odata.deltaLink":"/x"}'}, Incomplete),
            ("status", {"status": 200, "body": '{"@odata.context":"c","value":[{}],"@odata.deltaLink":"/x"}'}, Incomplete),
            ("status", {"status": 200, "body": '{"@odata.context":"c","value":[],"@odata.deltaLink":"https://evil.test/"}'}, Unreachable),
            ("status", {"status": 200, "body": '{"@odata.context":"c","value":[],"@odata.nextLink":"/a","@odata.deltaLink":"/b"}'}, Incomplete),
            ("status", {"status": 500}, Unreachable),
            ("status", {"status": 503, "times": None}, Unreachable),
            ("status", {"status": 403, "code": "0x80040220"}, Denied),
            ("status", {"status": 401, "times": None}, SignInFailed),
            ("status", {"status": 404, "body": "<html>"}, Unreachable),
            ("drop_after", {"times": None}, Unreachable),
            ("short_page", {}, Incomplete),
        ],
    )  # fmt: skip
    def test_a_page_that_is_not_proven_is_never_taken_for_one(self, end, kind, more, error):
        for number in range(6):
            end.books(number)

        async def body(source):
            first = await source.changes(None)
            end.fault(kind, **more)
            with pytest.raises(error) as told:
                await read_all(source, first.cursor)
            return str(told.value)

        assert run(end, body, page_size=2).isprintable()

    @pytest.mark.parametrize("code", ["0x80072322", "0x80072321", "0x80072326"])
    @pytest.mark.parametrize(("header", "seconds"), [("12", 12.0), ("0.5", 0.5), (None, None)])
    def test_a_throttle_is_told_with_its_wait(self, end, code, header, seconds):
        async def body(source):
            headers = {"Retry-After": header} if header else {}
            end.fault("status", status=429, code=code, headers=headers)
            with pytest.raises(Throttled) as told:
                await source.changes(None)
            return told.value

        told = run(end, body)
        assert (told.code, told.retry_after, told.scope) == (code, seconds, "connector")

    def test_an_expired_token_is_renewed_in_the_middle_of_a_read(self, end):
        for number in range(6):
            end.books(number)
        end.fault("status", status=401, nth=2)
        assert len(run(end, read_all, page_size=2)[0]) == 6

    @pytest.mark.parametrize(
        "row",
        ['{"name":"x"}', '{"bookableresourcebookingid":"x"}', '{"bookableresourcebookingid":null,"starttime":7}', "7"],
    )
    def test_a_row_without_a_readable_id_leaves_its_page_unproven(self, end, row):
        broken = f'{{"@odata.context":"c","value":[{row}],"@odata.deltaLink":"/x"}}'

        async def body(source):
            end.fault("status", status=200, body=broken)
            with pytest.raises(Incomplete):
                await source.changes(None)

        run(end, body)


class TestFollowing:
    @where_changes_are_tracked
    def test_d1_location_reads_the_bookings_own_place(self, end):
        end.books(msdyn_latitude=48.1, msdyn_longitude=11.5)
        ((row,), *_) = run(end, read_all, track_location=True)
        assert row.place == "48.10000, 11.50000"
        assert run(end, read_all)[0][0].place == ""

    @where_changes_are_tracked
    def test_d1_location_chosen_later_reads_everything_again(self, end):
        end.books()
        *_, cursor = run(end, read_all)

        async def body(source):
            with pytest.raises(CursorExpired):
                await source.changes(cursor)

        run(end, body, track_location=True)

    @where_changes_are_tracked
    @pytest.mark.parametrize("page_size", [1, 5000])
    def test_d1_work_order_tells_changed_work_orders_and_not_those_of_the_first_read(self, end, page_size):
        end.books()
        end.adds_work_order("00043")

        async def body(source):
            *_, first, cursor = await read_all(source)
            end.store.change("msdyn_workorder", end.order, {"msdyn_workordersummary": "new"})
            *_, second, cursor = await read_all(source, cursor)
            *_, third, cursor = await read_all(source, cursor)
            return first, second, third

        assert run(end, body, track_work_orders=True, page_size=page_size) == ([], [end.order], [])

    @where_changes_are_tracked
    def test_d1_work_order_chosen_later_keeps_the_bookings_place_in_the_feed(self, end):
        made = end.books()
        *_, cursor = run(end, read_all)
        end.changes(made, name="new")

        async def body(source):
            rows, _, orders, later = await read_all(source, cursor)
            end.store.change("msdyn_workorder", end.order, {"msdyn_workordersummary": "new"})
            return rows, orders, (await read_all(source, later))[2]

        rows, first, second = run(end, body, track_work_orders=True)
        assert [row.name for row in rows] == ["new"]
        assert (first, second) == ([], [end.order])

    @where_changes_are_tracked
    def test_d1_work_order_given_up_leaves_the_bookings_in_the_feed(self, end):
        made = end.books()
        *_, cursor = run(end, read_all, track_work_orders=True)
        end.changes(made, name="new")
        rows, _, orders, _ = run(end, lambda source: read_all(source, cursor))
        assert ([row.name for row in rows], orders) == (["new"], [])

    def test_the_bookings_of_work_orders_are_told(self, end):
        other = end.adds_work_order("00043")
        first, second = end.books(0), end.books(1)
        third = end.books(2, msdyn_workorder=other)
        end.books(3, msdyn_workorder=None)

        async def body(source):
            return (
                await source.affected([end.order]),
                await source.affected([end.order, other]),
                await source.affected([]),
            )

        one, both, none = run(end, body)
        assert sorted(one) == sorted([first, second])
        assert sorted(both) == sorted([first, second, third])
        assert none == []


class TestDetails:
    def test_a_booking_comes_with_its_work_order_as_it_is_now(self, end):
        made = end.books()

        async def body(source):
            before = await source.bookings([made])
            end.store.change("msdyn_workorder", end.order, {"msdyn_workordersummary": "other"})
            return before, await source.bookings([made])

        before, after = run(end, body)
        order = before.found[0].work_order
        assert {name: getattr(order, name) for name in WORK_ORDER_FIELDS} == WORK_ORDER_FIELDS
        assert (order.id, order.promised_from, order.promised_to) == (
            end.order,
            datetime(2026, 11, 23, 8, tzinfo=UTC),
            None,
        )
        assert after.found[0].work_order.summary == "other"
        assert after.found[0].work_order.version > order.version

    @pytest.mark.parametrize("hides", [(), ("msdyn_priorities",)])
    def test_names_come_from_their_tables_where_no_formatted_values_came_and_else_stay_empty(self, end, hides):
        made = [end.books(number) for number in range(2)]
        end.server.control.change(unformatted=True)
        for table in hides:
            end.fault("status", path=table, status=403, code="0x80040220")

        async def body(source):
            first = await source.bookings(made[:1])
            return [*first.found, *(await source.bookings(made[1:])).found]

        for told in run(end, body):
            order, known = told.work_order, WORK_ORDER_FIELDS
            assert (order.type, order.incident_type) == (known["type"], known["incident_type"])
            assert order.priority == ("" if hides else known["priority"])
            assert (order.number, order.service_account) == (known["number"], known["service_account"])
            assert (order.billing_account, order.reported_by) == ("", "")
            assert told.booking.kind is StatusKind.COMMITTED
        assert sum("msdyn_priorities" in path for _, path in end.requests()) == 1

    def test_a_read_of_many_bookings_has_few_requests_under_way_at_once(self, end):
        asked = [BookingId(f"0c000000-0000-4000-8000-{number:012}") for number in range(150)]
        end.server.control.change(max_concurrent=52)
        assert len(run(end, lambda source: source.bookings(asked)).missing) == 150
        assert 1 < end.server.most_at_once <= AT_ONCE

    def test_a_detailed_row_equals_the_thin_one(self, end):
        made = end.books()

        async def body(source):
            rows = await swept(source)
            return rows[0], (await source.bookings([made])).found[0].booking

        thin, detailed = run(end, body)
        assert thin == detailed

    @pytest.mark.parametrize("number", [0, 1, 100, 101, 350])
    def test_any_number_of_bookings_is_read(self, end, number):
        made = [end.books(each) for each in range(number)]
        details = run(end, lambda source: source.bookings(made))
        assert sorted(each.booking.id for each in details.found) == sorted(made)
        assert (details.missing, details.unknown) == ((), ())

    def test_an_id_asked_twice_is_told_once(self, end):
        made = end.books()
        assert len(run(end, lambda source: source.bookings([made, made])).found) == 1

    def test_a_booking_that_does_not_exist_is_proven_missing_by_a_404_of_its_own(self, end):
        made, gone = end.books(0), end.books(1)
        end.deletes(gone)
        details = run(end, lambda source: source.bookings([gone, made, NOWHERE]))
        assert [each.booking.id for each in details.found] == [made]
        assert sorted(details.missing) == sorted([gone, NOWHERE])
        assert details.unknown == ()
        assert sum(gone in path and "$filter" not in path for _, path in end.requests()) == 1

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "status", "status": 403, "code": "0x80040220"},
            {"kind": "status", "status": 404, "code": "0x8006088a"},
            {"kind": "status", "status": 404, "body": "<html>not found</html>"},
            {"kind": "status", "status": 404, "body": "{}"},
            {"kind": "status", "status": 400, "code": "0x0"},
            {"kind": "status", "status": 500},
            {"kind": "status", "status": 503, "times": None},
            {"kind": "drop_after", "times": None},
            {"kind": "status", "status": 302},
        ],
        ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}-{fault.get('code', fault.get('body', ''))}",
    )
    def test_any_other_answer_to_a_single_read_proves_nothing(self, end, fault):
        end.fault(path=r"bookings\(", **fault)
        details = run(end, lambda source: source.bookings([NOWHERE]))
        assert (details.found, details.missing, details.unknown) == ((), (), (NOWHERE,))

    def test_a_booking_that_a_short_list_left_out_is_found_by_its_own_read(self, end):
        made = [end.books(number) for number in range(4)]
        end.fault("short_page")
        details = run(end, lambda source: source.bookings(made))
        assert sorted(each.booking.id for each in details.found) == sorted(made)

    @pytest.mark.parametrize("strange", ["", "x", "1) or (1 eq 1", "../accounts", "'"])
    def test_a_text_that_is_no_id_is_never_asked_for(self, end, strange):
        details = run(end, lambda source: source.bookings([BookingId(strange)]))
        assert details.unknown == (strange,)
        assert end.requests() == []

    @pytest.mark.parametrize(("status", "error"), [(429, Throttled), (401, SignInFailed)])
    def test_a_throttle_or_a_refused_sign_in_ends_the_whole_read(self, end, status, error):
        end.fault("status", path=r"bookings\(", status=status, times=None)

        async def body(source):
            with pytest.raises(error):
                await source.bookings([NOWHERE])

        run(end, body)

    def test_a_single_read_that_gives_another_booking_proves_nothing(self, end):
        other = (
            f'{{"@odata.etag":"W/\\"1\\"","bookableresourcebookingid":"{end.order}","starttime":"2026-11-23T09:00:00Z",'
            '"endtime":"2026-11-23T10:00:00Z","statecode":0}'
        )
        end.fault("status", path=r"bookings\(", status=200, body=other)

        async def body(source):
            with pytest.raises(Incomplete):
                await source.bookings([NOWHERE])

        run(end, body)

    def test_after_a_throttle_no_more_reads_are_begun(self, end):
        end.fault("status", status=429, times=None)
        asked = [BookingId(f"0c000000-0000-4000-8000-{number:012}") for number in range(2000)]

        async def body(source):
            with pytest.raises(Throttled):
                await source.bookings(asked)

        run(end, body)
        assert len(end.requests()) < 12

    @pytest.mark.parametrize(
        ("kind", "error"), [("garbage", Incomplete), ("empty_page", Incomplete), ("drop_after", Unreachable)]
    )
    def test_a_list_that_failed_proves_nothing(self, end, kind, error):
        made = end.books()
        end.fault(kind, times=None)

        async def body(source):
            with pytest.raises(error):
                await source.bookings([made])

        run(end, body)

    def test_a_deleted_work_order_leaves_a_booking_without_one(self, end):
        made = end.books()
        end.store.remove("msdyn_workorder", end.order)
        (told,) = run(end, lambda source: source.bookings([made])).found
        assert told.work_order is None

    def test_a_booking_that_ends_before_it_starts_is_told_as_it_is(self, end):
        made = end.books(endtime="2026-11-23T08:00:00Z")
        (told,) = run(end, lambda source: source.bookings([made])).found
        assert told.booking.end < told.booking.start

    def test_hostile_texts_come_through_as_they_were_typed(self, end):
        summary = "<script>alert(1)</script>\x0b\n" + "ü漢" * 50_000
        end.store.change("msdyn_workorder", end.order, {"msdyn_workordersummary": summary})
        made = end.books(name='"quotes" & <b>')
        (told,) = run(end, lambda source: source.bookings([made])).found
        assert (told.work_order.summary, told.booking.name) == (summary, '"quotes" & <b>')


class TestSweep:
    @pytest.mark.parametrize("page_size", [2, 5000])
    def test_everything_that_overlaps_the_window_is_read(self, end, page_size):
        inside = [end.books(number) for number in range(5)]
        end.books(24 * 30)
        end.books(-24 * 30)
        told = run(end, swept, page_size=page_size)
        assert sorted(row.id for row in told) == sorted(inside)

    def test_a_swept_row_says_what_decides(self, end):
        made = end.books(bookingstatus=end.statuses["canceled"])
        (row,) = run(end, swept)
        assert (row.id, row.name, row.start, row.end) == (made, "0000", START, START + HOUR)
        assert (row.worker, row.work_order, row.kind) == (end.workers["Anna"], end.order, StatusKind.CANCELED)
        assert row.active
        assert row.version > 0

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
        end.books(
            starttime=start.strftime("%Y-%m-%dT%H:%M:%SZ"), endtime=(start + length).strftime("%Y-%m-%dT%H:%M:%SZ")
        )
        assert bool(run(end, swept)) is seen

    def test_canceled_inactive_and_loose_bookings_are_told_too(self, end):
        end.books(0, bookingstatus=end.statuses["canceled"])
        end.books(1, statecode=1, statuscode=2)
        end.books(2, msdyn_workorder=None)
        assert len(run(end, swept)) == 3

    @pytest.mark.parametrize("nth", [1, 2, 3])
    @pytest.mark.parametrize(
        ("kind", "more", "error"),
        [
            ("empty_page", {}, Incomplete),
            ("short_page", {}, Incomplete),
            ("garbage", {}, Incomplete),
            ("status", {"status": 500}, Unreachable),
            ("status", {"status": 403}, Denied),
            ("status", {"status": 429}, Throttled),
            ("status", {"status": 200, "body": '{"@odata.context":"c","value":[],"@odata.count":1}'}, Incomplete),
            ("status", {"status": 200, "body": '{"@odata.context":"c","value":[]}'}, Incomplete),
        ],
    )
    def test_a_sweep_that_is_not_whole_is_never_taken_for_one(self, end, nth, kind, more, error):
        for number in range(12):
            end.books(number)
        end.fault(kind, path="bookings.*(orderby|skiptoken)", nth=nth, times=None, **more)

        async def body(source):
            with pytest.raises(error):
                await swept(source)

        run(end, body, page_size=4)

    def test_a_row_that_comes_twice_proves_nothing(self, end):
        made = end.books()
        row = (
            f'{{"@odata.etag":"W/\\"1\\"","bookableresourcebookingid":"{made}","starttime":"2026-11-23T09:00:00Z",'
            '"endtime":"2026-11-23T10:00:00Z","statecode":0}'
        )
        end.fault(
            "status", status=200, body=f'{{"@odata.context":"c","@odata.count":2,"value":[{row},{row}]}}', times=None
        )

        async def body(source):
            with pytest.raises(Incomplete):
                await swept(source)

        run(end, body)

    def test_a_list_that_goes_in_a_circle_ends(self, end):
        circle = '{"@odata.context":"c","@odata.count":0,"value":[],"@odata.nextLink":"/api/data/v9.2/circle"}'
        end.fault("status", status=200, body=circle, times=None)

        async def body(source):
            with pytest.raises(Incomplete):
                await swept(source)

        run(end, body)
        assert len(end.requests()) == 2 * PART_TRIES

    @pytest.mark.parametrize("kind", ["short_page", "empty_page", "garbage", "truncated"])
    @pytest.mark.parametrize("nth", [1, 2, 3])
    def test_a_part_that_came_cut_short_once_is_read_again(self, end, kind, nth):
        made = [end.books(number) for number in range(6)]
        end.fault(kind, path="orderby|skiptoken", nth=nth)
        assert sorted(row.id for row in run(end, swept, page_size=2)) == sorted(made)

    def test_a_row_that_comes_again_on_the_next_page_is_told_once(self, end):
        made = [end.books(number) for number in range(7)]
        end.server.control.change(page_slip=1)
        assert sorted(row.id for row in run(end, swept, page_size=3)) == sorted(made)

    def test_a_row_passed_over_between_two_pages_is_missed_by_the_count(self, end):
        for number in range(7):
            end.books(number)
        end.server.control.change(page_slip=-1)

        async def body(source):
            with pytest.raises(Incomplete, match="counts 7 rows and gives 6"):
                await swept(source)

        run(end, body, page_size=3)

    @pytest.mark.parametrize("counted", [1, 2, 3, 7])
    def test_more_rows_than_the_server_counts_are_read_in_parts_that_it_counts(self, end, counted, monkeypatch):
        monkeypatch.setattr(wire, "COUNTED", counted)
        made = [end.books(number) for number in range(5)]
        long = [
            end.books(number, starttime="2026-10-01T09:00:00Z", endtime="2027-03-01T09:00:00Z") for number in (0, 1)
        ]
        at_once = [end.books(3) for _ in range(3)]
        told = run(end, swept)
        assert sorted(row.id for row in told) == sorted([*made, *long, *at_once])

    def test_what_changed_outside_the_window_is_told_where_it_is_asked_for(self, end):
        before, after = end.books(-24 * 30), end.books(24 * 60)
        end.books(24 * 61)
        inside = end.books()
        clock = end.server.control.clock
        clock.advance(timedelta(hours=2))
        since = clock.now() - timedelta(hours=1)
        for booking in (before, after, inside):
            end.changes(booking, name="touched")
        assert sorted(row.id for row in run(end, lambda source: swept(source, WINDOW, since))) == sorted(
            [before, after, inside]
        )
        assert [row.id for row in run(end, swept)] == [inside]

    def test_d1_work_order_a_row_comes_with_its_work_orders_version(self, end):
        end.books()

        async def body(source):
            first = [part async for part in source.sweep(WINDOW)]
            end.store.change("msdyn_workorder", end.order, {"msdyn_workordersummary": "new"})
            return [part.orders[end.order] for part in [*first, *[part async for part in source.sweep(WINDOW)]]]

        before, after = run(end, body, track_work_orders=True)
        assert after > before
        assert run(end, body_of_orders) == [{}]

    @pytest.mark.parametrize("broken", ["worker", "status", "work order"])
    def test_a_lookup_to_a_row_that_is_gone_is_told_as_it_is_and_decides_nothing_wrong(self, end, broken):
        row = {
            "bookableresourcebookingid": NOWHERE, "name": "x", "starttime": "2026-11-23T09:00:00Z", "duration": 60,
            "endtime": "2026-11-23T10:00:00Z", "resource": end.workers["Anna"],
            "bookingstatus": end.statuses["scheduled"], "msdyn_workorder": end.order,
        }  # fmt: skip
        gone = "0c000000-0000-4000-8000-0000000000ee"
        name = {"worker": "resource", "status": "bookingstatus", "work order": "msdyn_workorder"}[broken]
        end.store.load("bookableresourcebooking", [row | {name: gone}])

        async def body(source):
            (thin,), (told,) = await swept(source), (await source.bookings([NOWHERE])).found
            return thin, told

        thin, told = run(end, body)
        assert thin == told.booking
        assert (thin.kind, thin.active) == (StatusKind.COMMITTED, True)
        assert {"worker": thin.worker, "status": thin.status, "work order": thin.work_order}[broken] == gone
        assert (told.work_order is None) is (broken == "work order")


#: columns as they must not be, and what is told of the row
SPOILED = [
    ({"endtime": None}, "it has no end"),
    ({"starttime": None, "statecode": None}, "it has no start and no state"),
    ({"starttime": "2026-02-30T09:00:00Z"}, "its start (starttime) cannot be read"),
    ({"endtime": "9999-12-31T23:00:00-09:00"}, "its end lies outside of the calendar"),
    ({"_bookingstatus_value": "scheduled"}, "its booking status (_bookingstatus_value) cannot be read"),
    ({"_resource_value": "{}"}, "its resource (_resource_value) cannot be read"),
    ({"name": ["x"]}, "its name cannot be read"),
    ({"@odata.etag": "none"}, "it has no version"),
]


class TestUnreadable:
    """I7: one row that cannot be read is told as such, by id, and its neighbours come as ever."""

    @pytest.mark.parametrize(("columns", "reason"), SPOILED)
    def test_i7_a_row_that_cannot_be_read_is_told_apart_and_its_neighbours_come(self, end, columns, reason):
        bad, good = end.books(0), end.books(1)
        end.server.control.change(spoiled={bad: columns})

        async def body(source):
            tracked = (await source.way()).reading is Reading.TRACKED
            page = await source.changes(None) if tracked else (await parts(source))[0]
            return page, await source.bookings([bad, good])

        page, details = run(end, body)
        for rows, told in (
            ([row.id for row in page.rows], page.unreadable),
            ([each.booking.id for each in details.found], details.unreadable),
        ):
            assert rows == [good]
            assert [(each.id, each.reason) for each in told] == [(bad, reason)]
            assert (told[0].version is None) is ("@odata.etag" in columns)
        assert (details.missing, details.unknown) == ((), (bad,))

    def test_a_booking_with_a_work_order_that_cannot_be_read_is_told_apart_by_its_details_alone(self, end):
        bad, good = end.books(0), end.books(1, msdyn_workorder=None)
        end.server.control.change(spoiled={end.order: {"msdyn_timefrompromised": "noon"}})

        async def body(source):
            return await swept(source), await source.bookings([bad, good])

        rows, details = run(end, body)
        assert len(rows) == 2
        assert [each.booking.id for each in details.found] == [good]
        assert [each.id for each in details.unreadable] == [bad]

    @pytest.mark.parametrize("page_size", [1, 2, 5000])
    def test_a_spoiled_row_counts_as_one_that_came(self, end, page_size):
        made = [end.books(number) for number in range(5)]
        end.server.control.change(spoiled={made[0]: {"endtime": None}, made[3]: {"statecode": "x"}})
        (part,) = run(end, parts, page_size=page_size)
        assert (len(part.rows), sorted(each.id for each in part.unreadable)) == (3, sorted([made[0], made[3]]))
        end.fault("short_page", path="orderby|skiptoken", times=None)

        async def body(source):
            with pytest.raises(Incomplete):
                await swept(source)

        run(end, body, page_size=5000)

    def test_a_booking_that_only_its_own_read_shows_is_told_apart_too(self, end):
        made = end.books()
        end.server.control.change(spoiled={made: {"starttime": None}})
        end.fault("short_page", path="In")
        details = run(end, lambda source: source.bookings([made]))
        assert [(each.id, each.reason) for each in details.unreadable] == [(made, "it has no start")]
        assert details.unknown == (made,)

    def test_a_worker_who_cannot_be_read_is_told_apart_and_never_gone(self, end):
        end.server.control.change(spoiled={end.workers["Bert"]: {"timezone": "Berlin"}})
        page = run(end, lambda source: source.workers(None))
        assert sorted(worker.name for worker in page.rows) == ["Anna", "Van"]
        assert [(each.id, each.reason) for each in page.unreadable] == [
            (end.workers["Bert"], "its timezone cannot be read")
        ]
        assert page.gone == ()

    @where_changes_are_tracked
    def test_a_changed_worker_who_cannot_be_read_is_told_apart_too(self, end):
        async def body(source):
            page = await source.workers(None)
            end.store.change("bookableresource", end.workers["Bert"], {"name": "Berta"})
            end.server.control.change(spoiled={end.workers["Bert"]: {"statecode": "x"}})
            return await source.workers(page.cursor)

        page = run(end, body)
        assert ([each.id for each in page.unreadable], page.rows, page.gone) == ([end.workers["Bert"]], (), ())

    @pytest.mark.parametrize(
        ("table", "ask"),
        [
            ("bookingstatuses", swept),
            ("timezonedefinitions", lambda source: source.workers(None)),
        ],
    )
    def test_a_table_that_gives_rows_their_meaning_is_read_whole_or_not_at_all(self, end, table, ask):
        end.books()
        end.fault("status", path=table, status=200, body='{"@odata.context":"c","@odata.count":1,"value":[{}]}')

        async def body(source):
            with pytest.raises(Incomplete):
                await ask(source)

        run(end, body)

    def test_half_a_character_and_a_null_poison_no_row(self, end):
        made = end.books()
        row = (
            f'{{"@odata.etag":"W/\\"1\\"","bookableresourcebookingid":"{made}","name":"a\\ud83d\\u0000b",'
            '"starttime":"2026-11-23T09:00:00Z","endtime":"2026-11-23T10:00:00Z","statecode":0}'
        )
        end.fault("status", status=200, body=f'{{"@odata.context":"c","@odata.count":1,"value":[{row}]}}')
        (told,) = run(end, swept)
        assert (told.id, told.name) == (made, "a?b")


async def parts(source):
    return [part async for part in source.sweep(WINDOW)]


async def body_of_orders(source):
    return [part.orders async for part in source.sweep(WINDOW)]


#: how the organization is, whether work orders are followed, and what is to be found
WAYS = [
    ({}, False, Way(Reading.TRACKED)),
    ({}, True, Way(Reading.TRACKED)),
    ({"untracked": ["bookableresourcebooking"]}, False, "change tracking is off for bookableresourcebooking"),
    ({"untracked": ["bookableresource", "msdyn_workorder"]}, False, Way(Reading.TRACKED)),
    ({"untracked": ["msdyn_workorder"]}, True, "change tracking is off for msdyn_workorder"),
    ({"changes_unreadable": ["bookableresourcebooking"]}, False, "the privilege to read changes of bookableresourcebooking is missing"),
    ({"changes_unreadable": ["msdyn_workorder"]}, True, "the privilege to read changes of msdyn_workorder is missing"),
]  # fmt: skip


@where_changes_are_tracked
class TestWay:
    @pytest.mark.parametrize(("organization", "orders", "found"), WAYS)
    def test_the_way_to_read_is_found_by_looking(self, end, organization, orders, found):
        end.books()
        end.server.control.change(**organization)
        told = run(end, lambda source: source.way(), track_work_orders=orders)
        if isinstance(found, Way):
            assert told == found
        else:
            assert told.reading is Reading.SWEPT
            assert told.reason.startswith(found)

    @pytest.mark.parametrize(
        ("path", "more", "reading"),
        [
            # the organization does not show its definitions: what a tracked read answers decides
            ("EntityDefinitions", {"status": 403, "code": "0x80040220"}, Reading.TRACKED),
            ("EntityDefinitions", {"status": 500}, Reading.TRACKED),
            ("EntityDefinitions.*Tracking", {"status": 200, "body": "{}"}, Reading.TRACKED),
            (r"bookings\?\$select=bookableresourcebookingid$", {"status": 400, "code": "0x80040203"}, Reading.SWEPT),
            (r"bookings\?\$select=bookableresourcebookingid$", {"status": 403, "code": "0x80040220"}, Reading.SWEPT),
            (r"bookings\?\$select=bookableresourcebookingid$", {"status": 501, "code": "x"}, Unreachable),
            (r"bookings\?\$select=bookableresourcebookingid$", {"status": 503}, Unreachable),
            (r"bookings\?\$select=bookableresourcebookingid$", {"status": 404}, Unreachable),
            (r"bookings\?\$select=bookableresourcebookingid$", {"status": 429}, Throttled),
            (r"bookings\?\$select=bookableresourcebookingid$", {"status": 200, "body": '{"@odata.context":"c","value":[]}'}, Reading.SWEPT),
        ],
    )  # fmt: skip
    def test_the_way_to_read_is_decided_by_answers_that_say_something(self, end, path, more, reading):
        end.fault("status", path=path, times=None, **more)

        async def body(source):
            if isinstance(reading, Reading):
                assert (await source.way()).reading is reading
            else:
                with pytest.raises(reading):
                    await source.way()

        run(end, body)

    @pytest.mark.parametrize(
        ("missing", "named"),
        [
            ("bookableresourcebooking.msdyn_workorder", "the columns msdyn_workorder of bookableresourcebooking"),
            ("msdyn_workorder.msdyn_displayaddress", "the columns msdyn_displayaddress of msdyn_workorder"),
            (
                "bookableresource.UserId",
                "the navigation property UserId (there it is called uSERiD) of bookableresource",
            ),
            ("msdyn_workorder.msdyn_serviceaccount", "msdyn_serviceaccount (there it is called MSDYN_SERVICEACCOUNT)"),
        ],
    )
    def test_what_an_organization_lacks_is_named_with_its_remedy(self, end, missing, named):
        end.server.control.change(missing=[missing])

        async def body(source):
            with pytest.raises(ConfigError) as told:
                await source.way()
            return str(told.value)

        told = run(end, body)
        assert named in told
        assert "is Field Service installed there, and is this its address?" in told
        assert told.isprintable()

    def test_an_organization_without_field_service_is_named_as_such(self, end):
        end.fault("status", path="EntityDefinitions.*msdyn_workorder'", status=404, code="0x80060888", times=None)

        async def body(source):
            with pytest.raises(ConfigError, match="lacks the table msdyn_workorder"):
                await source.way()

        run(end, body)


@where_none_are
class TestUntracked:
    def test_every_question_for_workers_is_answered_with_everyone(self, end):
        async def body(source):
            first = await source.workers(None)
            end.adds_worker("Carl")
            return first, await source.workers(first.cursor)

        first, later = run(end, body)
        assert (first.cursor, first.full, len(first.rows)) == ("", True, 3)
        assert (later.cursor, later.full, len(later.rows)) == ("", True, 4)

    def test_a_question_for_changes_is_refused(self, end):
        async def body(source):
            with pytest.raises(Unreachable) as told:
                await source.changes(None)
            return told.value

        assert run(end, body).refused

    def test_workers_whose_changes_may_not_be_read_are_read_whole(self, end):
        end.server.control.change(untracked=[], changes_unreadable=["bookableresource"])
        page = run(end, lambda source: source.workers(None))
        assert (page.cursor, len(page.rows)) == ("", 3)


class TestWorkers:
    def test_everyone_is_told_with_mailbox_address_and_zone(self, end):
        page = run(end, lambda source: source.workers(None))
        assert (page.complete, page.full, page.gone) == (True, True, ())
        told = {worker.name: worker for worker in page.rows}
        assert told.keys() == {"Anna", "Bert", "Van"}
        anna = told["Anna"]
        assert (anna.id, anna.kind, anna.active) == (end.workers["Anna"], WorkerKind.USER, True)
        assert anna.mailbox == f"0b000000-0000-4000-8000-{ord('A'):012}"
        assert (anna.address, anna.sign_in) == ("anna@contoso.test", "anna@contoso.test")
        assert (anna.zone, told["Bert"].zone) == ("Europe/Berlin", "America/New_York")
        assert (told["Van"].kind, told["Van"].mailbox, told["Van"].address) == (WorkerKind.EQUIPMENT, None, "")

    @where_changes_are_tracked
    @pytest.mark.parametrize("page_size", [1, 5000])
    def test_later_pages_tell_who_changed_and_who_is_gone(self, end, page_size):
        async def body(source):
            first = await source.workers(None)
            quiet = await source.workers(first.cursor)
            end.store.change("bookableresource", end.workers["Bert"], {"name": "Berta"})
            end.store.remove("bookableresource", end.van)
            new = end.adds_worker("Carl")
            later = await source.workers(quiet.cursor)
            return quiet, new, later, await source.workers(later.cursor)

        quiet, new, later, after = run(end, body, page_size=page_size)
        assert (quiet.rows, quiet.gone, quiet.full) == ((), (), False)
        assert {worker.id for worker in later.rows} == {end.workers["Bert"], new}
        assert (later.gone, later.full, later.complete) == ((end.van,), False, True)
        assert (after.rows, after.gone) == ((), ())

    @where_changes_are_tracked
    def test_a_question_for_changed_workers_with_none_changed_is_one_request(self, end):
        async def body(source):
            page = await source.workers(None)
            end.forget_requests()
            await source.workers(page.cursor)

        run(end, body)
        assert len(end.requests()) == 1

    def test_an_expired_link_is_answered_with_everyone(self, end):
        async def body(source):
            page = await source.workers(None)
            end.store.expire_tokens()
            return await source.workers(page.cursor)

        page = run(end, body)
        assert page.full
        assert len(page.rows) == 3

    @pytest.mark.parametrize("kind", ["short_page", "empty_page", "garbage"])
    def test_a_full_read_that_is_not_whole_is_never_taken_for_one(self, end, kind):
        end.fault(kind, path="expand")

        async def body(source):
            with pytest.raises(Incomplete):
                await source.workers(None)

        run(end, body)

    def test_a_disabled_user_has_no_mailbox(self, end):
        user = end.store.get("bookableresource", end.workers["Anna"])["userid"]
        end.store.change("systemuser", user, {"isdisabled": True})
        page = run(end, lambda source: source.workers(None))
        assert {worker.mailbox for worker in page.rows if worker.name == "Anna"} == {None}


class TestIdentity:
    def test_organization_and_tenant_are_told(self, end):
        told = run(end, lambda source: source.identity())
        assert wire.is_guid(told.organization)
        assert wire.is_guid(told.tenant)
        assert told == run(end, lambda source: source.identity())

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"kind": "status", "status": 403}, Denied),
            ({"kind": "status", "status": 500}, Unreachable),
            ({"kind": "status", "status": 200, "body": '{"Detail":{}}'}, Incomplete),
            ({"kind": "garbage"}, Incomplete),
        ],
    )
    def test_an_organization_that_cannot_be_told_is_none(self, end, fault, error):
        end.fault(**fault)

        async def body(source):
            with pytest.raises(error):
                await source.identity()

        run(end, body)


def test_i9_nothing_but_reads_is_ever_sent(end):
    made = [end.books(number) for number in range(3)]

    async def body(source):
        await source.identity()
        page = await source.workers(None)
        await source.workers(page.cursor)
        if (await source.way()).reading is Reading.TRACKED:
            *_, cursor = await read_all(source)
            await source.changes(cursor)
        await source.bookings([*made, NOWHERE])
        await source.affected([end.order])
        await swept(source)

    run(end, body, track_work_orders=True, track_location=True)
    assert {method for method, _ in end.requests()} == {"GET"}


def test_a_base_url_with_the_version_serves_too(end):
    made = end.books()
    end.root = "/api/data/v9.2"
    assert [row.id for row in run(end, swept)] == [made]
