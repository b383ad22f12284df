"""WebDAV's XML and paths: read by name and not by prefix, whole or not at all, and never a hostile one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.calendars.caldav import dav
from fieldcal.calendars.caldav.dav import Elsewhere
from fieldcal.calendars.caldav.lines import Malformed
from fieldcal.model import Window

ORIGIN = "https://dav.example.test"


def found(body, base="/a/"):
    return dav.multistatus(body.encode(), ORIGIN, base)


def multistatus(*responses, spaces='xmlns="DAV:"'):
    return f"<multistatus {spaces}>{''.join(responses)}</multistatus>"


def response(href="/a/1.ics", inner=None, status="HTTP/1.1 200 OK"):
    inner = inner or f'<propstat><prop><getetag>"1"</getetag></prop><status>{status}</status></propstat>'
    return f"<response><href>{href}</href>{inner}</response>"


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("/a/1.ics", "/a/1.ics"),
        ("https://dav.example.test/a/1.ics", "/a/1.ics"),
        ("HTTPS://DAV.Example.Test:443/a/1.ics", "/a/1.ics"),
        ("1.ics", "/a/1.ics"),
        (" /a/1.ics\n", "/a/1.ics"),
        ("/a/anna@example.test/", "/a/anna%40example.test/"),
        ("/a/anna%40example.test/", "/a/anna%40example.test/"),
        ("/a/%c3%a4", "/a/%C3%A4"),
        ("/a/ä", "/a/%C3%A4"),
        ("/a/b%2Fc", "/a/b%2Fc"),
        ("/a/b%2fc", "/a/b%2Fc"),
        ("/a/%7Eanna/x%2d1", "/a/~anna/x-1"),
        ("/a/a b(c)", "/a/a%20b%28c%29"),
        ("/a/%ff", "/a/%FF"),
        ("/a/1.ics?x=1#y", "/a/1.ics"),
        ("/", "/"),
    ],
)
def test_one_address_has_one_spelling(href, path):
    assert dav.canonical(href, ORIGIN, "/a/") == path
    assert dav.canonical(path, ORIGIN) == path


@pytest.mark.parametrize(
    ("href", "origin"),
    [
        ("https://evil.test/a/", "https://evil.test"),
        ("http://dav.example.test/a/", "http://dav.example.test"),
        ("https://dav.example.test:8443/a/", "https://dav.example.test:8443"),
        ("//evil.test/a/", "https://evil.test"),
        ("https://user:pw@dav.example.test/a/", "https://dav.example.test"),
        ("https://dav.example.test:port/", ""),
        ("mailto:x@y", "mailto://"),
    ],
)
def test_an_address_of_another_server_is_told_with_where_it_leads(href, origin):
    with pytest.raises(Elsewhere) as told:
        dav.canonical(href, ORIGIN)
    assert told.value.origin == origin


@pytest.mark.parametrize("href", ["", "  ", "/a/%2e%2e/b", "/a\x00b", "https://dav.example.test//evil/"])
def test_what_is_no_path_is_malformed(href):
    with pytest.raises(Malformed):
        dav.canonical(href, ORIGIN)


@pytest.mark.parametrize(
    "body",
    [
        multistatus(response()),
        '<D:multistatus xmlns:D="DAV:">' + response().replace("<", "<D:").replace("<D:/", "</D:") + "</D:multistatus>",
        '<?xml version="1.0" encoding="utf-8"?>\n' + multistatus("\n", response(), "<!-- x -->"),
        multistatus(response(inner='<propstat><prop><getetag><![CDATA["1"]]></getetag></prop><status>HTTP/1.1 200</status></propstat>')),
        multistatus(response("https://dav.example.test/a/1%2eics")),
        multistatus(response(), '<x xmlns="urn:x"/>', "<sync-token>5</sync-token>"),
    ],
)  # fmt: skip
def test_a_multistatus_is_read_whatever_its_prefixes(body):
    (one,) = found(body)
    assert (one.href, one.status, one.text(dav.ETAG)) == ("/a/1.ics", 200, '"1"')


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html></html>",
        "not xml",
        multistatus(response())[:-15],
        multistatus(response(), spaces='xmlns="urn:dav"'),
        multistatus("<response><propstat/></response>"),
        multistatus(response("https://evil.test/a/1.ics")),
        multistatus(response(status="fine")),
        multistatus(response(inner="<status>200</status>")),
        '<!DOCTYPE x><multistatus xmlns="DAV:"/>',
        '<!DOCTYPE x [<!ENTITY a "b">]><multistatus xmlns="DAV:">&a;</multistatus>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><multistatus xmlns="DAV:">&a;</multistatus>',
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><multistatus xmlns="DAV:">&b;</multistatus>',
        '<multistatus xmlns="DAV:">&undefined;</multistatus>',
        "<a>" * 100_000 + "</a>" * 100_000,
        '<?xml version="1.0" encoding="utf-7"?><multistatus xmlns="DAV:"/>',
        '<multistatus xmlns="DAV:">&#1;</multistatus>',
    ],
)  # fmt: skip
def test_what_is_no_sound_multistatus_is_malformed(body):
    with pytest.raises(Malformed):
        found(body)


def test_i7_a_control_character_in_one_event_hides_no_other():
    body = multistatus(response(), response("/a/2.ics")).replace('"1"', '"\x0b1\x00"', 1)
    assert [one.href for one in found(body)] == ["/a/1.ics", "/a/2.ics"]


def test_i7_a_character_that_a_fold_tore_apart_in_one_event_hides_no_other():
    body = multistatus(response(), response("/a/2.ics")).encode().replace(b'"1"', b'"\xc3\r\n \xbc"', 1)
    first, second = dav.multistatus(body, ORIGIN, "/a/")
    assert (first.text(dav.ETAG), second.href) == ('"ü"', "/a/2.ics")


def test_another_encoding_is_read_too():
    body = '<?xml version="1.0" encoding="utf-16"?>' + multistatus(response("/a/ä.ics"))
    (one,) = dav.multistatus(body.encode("utf-16"), ORIGIN, "/a/")
    assert one.href == "/a/%C3%A4.ics"


def test_properties_are_told_apart_by_the_status_of_their_part():
    refused = "<propstat><prop><displayname/></prop><status>HTTP/1.1 404 Not Found</status></propstat>"
    there = '<propstat><prop><getetag>"1"</getetag></prop><status>HTTP/1.1 200 OK</status></propstat>'
    (one,) = found(multistatus(response(inner=refused + there)))
    assert set(one.properties) == {dav.ETAG}
    assert one.refused == {dav.NAME: 404}


def test_a_resource_that_is_gone_is_told_by_its_own_status_and_several_by_one():
    inner = "<href>/a/2.ics</href><status>HTTP/1.1 404 Not Found</status>"
    assert [(one.href, one.status) for one in found(multistatus(response(inner=inner)))] == [
        ("/a/1.ics", 404), ("/a/2.ics", 404),
    ]  # fmt: skip


def test_of_one_told_twice_what_is_there_counts():
    gone = response(inner="<status>HTTP/1.1 404 Not Found</status>")
    for body in (multistatus(response(), gone), multistatus(gone, response())):
        assert [one.status for one in found(body)] == [200]


def test_a_property_of_another_namespace_is_another():
    inner = (
        '<propstat><prop><x:getetag xmlns:x="urn:x">"9"</x:getetag></prop><status>HTTP/1.1 200 OK</status></propstat>'
    )
    assert found(multistatus(response(inner=inner)))[0].text(dav.ETAG) == ""


@pytest.mark.parametrize(
    ("body", "conditions", "exception", "message"),
    [
        (b'<error xmlns="DAV:"><need-privileges/></error>', {"{DAV:}need-privileges"}, "", ""),
        (
            (b'<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:exception>Sabre\\DAV\\Exception\\BadRequest'
            b"</s:exception><s:message>Calendar object with uid already exists</s:message></d:error>"),
            set(), "BadRequest", "Calendar object with uid already exists",
        ),
        (b"", set(), "", ""),
        (b"Bad Request", set(), "", ""),
        (b"<html><body>no", set(), "", ""),
        (b"<html/>", set(), "", ""),
        (b'<!DOCTYPE x><error xmlns="DAV:"><need-privileges/></error>', set(), "", ""),
    ],
)  # fmt: skip
def test_an_error_is_read_whatever_its_shape(body, conditions, exception, message):
    told = dav.error_of(body)
    assert (told.conditions, told.exception, told.message) == (conditions, exception, message)


def test_the_address_of_a_conflicting_event_is_told():
    body = (
        b'<d:error xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><c:no-uid-conflict><d:href>/a/2.ics</d:href>'
        b"</c:no-uid-conflict></d:error>"
    )
    assert dav.error_of(body).hrefs == ("/a/2.ics",)


@pytest.mark.parametrize(
    "body",
    [
        dav.propfind([dav.ETAG, dav.CLAIM, dav.HOME]),
        dav.multiget(["/a/<&>.ics"]),
        dav.query_property("X-FIELDCAL-MARK", "1/<a>&'\"/2"),
        dav.query_window(Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))),
        dav.proppatch(dav.CLAIM, "<a>&b"),
        dav.proppatch(dav.CLAIM, None),
        dav.mkcalendar("Bookings <&>"),
    ],
)
def test_whatever_is_asked_is_sound_xml(body):
    assert dav.tree(body).tag.startswith("{")


def test_the_window_is_asked_for_in_utc():
    asked = dav.query_window(Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)))
    assert b'<c:time-range start="20260101T000000Z" end="20260201T000000Z"/>' in asked


@given(st.data())
def test_whatever_bytes_come_are_read_or_refused(data):
    body = bytearray(multistatus(response(), response("/a/2.ics")).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    try:
        told = dav.multistatus(bytes(body), ORIGIN, "/a/")
    except Malformed:
        return
    assert all(one.href.startswith("/") for one in told)
    assert dav.error_of(bytes(body)) is not None


@given(st.text(max_size=60))
def test_whatever_address_comes_is_a_path_here_or_refused(href):
    try:
        path = dav.canonical(href, ORIGIN, "/a/")
    except Malformed:
        return
    assert path.startswith("/")
    assert not path.startswith("//")
    assert dav.canonical(path, ORIGIN) == path
    assert path.isascii()
    assert path.isprintable()
