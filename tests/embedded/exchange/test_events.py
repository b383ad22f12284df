from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from multidict import CIMultiDict

from fieldcal.embedded.exchange import Exchange
from fieldcal.embedded.server import serving

REMOVED = object()


@contextmanager
def serving_beside(world, other):
    """Another Exchange on the same file, served too; gives a way to ask it with the first one's client."""
    served = serving(other.app)
    url = world.loop.run_until_complete(served.__aenter__())
    token = {"Authorization": f"Bearer {other.token()}"}
    yield lambda method, path, body: world(method, f"{url}/v1.0{path}", body, token)
    world.loop.run_until_complete(served.__aexit__(None, None, None))


def create(world, events, body, headers=None):
    answer = world("POST", events, body, headers)
    assert answer.status == 201, answer.json
    return answer.json


def test_a_created_event_comes_back_in_the_full_shape_of_the_resource(world, events, make, anna):
    body = make(
        body={"contentType": "text", "content": "Gas boiler, cellar"},
        location={"displayName": "Harry's Bar"},
        categories=["Field Service"],
        showAs="Tentative",
    )
    answer = world("POST", events, body)
    assert answer.status == 201
    event = answer.json
    assert event["@odata.context"] == f"{world.url}/v1.0/$metadata#users('{anna}')/events/$entity"
    assert event["start"] == {"dateTime": "2026-11-24T09:00:00.0000000", "timeZone": "UTC"}
    assert event["@odata.etag"] == f'W/"{event["changeKey"]}"' == answer.headers["ETag"]
    assert event["location"] == {
        "displayName": "Harry's Bar",
        "locationType": "default",
        "uniqueId": "Harry's Bar",
        "uniqueIdType": "private",
    }
    assert event["locations"] == [{"displayName": "Harry's Bar", "locationType": "default", "uniqueIdType": "unknown"}]
    assert event["organizer"] == {"emailAddress": {"name": "Anna Berg", "address": "Anna@contoso.test"}}
    assert (event["showAs"], event["categories"], event["transactionId"]) == ("tentative", ["Field Service"], None)
    assert (event["isReminderOn"], event["reminderMinutesBeforeStart"]) == (True, 15)
    assert event["createdDateTime"] == "2026-11-23T08:00:00.0000000Z"
    assert answer.headers["Location"].startswith(f"{world.url}/v1.0/users('{anna}')/events('")
    sample = (
        "id categories originalStartTimeZone originalEndTimeZone iCalUId hasAttachments subject bodyPreview importance "
        "sensitivity isAllDay isCancelled isOrganizer responseRequested seriesMasterId type webLink onlineMeetingUrl "
        "isOnlineMeeting onlineMeetingProvider allowNewTimeProposals occurrenceId isDraft hideAttendees responseStatus "
        "body end recurrence attendees"
    )
    assert set(sample.split()) <= event.keys()


def test_update_changes_what_is_sent_and_keeps_the_rest(world, events, make):
    made = create(world, events, make(categories=["Mine"], location={"displayName": "A"}))
    world.clock.advance(timedelta(minutes=5))
    changed = world("PATCH", f"{events}/{made['id']}", {"subject": "Moved", "location": {"displayName": "B"}})
    assert changed.status == 200
    assert (changed.json["subject"], changed.json["categories"]) == ("Moved", ["Mine"])
    assert [place["displayName"] for place in changed.json["locations"]] == ["B"]
    assert changed.json["changeKey"] != made["changeKey"]
    assert changed.json["createdDateTime"] == made["createdDateTime"]
    assert changed.json["lastModifiedDateTime"] == "2026-11-23T08:05:00.0000000Z"


def test_a_deleted_event_is_gone(world, events, make):
    named = create(world, events, make())["id"]
    answer = world("DELETE", f"{events}/{named}")
    assert (answer.status, answer.raw) == (204, b"")
    for method in ("GET", "DELETE", "PATCH"):
        again = world(method, f"{events}/{named}", {"subject": "x"} if method == "PATCH" else None)
        assert (again.status, again.json["error"]["code"]) == (404, "ErrorItemNotFound")


