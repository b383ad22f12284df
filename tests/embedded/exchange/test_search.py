from __future__ import annotations

from datetime import timedelta

import pytest

GUID = "8ECCC264-6880-4EBE-992F-8888D2EEAA1D"
MARK = f"String {{{GUID}}} Name BookingId"
KEPT = MARK.replace(GUID, GUID.lower())
WEEK = {"startDateTime": "2026-11-23T00:00:00Z", "endDateTime": "2026-11-30T00:00:00Z"}


def marked(value, named=MARK):
    return [{"id": named, "value": value}]


def fill(world, events, make, number):
    for index in range(number):
        world(
            "POST", events, make(f"Job {index:02}", day=1 + index, singleValueExtendedProperties=marked(f"b-{index}"))
        )


def subjects(answer):
    assert answer.status == 200, answer.json
    return [event["subject"] for event in answer.json["value"]]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'b-1')", ["Job 01"]),
        (
            f"singleValueExtendedProperties/any(p: p/value eq 'B-1' and p/id eq '{MARK.lower().replace('string', 'STRING').replace('bookingid', 'BookingId')}')",
            ["Job 01"],
        ),
        (
            f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK.replace('BookingId', 'bookingid')}' and ep/value eq 'b-1')",
            [],
        ),
        (f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value ne 'b-1')", ["Job 00", "Job 02"]),
        (f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and contains(ep/value, '-2'))", ["Job 02"]),
        (
            f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and startswith(ep/value, 'B-'))",
            ["Job 00", "Job 01", "Job 02"],
        ),
        ("subject eq 'job 01'", ["Job 01"]),
        ("startswith(subject,'Job') and start/dateTime ge '2026-11-02T00:00:00'", ["Job 01", "Job 02"]),
        ("end/dateTime le '2026-11-01T10:00:00Z' or subject eq 'Job 02'", ["Job 00", "Job 02"]),
        ("not (subject eq 'Job 01')", ["Job 00", "Job 02"]),
        ("lastModifiedDateTime ge 2026-11-23T08:00:00Z", ["Job 00", "Job 01", "Job 02"]),
        ("createdDateTime gt 2026-11-23T08:00:00Z", []),
        ("isAllDay eq true", []),
        ("showAs eq 'busy' and isCancelled eq false and type eq 'singleInstance'", ["Job 00", "Job 01", "Job 02"]),
        ("categories/any(c: c eq 'Field Service')", []),
        ("location/displayName eq 'Nowhere'", []),
    ],
)
def test_filters_find_what_they_ask_for(world, events, make, asked, found):
    fill(world, events, make, 3)
    assert subjects(world("GET", events, _filter=asked)) == found


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("subject eq", "BadRequest"),
        ("transactionId eq 'x'", "ErrorInvalidProperty"),
        ("id eq 'x'", "ErrorInvalidProperty"),
        ("start/dateTime ge 'soon'", "BadRequest"),
        ("subject", "BadRequest"),
        (f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}')", "BadRequest"),
        ("singleValueExtendedProperties/Any(ep: ep/id eq 'x' and ep/value eq 'y')", "ErrorInvalidProperty"),
    ],
)
def test_filters_that_exchange_does_not_take_are_refused(world, events, asked, code):
    answer = world("GET", events, _filter=asked)
    assert (answer.status, answer.json["error"]["code"]) == (400, code)


def test_an_extended_property_is_shown_only_where_expand_asks_for_it(world, events, make):
    fill(world, events, make, 1)
    plain = world("GET", events).json["value"][0]
    assert "singleValueExtendedProperties" not in plain
    assert (
        "singleValueExtendedProperties"
        not in world("GET", events, _expand="singleValueExtendedProperties").json["value"][0]
    )
    other = MARK.replace("BookingId", "Other")
    expand = f"singleValueExtendedProperties($filter=id eq '{other}' or id eq '{MARK}')"
    for answer in (world("GET", events, _expand=expand), world("GET", f"{events}/{plain['id']}", _expand=expand)):
        event = answer.json["value"][0] if "value" in answer.json else answer.json
        assert event["singleValueExtendedProperties"] == [{"id": KEPT, "value": "b-0"}]


