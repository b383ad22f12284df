"""Events as iCalendar: every field, whose words they are, and times in whatever zone they were put."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.caldav.stub import ANNA, HOUR, ORGANIZATION, START, create, event, mark

from fieldcal.calendars.caldav import lines, times, wire
from fieldcal.calendars.caldav.lines import Malformed
from fieldcal.marks import create_key
from fieldcal.model import EventId, Mark, ShowAs, Update

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
TABLE = (
    '<table style="x"><tr><th style="y">Work order</th><td style="z">WO &lt;1&gt;</td></tr>'
    "<tr><th>Summary</th><td>a<br>b</td></tr></table>"
    '<p><a href="https://x.test/1?a&amp;b">Open the booking</a></p>'
)
HREF = EventId("/dav/anna/work/x.ics")


def text_of(action=None, **changes):
    return wire.new(action or create(**changes), NOW).decode()


def vevent(text):
    return lines.read(text).having("VEVENT")[0]


def edited(text, *more, **changed):
    """The event after a hand changed these properties and added those lines."""
    calendar = lines.read(text)
    for name, value in changed.items():
        calendar.parts[0].put(lines.text_line(name, value))
    calendar.parts[0].lines += [lines._line(line) for line in more]
    return lines.write(calendar).decode()


def update(number=0, etag='"1"', **changes):
    return Update(mark(number), HREF, etag, event(number, **changes), "stamp-new")


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({}, "DTSTART", "20261123T090000Z"),
        ({}, "DTEND", "20261123T100000Z"),
        ({}, "SUMMARY", "0000 · Repair"),
        ({}, "LOCATION", "Main Street 1"),
        ({"location": ""}, "LOCATION", None),
        ({}, "TRANSP", "OPAQUE"),
        ({}, "STATUS", "CONFIRMED"),
        ({"show_as": ShowAs.TENTATIVE}, "STATUS", "TENTATIVE"),
        ({"show_as": ShowAs.TENTATIVE}, "TRANSP", "OPAQUE"),
        ({"show_as": ShowAs.FREE}, "STATUS", "CANCELLED"),
        ({"show_as": ShowAs.FREE}, "TRANSP", "TRANSPARENT"),
        ({"categories": ("Field Service", "a,b")}, "CATEGORIES", "Field Service,a\\,b"),
        ({}, "CATEGORIES", None),
        ({"private": True}, "CLASS", "PRIVATE"),
        ({}, "CLASS", None),
        ({"end": START}, "DTEND", None),
        ({"body": '<p><a href="https://x.test/?a=1&amp;b=2">Open</a></p>'}, "URL", "https://x.test/?a=1&b=2"),
        ({"body": '<p><a href="javascript:x">Open</a></p>'}, "URL", None),
        ({}, "URL", None),
        ({}, "X-ALT-DESC", "<p>text</p>"),
        ({}, "DESCRIPTION", "text"),
        ({}, "ORGANIZER", None),
        ({}, "ATTENDEE", None),
        ({}, "DTSTAMP", "20261120T123000Z"),
        ({}, "CREATED", "20261120T123000Z"),
        ({}, "SEQUENCE", "0"),
        ({}, "X-FIELDCAL-STAMP", "stamp-0"),
        ({}, "X-FIELDCAL-KEY", create_key(mark())),
    ],
)  # fmt: skip
def test_each_field_is_written_as_a_calendar_has_it(changes, name, value):
    told = vevent(text_of(**changes)).first(name)
    assert (None if told is None else told.value) == value


@pytest.mark.parametrize(("reminder", "alarms"), [(True, ["-PT15M"]), (False, [])])
def test_d15_an_alarm_a_quarter_of_an_hour_before_or_none(reminder, alarms):
    told = vevent(text_of(reminder=reminder)).having("VALARM")
    assert [alarm.text("TRIGGER") for alarm in told] == alarms


def test_the_version_comes_first_and_no_method():
    """SabreDAV tells no ETag for what it would have put in another order."""
    assert text_of().startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:")
    assert "METHOD" not in text_of()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            TABLE,
            "Work order: WO <1>\nSummary: a\nb\n\nOpen the booking: https://x.test/1?a&b",
        ),
        ('<p title="a > b">x</p>', "x"),
        ("", ""),
        ("plain", "plain"),
    ],
)
def test_the_description_has_a_line_for_each_row_and_the_link(body, text):
    assert wire.plain(body) == text


def test_the_name_of_an_event_comes_of_its_mark_alone():
    names = {
        wire.uid_of(made)
        for made in (
            mark(), mark(1), mark(0, 2), mark(mailbox="b"), replace(mark(), organization="other"),
        )
    }  # fmt: skip
    assert len(names) == 5
    assert wire.uid_of(mark()) == wire.uid_of(mark())
    assert wire.href_of("/a/", mark()) == f"/a/{wire.uid_of(mark())}.ics"


def test_the_names_of_events_stay_what_they_are_for_ever():
    """Another name would make a second event of every booking."""
    assert wire.uid_of(Mark("o", "b", "m", 1)) == "9a076c83-a90e-5f90-88c7-805e683c151d"


def test_what_is_observed_is_what_was_written():
    seen = wire.observed(HREF, '"7"', text_of())
    assert (seen.id, seen.etag, seen.mark) == (HREF, '"7"', mark())
    assert (seen.subject, seen.location, seen.stamp) == ("0000 · Repair", "Main Street 1", "stamp-0")
    assert (seen.start, seen.end, seen.created) == (START, START + HOUR, NOW)
    assert seen.key == create_key(mark())


@pytest.mark.parametrize(
    "etag_after",
    [
        pytest.param(lambda text: text.replace("\r\n ", ""), id="unfolded"),
        pytest.param(lambda text: text.replace("20261120T123000Z", "20261121T000000Z"), id="stamped by the server"),
        pytest.param(lambda text: text.replace("PRODID:-//Fieldcal//Fieldcal//EN", "PRODID:x"), id="another product"),
        pytest.param(lambda text: text.replace("SEQUENCE:0", "SEQUENCE:4"), id="counted up"),
        pytest.param(
            lambda text: text.replace("SUMMARY:0000 · Repair\r\n", "").replace("UID:", "SUMMARY:0000 · Repair\r\nUID:"),
            id="in another order",
        ),
        pytest.param(
            lambda text: text.replace("VERSION:2.0", "VERSION:2.0\r\nX-WR-CALNAME:x"), id="the calendar's own"
        ),
    ],
)
def test_what_a_server_sets_for_itself_leaves_the_event_ours(etag_after):
    assert wire.observed(HREF, '"7"', etag_after(text_of())).etag == '"7"'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(edited(text_of(), SUMMARY="by hand"), id="changed"),
        pytest.param(edited(text_of(), "X-APPLE-TRAVEL:1"), id="added"),
        pytest.param(text_of().replace("-PT15M", "-PT5M"), id="its alarm"),
        pytest.param(text_of().replace("BEGIN:VALARM", "BEGIN:VALARM\r\nX-MOZ-LASTACK:1"), id="in its alarm"),
        pytest.param(
            text_of().replace("END:VCALENDAR", "BEGIN:VEVENT\r\nRECURRENCE-ID:1\r\nEND:VEVENT\r\nEND:VCALENDAR"),
            id="an exception",
        ),
    ],
)
def test_somebody_elses_words_are_told_by_the_etag(text):
    assert wire.observed(HREF, '"7"', text).etag == '~"7"'
    assert wire.bare('~"7"') == '"7"'


def test_i3_a_copy_with_another_uid_has_the_mark_and_no_key():
    copied = text_of().replace(wire.uid_of(mark()), "of-a-hand")
    seen = wire.observed(HREF, '"7"', copied)
    assert (seen.mark, seen.key) == (mark(), "")
    assert not wire.made_for(copied, mark())


def test_an_update_of_ours_alone_says_the_whole_and_may_go_again():
    seen = wire.observed(HREF, '"7"', wire.new(update(subject="new"), NOW).decode())
    assert (seen.etag, seen.subject, seen.stamp) == ('"7"', "new", "stamp-new")
    assert (seen.mark, seen.key) == (mark(), create_key(mark()))


def test_a_later_update_has_a_higher_sequence():
    told = [
        int(vevent(wire.new(update(), NOW + timedelta(seconds=seconds)).decode()).text("SEQUENCE"))
        for seconds in (0, 1)
    ]
    assert 0 < told[0] < told[1]


class TestMerging:
    def test_the_workers_additions_survive_and_our_fields_are_ours(self):
        by_hand = edited(
            text_of(categories=("Field Service",)), "CATEGORIES:Mine", "COMMENT:key at the gate", "PRIORITY:1",
            SUMMARY="by hand", DTSTART="20261124T090000Z",
        )  # fmt: skip
        after = vevent(wire.merged(by_hand, update(subject="new"), NOW).decode())
        assert after.text("SUMMARY") == "new"
        assert after.text("DTSTART") == "20261123T090000Z"
        assert [line.value for line in after.lines if line.name == "CATEGORIES"] == ["Field Service", "Mine"]
        assert (after.text("COMMENT"), after.text("PRIORITY")) == ("key at the gate", "1")
        assert len(after.having("VALARM")) == 1
        assert wire.observed(HREF, '"8"', wire.merged(by_hand, update(), NOW).decode()).etag == '~"8"'

    def test_our_properties_come_back_where_a_client_dropped_them(self):
        bare = "\r\n".join(line for line in lines.read(text_of()).unfolded() if "X-FIELDCAL" not in line)
        seen = wire.observed(HREF, '"8"', wire.merged(bare, update(), NOW).decode())
        assert (seen.mark, seen.key, seen.stamp) == (mark(), create_key(mark()), "stamp-new")

    def test_a_whole_day_of_the_workers_becomes_our_time(self):
        text = text_of().replace("DTSTART:20261123T090000Z", "DTSTART;VALUE=DATE:20261125").replace(
            "DTEND:20261123T100000Z", "DURATION:P1D"
        )  # fmt: skip
        after = wire.merged(text, update(), NOW).decode()
        assert "DURATION" not in after
        assert wire.observed(HREF, '"8"', after).end == START + HOUR

    def test_of_one_that_recurs_the_pattern_is_written_and_the_exceptions_stay(self):
        exception = "BEGIN:VEVENT\r\nUID:x\r\nRECURRENCE-ID:20261130T090000Z\r\nSUMMARY:other\r\nEND:VEVENT\r\n"
        text = edited(text_of(), "RRULE:FREQ=WEEKLY").replace("BEGIN:VEVENT", exception + "BEGIN:VEVENT", 1)
        calendar = lines.read(wire.merged(text, update(subject="new"), NOW).decode())
        assert [part.text("SUMMARY") for part in calendar.having("VEVENT")] == ["other", "new"]
        assert calendar.having("VEVENT")[1].text("RRULE") == "FREQ=WEEKLY"
        assert wire.recurs(text)

    @pytest.mark.parametrize(("before", "least"), [("7", 8), ("2147483646", 2147483647), ("99999999999", 1), ("x", 1)])
    def test_the_sequence_goes_up_and_stays_a_number(self, before, least):
        text = text_of().replace("SEQUENCE:0", f"SEQUENCE:{before}")
        told = int(vevent(wire.merged(text, update(), NOW).decode()).text("SEQUENCE"))
        assert least <= told < 2**31


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("DTSTART:20261123T090000Z", START),
        ("DTSTART:20261123T090000", START),
        ("DTSTART;TZID=Europe/Berlin:20261123T100000", START),
        ('DTSTART;TZID="Europe/Berlin":20261123T100000', START),
        ("DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20261123T100000", START),
        ("DTSTART;TZID=W. Europe Standard Time:20261123T100000", START),
        ("DTSTART;VALUE=DATE:20261123", START - 9 * HOUR),
        ("DTSTART:20261123T085960Z", START - timedelta(seconds=1)),
        ("DTSTART:20261345T090000Z", times.UNREADABLE),
        ("DTSTART:soon", times.UNREADABLE),
        ("DTSTART;TZID=../../etc/passwd:20261123T100000", times.UNREADABLE),
        ("DTSTART;TZID=Mars/Base:20261123T100000", times.UNREADABLE),
        ("X-NONE:1", times.UNREADABLE),
    ],
)
def test_a_time_is_read_in_the_zone_that_it_names(said, expected):
    text = text_of().replace("DTSTART:20261123T090000Z", said)
    assert wire.observed(HREF, '"1"', text).start == expected


def in_own_zone(local, *parts):
    """Where an event at this local time of a zone that only its calendar defines begins."""
    zone = "\r\n".join(["BEGIN:VTIMEZONE", "TZID:Our Own", *parts, "END:VTIMEZONE", "BEGIN:VEVENT"])
    text = text_of().replace("DTSTART:20261123T090000Z", f"DTSTART;TZID=Our Own:{local}")
    return wire.observed(HREF, '"1"', text.replace("BEGIN:VEVENT", zone, 1)).start


def part_of_zone(kind, start, before, after, *more):
    head = (f"BEGIN:{kind}", f"DTSTART:{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}")
    return "\r\n".join([*head, *more, f"END:{kind}"])


def berlin(march, october, start="1601"):
    """As Outlook writes it, with these rules."""
    return (
        part_of_zone("STANDARD", f"{start}1028T030000", "+0200", "+0100", f"RRULE:{october}"),
        part_of_zone("DAYLIGHT", f"{start}0325T020000", "+0100", "+0200", f"RRULE:{march}"),
    )


MARCH, OCTOBER = "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10"
BY_DAYS = ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=25,26,27,28,29,30,31;BYDAY=SU", OCTOBER + ";WKST=MO;INTERVAL=1")


@pytest.mark.parametrize("parts", [berlin(MARCH, OCTOBER), berlin(*BY_DAYS), berlin(MARCH, OCTOBER, "1970")])
@pytest.mark.parametrize(
    "local",
    ["20261123T100000", "20260101T000000", "20260329T015959", "20260329T030000", "20260701T120000", "20261025T015959",
     "20261025T030000", "20240229T120000", "20271231T235959"],
)  # fmt: skip
def test_a_zone_that_the_calendar_defines_itself_is_used(parts, local):
    assert in_own_zone(local, *parts) == datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("parts", "ahead"),
    [
        ([part_of_zone("STANDARD", "19700101T000000", "+0200", "+0200")], 2),
        ([part_of_zone("STANDARD", "19700101T000000", "+0200", "-053000")], -5.5),
        # its rules ended in winter
        (berlin(f"{MARCH};UNTIL=20110327T010000Z", f"{OCTOBER};UNTIL=20111030T010000Z"), 1),
        # in summer, as by a law that keeps it
        (berlin(f"{MARCH};UNTIL=20110327T010000Z", f"{OCTOBER};UNTIL=20101031T010000Z"), 2),
        ([*berlin(MARCH, OCTOBER), part_of_zone("DAYLIGHT", "20200101T000000", "+0100", "+0300",
                                                "RDATE:20260101T000000,20261101T000000")], 3),
    ],
)  # fmt: skip
def test_a_zone_s_changes_count_by_when_they_came(parts, ahead):
    assert in_own_zone("20261123T100000", *parts) == datetime(2026, 11, 23, 10, tzinfo=UTC) - ahead * HOUR


@pytest.mark.parametrize(
    "rule",
    ["FREQ=SECONDLY;COUNT=5", "FREQ=MINUTELY;COUNT=5", "FREQ=HOURLY;UNTIL=19700102T000000Z", "FREQ=DAILY;COUNT=5",
     "FREQ=MONTHLY;COUNT=5", "FREQ=YEARLY;COUNT=5", "FREQ=YEARLY;BYHOUR=1,2", "FREQ=YEARLY;BYSECOND=1,2;COUNT=3",
     "FREQ=YEARLY;INTERVAL=0", "FREQ=YEARLY;BYMONTH=13", "FREQ=YEARLY;BYDAY=SU,MO;COUNT=3", "FREQ=YEARLY;BYDAY=99SU",
     "FREQ=YEARLY;BYMONTHDAY=0", "FREQ=YEARLY;UNTIL=never", "FREQ=", ""],
)  # fmt: skip
def test_i7_a_zone_s_rule_that_no_zone_has_is_refused_and_never_expanded(rule):
    """One of every second since 1900 would keep all mailboxes waiting for an hour."""
    part = part_of_zone("STANDARD", "19700101T000000", "+0200", "+0100", f"RRULE:{rule}")
    assert in_own_zone("20261123T100000", part) == times.UNREADABLE


@pytest.mark.parametrize(
    "parts",
    [
        [part_of_zone("STANDARD", "19700101T000000", "+0200", "+0100", *["RDATE:19710101T000000"] * 1000)],
        [part_of_zone("STANDARD", "19700101T000000", "+0200", "+0100")] * 1001,
        [part_of_zone("STANDARD", "20270101T000000", "+0200", "+0100")],
        [part_of_zone("STANDARD", "1970", "+0200", "+0100")],
        [part_of_zone("STANDARD", "19700101T000000", "+0200", "+9900")],
        ["BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nEND:STANDARD"],
        [],
    ],
)
def test_a_zone_without_end_or_sense_tells_no_time(parts):
    assert in_own_zone("20261123T100000", *parts) == times.UNREADABLE


@pytest.mark.parametrize(
    ("said", "length"),
    [
        ("DURATION:PT1H30M", timedelta(minutes=90)),
        ("DURATION:P1W", timedelta(weeks=1)),
        ("DURATION:P1DT2S", timedelta(days=1, seconds=2)),
        ("DURATION:-PT1H", timedelta(0)),
        ("DURATION:forever", timedelta(0)),
        ("X-NONE:1", timedelta(0)),
        ("DURATION:P99999W", timedelta(weeks=99999)),
    ],
)
def test_an_end_is_told_by_a_duration_too(said, length):
    seen = wire.observed(HREF, '"1"', text_of().replace("DTEND:20261123T100000Z", said))
    assert seen.end - seen.start == length


@pytest.mark.parametrize("kind", ["VTODO", "VJOURNAL", "VFREEBUSY"])
def test_what_is_no_event_is_none(kind):
    assert wire.observed(HREF, '"1"', text_of().replace("VEVENT", kind)) is None


def test_what_is_no_calendar_is_malformed():
    with pytest.raises(Malformed):
        wire.observed(HREF, '"1"', "<html>")


@pytest.mark.parametrize(
    ("told", "etag", "strong"),
    [('"a"', '"a"', True), ('W/"a"', 'W/"a"', False), ("a", '"a"', True), ("", "", False), (' "a" ', '"a"', True)],
)
def test_etags_are_of_one_form(told, etag, strong):
    assert wire.quoted(told) == etag
    assert wire.strong(wire.quoted(told)) is strong


def test_a_mark_is_seen_wherever_a_server_folds_its_line():
    text = text_of()
    assert wire.marked(text)
    assert wire.marked(text.replace("X-FIELDCAL", "X-FIE\r\n LDCAL"))
    assert not wire.marked(edited(text.replace("X-FIELDCAL", "X-OTHER")))


def test_the_mark_names_its_owner():
    assert f"X-FIELDCAL-MARK:1/{ORGANIZATION}/{mark().booking}/{ANNA}/1" in text_of().replace("\r\n ", "")


@given(st.data())
def test_whatever_a_hand_or_a_server_makes_of_an_event_is_read_or_refused(data):
    text = text_of()
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text) - 1))
        text = text[:place] + data.draw(st.text(max_size=8)) + text[place + data.draw(st.integers(0, 8)) :]
    try:
        seen = wire.observed(HREF, '"1"', text)
        after = wire.merged(text, update(), NOW).decode()
    except Malformed:
        return
    assert seen is None or (seen.start.tzinfo and seen.end.tzinfo)
    again = wire.observed(HREF, '"2"', after)
    assert (again.mark, again.start, again.subject) == (mark(), START, "0000 · Repair")