@pytest.mark.parametrize(
    "path",
    [
        "/users/{id}/events",
        "/users/Anna@contoso.test/events",
        "/users/ANNA%40CONTOSO.TEST/events",
        "/users/{id}/calendar/events",
        "/users('{id}')/events",
        "/Users/{id}/Calendar/Events",
        "/users/{id}/calendars/{calendar}/events",
    ],
)
def test_events_are_reached_by_every_path_that_clients_use(world, make, anna, path):
    calendar = world("GET", f"/users/{anna}/calendar").json["id"].replace("=", "%3D")
    path = path.format(id=anna, calendar=calendar)
    named = create(world, path, make())["id"]
    for spelled in (named, named.replace("=", "%3D")):
        assert world("GET", f"{path}/{spelled}").json["id"] == named


def test_the_address_names_a_mailbox_too(world, make, ben):
    assert world("POST", "/users/Ben.Ott@contoso.test/events", make()).status == 201
    assert len(world("GET", f"/users/{ben}/events").json["value"]) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"start": REMOVED}, 400, "ErrorPropertyValidationFailure"),
        ({"end": {"dateTime": "2026-11-24T08:59:59", "timeZone": "UTC"}}, 400, "ErrorPropertyValidationFailure"),
        ({"end": {"dateTime": "2032-11-24T08:59:59", "timeZone": "UTC"}}, 400, "ErrorPropertyValidationFailure"),
        ({"start": {"dateTime": "tomorrow", "timeZone": "UTC"}}, 400, "ErrorPropertyValidationFailure"),
        ({"start": {"dateTime": "0001-01-01T00:00:00", "timeZone": "UTC"}}, 400, "ErrorPropertyValidationFailure"),
        ({"end": {"dateTime": "9999-12-31T23:59:59", "timeZone": "UTC"}}, 400, "ErrorPropertyValidationFailure"),
        ({"start": {"dateTime": "2026-13-24T09:00:00", "timeZone": "UTC"}}, 400, "ErrorPropertyValidationFailure"),
        (
            {"start": {"dateTime": "2026-11-24T09:00:00", "timeZone": "Mars/Olympus"}},
            400,
            "TimeZoneNotSupportedException",
        ),
        (
            {"start": {"dateTime": "2026-11-24T09:00:00", "timeZone": "Europe/Vienna"}},
            400,
            "TimeZoneNotSupportedException",
        ),
        ({"start": {"dateTime": "2026-11-24T09:00:00"}}, 400, "TimeZoneNotSupportedException"),
        ({"isAllDay": True}, 400, "ErrorInvalidRequest"),
        ({"recurrence": {"pattern": {}}}, 400, "ErrorInvalidRequest"),
        ({"subject": 7}, 400, "RequestBodyRead"),
        ({"showAs": "elsewhere"}, 400, "RequestBodyRead"),
        ({"surprise": 1}, 400, "RequestBodyRead"),
        ({"start": "2026-11-24T09:00:00"}, 400, "RequestBodyRead"),
        ({"singleValueExtendedProperties": [{"id": "String Name X", "value": "1"}]}, 400, "ErrorInvalidProperty"),
        (
            {
                "singleValueExtendedProperties": [
                    {"id": "Integer {8ECCC264-6880-4EBE-992F-8888D2EEAA1D} Name N", "value": "x"}
                ]
            },
            400,
            "ErrorInvalidProperty",
        ),
    ],
)
def test_what_exchange_refuses_is_refused_and_leaves_nothing(world, events, make, changes, status, code):
    body = {name: value for name, value in {**make(), **changes}.items() if value is not REMOVED}
    answer = world("POST", events, body, {"client-request-id": "abc-1"})
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    inner = answer.json["error"]["innerError"]
    assert inner["client-request-id"] == answer.headers["client-request-id"] == "abc-1"
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["date"] == "2026-11-23T08:00:00"
    assert world("GET", events).json["value"] == []


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"@odata.type": "#microsoft.graph.event", "id": "x", "bodyPreview": "y"}, {}),
        ({"isOnlineMeeting": "false", "isReminderOn": "True"}, {"isOnlineMeeting": False, "isReminderOn": True}),
        ({"importance": "HIGH", "showAs": "workingelsewhere"}, {"importance": "high", "showAs": "workingElsewhere"}),
        ({"transactionId": None, "categories": None, "recurrence": None}, {"transactionId": None, "categories": []}),
        ({"reminderMinutesBeforeStart": "30"}, {"reminderMinutesBeforeStart": 30}),
        ({"body": {"contentType": "HTML", "content": None}}, {"bodyPreview": ""}),
        ({"subject": None}, {"subject": ""}),
        ({"subject": "x" * 300}, {"subject": "x" * 252 + "..."}),
        ({"subject": "x" * 255}, {"subject": "x" * 255}),
        ({"location": None}, {"locations": []}),
        (
            {"start": {"dateTime": "2026-11-24T10:30:00+01:00", "timeZone": "UTC"}},
            {"start": {"dateTime": "2026-11-24T09:30:00.0000000", "timeZone": "UTC"}},
        ),
        (
            {"start": {"dateTime": "2026-11-24T09:00:00.1234567Z", "timeZone": "UTC"}},
            {"start": {"dateTime": "2026-11-24T09:00:00.1234567", "timeZone": "UTC"}},
        ),
        (
            {"start": {"dateTime": "2026-11-24T10:00", "timeZone": "W. Europe Standard Time"}},
            {"start": {"dateTime": "2026-11-24T09:00:00.0000000", "timeZone": "UTC"}},
        ),
        (
            {"start": {"dateTime": "2026-11-24T04:00:00", "timeZone": "America/New_York"}},
            {"start": {"dateTime": "2026-11-24T09:00:00.0000000", "timeZone": "UTC"}},
        ),
    ],
)
def test_what_exchange_lets_pass_passes(world, events, make, changes, shown):
    event = create(world, events, {**make(), **changes})
    assert {name: event[name] for name in shown} == shown


