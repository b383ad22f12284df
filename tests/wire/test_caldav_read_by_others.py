"""What we write is read by programs that know nothing of us as a person would have it: `icalendar`, `vobject`, vdirsyncer."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
import vobject
from tests.contracts.dav_end import RadicaleEnd
from tests.contracts.writing import create, make
from tests.dav.servers import DavServer

from fieldcal.calendars.caldav import wire
from fieldcal.model import BookingId, Create, Event, MailboxId, Mark, ShowAs

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, 30, 15, tzinfo=UTC)
BODY = (
    "<table><tr><th>Work order</th><td>00042</td></tr><tr><th>Summary</th><td>Leak; in the cellar, left &amp; right"
    '</td></tr></table><p><a href="https://contoso.test/b?id=1&amp;x=2">Open the booking</a></p>'
)
TEXTS = [
    "0042 · Repair · Contoso",
    "comma, semicolon; backslash \\ colon: quote \" and 'that'",
    "\\n is no line, \\, no comma and \\\\ two",
    "ends with a backslash \\",
    "漢字かな交じり文" * 20,
    "😀🛠" * 30,
    "e\u0301" * 60,
    "x" * 500,
    "=?utf-8?q?no_header?=",
    "BEGIN:VEVENT",
    "<b>&amp;</b>",
    "tab\there",
]
BUSY = Event(
    "0042 · Repair", BODY, START, START + timedelta(hours=2), "Main Street 1", ShowAs.BUSY, ("Field Service", "a,b")
)


def written(event: Event) -> bytes:
    mark = Mark("0a000000-0000-4000-8000-000000000001", BookingId("0c000000-0000-4000-8000-000000000000"),
                MailboxId("0b000000-0000-4000-8000-000000000001"), 1)  # fmt: skip
    return wire.new(Create(mark, "key", event, "stamp"), NOW)


def by_icalendar(text: bytes):
    calendar = icalendar.Calendar.from_ical(text)
    assert calendar.errors == []
    [event] = calendar.walk("VEVENT")
    assert event.errors == []
    return event


def by_vobject(text: bytes):
    return vobject.readOne(text.decode()).vevent


@pytest.mark.parametrize("text", TEXTS)
def test_both_read_every_text_as_it_was_meant(text: str) -> None:
    sent = written(replace(BUSY, subject=text, location=text))
    one, other = by_icalendar(sent), by_vobject(sent)
    assert (str(one["SUMMARY"]), str(one["LOCATION"])) == (text, text)
    assert (other.summary.value, other.location.value) == (text, text)


@pytest.mark.parametrize("text", TEXTS)
def test_no_line_is_longer_than_75_octets_nor_torn_within_a_character(text: str) -> None:
    lines = written(replace(BUSY, subject=text, location=text)).split(b"\r\n")
    assert lines.pop() == b""
    assert max(map(len, lines)) <= 75
    for line in lines:
        line.decode()
        assert b"\n" not in line
        assert b"\r" not in line


def test_times_alarm_categories_and_the_link_are_read_by_both() -> None:
    sent = written(BUSY)
    one, other = by_icalendar(sent), by_vobject(sent)
    assert (one["DTSTART"].dt, one["DTEND"].dt, one["DTSTAMP"].dt) == (START, START + timedelta(hours=2), NOW)
    assert (other.dtstart.value, other.dtend.value) == (START, START + timedelta(hours=2))
    assert [str(each) for each in one["CATEGORIES"].cats] == ["Field Service", "a,b"]
    assert other.categories.value == ["Field Service", "a,b"]
    [alarm] = one.walk("VALARM")
    assert (str(alarm["ACTION"]), alarm["TRIGGER"].dt, str(alarm["DESCRIPTION"]) != "") == (
        "DISPLAY", timedelta(minutes=-15), True,
    )  # fmt: skip
    assert other.valarm.trigger.value == timedelta(minutes=-15)
    assert str(one["URL"]) == other.url.value == "https://contoso.test/b?id=1&x=2"


def test_the_text_of_the_body_can_be_read_without_html() -> None:
    words = str(by_icalendar(written(BUSY))["DESCRIPTION"])
    assert words == by_vobject(written(BUSY)).description.value
    assert words.splitlines()[:2] == ["Work order: 00042", "Summary: Leak; in the cellar, left & right"]
    assert "https://contoso.test/b?id=1&x=2" in words
    assert "<" not in words


@pytest.mark.parametrize("subject", ["a\x00b", "a\x1b[1mb", "a\ud83d b", "a\x85b\u2028c", "a\r\nATTENDEE:mailto:x@y"])
def test_nothing_that_comes_from_outside_breaks_out_of_its_line(subject: str) -> None:
    event = by_icalendar(written(replace(BUSY, subject=subject, location=subject)))
    assert "ATTENDEE" not in event
    assert len(by_vobject(written(replace(BUSY, subject=subject))).contents["summary"]) == 1


@pytest.mark.parametrize(
    ("changes", "status", "transparency", "alarms"),
    [
        ({}, "CONFIRMED", "OPAQUE", 1),
        ({"show_as": ShowAs.TENTATIVE}, "TENTATIVE", "OPAQUE", 1),
        ({"show_as": ShowAs.FREE}, None, "TRANSPARENT", 1),
        ({"reminder": False}, "CONFIRMED", "OPAQUE", 0),
    ],
)
def test_how_the_time_is_shown(changes, status: str | None, transparency: str, alarms: int) -> None:
    event = by_icalendar(written(replace(BUSY, **changes)))
    assert status in (None, str(event["STATUS"]))
    assert str(event["TRANSP"]) == transparency
    assert len(event.walk("VALARM")) == alarms


def test_vdirsyncer_brings_what_we_wrote_onto_a_disk_and_a_second_run_finds_nothing_to_do(
    radicale: DavServer, tmp_path: Path
) -> None:
    end = RadicaleEnd(radicale)

    async def go() -> None:
        async with end.serve():
            actions = [create(end, number, subject=text) for number, text in enumerate(TEXTS)]
            await make(end.calendar(), *actions)

    asyncio.run(go())
    user = end.users[end.mailbox]
    (tmp_path / "config").write_text(f"""
[general]
status_path = "{tmp_path}/status/"
[pair work]
a = "disk"
b = "server"
collections = null
[storage disk]
type = "filesystem"
path = "{tmp_path}/disk/"
fileext = ".ics"
[storage server]
type = "caldav"
url = "{radicale.url}{end.hands[end.mailbox].path}"
username = "{user.name}"
password = "{user.password}"
""")
    (tmp_path / "disk").mkdir()
    program, config = Path(sys.executable).with_name("vdirsyncer"), ["-c", str(tmp_path / "config")]
    for words in (["discover"], ["sync"], ["sync"]):
        done = subprocess.run([program, *config, *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "Copying" not in done.stdout + done.stderr
    read = [by_icalendar(path.read_bytes()) for path in (tmp_path / "disk").iterdir()]
    assert sorted(str(event["SUMMARY"]) for event in read) == sorted(TEXTS)
    end.close()