def test_an_extended_property_is_changed_and_removed(world, events, make):
    named = world("POST", events, make(singleValueExtendedProperties=marked("one"))).json["id"]
    expand = f"singleValueExtendedProperties($filter=id eq '{MARK}')"
    world("PATCH", f"{events}/{named}", {"singleValueExtendedProperties": marked("two")})
    assert world("GET", f"{events}/{named}", _expand=expand).json["singleValueExtendedProperties"][0]["value"] == "two"
    asked = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'one')"
    assert subjects(world("GET", events, _filter=asked)) == []
    spelled = MARK.replace(" ", "%20").replace("{", "%7B").replace("}", "%7D")
    assert world("DELETE", f"{events}/{named}/singleValueExtendedProperties/{spelled}").status == 204
    assert "singleValueExtendedProperties" not in world("GET", f"{events}/{named}", _expand=expand).json


def test_the_calendar_view_knows_expand_but_fails_on_a_search_by_property(world, anna, events, make):
    world("POST", events, make(singleValueExtendedProperties=marked("v")))
    view = f"/users/{anna}/calendar/calendarView"
    shown = world("GET", view, _expand=f"singleValueExtendedProperties($filter=id eq '{MARK}')", **WEEK)
    assert shown.json["value"][0]["singleValueExtendedProperties"] == [{"id": KEPT, "value": "v"}]
    asked = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'v')"
    answer = world("GET", view, _filter=asked, **WEEK)
    assert (answer.status, answer.json["error"]["code"]) == (500, "ErrorInternalServerError")


def test_a_blind_search_finds_nothing_although_the_event_is_there(world, events, make):
    fill(world, events, make, 1)
    world.control.change(blind_search=True)
    asked = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'b-0')"
    assert subjects(world("GET", events, _filter=asked)) == []
    assert subjects(world("GET", events)) == ["Job 00"]


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        ("2026-11-24T09:00:00", "2026-11-24T10:00:00", True),
        ("2026-11-24T09:59:59Z", "2026-11-24T11:00:00Z", True),
        ("2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z", False),
        ("2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z", False),
        ("2026-11-24T10:59:59+01:00", "2026-11-24T12:00:00+01:00", True),
        ("2026-11-24T11:00:00+01:00", "2026-11-24T12:00:00+01:00", False),
        ("2026-11-24", "2026-11-25", True),
    ],
)
def test_the_calendar_view_shows_what_overlaps_its_half_open_window(world, anna, events, make, start, end, inside):
    world("POST", events, make())
    answer = world("GET", f"/users/{anna}/calendarView", startDateTime=start, endDateTime=end)
    assert subjects(answer) == (["Boiler service"] if inside else [])


@pytest.mark.parametrize(
    ("window", "code"),
    [
        ({}, "ErrorInvalidParameter"),
        ({"startDateTime": "2026-11-24T09:00:00"}, "ErrorInvalidParameter"),
        ({"startDateTime": "x", "endDateTime": "2026-11-24"}, "ErrorInvalidParameter"),
        ({"startDateTime": "2026-11-24", "endDateTime": "2026-11-23"}, "ErrorInvalidRequest"),
        ({"startDateTime": "2020-11-24", "endDateTime": "2026-11-23"}, "ErrorInvalidRequest"),
    ],
)
def test_a_calendar_view_needs_a_sound_window(world, anna, window, code):
    answer = world("GET", f"/users/{anna}/calendarView", **window)
    assert (answer.status, answer.json["error"]["code"]) == (400, code)


def test_pages_are_followed_to_the_end_and_nothing_comes_twice(world, events, make):
    fill(world, events, make, 25)
    seen, path, pages = [], f"{events}?$top=10&$select=subject&$orderby=start/dateTime%20desc", 0
    while path:
        answer = world("GET", path)
        seen += subjects(answer)
        pages += 1
        path = answer.json.get("@odata.nextLink")
    assert pages == 3
    assert seen == [f"Job {index:02}" for index in reversed(range(25))]


def test_ten_events_make_a_page_unless_more_are_asked_for(world, events, make):
    fill(world, events, make, 12)
    assert len(world("GET", events).json["value"]) == 10
    assert len(world("GET", events, headers={"Prefer": "odata.maxpagesize=11"}).json["value"]) == 11
    whole = world("GET", events, _top="1000", _count="true").json
    assert (whole["@odata.count"], len(whole["value"])) == (12, 12)
    assert "@odata.nextLink" not in whole