def test_an_all_day_event_is_the_same_date_in_every_zone(world, events):
    body = {
        "subject": "Leave",
        "isAllDay": True,
        "start": {"dateTime": "2026-11-24T00:00:00", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2026-11-25T00:00:00", "timeZone": "W. Europe Standard Time"},
    }
    event = create(world, events, body)
    assert event["start"] == {"dateTime": "2026-11-24T00:00:00.0000000", "timeZone": "UTC"}
    assert event["originalStartTimeZone"] == "W. Europe Standard Time"


def test_start_and_end_are_answered_in_the_preferred_zone(world, events, make):
    named = create(world, events, make())["id"]
    prefer = {"Prefer": 'outlook.timezone="W. Europe Standard Time"'}
    answer = world("GET", f"{events}/{named}", headers=prefer)
    assert answer.json["start"] == {
        "dateTime": "2026-11-24T10:00:00.0000000",
        "timeZone": "W. Europe Standard Time",
    }
    assert answer.headers["Preference-Applied"] == 'outlook.timezone="W. Europe Standard Time"'
    refused = world("GET", f"{events}/{named}", headers={"Prefer": 'outlook.timezone="Nowhere"'})
    assert (refused.status, refused.json["error"]["code"]) == (400, "TimeZoneNotSupportedException")


def test_bodies_are_rewritten_as_exchange_rewrites_them(world, events, make):
    text = create(world, events, make(body={"contentType": "text", "content": "Leak & noise\nin <cellar>"}))
    assert text["body"]["contentType"] == "html"
    assert "<!-- converted from text -->" in text["body"]["content"]
    assert "Leak &amp; noise<br>\r\nin &lt;cellar&gt;" in text["body"]["content"]
    assert text["bodyPreview"] == "Leak & noise in <cellar>"
    html = create(
        world,
        events,
        make(body={"contentType": "html", "content": "<p onclick='x()'>Leak</p><script>alert(1)</script>"}),
    )
    content = html["body"]["content"]
    assert content.startswith("<html><head>\r\n<meta ")
    assert "Leak" in content
    assert "script" not in content
    assert "onclick" not in content
    assert html["bodyPreview"] == "Leak"
    plain = world("GET", f"{events}/{html['id']}", headers={"Prefer": 'outlook.body-content-type="text"'})
    assert plain.json["body"] == {"contentType": "text", "content": "Leak"}
    unsafe = world("GET", f"{events}/{html['id']}", headers={"Prefer": "outlook.allow-unsafe-html"})
    assert "<script>alert(1)</script>" in unsafe.json["body"]["content"]


def test_if_match_with_an_older_key_is_a_conflict(world, events, make):
    made = create(world, events, make())
    path = f"{events}/{made['id']}"
    assert world("PATCH", path, {"subject": "A"}, {"If-Match": made["@odata.etag"]}).status == 200
    for method, body in (("PATCH", {"subject": "B"}), ("DELETE", None)):
        answer = world(method, path, body, {"If-Match": made["@odata.etag"]})
        assert (answer.status, answer.json["error"]["code"]) == (412, "ErrorIrresolvableConflict")
    assert world("GET", path).json["subject"] == "A"
    assert world("DELETE", path, headers={"If-Match": "*"}).status == 204


def test_an_immutable_id_stays_when_the_event_is_filed_elsewhere(world, events, make, immutable, anna):
    made = world("POST", events, make(), immutable)
    assert made.headers["Preference-Applied"] == 'IdType="ImmutableId"'
    mutable = world("GET", events).json["value"][0]["id"]
    hands = world.exchange.hands
    hands.refile(anna, hands.look(anna)[0])
    assert world("GET", f"{events}/{made.json['id']}", headers=immutable).status == 200
    assert world("GET", f"{events}/{mutable}").status == 404
    assert world("GET", events).json["value"][0]["id"] != mutable


def test_the_two_kinds_of_id_are_never_taken_for_each_other(world, events, make, immutable, ben):
    kept = world("POST", events, make(), immutable).json["id"]
    mutable = world("GET", events).json["value"][0]["id"]
    assert world("GET", f"{events}/{kept}").json["error"]["code"] == "ErrorItemNotFound"
    assert world("GET", f"{events}/{mutable}", headers=immutable).json["error"]["code"] == "ErrorInvalidIdMalformed"
    assert world("GET", f"{events}/{kept.swapcase()}", headers=immutable).status in {400, 404}
    assert world("GET", f"{events}/nonsense").json["error"]["code"] == "ErrorInvalidIdMalformed"
    other = world("GET", f"/users/{ben}/events/{mutable}")
    assert (other.status, other.json["error"]["code"]) == (404, "ErrorItemNotFound")


def test_attendees_are_kept_and_their_mails_only_counted(world, events, make, anna):
    attendees = [
        {"type": "required", "emailAddress": {"address": "x@y.test"}},
        {"emailAddress": {"address": "z@y.test"}},
    ]
    made = create(world, events, make(attendees=attendees))
    assert [one["emailAddress"]["address"] for one in made["attendees"]] == ["x@y.test", "z@y.test"]
    assert world.exchange.store.mailboxes.get(anna).mails_sent == 2
    create(world, events, make())
    assert world.exchange.store.mailboxes.get(anna).mails_sent == 2


@pytest.mark.parametrize("raw", [b"{", b"", b"[]", b'"x"', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(world, events, raw):
    answer = world("POST", events, raw)
    assert (answer.status, answer.json["error"]["code"]) in {(400, "BadRequest"), (400, "RequestBodyRead")}


def test_every_answer_is_dated_by_the_control_clock(world, events):
    assert world("GET", events).headers.getall("Date") == ["Mon, 23 Nov 2026 08:00:00 GMT"]


def test_preferences_may_come_in_several_headers_or_in_one(world, events, make):
    named = world("POST", events, make(), {"Prefer": 'IdType="ImmutableId"'}).json["id"]
    both = ('IdType="ImmutableId"', 'outlook.timezone="Tokyo Standard Time"')
    several = CIMultiDict([("Prefer", one) for one in both])
    for headers in (several, {"Prefer": ", ".join(both)}, {"prefer": "; ".join(both)}):
        answer = world("GET", f"{events}/{named}", headers=headers)
        assert (answer.status, answer.json["start"]["dateTime"]) == (200, "2026-11-24T18:00:00.0000000")
        assert answer.headers["Preference-Applied"] == ", ".join(both)


def test_a_locked_database_is_a_503_and_nothing_is_written(world, events, make, monkeypatch):
    monkeypatch.setattr("fieldcal.embedded.exchange.database.PATIENCE", 0.1)
    with Exchange(world.path) as other, serving_beside(world, other) as ask:
        with world.exchange.store.database.transaction():
            refused = ask("POST", events, make())
        assert (refused.status, refused.json["error"]["code"]) == (503, "serviceNotAvailable")
        assert refused.headers["Retry-After"] == "5"
        assert ask("POST", events, make()).status == 201
    assert len(world("GET", events).json["value"]) == 1
