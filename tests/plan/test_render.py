"""Booking -> event: what a worker reads, case by case, and that nothing hostile comes through."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.errors import ConfigError
from fieldcal.model import (
    Booking,
    BookingId,
    Event,
    Known,
    MailboxId,
    ShowAs,
    StatusKind,
    Worker,
    WorkerId,
    WorkerKind,
    WorkOrder,
    WorkOrderId,
)
from fieldcal.plan.render import CATEGORY, NAMES, check_templates, preview, render
from fieldcal.plan.settings import Account, Contact, Settings
from fieldcal.plan.templates import BODY, OUTPUT_LENGTH, TEMPLATE_LENGTH
from fieldcal.plan.texts import BLOCK, LINE, units

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
END = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
BOOKING = Booking(
    id=BookingId("5d0ee0a7-6a4e-4f7e-9a0c-0f6f5d0b7a11"),
    name="Boiler visit",
    start=START,
    end=END,
    worker=WorkerId("w-1"),
    status="s-1",
    status_name="Scheduled",
    kind=StatusKind.COMMITTED,
    work_order=WorkOrderId("o-1"),
    active=True,
    version=7,
)
ORDER = WorkOrder(
    id=WorkOrderId("o-1"),
    number="WO-00042",
    type="Repair",
    priority="High",
    incident_type="No hot water",
    summary="Boiler locks out at night.\nKey is with the neighbour.",
    service_account="Lindenhof Care Home",
    billing_account="Lindenhof Group",
    reported_by="Rosa Brandt",
    account_contact="Karl Weiss",
    location="Lindenweg 4, 10435 Berlin",
)
WORKER = Worker(
    WorkerId("w-1"),
    "Mira Stein",
    WorkerKind.USER,
    True,
    MailboxId("m-1"),
    "mira@x.example",
    "mira@x.example",
    "Europe/Berlin",
)
ALLOWED = {"table", "tbody", "tr", "th", "td", "p", "br", "a"}


def made(
    booking: Booking = BOOKING,
    order: WorkOrder | None = ORDER,
    settings: Settings | None = None,
    zone: str = "Europe/Berlin",
    now: datetime = NOW,
) -> Event:
    return render(Known(booking, order), replace(WORKER, zone=zone), settings or Settings(), now)


class Read(HTMLParser):
    """The tags, attributes and table rows of a body, as a browser would take them."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: dict[str, str] = {}
        self._cells: list[str] = []
        self.feed(body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag in ("th", "td"):
            self._cells.append("")
        elif tag == "br" and self._cells:
            self._cells[-1] += "\n"

    def handle_data(self, data: str) -> None:
        if self._cells:
            self._cells[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            label, value = self._cells
            self.rows[label] = value
            self._cells = []


def rows(event: Event) -> dict[str, str]:
    return Read(event.body).rows


def test_r4_the_event_carries_date_window_number_and_place_of_the_work_order():
    event = made()
    told = rows(event)
    assert told["Work order"] == "WO-00042"
    assert told["Work order date"] == "Mon 23 Nov 2026"
    assert told["Time window"] == "Mon 23 Nov 2026, 09:00–11:30 (Europe/Berlin, CET)"
    assert told["Location"] == event.location == "Lindenweg 4, 10435 Berlin"
    assert (event.start, event.end) == (START, END)


def test_r11_the_snapshot_and_the_status_stand_in_the_table():
    told = rows(made())
    assert {name: told[name] for name in list(told)[4:]} == {
        "Work order type": "Repair",
        "Priority": "High",
        "Primary incident type": "No hot water",
        "Account": "Lindenhof Care Home",
        "Primary contact": "Rosa Brandt",
        "Status": "Scheduled",
        "Summary": "Boiler locks out at night.\nKey is with the neighbour.",
    }


def test_r11_what_a_booking_does_not_have_has_no_row():
    told = rows(made(order=WorkOrder(WorkOrderId("o-1"), "WO-1")))
    assert set(told) == {"Work order", "Work order date", "Time window", "Status"}


def test_r10_the_same_booking_gives_the_same_event_however_often_and_whenever():
    assert made() == made(now=NOW + timedelta(hours=3))


@pytest.mark.parametrize(
    ("order", "name", "subject"),
    [
        (ORDER, "Boiler visit", "WO-00042 · Repair · Lindenhof Care Home"),
        (replace(ORDER, type=""), "Boiler visit", "WO-00042 · Lindenhof Care Home"),
        (replace(ORDER, number=" ", type=""), "Boiler visit", "Lindenhof Care Home"),
        (replace(ORDER, number="", type="", service_account=""), "Boiler visit", "Boiler visit"),
        (None, "Boiler visit", "Boiler visit"),
        (None, "", "Booking"),
        (None, " \r\n\t ", "Booking"),
    ],
)
def test_d15_the_subject_names_number_type_and_account_else_the_booking(order, name, subject):
    assert made(replace(BOOKING, name=name), order).subject == subject


@pytest.mark.parametrize(
    ("kind", "subject", "show_as"),
    [
        (StatusKind.COMMITTED, "Boiler visit", ShowAs.BUSY),
        (StatusKind.CANCELED, "Canceled: Boiler visit", ShowAs.FREE),
        (StatusKind.PROPOSED, "Boiler visit", ShowAs.TENTATIVE),
    ],
)
def test_d5_d16_canceled_is_marked_and_free_and_proposed_is_tentative(kind, subject, show_as):
    event = made(replace(BOOKING, kind=kind), None)
    assert (event.subject, event.show_as) == (subject, show_as)


def test_d5_a_template_of_ones_own_keeps_the_canceled_mark():
    event = made(replace(BOOKING, kind=StatusKind.CANCELED), settings=Settings(subject_template="{{ account }}"))
    assert event.subject == "Canceled: Lindenhof Care Home"


@pytest.mark.parametrize(
    ("account", "contact", "order", "named"),
    [
        (Account.SERVICE, Contact.EITHER, ORDER, ("Lindenhof Care Home", "Rosa Brandt")),
        (Account.BILLING, Contact.EITHER, ORDER, ("Lindenhof Group", "Rosa Brandt")),
        (Account.SERVICE, Contact.EITHER, replace(ORDER, reported_by=""), ("Lindenhof Care Home", "Karl Weiss")),
        (Account.SERVICE, Contact.ACCOUNT, ORDER, ("Lindenhof Care Home", "Karl Weiss")),
        (Account.SERVICE, Contact.REPORTED_BY, replace(ORDER, reported_by=""), ("Lindenhof Care Home", None)),
        (Account.BILLING, Contact.ACCOUNT, replace(ORDER, billing_account=""), (None, "Karl Weiss")),
    ],
)
def test_d11_the_account_and_the_contact_are_those_of_the_setting(account, contact, order, named):
    event = made(order=order, settings=Settings(account=account, contact=contact))
    told = rows(event)
    assert (told.get("Account"), told.get("Primary contact")) == named
    assert (named[0] or "Lindenhof") in event.subject or named[0] is None


@pytest.mark.parametrize(
    ("zone", "start", "end", "window"),
    [
        ("Europe/Berlin", "2026-03-28T08:00", "2026-03-28T09:00", "Sat 28 Mar 2026, 09:00–10:00 (Europe/Berlin, CET)"),
        ("Europe/Berlin", "2026-03-30T08:00", "2026-03-30T09:00", "Mon 30 Mar 2026, 10:00–11:00 (Europe/Berlin, CEST)"),
        ("Europe/Berlin", "2026-03-29T00:30", "2026-03-29T01:30", "Sun 29 Mar 2026, 01:30 CET–03:30 CEST (Europe/Berlin)"),
        ("Europe/Berlin", "2026-10-25T00:30", "2026-10-25T01:30", "Sun 25 Oct 2026, 02:30 CEST–02:30 CET (Europe/Berlin)"),
        ("Europe/Berlin", "2026-11-23T21:00", "2026-11-24T05:00", "Mon 23 Nov 2026, 22:00 – Tue 24 Nov 2026, 06:00 (Europe/Berlin, CET)"),
        ("America/New_York", "2026-11-01T03:00", "2026-11-01T12:00", "Sat 31 Oct 2026, 23:00 EDT – Sun 1 Nov 2026, 07:00 EST (America/New_York)"),
        ("America/New_York", "2026-11-02T14:00", "2026-11-02T15:00", "Mon 2 Nov 2026, 09:00–10:00 (America/New_York, EST)"),
        ("Australia/Lord_Howe", "2026-04-04T14:30", "2026-04-04T15:30", "Sun 5 Apr 2026, 01:30 UTC+11–02:00 UTC+10:30 (Australia/Lord_Howe)"),
        ("Australia/Lord_Howe", "2026-07-01T00:00", "2026-07-01T01:00", "Wed 1 Jul 2026, 10:30–11:30 (Australia/Lord_Howe, UTC+10:30)"),
        ("Asia/Kolkata", "2026-11-23T20:00", "2026-11-23T20:45", "Tue 24 Nov 2026, 01:30–02:15 (Asia/Kolkata, IST)"),
        ("UTC", "2026-11-23T08:00", "2026-11-23T09:00", "Mon 23 Nov 2026, 08:00–09:00 (UTC)"),
        ("Mars/Olympus", "2026-11-23T08:00", "2026-11-23T09:00", "Mon 23 Nov 2026, 08:00–09:00 (UTC)"),
        ("../../etc/passwd", "2026-11-23T08:00", "2026-11-23T09:00", "Mon 23 Nov 2026, 08:00–09:00 (UTC)"),
        ("Europe", "2026-11-23T08:00", "2026-11-23T09:00", "Mon 23 Nov 2026, 08:00–09:00 (UTC)"),
        ("", "2026-11-23T08:00", "2026-11-23T09:00", "Mon 23 Nov 2026, 08:00–09:00 (UTC)"),
        ("America/New_York", "0001-01-01T00:00", "0001-01-01T01:00", "Mon 1 Jan 1, 00:00–01:00 (America/New_York, UTC)"),
    ],
)  # fmt: skip
def test_d14_texts_are_in_the_workers_zone_and_instants_in_utc(zone, start, end, window):
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    event = made(replace(BOOKING, start=first, end=last), zone=zone)
    assert rows(event)["Time window"] == window
    assert (event.start, event.end) == (first, last)
    assert event.start.tzinfo is UTC


@pytest.mark.parametrize(
    ("begin", "until", "promised"),
    [
        (None, None, None),
        (START, END, "Mon 23 Nov 2026, 09:00–11:30 (Europe/Berlin, CET)"),
        (START, None, "from Mon 23 Nov 2026, 09:00 (Europe/Berlin, CET)"),
        (None, END, "until Mon 23 Nov 2026, 11:30 (Europe/Berlin, CET)"),
    ],
)
def test_d15_the_promised_window_is_told_where_there_is_one(begin, until, promised):
    assert rows(made(order=replace(ORDER, promised_from=begin, promised_to=until))).get("Promised") == promised


def test_d15_the_event_has_its_category_and_is_private_only_by_setting():
    assert (made().categories, made().private) == ((CATEGORY,), False)
    assert made(settings=Settings(private=True)).private


@pytest.mark.parametrize(("now", "reminder"), [(START - timedelta(minutes=1), True), (START, False), (END, False)])
def test_d15_an_event_that_has_begun_reminds_nobody(now, reminder):
    assert made(now=now).reminder is reminder


def test_d1_the_bookings_own_place_stands_in_for_an_address_or_beside_it():
    placed = replace(BOOKING, place="52.50000, 13.40000; Facility")
    assert made(placed, None).location == "52.50000, 13.40000; Facility"
    assert made(placed).location == "Lindenweg 4, 10435 Berlin"
    assert rows(made(placed))["Place of the booking"] == "52.50000, 13.40000; Facility"


@pytest.mark.parametrize(
    ("pattern", "href"),
    [
        ("https://org.example/main.aspx?etn=bookableresourcebooking&id={id}", f"https://org.example/main.aspx?etn=bookableresourcebooking&id={BOOKING.id}"),
        ("http://localhost:8080/b/{id}", f"http://localhost:8080/b/{BOOKING.id}"),
        ("javascript:alert('{id}')", None),
        ("data:text/html,{id}", None),
        ("//org.example/{id}", None),
        ("https://[", None),
        ("", None),
    ],
)  # fmt: skip
def test_d15_the_link_leads_to_the_booking_over_http_alone(pattern, href):
    told = Read(made(settings=Settings(booking_url=pattern)).body)
    assert dict(told.attributes).get("href") == href
    assert ("a" in told.tags) == (href is not None)


def test_d15_a_hostile_id_stays_one_part_of_the_link():
    event = made(
        replace(BOOKING, id=BookingId('"><script>/../')), settings=Settings(booking_url="https://x.example/{id}")
    )
    assert 'href="https://x.example/%22%3E%3Cscript%3E%2F..%2F"' in event.body


@pytest.mark.parametrize("length", [253, 254, 255])
def test_d15_a_subject_that_fits_is_left_whole(length):
    assert made(replace(BOOKING, name="x" * length), None).subject == "x" * length


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x" * 256, "x" * 254),
        ("x" * 253 + "\U0001f527\U0001f527", "x" * 253),  # two UTF-16 units do not fit into one
        ("x" * 253 + "e\u0301" * 9, "x" * 253),  # an accent stays with its letter
        ("x" * 250 + "\U0001f468\u200d\U0001f469\u200d\U0001f467yz", "x" * 250),  # a family stays together
        ("x" * 250 + "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "x" * 250 + "\U0001f1e9\U0001f1ea"),  # flags are pairs
        ("x" * 252 + "\U0001f44d\U0001f3fdyz", "x" * 252),  # a skin tone stays with its hand
        ("x" * 250 + "\u4e2d" * 9, "x" * 250 + "\u4e2d" * 4),
        ("e" + "\u0301" * 400, "e" + "\u0301" * 253),  # a tower of accents has no other place to be cut
    ],
)
def test_d15_a_long_subject_is_cut_between_whole_characters_with_an_ellipsis(name, kept):
    subject = made(replace(BOOKING, name=name), None).subject
    assert subject == kept + "…"
    assert units(subject) <= LINE


def test_d5_the_canceled_mark_counts_into_the_length_of_the_subject():
    subject = made(replace(BOOKING, name="x" * 255, kind=StatusKind.CANCELED), None).subject
    assert subject == "Canceled: " + "x" * 244 + "…"


def test_d15_subject_and_location_are_one_line_without_what_cannot_be_seen():
    event = made(replace(BOOKING, name="a\r\nb\tc\x00\x1b[31m\u202ed\u2066e\ud800f\ufeff \u2028 g\x7f"), None)
    assert event.subject == "a b c[31mdef g"
    assert made(order=replace(ORDER, location="Yard 3\r\nGate B" + "\n" * 9 + "x" * 300)).location.startswith(
        "Yard 3 Gate B xxx"
    )


def test_r11_a_summary_of_100_kb_with_markup_and_scripts_is_text_of_sensible_length():
    evil = (
        "<p>Check pump</p><script>steal()</script><img src=x onerror=steal()>"
        + "<b>long</b> &amp; <i>winding</i><br>" * 4000
    )
    event = made(order=replace(ORDER, summary=evil))
    told = Read(event.body)
    assert told.tags <= ALLOWED
    assert told.rows["Summary"].startswith("Check pump\nlong & winding\nlong & winding\n")
    assert told.rows["Summary"].endswith("…")
    assert units(told.rows["Summary"]) <= BLOCK
    assert "steal" not in event.body


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("use bolts <M8> & 2 < 3", "use bolts <M8> & 2 < 3"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\n\nfirst\n\n\n\n\nlast\n", "first\n\nlast"),
        ("<div>one</div><div>two &lt;3</div>", "one\ntwo <3"),
        ("<ul><li>valve<li>seal</li></ul>", "valveseal"),
        ("a<!-- hidden -->b", "ab"),
        ("<style>p{color:red}</style>seen", "seen"),
        ("x" * 8000, "x" * 8000),
        ("x" * 8001, "x" * 7999 + "…"),
        ("<b>" + "\n" * 70_000 + "</b>late", "…"),
    ],
)
def test_r11_a_summary_keeps_its_lines_and_loses_its_markup(typed, shown):
    assert rows(made(order=replace(ORDER, summary=typed)))["Summary"] == shown


