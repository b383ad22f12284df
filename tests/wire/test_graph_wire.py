"""Events, marks and addresses as Graph writes them: tables of cases over pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.calendars.graph import wire
from fieldcal.model import BookingId, Create, Event, EventId, MailboxId, Mark, ShowAs, Update, Window

ORGANIZATION = "11111111-0000-0000-0000-000000000001"
MAILBOX = MailboxId("22222222-0000-0000-0000-000000000002")
MARK = Mark(ORGANIZATION, BookingId("33333333-0000-0000-0000-000000000003"), MAILBOX, 1)
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
EVENT = Event(
    subject="0001 · Repair · Contoso",
    body="<p>x</p>",
    start=START,
    end=START + timedelta(hours=1),
    location="Harry's Bar",
    show_as=ShowAs.BUSY,
    categories=("Field Service",),
)
OWNED = {"subject", "body", "start", "end", "location", "showAs"}


def create(event=EVENT):
    return Create(MARK, "key-1", event, "stamp-1")


def answer(**changes):
    told = {
        "@odata.etag": 'W/"abc"',
        "id": "AAMkAG=",
        "createdDateTime": "2026-11-22T22:00:00.1234567Z",
        "subject": EVENT.subject,
        "start": {"dateTime": "2026-11-23T09:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2026-11-23T10:00:00.0000000", "timeZone": "UTC"},
        "location": {"displayName": "Harry's Bar"},
        "transactionId": "key-1",
    }
    return {name: value for name, value in (told | changes).items() if value is not ...}


def test_a_mark_is_written_as_version_organization_booking_mailbox_and_generation():
    assert wire.mark_text(MARK) == f"1/{ORGANIZATION}/{MARK.booking}/{MAILBOX}/1"


@given(st.tuples(*[st.text(min_size=1)] * 3), st.integers(0, 999_999_999))
def test_every_mark_is_read_back_as_it_was_written(names, generation):
    try:
        mark = Mark(names[0], BookingId(names[1]), MailboxId(names[2]), generation)
        text = wire.mark_text(mark)
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return
    assert wire.parse_mark(text) == mark


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        7,
        "1/a/b/c",
        "1/a/b/c/1/",
        "1/a/b/c/1/2",
        "2/a/b/c/1",
        "1//b/c/1",
        "1/a/b/c/",
        "1/a/b/c/01",
        "1/a/b/c/-1",
        "1/a/b/c/1.0",
        "1/a/b/c/x",
        "1/a/b/c/٣",
        "1/a/b/c/1\n",
        " 1/a/b/c/1",
        "1/a b/c/d/1",
        "1/%61/b/c/1",
        "1/a/b/c/9999999999",
    ],
)
def test_a_value_that_we_would_not_write_is_no_mark_of_ours(text):
    assert wire.parse_mark(text) is None


@given(st.text())
def test_no_value_breaks_the_reading_of_marks(text):
    mark = wire.parse_mark(text)
    assert mark is None or wire.mark_text(mark) == text


def test_a_creation_sends_key_mark_stamp_and_utc_times_and_no_attendees():
    body = wire.create_body(create())
    assert body["transactionId"] == "key-1"
    assert body["start"] == {"dateTime": "2026-11-23T09:00:00", "timeZone": "UTC"}
    assert body["body"] == {"contentType": "html", "content": "<p>x</p>"}
    assert body["categories"] == ["Field Service"]
    assert body["importance"] == "normal"
    assert {entry["id"]: entry["value"] for entry in body["singleValueExtendedProperties"]} == {
        wire.MARK: wire.mark_text(MARK),
        wire.STAMP: "stamp-1",
    }
    assert body.keys() == OWNED | {"transactionId", "categories", "importance", "singleValueExtendedProperties"}


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({"private": True}, {"sensitivity": "private"}),
        ({"reminder": False}, {"isReminderOn": False}),
        ({"private": False, "reminder": True}, {}),
    ],
)
def test_privacy_and_reminder_are_sent_only_where_asked_for(changes, sent):
    fields = {name: getattr(EVENT, name) for name in Event.__dataclass_fields__}
    body = wire.create_body(create(Event(**fields | changes)))
    assert {name: body[name] for name in ("sensitivity", "isReminderOn") if name in body} == sent


def test_the_same_creation_gives_the_same_content():
    assert wire.create_body(create()) == wire.create_body(create())


def test_an_update_sends_only_what_we_own_and_the_stamp():
    body = wire.update_body(Update(MARK, EventId("x"), 'W/"1"', EVENT, "stamp-2"))
    assert body.keys() == OWNED | {"singleValueExtendedProperties"}
    assert body["singleValueExtendedProperties"] == [{"id": wire.STAMP, "value": "stamp-2"}]


def test_times_of_another_zone_are_sent_as_the_same_instant_in_utc():
    tokyo = timezone(timedelta(hours=9))
    fields = {name: getattr(EVENT, name) for name in Event.__dataclass_fields__}
    body = wire.create_body(create(Event(**fields | {"start": START.astimezone(tokyo)})))
    assert body["start"] == {"dateTime": "2026-11-23T09:00:00", "timeZone": "UTC"}


def test_a_trial_event_is_private_free_silent_and_bears_its_own_property():
    body = wire.trial_body(START, START + timedelta(minutes=30))
    assert (body["sensitivity"], body["showAs"], body["isReminderOn"]) == ("private", "free", False)
    assert body["singleValueExtendedProperties"] == [{"id": wire.TRIAL, "value": "1"}]


@pytest.mark.parametrize(
    ("mailbox", "path"),
    [("user@contoso.com", "/users/user%40contoso.com"), ("o'brien/x@y.z", "/users/o%27brien%2Fx%40y.z")],
)
def test_f19_an_address_is_percent_encoded_in_the_path(mailbox, path):
    assert wire.user(MailboxId(mailbox)) == path


def test_f19_an_event_id_is_percent_encoded_in_the_path():
    assert wire.event_path(MailboxId("u"), EventId("AA/B+C=")) == "/users/u/events/AA%2FB%2BC%3D"


def test_the_search_for_a_mark_names_property_and_value_and_doubles_quotes():
    path = wire.find_path(MailboxId("u"), Mark("o", BookingId("b"), MailboxId("o'x"), 2))
    told = unquote(path)
    assert f"ep/id eq '{wire.MARK}' and ep/value eq '1/o/b/o%27x/2'" in told
    assert " " not in path
    assert "#" not in path


def test_the_view_asks_for_both_properties_and_never_filters_by_them():
    path = wire.view_path(MAILBOX, Window(START, START + timedelta(days=21)))
    assert "startDateTime=2026-11-23T09:00:00Z&endDateTime=2026-12-14T09:00:00Z" in path
    told = unquote(path)
    assert "$filter=singleValue" not in told
    assert f"$expand=singleValueExtendedProperties($filter=id eq '{wire.MARK}' or id eq '{wire.STAMP}')" in told
    assert "createdDateTime" not in told


def test_an_observed_event_carries_mark_stamp_key_and_instants():
    told = answer(
        singleValueExtendedProperties=[
            {"id": wire.MARK.lower(), "value": wire.mark_text(MARK)},
            {"id": wire.STAMP, "value": "s"},
        ]
    )
    event = wire.observed(told)
    assert (event.id, event.etag, event.mark, event.stamp, event.key) == ("AAMkAG=", 'W/"abc"', MARK, "s", "key-1")
    assert (event.start, event.end) == (START, START + timedelta(hours=1))
    assert event.created == datetime(2026, 11, 22, 22, 0, 0, 123456, tzinfo=UTC)
    assert event.location == "Harry's Bar"


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"@odata.etag": ..., "changeKey": "ck"}, "etag", 'W/"ck"'),
        ({"@odata.etag": ...}, "etag", ""),
        ({"subject": None}, "subject", ""),
        ({"location": None}, "location", ""),
        ({"location": {"displayName": None}}, "location", ""),
        ({"transactionId": None}, "key", ""),
        ({"createdDateTime": ...}, "created", None),
        ({"createdDateTime": "tomorrow"}, "created", None),
        ({"singleValueExtendedProperties": "no"}, "mark", None),
        ({"singleValueExtendedProperties": [None, {"id": 1}, {"id": wire.MARK}]}, "mark", None),
        ({"start": {"dateTime": "2026-11-23T09:00:00.1234567", "timeZone": "Etc/UTC"}}, "start",
         START + timedelta(microseconds=123456)),
    ],
)  # fmt: skip
def test_what_an_event_may_lack_is_read_as_nothing(changes, attribute, value):
    assert getattr(wire.observed(answer(**changes)), attribute) == value


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "event",
        answer(id=...),
        answer(id=""),
        answer(id=7),
        answer(start=...),
        answer(end=None),
        answer(start={"dateTime": "2026-11-23T09:00:00", "timeZone": "Pacific Standard Time"}),
        answer(start={"dateTime": "2026-11-23T09:00:00", "timeZone": "tzone://Microsoft/Custom"}),
        answer(start={"dateTime": "2026-13-23T09:00:00", "timeZone": "UTC"}),
        answer(start={"dateTime": "soon", "timeZone": "UTC"}),
    ],
)
def test_an_event_without_id_or_utc_times_is_malformed(told):
    with pytest.raises(wire.Malformed):
        wire.observed(told)


@pytest.mark.parametrize(
    "page",
    [None, [], {}, {"value": []}, {"@odata.context": "c"}, {"@odata.context": "c", "value": {}}, "x"],
)
def test_a_page_without_a_list_or_its_context_is_malformed(page):
    with pytest.raises(wire.Malformed):
        wire.rows(page)


@pytest.mark.parametrize("link", [7, "", {}])
def test_a_next_link_that_is_no_text_is_malformed(link):
    with pytest.raises(wire.Malformed):
        wire.next_link({"value": [], "@odata.nextLink": link})


SENT = datetime(2026, 11, 22, 22, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "earliest", "differs", "suspect"),
    [
        ({}, SENT, False, False),
        ({"subject": "another"}, SENT, True, False),
        ({"subject": f"  {EVENT.subject} "}, SENT, False, False),
        ({"subject": ...}, SENT, False, False),
        ({"start": {"dateTime": "2026-11-23T08:00:00", "timeZone": "UTC"}}, SENT, True, False),
        ({"end": {"dateTime": "2026-11-23T11:00:00", "timeZone": "UTC"}}, SENT, True, False),
        ({"createdDateTime": "2026-11-22T21:59:59.9Z"}, SENT, False, True),
        ({"createdDateTime": "2026-11-22T22:00:00Z"}, SENT, False, False),
        ({"createdDateTime": ...}, SENT, False, True),
        ({}, None, False, True),
    ],
)
def test_a_receipt_tells_an_older_or_different_event_from_the_one_just_made(changes, earliest, differs, suspect):
    receipt = wire.receipt(create(), answer(**changes), earliest)
    assert (receipt.id, receipt.etag) == ("AAMkAG=", 'W/"abc"')
    assert (receipt.differs, receipt.suspect) == (differs, suspect)


@pytest.mark.parametrize("key", [..., None, "", "key-1"])
def test_an_answer_that_names_no_key_or_ours_is_a_receipt(key):
    assert wire.receipt(create(), answer(transactionId=key), SENT).id == "AAMkAG="


@pytest.mark.parametrize("key", ["key-2", 7, ["key-1"]])
def test_f13_the_event_of_another_key_is_no_receipt(key):
    with pytest.raises(wire.Malformed):
        wire.receipt(create(), answer(transactionId=key), SENT)


ZONES = ("tzone://Microsoft/Custom", "Customized Time Zone", "", None, 7, "W. Europe Standard Time")


@pytest.mark.parametrize("zone", ZONES)
def test_f48_an_event_made_in_a_zone_that_nobody_knows_is_read_by_its_utc_times(zone):
    seen = wire.observed(answer(originalStartTimeZone=zone, originalEndTimeZone=zone))
    assert (seen.start, seen.end) == (EVENT.start, EVENT.end)


@pytest.mark.parametrize("zone", ZONES)
def test_f48_times_in_another_zone_than_the_one_asked_for_are_malformed_and_never_guessed(zone):
    with pytest.raises(wire.Malformed):
        wire.observed(answer(start={"dateTime": "2026-11-23T09:00:00", "timeZone": zone}))


@pytest.mark.parametrize("hours", [-10, 0, 13])
def test_f48_no_zone_but_utc_is_ever_sent(hours):
    local = replace(EVENT, start=START.astimezone(timezone(timedelta(hours=hours), "tzone://Microsoft/Custom")))
    body = wire.create_body(create(local))
    assert {body[name]["timeZone"] for name in ("start", "end")} == {"UTC"}
    assert "tzone" not in str(body)


def test_a_subject_that_the_store_cut_is_not_another_subject():
    fields = {name: getattr(EVENT, name) for name in Event.__dataclass_fields__}
    long = Event(**fields | {"subject": "x" * 300})
    assert not wire.receipt(create(long), answer(subject="x" * 252 + "..."), SENT).differs


@pytest.mark.parametrize(("value", "read"), [("claim-1", "claim-1"), ("", None)])
def test_an_empty_claim_is_none(value, read):
    told = {"id": "x", "singleValueExtendedProperties": [{"id": wire.CLAIM, "value": value}]}
    assert wire.claim_of(told) == read
    assert wire.claim_of({"id": "x"}) is None


@pytest.mark.parametrize("body", [None, [], {}, {"id": None}, "x"])
def test_what_is_no_calendar_shows_no_claim_and_no_absence_of_one(body):
    with pytest.raises(wire.Malformed):
        wire.claim_of(body)


@pytest.mark.parametrize(("value", "sent"), [("c", "c"), (None, ""), ("", "")])
def test_a_claim_is_taken_back_by_an_empty_value(value, sent):
    assert wire.claim_body(value) == {"singleValueExtendedProperties": [{"id": wire.CLAIM, "value": sent}]}
