from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from icalendar import Calendar


def feed_of(world, mailbox, headers=None, method="GET"):
    token = world.exchange.store.mailboxes.get(mailbox).feed_token
    return world(method, f"{world.url}/feeds/{token}.ics", headers=headers)


def parsed(answer):
    assert answer.status == 200
    return Calendar.from_ical(answer.raw)


def only_event(answer):
    (event,) = parsed(answer).walk("VEVENT")
    return event


def test_a_subscriber_reads_what_is_in_the_calendar(world, events, make, anna):
    long_street = "Hauptstraße 12, 10115 Berlin; Hinterhaus, " + "rechter Aufgang, " * 5
    made = world(
        "POST",
        events,
        make(
            "WO-1, Leak; kitchen",
            body={"contentType": "html", "content": "<p>Müller &amp; Söhne</p><p>Ring twice</p>"},
            location={"displayName": long_street},
            categories=["Field Service"],
            showAs="tentative",
            importance="high",
        ),
    ).json
    answer = feed_of(world, anna)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.raw.split(b"\r\n"))
    calendar = parsed(answer)
    assert (calendar["VERSION"], calendar["X-WR-CALNAME"], calendar["X-WR-TIMEZONE"]) == (
        "2.0",
        "Anna Berg",
        "Europe/Berlin",
    )
    assert calendar["X-PUBLISHED-TTL"] == "PT15M"
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT15M" in answer.raw
    event = only_event(answer)
    assert event["UID"] == made["iCalUId"]
    assert str(event["SUMMARY"]) == "WO-1, Leak; kitchen"
    assert event.decoded("DTSTART") == datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert b"DTSTART:20261124T090000Z" in answer.raw
    assert str(event["LOCATION"]) == long_street
    assert str(event["DESCRIPTION"]) == "Müller & Söhne\nRing twice"
    assert "<p>Müller &amp\\; Söhne</p>" in str(event["X-ALT-DESC"])
    assert event["X-ALT-DESC"].params["FMTTYPE"] == "text/html"
    assert [str(one) for one in event["CATEGORIES"].cats] == ["Field Service"]
    assert (event["STATUS"], event["TRANSP"], event["PRIORITY"]) == ("TENTATIVE", "OPAQUE", 1)
    assert event.decoded("DTSTAMP") == event.decoded("LAST-MODIFIED") == datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"showAs": "free"}, [b"TRANSP:TRANSPARENT", b"X-MICROSOFT-CDO-BUSYSTATUS:FREE", b"STATUS:CONFIRMED"]),
        ({"showAs": "oof"}, [b"TRANSP:OPAQUE", b"X-MICROSOFT-CDO-BUSYSTATUS:OOF"]),
        ({"sensitivity": "private"}, [b"CLASS:PRIVATE"]),
        ({"subject": "a\nBEGIN:VEVENT"}, [b"SUMMARY:a\\nBEGIN:VEVENT"]),
        ({"body": {"contentType": "text", "content": "one\ntwo"}}, [b"DESCRIPTION:one\\ntwo"]),
    ],
)
def test_each_property_has_its_line(world, events, make, anna, changes, lines):
    world("POST", events, {**make(), **changes})
    written = feed_of(world, anna).raw.split(b"\r\n")
    assert set(lines) <= set(written)


def test_an_all_day_event_is_a_date_in_the_feed(world, events, anna):
    zone = "W. Europe Standard Time"
    body = {
        "subject": "Leave",
        "isAllDay": True,
        "start": {"dateTime": "2026-11-24T00:00:00", "timeZone": zone},
        "end": {"dateTime": "2026-11-26T00:00:00", "timeZone": zone},
    }
    world("POST", events, body)
    event = only_event(feed_of(world, anna))
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (date(2026, 11, 24), date(2026, 11, 26))
    assert event["DTSTART"].params["VALUE"] == "DATE"


def test_the_uid_stays_and_the_sequence_grows_with_each_change(world, events, make, anna):
    named = world("POST", events, make()).json["id"]
    first = only_event(feed_of(world, anna))
    world.clock.advance(timedelta(minutes=1))
    world("PATCH", f"{events}/{named}", {"subject": "Moved"})
    second = only_event(feed_of(world, anna))
    assert first["UID"] == second["UID"]
    assert second["SEQUENCE"] == first["SEQUENCE"] + 1
    assert second.decoded("LAST-MODIFIED") - first.decoded("LAST-MODIFIED") == timedelta(minutes=1)
    world("DELETE", f"{events}/{named}")
    assert parsed(feed_of(world, anna)).walk("VEVENT") == []


def test_an_unchanged_feed_is_not_sent_again(world, events, make, anna):
    named = world("POST", events, make()).json["id"]
    first = feed_of(world, anna)
    assert first.headers["Last-Modified"] == "Mon, 23 Nov 2026 08:00:00 GMT"
    for headers in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-None-Match": f'"other", W/{first.headers["ETag"]}'},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        again = feed_of(world, anna, headers)
        assert (again.status, again.raw) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    world.clock.advance(timedelta(seconds=5))
    world("PATCH", f"{events}/{named}", {"subject": "Moved"})
    assert feed_of(world, anna, {"If-None-Match": first.headers["ETag"]}).status == 200
    assert feed_of(world, anna, {"If-Modified-Since": first.headers["Last-Modified"]}).status == 200
    assert feed_of(world, anna, method="HEAD").raw == b""


def test_only_the_secret_opens_the_feed_and_it_can_be_changed(world, anna, ben):
    token = world.exchange.store.mailboxes.get(anna).feed_token
    assert len(token) >= 32
    for wrong in ("x", token[:-1], token.swapcase(), str(anna)):
        assert world("GET", f"{world.url}/feeds/{wrong}.ics").status == 404
    fresh = world.exchange.store.mailboxes.rotate_feed(anna)
    assert world("GET", f"{world.url}/feeds/{token}.ics").status == 404
    assert world("GET", f"{world.url}/feeds/{fresh}.ics").status == 200
    assert world("POST", f"{world.url}/feeds/{fresh}.ics", {}).status == 405
    assert fresh != world.exchange.store.mailboxes.get(ben).feed_token