def test_d15_a_template_of_ones_own_makes_subject_and_body():
    settings = Settings(
        subject_template="{% if priority == 'High' %}! {% endif %}{{ number }}, {{ account|upper }}",
        body_template="<h1>{{ number }}</h1><ul>{% for label, value in rows %}<li>{{ loop.index }} {{ label }}</li>{% endfor %}</ul>{{ summary|lines }}",
    )
    event = made(settings=settings)
    assert check_templates(settings) == []
    assert event.subject == "! WO-00042, LINDENHOF CARE HOME"
    assert event.body.startswith("<h1>WO-00042</h1><ul><li>1 Work order</li><li>2 Work order date</li>")
    assert event.body.endswith("</ul>Boiler locks out at night.<br>Key is with the neighbour.")


def test_d15_the_built_in_body_says_the_same_as_it_would_as_a_template_of_ones_own():
    own = made(settings=Settings(body_template=BODY, booking_url="https://x.example/{id}")).body
    built_in = made(settings=Settings(booking_url="https://x.example/{id}")).body
    assert own.replace("<tbody>", "").replace("</tbody>", "") == built_in


def test_d15_an_empty_subject_of_a_template_falls_back_to_the_built_in_one():
    assert (
        made(settings=Settings(subject_template="{{ promised }}")).subject == "WO-00042 · Repair · Lindenhof Care Home"
    )


