"""Rows, links and cursors of the Dataverse Web API: tables of cases over pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.model import StatusKind, Window, WorkerKind
from fieldcal.sources.dataverse import pages, query, wire
from fieldcal.sources.dataverse.cursor import Cursor, read_cursor, turn, write_cursor
from fieldcal.sources.dataverse.spans import Span, cut

BOOKING = "0C000000-0000-4000-8000-000000000001"
RESOURCE = "0d000000-0000-4000-8000-000000000001"
STATUS = "0e000000-0000-4000-8000-000000000001"
ORDER = "0f000000-0000-4000-8000-000000000001"
USER = "0A000000-0000-4000-8000-00000000000A"
F = "@OData.Community.Display.V1.FormattedValue"
START = datetime(2026, 11, 23, 10, tzinfo=UTC)
STATUSES = {STATUS: wire.Status("Scheduled", StatusKind.COMMITTED)}


def without(row):
    return {name: value for name, value in row.items() if value is not ...}


def thin(**changes):
    row = {
        "@odata.etag": 'W/"915244"',
        "bookableresourcebookingid": BOOKING,
        "name": "Visit",
        "starttime": "2026-11-23T10:00:00Z",
        "endtime": "2026-11-23T11:00:00Z",
        "statecode": 0,
        "_resource_value": RESOURCE,
        "_bookingstatus_value": STATUS,
        "_msdyn_workorder_value": ORDER,
    }
    return without(row | changes)


def order(**changes):
    row = {
        "msdyn_workorderid": ORDER,
        "versionnumber": 77,
        "msdyn_name": "00042",
        "msdyn_workordersummary": "Leak",
        "msdyn_displayaddress": "Main Street 1, Springfield",
        "msdyn_addressname": "Plant",
        "msdyn_address1": "Main Street 1",
        "msdyn_postalcode": "12345",
        "msdyn_city": "Springfield",
        "msdyn_country": "US",
        "msdyn_timefrompromised": "2026-11-23T09:30:00Z",
        "msdyn_timetopromised": None,
        f"_msdyn_priority_value{F}": "High",
        f"_msdyn_workordertype_value{F}": "Repair",
        f"_msdyn_primaryincidenttype_value{F}": "Pump",
        f"_msdyn_reportedbycontact_value{F}": "Kim",
        f"_msdyn_serviceaccount_value{F}": "Contoso (formatted)",
        f"_msdyn_billingaccount_value{F}": "Fabrikam",
        "msdyn_serviceaccount": {"name": "Contoso", f"_primarycontactid_value{F}": "Lee"},
    }
    return without(row | changes)


def page(*rows, **more):
    return msgspec.json.encode({"@odata.context": "c", "value": list(rows), **more})


def read(row, place=False):
    (parsed,) = pages.decode(page(row), wire.BookingRow).value
    return wire.booking(parsed, STATUSES, place=place)


def test_a_thin_row_is_read_whole_with_ids_in_lower_case():
    booking = read(thin())
    assert booking.id == BOOKING.lower()
    assert (booking.name, booking.worker, booking.work_order) == ("Visit", RESOURCE, ORDER)
    assert (booking.start, booking.end) == (START, START + timedelta(hours=1))
    assert (booking.status, booking.status_name, booking.kind) == (STATUS, "Scheduled", StatusKind.COMMITTED)
    assert (booking.active, booking.version, booking.place) == (True, 915244, "")


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"name": None}, "name", ""),
        ({"name": ...}, "name", ""),
        ({"_resource_value": None}, "worker", None),
        ({"_resource_value": ...}, "worker", None),
        ({"_msdyn_workorder_value": None}, "work_order", None),
        ({"_bookingstatus_value": None}, "status", ""),
        ({"_bookingstatus_value": None}, "kind", StatusKind.COMMITTED),
        ({"_bookingstatus_value": "0e000000-0000-4000-8000-00000000ffff"}, "kind", StatusKind.COMMITTED),
        ({"statecode": 1}, "active", False),
        ({"@odata.etag": ..., "versionnumber": 5}, "version", 5),
        ({"starttime": "2026-11-23T12:00:00+02:00"}, "start", START),
        ({"starttime": "2026-11-23T10:00:00.1234567Z"}, "start", START + timedelta(microseconds=123457)),
        ({"endtime": "2026-11-23T09:00:00Z"}, "end", START - timedelta(hours=1)),
        ({"unknown": {"x": [1]}}, "name", "Visit"),
        ({"modifiedon": "2026-11-23T12:00:00+02:00"}, "modified", START),
        ({"modifiedon": "2026-11-23T10:00:00"}, "modified", None),
        ({"modifiedon": "never"}, "modified", None),
        ({"modifiedon": {"at": 5}}, "modified", None),
        ({"modifiedon": "0001-01-01T00:00:00+14:00"}, "modified", None),
    ],
)  # fmt: skip
def test_what_a_row_may_lack_is_read_as_nothing(changes, attribute, value):
    told = getattr(read(thin(**changes)), attribute)
    if isinstance(value, datetime):
        assert abs(told - value) < timedelta(microseconds=2)
    else:
        assert told == value


@pytest.mark.parametrize(
    "changes",
    [
        {"bookableresourcebookingid": ...},
        {"bookableresourcebookingid": None},
        {"bookableresourcebookingid": "1) or (1 eq 1"},
        {"starttime": ...},
        {"starttime": "2026-11-23"},
        {"starttime": "2026-11-23T10:00:00"},
        {"endtime": None},
        {"endtime": 7},
        {"statecode": ...},
        {"statecode": "0"},
        {"@odata.etag": ...},
        {"@odata.etag": 'W/"x"'},
        {"_resource_value": "x"},
        {"name": 7},
    ],
)
def test_a_row_without_what_decides_is_malformed(changes):
    with pytest.raises(wire.Malformed):
        read(thin(**changes))


@pytest.mark.parametrize("changes", [{"starttime": ...}, {"starttime": "soon"}, {"name": 7}])
def test_a_malformed_row_is_named_by_its_id(changes):
    with pytest.raises(wire.Malformed) as told:
        read(thin(**changes))
    assert BOOKING.lower() in str(told.value).lower()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"value":[]}',
        b'{"@odata.context":"c"}',
        b'{"@odata.context":"c","value":{}}',
        b'{"@odata.context":"c","value":[7]}',
        b'{"@odata.context":"c","value":[],"@odata.nextLink":7}',
        b"<html>",
        b'{"@odata.context":"c","value":[',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_page_is_malformed(body):
    with pytest.raises(wire.Malformed):
        pages.decode(body, wire.BookingRow)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: (
            st.lists(s)
            | st.dictionaries(
                st.sampled_from(["@odata.context", "value", "id", "starttime", "msdyn_workorder", "statecode"]), s
            )
        ),
        max_leaves=20,
    )
)
def test_no_body_breaks_the_reading_of_pages(told):
    body, broken = msgspec.json.encode(told), None
    try:
        [wire.detailed(row, {}, place=True) for row in pages.decode(body, wire.BookingRow).value]
    except wire.Malformed as error:
        broken = str(error)
    assert broken is None or broken.isprintable()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"starttime": ...}, "it has no start"),
        ({"starttime": None, "endtime": None}, "it has no start and no end"),
        ({"@odata.etag": 'W/"x"'}, "it has no version"),
        ({"@odata.etag": ..., "versionnumber": 2**63}, "it has no version"),
        ({"starttime": "soon"}, "its start (starttime) cannot be read"),
        ({"endtime": "0001-01-01T00:00:00+14:00"}, "its end lies outside of the calendar"),
        ({"_bookingstatus_value": 7}, "its booking status (_bookingstatus_value) cannot be read"),
        ({"msdyn_worklocation": "x"}, "its msdyn_worklocation cannot be read"),
        ({"msdyn_workorder": []}, "its work order (msdyn_workorder) cannot be read"),
        (
            {"msdyn_workorder": {"msdyn_workorderid": ORDER, "msdyn_timetopromised": "9999-12-31T23:00:00-05:00"}},
            "its work order's promised time (to) lies outside of the calendar",
        ),
    ],
)
def test_i7_a_row_that_cannot_be_read_is_told_by_its_id_beside_its_sound_neighbour(changes, reason):
    other = "0c000000-0000-4000-8000-000000000002"
    bad, good = pages.decode(page(thin(**changes), thin(bookableresourcebookingid=other)), wire.BookingRow).value
    told = wire.unreadable(bad)
    assert (told.id, told.reason) == (BOOKING.lower(), reason)
    assert told.version == (None if "version" in reason else 915244)
    assert wire.unreadable(good) is None
    with pytest.raises(wire.Malformed):
        wire.booking(bad, STATUSES, place=False)


@pytest.mark.parametrize("context", ["c/$deletedEntity", "c/$entity", 7])
def test_i4_only_a_sound_context_and_id_make_a_deletion_of_a_row_that_cannot_be_read(context):
    entry = {"@odata.context": context, "id": BOOKING, "bookableresourcebookingid": BOOKING, "statecode": "x"}
    (row,) = pages.decode(page(entry), wire.BookingRow).value
    assert wire.is_deleted(row) is (context == "c/$deletedEntity")
    assert wire.is_deleted(row) or wire.unreadable(row).id == BOOKING.lower()


@pytest.mark.parametrize(
    ("name", "read"),
    [(b'"a\\ud83d"', "a?"), (b'"a\xff"', "a\ufffd"), (b'"a\\u0000b"', "ab")],
    ids=["half", "byte", "null"],
)
def test_a_text_with_a_broken_character_poisons_nothing(name, read):
    body = page(thin(name="NAME")).replace(b'"NAME"', name)
    (row,) = pages.decode(body, wire.BookingRow).value
    assert wire.booking(row, STATUSES, place=False).name == read


@pytest.mark.parametrize(
    ("status", "field_service", "kind"),
    [
        (1, None, StatusKind.PROPOSED),
        (2, 690970000, StatusKind.COMMITTED),
        (3, None, StatusKind.CANCELED),
        (2, 690970005, StatusKind.CANCELED),
        (1, 690970005, StatusKind.CANCELED),
        (None, None, StatusKind.COMMITTED),
        (99, None, StatusKind.COMMITTED),
    ],
)
def test_a_status_means_what_its_codes_say_never_its_name(status, field_service, kind):
    row = wire.StatusRow(
        bookingstatusid=STATUS, name="Canceled?", status=status, msdyn_fieldservicestatus=field_service
    )
    assert wire.status(row).kind is kind


def detailed(**changes):
    (row,) = pages.decode(page(thin(msdyn_workorder=order(**changes))), wire.BookingRow).value
    return wire.detailed(row, STATUSES, place=False).work_order


def test_a_work_order_is_read_whole():
    told = detailed()
    assert (told.id, told.number, told.version) == (ORDER, "00042", 77)
    assert (told.type, told.priority, told.incident_type, told.summary) == ("Repair", "High", "Pump", "Leak")
    assert (told.service_account, told.billing_account) == ("Contoso", "Fabrikam")
    assert (told.reported_by, told.account_contact) == ("Kim", "Lee")
    assert told.promised_from == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert told.promised_to is None


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({}, "Main Street 1, Springfield"),
        ({"msdyn_displayaddress": None}, "Main Street 1, 12345 Springfield, US"),
        ({"msdyn_displayaddress": "  "}, "Main Street 1, 12345 Springfield, US"),
        (
            dict.fromkeys(
                ("msdyn_displayaddress", "msdyn_address1", "msdyn_postalcode", "msdyn_city", "msdyn_country")
            ),
            "Plant",
        ),
    ],
)
def test_a_location_is_the_display_address_else_its_parts_else_its_name(changes, location):
    assert detailed(**changes).location == location


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"msdyn_serviceaccount": None}, "service_account", "Contoso (formatted)"),
        ({"msdyn_serviceaccount": None}, "account_contact", ""),
        ({f"_msdyn_priority_value{F}": ...}, "priority", ""),
        ({"versionnumber": ..., "@odata.etag": 'W/"9"'}, "version", 9),
        ({"versionnumber": ...}, "version", 0),
        ({"msdyn_name": None}, "number", ""),
    ],
)
def test_what_a_work_order_may_lack_is_read_as_nothing(changes, attribute, value):
    assert getattr(detailed(**changes), attribute) == value


@pytest.mark.parametrize("changes", [{}, {"msdyn_workorder": None}])
def test_a_booking_without_a_readable_work_order_has_none(changes):
    (row,) = pages.decode(page(thin(**changes)), wire.BookingRow).value
    assert wire.detailed(row, STATUSES, place=False).work_order is None


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"msdyn_latitude": 48.137431, "msdyn_longitude": 11.575490}, "48.13743, 11.57549"),
        ({"msdyn_latitude": 0, "msdyn_longitude": 0, "msdyn_worklocation": 690970001}, "0.00000, 0.00000; Facility"),
        ({"msdyn_latitude": 48.1}, ""),
        ({"msdyn_worklocation": 690970000}, ""),
        ({}, ""),
    ],
)
def test_a_bookings_own_place_is_read_where_it_is_followed(changes, place):
    assert read(thin(**changes), place=True).place == place
    assert read(thin(**changes), place=False).place == ""


def test_a_deleted_entry_is_told_by_its_context():
    entry = {
        "@odata.context": "https://o/api/data/v9.2/$metadata#bookableresourcebookings/$deletedEntity",
        "id": BOOKING,
        "reason": "deleted",
    }
    deleted, living = pages.decode(page(entry, thin()), wire.BookingRow).value
    assert wire.is_deleted(deleted)
    assert wire.deleted_id(deleted) == BOOKING.lower()
    assert not wire.is_deleted(living)


@pytest.mark.parametrize(
    "entry", [{"id": BOOKING, "reason": "deleted"}, {"id": BOOKING}, {"@odata.context": "x", "id": BOOKING}]
)
def test_a_row_that_lacks_everything_is_not_taken_for_a_deleted_one(entry):
    (row,) = pages.decode(page(entry), wire.BookingRow).value
    assert not wire.is_deleted(row)
    with pytest.raises(wire.Malformed):
        read(entry)


def test_a_deleted_entry_without_an_id_is_malformed():
    (row,) = pages.decode(page({"@odata.context": "c/$deletedEntity"}), wire.BookingRow).value
    with pytest.raises(wire.Malformed):
        wire.deleted_id(row)


def resource(user=..., **changes):
    account = {
        "internalemailaddress": "Anna@Contoso.test",
        "azureactivedirectoryobjectid": USER,
        "domainname": "Anna@contoso.test",
        "isdisabled": False,
    }
    row = {"bookableresourceid": RESOURCE, "name": "Anna", "resourcetype": 3, "timezone": 110, "statecode": 0,
           "UserId": account if user is ... else user}  # fmt: skip
    (parsed,) = pages.decode(page(without(row | changes)), wire.WorkerRow).value
    return wire.worker(parsed, {110: "Europe/Berlin"})


def account(**changes):
    return without({"internalemailaddress": "Anna@Contoso.test", "azureactivedirectoryobjectid": USER, "domainname": "Anna@contoso.test", "isdisabled": False} | changes)  # fmt: skip


def test_a_worker_has_the_mailbox_of_the_users_object_id():
    told = resource()
    assert (told.mailbox, told.address, told.sign_in) == (USER.lower(), "anna@contoso.test", "anna@contoso.test")
    assert (told.kind, told.active, told.zone) == (WorkerKind.USER, True, "Europe/Berlin")


@pytest.mark.parametrize(
    ("changes", "mailbox", "address"),
    [
        ({"user": account(azureactivedirectoryobjectid=None)}, "anna@contoso.test", "anna@contoso.test"),
        ({"user": account(internalemailaddress=None), "msdyn_primaryemail": "A@b.test"}, USER.lower(), "a@b.test"),
        ({"user": account(internalemailaddress=None, azureactivedirectoryobjectid=None)}, None, ""),
        ({"user": account(internalemailaddress=None)}, USER.lower(), ""),
        ({"user": account(isdisabled=True)}, None, ""),
        ({"user": account(isdisabled=None)}, USER.lower(), "anna@contoso.test"),
        ({"user": None, "msdyn_primaryemail": "a@b.test"}, None, ""),
        ({"statecode": 1}, None, ""),
        ({"resourcetype": 4}, None, ""),
        ({"resourcetype": 6}, None, ""),
        ({"resourcetype": None}, None, ""),
    ],
)
def test_only_an_active_enabled_user_with_an_id_or_address_has_a_mailbox(changes, mailbox, address):
    told = resource(**changes)
    assert (told.mailbox, told.address) == (mailbox, address)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(1, "generic"), (2, "contact"), (3, "user"), (4, "equipment"), (5, "account"), (6, "crew"), (7, "facility"), (8, "pool"), (9, "generic"), (0, "generic")],
)  # fmt: skip
def test_the_kind_of_a_resource_is_its_code(code, kind):
    assert resource(resourcetype=code).kind == kind


@pytest.mark.parametrize(("code", "zone"), [(110, "Europe/Berlin"), (999, "UTC"), (None, "UTC"), (-1, "UTC")])
def test_an_unknown_zone_code_is_utc(code, zone):
    assert resource(timezone=code).zone == zone


def test_zone_codes_become_iana_names_over_the_windows_names():
    rows = [
        wire.TimeZoneRow(110, "W. Europe Standard Time"),
        wire.TimeZoneRow(35, "Eastern Standard Time"),
        wire.TimeZoneRow(1, "Customers Own Time"),
    ]
    assert wire.zones(rows) == {110: "Europe/Berlin", 35: "America/New_York"}


def test_the_organization_is_read_with_its_tenant():
    body = msgspec.json.encode(
        {"Detail": {"OrganizationId": USER, "TenantId": ORDER.upper(), "FriendlyName": "Contoso"}}
    )
    told = pages.identity(body)
    assert (told.organization, told.tenant, told.name) == (USER.lower(), ORDER, "Contoso")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Detail":{}}', b'{"Detail":{"OrganizationId":"x"}}', b"<html>"])
def test_an_answer_without_an_organization_is_malformed(body):
    with pytest.raises(wire.Malformed):
        pages.identity(body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"code": "0x80044352", "message": "m"}}, "0x80044352"),
        ({"error": {"code": 7}}, "7"),
        ({"error": "x"}, ""),
        ({}, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_the_code_of_an_error_body_is_read_whatever_its_shape(body, code):
    assert wire.error_code(body)[0] == code


# cursors


@given(
    st.builds(
        Cursor,
        bookings=st.text(),
        work_orders=st.none() | st.text(),
        primed=st.booleans(),
        orders_next=st.booleans(),
        place=st.booleans(),
    )
)
def test_a_cursor_is_read_back_as_it_was_written(cursor):
    assert read_cursor(write_cursor(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "x", "[]", "null", '{"bookings":7}', '{"bookings":'])
def test_a_text_that_is_no_cursor_is_malformed(text):
    with pytest.raises(wire.Malformed):
        read_cursor(text)


def test_work_orders_followed_from_now_on_begin_with_a_first_read_of_their_own():
    now = turn(Cursor(bookings="/b"), orders=True, place=False)
    assert (now.bookings, now.work_orders, now.primed, now.orders_next) == ("/b", "", False, True)


def test_work_orders_followed_no_more_are_left_out_and_the_bookings_go_on():
    kept = Cursor(bookings="/b", work_orders="/w", primed=True, orders_next=True)
    assert turn(kept, orders=False, place=False) == Cursor(bookings="/b")


@pytest.mark.parametrize(
    ("kept", "place", "again"),
    [
        (Cursor(bookings="/b"), True, True),
        (Cursor(bookings="/b", place=True), True, False),
        (Cursor(bookings="/b", place=True), False, False),
        (Cursor(), True, False),
    ],
)
def test_a_place_followed_from_now_on_is_in_no_link_so_everything_is_read_again(kept, place, again):
    assert (turn(kept, orders=False, place=place) is None) is again


# addresses


def test_the_thin_feed_asks_for_columns_only():
    path = query.track_bookings(place=False)
    assert path.count("$") == 1
    assert "msdyn_latitude" not in path
    assert "msdyn_latitude" in query.track_bookings(place=True)


def test_a_full_list_of_ids_stays_below_what_proxies_take():
    ids = [f"0c000000-0000-4000-8000-{number:012}" for number in range(query.IDS_AT_ONCE)]
    assert len(query.details(ids, place=True)) < 6000
    assert len(query.affected(ids[: query.TERMS_AT_ONCE])) < 6000


def test_every_address_is_percent_encoded():
    window = Window(START, START + timedelta(days=1))
    for path in (
        query.details([ORDER], place=False),
        query.sweep(Span(None, window.far), window.near, place=False, orders=True),
        query.changed(Span(window.near, window.far), window, place=True, orders=True),
        query.affected([ORDER]),
        query.resources([ORDER]),
        query.resources(None),
        query.ORGANIZATION,
    ):
        assert path.isascii()
        assert not set(path) & set(' "<>[]{}|\\^`#')


def test_the_sweep_asks_for_what_overlaps_counted_and_ordered():
    told = unquote(query.sweep(Span(None, START + timedelta(days=1)), START, place=False, orders=False))
    assert "starttime lt 2026-11-24T10:00:00Z and endtime gt 2026-11-23T10:00:00Z" in told
    assert "expand" not in told
    assert "$orderby=bookableresourcebookingid" in told
    assert "$count=true" in told
    assert "statecode eq" not in told


def test_a_part_of_a_sweep_asks_for_its_own_span_and_for_versions_where_work_orders_are_followed():
    told = unquote(query.sweep(Span(START, START + timedelta(hours=1)), START, place=False, orders=True))
    assert "starttime ge 2026-11-23T10:00:00Z and starttime lt 2026-11-23T11:00:00Z and endtime gt" in told
    assert "$expand=msdyn_workorder($select=msdyn_workorderid,versionnumber)" in told


def test_what_changed_outside_the_window_is_asked_for_by_its_changes():
    window = Window(START, START + timedelta(days=1))
    told = unquote(query.changed(Span(START, window.far), window, place=False, orders=False))
    assert "modifiedon ge 2026-11-23T10:00:00Z and modifiedon lt 2026-11-24T10:00:00Z" in told
    assert "(endtime le 2026-11-23T10:00:00Z or starttime ge 2026-11-24T10:00:00Z)" in told


#: spans that can be cut, seconds around the anchor; None: from the beginning of time
CUTTABLE = [(None, 86_400), (None, 0), (None, -86_400), (None, -9 * 86_400), (0, 86_400), (0, 2), (-7, 1.5)]


@pytest.mark.parametrize(("begin", "end"), CUTTABLE)
def test_a_span_is_cut_in_two_that_make_it_up(begin, end):
    span = Span(None if begin is None else START + timedelta(seconds=begin), START + timedelta(seconds=end))
    earlier, later = cut(span, START)
    assert (earlier.begin, later.end) == (span.begin, span.end)
    assert earlier.end == later.begin
    assert later.begin < later.end
    assert earlier.begin is None or earlier.begin < earlier.end


@pytest.mark.parametrize("side", [0, 1])
def test_cutting_comes_to_an_end_on_either_side(side):
    span, cuts = Span(None, START + timedelta(days=21)), 0
    while (halves := cut(span, START)) is not None:
        span, cuts = halves[side], cuts + 1
    assert 5 < cuts < 40
    assert cut(Span(START, START + timedelta(seconds=1)), START) is None


def test_everything_that_is_needed_is_named_by_its_logical_name():
    assert "bookingstatus" in query.NEEDS["bookableresourcebooking"].columns
    assert all("_value" not in column for needs in query.NEEDS.values() for column in needs.columns)
    assert {table: needs.columns[0] for table, needs in query.NEEDS.items()} == {
        "bookableresourcebooking": "bookableresourcebookingid",
        "msdyn_workorder": "msdyn_workorderid",
        "bookableresource": "bookableresourceid",
    }


@pytest.mark.parametrize("text", ["", "x", ORDER + "\n", ORDER + "'", "{" + ORDER + "}", "../" + ORDER])
def test_only_a_guid_is_asked_for_by_id(text):
    assert not wire.is_guid(text)
    assert wire.is_guid(ORDER)