def test_select_leaves_the_id_and_the_etag(world, anna, events, make):
    world("POST", events, make())
    assert world("GET", events, _select="subject").json["value"][0].keys() == {"@odata.etag", "id", "subject"}
    view = world("GET", f"/users/{anna}/calendarView", _select="subject,createdDateTime", **WEEK)
    assert "createdDateTime" not in view.json["value"][0]
    for option, value in (("_select", "colour"), ("_top", "0"), ("_top", "1001"), ("_top", "x"), ("_orderby", "body")):
        assert world("GET", events, **{option: value}).status == 400


class Delta:
    def __init__(self, world, path):
        self.world, self.link = world, path

    def changes(self, headers=None):
        found = []
        while True:
            answer = self.world("GET", self.link, headers=headers)
            assert answer.status == 200, answer.json
            found += answer.json["value"]
            self.link = answer.json.get("@odata.nextLink") or answer.json["@odata.deltaLink"]
            if "@odata.deltaLink" in answer.json:
                return found


@pytest.mark.parametrize("function", ["delta", "delta()", "microsoft.graph.delta()", "microsoft.graph.delta"])
def test_delta_tells_what_was_made_changed_and_removed_in_its_window(world, anna, events, make, immutable, function):
    window = "&".join(f"{name}={value}" for name, value in WEEK.items())
    ids = [world("POST", events, make(f"Job {n}", day=24 + n), immutable).json["id"] for n in range(3)]
    outside = world("POST", events, make("Far", day=2), immutable).json["id"]
    delta = Delta(world, f"/users/{anna}/calendarView/{function}?{window}")
    paged = {**immutable, "Prefer": immutable["Prefer"] + ", odata.maxpagesize=2"}
    assert [event["id"] for event in delta.changes(paged)] == ids
    assert delta.changes(immutable) == []
    world("PATCH", f"{events}/{ids[0]}", {"subject": "New"}, immutable)
    world("DELETE", f"{events}/{ids[1]}", headers=immutable)
    far = {"dateTime": "2026-12-24T09:00:00", "timeZone": "UTC"}
    world("PATCH", f"{events}/{ids[2]}", {"start": far, "end": far}, immutable)
    world("PATCH", f"{events}/{outside}", {"subject": "Still far"}, immutable)
    changed = {event["id"]: event for event in delta.changes(immutable)}
    assert changed[ids[0]]["subject"] == "New"
    for gone in (ids[1], ids[2], outside):
        assert changed[gone] == {"id": gone, "@removed": {"reason": "deleted"}}
    assert delta.changes(immutable) == []


def test_what_is_deleted_while_the_first_round_is_read_is_told(world, anna, events, make):
    ids = [world("POST", events, make(f"Job {n}", day=24 + n)).json["id"] for n in range(3)]
    path = f"/users/{anna}/calendarView/delta?startDateTime=2026-11-23&endDateTime=2026-11-30"
    first = world("GET", path, headers={"Prefer": "odata.maxpagesize=1"})
    world("DELETE", f"{events}/{ids[0]}")
    rest = Delta(world, first.json["@odata.nextLink"]).changes()
    assert {"id": ids[0], "@removed": {"reason": "deleted"}} in rest


def test_a_delta_token_that_is_unknown_or_too_old_is_gone(world, anna, events, make):
    path = f"/users/{anna}/calendarView/delta"
    delta = Delta(world, f"{path}?startDateTime=2026-11-23&endDateTime=2026-11-30")
    delta.changes()
    kept = delta.link
    world.clock.advance(timedelta(days=8))
    for link in (kept, f"{path}?$deltatoken=abc", f"{path}?$deltatoken=%C3%BC"):
        answer = world("GET", link)
        assert (answer.status, answer.json["error"]["code"]) == (410, "SyncStateNotFound")
    world.clock.advance(timedelta(days=-8))
    assert world("GET", kept).status == 200
    world.exchange.store.expire_delta_tokens()
    assert world("GET", kept).status == 410


def test_delta_takes_no_further_options(world, anna):
    answer = world("GET", f"/users/{anna}/calendarView/delta", _select="subject", **WEEK)
    assert (answer.status, answer.json["error"]["code"]) == (400, "ErrorInvalidUrlQuery")