def test_d15_what_a_template_makes_is_sanitized_before_it_is_sent():
    template = (
        "<script>x()</script><img src=x onerror=x()><p onclick='x()' style='color:red;position:fixed;background:url(x)'>a</p>"
        "<a href='javascript:x()'>b</a><a href='/rel'>c</a><a href='tel:+491'>d</a><table><tr><td colspan='2' rowspan='x'>e"
    )
    body = made(settings=Settings(body_template=template)).body
    assert body == (
        '<p style="color:red">a</p><a>b</a><a>c</a><a href="tel:+491">d</a><table><tbody><tr><td colspan="2">e</td></tr></tbody></table>'
    )


def test_d15_more_output_than_there_is_room_for_is_cut_and_closed_again():
    settings = Settings(body_template="<div>" + "<p>{{ summary }}</p>" * 60 + "</div>")
    body = made(order=replace(ORDER, summary="y" * 8000), settings=settings).body
    assert len(body) < OUTPUT_LENGTH + 100
    assert body.endswith("…</p></div>")


@pytest.mark.parametrize(
    ("template", "mistake"),
    [
        ("{{ acount }}", "line 1: there is no 'acount'; there are account,"),
        ("one\n{{ number|shout }}", "line 2: there is no filter 'shout'; there are upper, lower"),
        ("\n\n{% if number %}", "line 3: `{% if %}` is not closed: `{% endif %}` is missing"),
        ("{{ range(9) }}", "line 1: a call is not allowed"),
        ("{{ 'a' * 999999999 }}", "line 1: mul is not allowed"),
        ("{{ 9 ** 9 ** 9 }}", "line 1: pow is not allowed"),
        ("{{ number.__class__.__mro__ }}", "line 1: .__mro__ is not allowed"),
        ("{{ number['__class__'] }}", "line 1: an index is not allowed"),
        ("{{ ''|attr('x') }}", "line 1: there is no filter 'attr'"),
        ("{{ number|replace('a', 'aa') }}", "line 1: there is no filter 'replace'"),
        ("{{ number|truncate(number) }}", "line 1: the filter 'truncate' takes only"),
        ("{% for a, b in rows %}{% for c, d in rows %}{% endfor %}{% endfor %}", "line 1: a loop in a loop"),
        ("{% for c in summary %}{% endfor %}", "line 1: `for` goes only over `rows`"),
        ("{% for a, b in rows recursive %}{% endfor %}", "line 1: `for` goes only over `rows`"),
        ("{% for loop in rows %}{{ loop.index }}{% endfor %}", "line 1: nothing may be called `loop`"),
        ("{% set a = number ~ number %}{{ a }}", "line 1: `set` is not allowed"),
        ("{% macro f() %}{% endmacro %}", "line 1: a macro is not allowed"),
        ("{% include 'x' %}", "line 1: `include` is not allowed"),
        ("{% autoescape false %}{{ number }}{% endautoescape %}", "is not allowed in a template"),
        ("{{ self }}", "line 1: `self` is not allowed"),
        ("{{ number is string }}", "line 1: `is` is not allowed"),
        ("\n{{ 1 < number }}", "line 2: `<` compares a text with a number"),
        ("{{ number|truncate(1) }}", "line 1: `truncate` needs 3 characters or more"),
        ("one\n{{ number", "line 2: `}}` is missing"),
        ("{{ number }", "line 1: `}` does not belong here"),
        ("{{ }}", "line 1: nothing stands before `}}`"),
        ("{% %}", "line 1: `{%` says nothing; there are if, elif"),
        ("{% endif %}", "line 1: `{% endif %}` stands where nothing is open that it belongs to"),
        ("{% if number %}{% endfor %}", "line 1: `{% endfor %}` stands where nothing is open"),
        ("{% foo %}", "line 1: there is no `{% foo %}`; there are if, elif"),
        ("{# x", "line 1: `{#` is not closed: `#}` is missing"),
        ("{{ number & type }}", "line 1: '&' does not belong here"),
        ("{{ number type }}", "line 1: `}}` is missing before `type`"),
        ("{{ (number }}", "line 1: `)` is missing before `}`"),
        ("{% if %}x{% endif %}", "line 1: nothing stands before `%}`"),
        ("{{ number. }}", "line 1: a name is missing after the point"),
        ("{{ number|truncate(x=1) }}", "line 1: `truncate` knows no 'x'"),
        ("{{ " + "(" * 1500 + "1" + ")" * 1500 + " }}", "nested too deeply"),
        ("{{ " + "not " * 900 + "1 }}", "nested too deeply"),
        ("x" * (TEMPLATE_LENGTH + 1), "4001 characters; at most 4000"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("setting", ["subject_template", "body_template"])
def test_d15_a_template_with_a_mistake_is_refused_in_one_line(setting, template, mistake):
    settings = Settings(**{setting: template})
    found = check_templates(settings)
    assert found
    assert found[0].startswith(setting)
    assert mistake in found[0]
    assert all("\n" not in line for line in found)
    with pytest.raises(ConfigError, match=setting):
        preview(settings, Known(BOOKING, ORDER), WORKER, NOW)


def test_d15_all_mistakes_are_told_at_once():
    settings = Settings(
        subject_template="{{ x }}", body_template="{{ y() }}{% set z = 1 %}", booking_url="ftp://x/{id}"
    )
    assert [mistake.split(":")[0] for mistake in check_templates(settings)] == [
        "booking_url", "subject_template, line 1", "body_template, line 1", "body_template, line 1",
    ]  # fmt: skip


def test_d15_a_template_that_slipped_in_unchecked_is_refused_all_the_same():
    with pytest.raises(ConfigError, match="body_template, line 1: a call is not allowed"):
        made(settings=Settings(body_template="{{ range(9) }}"))


def test_d15_every_name_that_a_template_may_use_is_there():
    settings = Settings(body_template=" ".join(f"{{{{ {name} }}}}" for name in sorted(NAMES - {"rows"})))
    assert check_templates(settings) == []
    assert made(settings=settings, order=None).body


def test_d15_a_preview_is_what_would_be_sent():
    settings = Settings(subject_template="{{ number }}")
    assert preview(settings, Known(BOOKING, ORDER), WORKER, NOW) == made(settings=settings)


HOSTILE = st.one_of(
    st.text(alphabet=st.characters(codec=None), max_size=400),
    st.lists(
        st.sampled_from(
            ["<script>", "</td>", "<", ">", '"', "'", "&", "&lt;", "<b>", "<!--", "-->", "{{", "}}", "{%", "x", "\n",
             "\r", "\0", "\u202e", "\ud800", "\U0001f468\u200d", "\u0301", "<img src=x onerror=x>", "]]>", "<svg/onload=x>",
             "<a href=javascript:x>", "<style>", "</table>", "\u2028"]
        ),
        max_size=60,
    ).map("".join),
)  # fmt: skip
INSTANTS = st.datetimes(timezones=st.just(UTC))
OWN = Settings(
    subject_template="{{ number }}{{ summary }}",
    body_template="<div>{{ title }}{{ summary|lines }}{{ location|title }}</div>{{ link }}",
)


def assert_safe(event: Event) -> None:
    told = Read(event.body)
    assert told.tags <= ALLOWED | {"div"}
    assert {name for name, _ in told.attributes} <= {"style", "href"}
    for text in (event.subject, event.location):
        assert units(text) <= LINE
        assert not re.search(r"[\x00-\x1f\x7f\u2028\u2029\u202e\ud800-\udfff]", text)
    assert event.subject
    (event.subject + event.body + event.location).encode()


@given(
    name=HOSTILE, number=HOSTILE, account=HOSTILE, summary=HOSTILE, place=HOSTILE, status=HOSTILE, zone=HOSTILE,
    start=INSTANTS, end=INSTANTS, kind=st.sampled_from(StatusKind), ordered=st.booleans(),
    settings=st.sampled_from([Settings(booking_url="https://x.example/{id}"), OWN]),
)  # fmt: skip
def test_r11_nothing_hostile_comes_through_and_nothing_makes_it_fail(  # noqa: PLR0917 - one name a kind of text
    name, number, account, summary, place, status, zone, start, end, kind, ordered, settings
):
    booking = replace(
        BOOKING, id=BookingId(name), name=name, status_name=status, start=start, end=end, kind=kind, place=place
    )
    order = replace(
        ORDER, number=number, type=status, service_account=account, reported_by=name, summary=summary, location=place,
        promised_from=start, promised_to=end,
    )  # fmt: skip
    assert_safe(made(booking, order if ordered else None, settings, zone))
