from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from fieldcal.embedded.exchange import NewMailbox

CLAIM = "String {0B6A2A3E-92F5-4F2E-9C8B-000000000001} Name Claim"


@pytest.mark.parametrize(
    ("state", "read", "create", "change"),
    [
        ("ok", 200, 201, 200),
        ("disabled", (404, "ResourceNotFound"), (404, "ResourceNotFound"), (404, "ResourceNotFound")),
        ("not_enabled", (404, "MailboxNotEnabledForRESTAPI")) + ((404, "MailboxNotEnabledForRESTAPI"),) * 2,
        ("moving", (503, "MailboxInfoStale"), (503, "MailboxInfoStale"), (503, "MailboxInfoStale")),
        ("full", 200, (507, "ErrorQuotaExceeded"), 200),
        ("denied", (403, "ErrorAccessDenied"), (403, "ErrorAccessDenied"), (403, "ErrorAccessDenied")),
    ],
)
def test_a_mailbox_answers_by_its_state(world, events, make, anna, state, read, create, change):
    named = world("POST", events, make()).json["id"]
    world.exchange.store.mailboxes.set_state(anna, state)
    asked = (
        (world("GET", events), read),
        (world("POST", events, make()), create),
        (world("PATCH", f"{events}/{named}", {"subject": "x"}), change),
    )
    for answer, wanted in asked:
        got = answer.status if answer.status < 400 else (answer.status, answer.json["error"]["code"])
        assert got == wanted
    world.exchange.store.mailboxes.set_state(anna, "ok")
    assert world("DELETE", f"{events}/{named}").status == 204


def test_a_moved_mailbox_can_be_stale_by_name_and_fine_by_its_object_id(world, anna):
    world.exchange.store.mailboxes.set_state(anna, "moving_by_name")
    assert world("GET", "/users/anna@contoso.test/events").json["error"]["code"] == "MailboxInfoStale"
    assert world("GET", f"/users/{anna}/events").status == 200


def test_a_calendar_that_may_not_be_edited_says_so_and_refuses_writes(world, events, make, anna):
    select = {"_select": "id,name,canEdit,owner"}
    shown = world("GET", f"/users/{anna}/calendar", **select).json
    assert shown.keys() == {"@odata.context", "id", "name", "canEdit", "owner"}
    assert (shown["canEdit"], shown["owner"]) == (True, {"name": "Anna Berg", "address": "Anna@contoso.test"})
    world.exchange.store.mailboxes.set_editable(anna, can_edit=False)
    assert world("GET", f"/users/{anna}/calendar", **select).json["canEdit"] is False
    refused = world("POST", events, make())
    assert (refused.status, refused.json["error"]["code"]) == (403, "ErrorAccessDenied")


def test_unknown_users_are_told_apart_by_what_was_asked(world, make):
    path = f"/users/{uuid.uuid4()}"
    mailbox, directory = world("GET", f"{path}/events"), world("GET", path)
    assert (mailbox.status, mailbox.json["error"]["code"]) == (404, "ErrorInvalidUser")
    assert (directory.status, directory.json["error"]["code"]) == (404, "Request_ResourceNotFound")


def test_the_user_and_the_organization_are_shown(world, anna):
    user = world("GET", "/users/anna%40contoso.test", _select="id,mail").json
    assert (user["id"], user["mail"]) == (str(anna), "Anna@contoso.test")
    organization = world("GET", "/organization", _select="id,displayName").json["value"]
    assert organization == [{"id": str(world.exchange.tenant_id), "displayName": "Embedded"}]
    assert world("GET", f"/users/{anna}/mailboxSettings").json["timeZone"] == "W. Europe Standard Time"


def test_a_property_on_the_calendar_is_written_read_and_removed(world, anna, ben):
    path = f"/users/{anna}/calendar"
    expand = f"singleValueExtendedProperties($filter=id eq '{CLAIM}')"
    assert "singleValueExtendedProperties" not in world("GET", path, _expand=expand).json
    body = {"singleValueExtendedProperties": [{"id": CLAIM, "value": "installation 1"}]}
    assert world("PATCH", path, body).status == 200
    kept = world("GET", path, _expand=expand).json["singleValueExtendedProperties"]
    assert kept == [
        {"id": CLAIM.replace("0B6A2A3E-92F5-4F2E-9C8B", "0b6a2a3e-92f5-4f2e-9c8b"), "value": "installation 1"}
    ]
    assert "singleValueExtendedProperties" not in world("GET", path).json
    assert "singleValueExtendedProperties" not in world("GET", f"/users/{ben}/calendar", _expand=expand).json
    named = CLAIM.replace(" ", "%20").replace("{", "%7B").replace("}", "%7D")
    assert world("DELETE", f"{path}/singleValueExtendedProperties/{named}").status == 204
    assert "singleValueExtendedProperties" not in world("GET", path, _expand=expand).json


def test_the_list_of_calendars_has_the_one_calendar(world, anna):
    calendars = world("GET", f"/users/{anna}/calendars").json["value"]
    assert [(one["name"], one["isDefaultCalendar"]) for one in calendars] == [("Calendar", True)]
    assert calendars[0]["id"] == world("GET", f"/users/{anna}/calendar").json["id"]
    assert world("GET", f"/users/{anna}/calendars/other/events").json["error"]["code"] == "ErrorItemNotFound"


@pytest.mark.parametrize("bearer", ["", "Bearer", "Bearer x.y.z", "Bearer \u00fc", "Basic abc"])
def test_a_bad_token_is_refused_before_anything_else(world, events, bearer):
    answer = world("GET", events, headers={"Authorization": bearer})
    assert (answer.status, answer.json["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_expires_with_the_clock(world, events):
    kept = {"Authorization": f"Bearer {world.exchange.token()}"}
    assert world("GET", events, headers=kept).status == 200
    world.clock.advance(timedelta(hours=2))
    assert world("GET", events, headers=kept).status == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/users/{anna}/messages", 400),
        ("GET", "/me/events", 400),
        ("GET", "/planets", 400),
        ("GET", "/", 400),
        ("GET", "/$batch", 405),
        ("PATCH", "/users/{anna}", 403),
        ("DELETE", "/users/{anna}/events", 405),
        ("POST", "/users/{anna}/calendarView", 405),
        ("PUT", "/users/{anna}/calendar", 405),
    ],
)
def test_what_is_not_served_is_refused_in_the_shape_of_graph(world, anna, method, path, status):
    answer = world(method, path.format(anna=anna), {} if method in {"PATCH", "POST", "PUT"} else None)
    assert answer.status == status
    assert answer.json["error"]["code"]


def test_mailboxes_are_made_in_bulk_all_or_none(world):
    mailboxes = world.exchange.store.mailboxes
    mailboxes.add([NewMailbox(uuid.uuid4(), f"u{n}@contoso.test", f"U {n}") for n in range(500)])
    assert len(mailboxes.all()) == 502
    for wrong in (
        NewMailbox(uuid.uuid4(), "U1@contoso.test", "twice"),
        NewMailbox(uuid.uuid4(), "new@contoso.test", "zone", zone="Mars"),
        NewMailbox(uuid.uuid4(), "new@contoso.test", "state", state="asleep"),
    ):
        with pytest.raises(ValueError, match=r"already|Mars|asleep"):
            mailboxes.add([NewMailbox(uuid.uuid4(), "fine@contoso.test", "fine"), wrong])
    assert len(mailboxes.all()) == 502
    assert mailboxes.find("fine@contoso.test") is None


def test_a_worker_copies_an_event_with_its_mark_and_without_its_key(world, events, make, anna, ben):
    mark = {"id": CLAIM, "value": "b-1"}
    world("POST", events, make(transactionId="key-1", singleValueExtendedProperties=[mark]))
    hands = world.exchange.hands
    original = hands.look(anna)[0]
    tomorrow = {"dateTime": "2026-11-25T09:00:00", "timeZone": "UTC"}
    later = {"dateTime": "2026-11-25T10:00:00", "timeZone": "UTC"}
    copy = hands.copy(anna, original, {"start": tomorrow, "end": later})
    assert hands.properties(copy) == hands.properties(original) != {}
    assert copy.transaction_id is None
    asked = f"singleValueExtendedProperties/Any(ep: ep/id eq '{CLAIM}' and ep/value eq 'b-1')"
    assert len(world("GET", events, _filter=asked).json["value"]) == 2
    hands.copy(anna, original, to=ben)
    assert [event.subject for event in hands.look(ben)] == ["Boiler service"]
    hands.delete(anna, original)
    own = hands.add(anna, make("Dentist"))
    hands.edit(anna, own, {"showAs": "oof"})
    assert [(event.subject, event.document.show_as) for event in hands.look(anna)] == [
        ("Dentist", "oof"),
        ("Boiler service", "busy"),
    ]


def test_whom_the_directory_knows_has_a_mailbox_from_the_first_request_on_unless_a_name_is_another_s(world, make, anna):
    nora = NewMailbox(uuid.uuid4(), "nora@contoso.test", "Nora New")
    world.known["nora@contoso.test"] = nora
    world.known["anna.new@contoso.test"] = NewMailbox(anna, "anna.new@contoso.test", "Anna")
    assert world("GET", "/users/nora@contoso.test/events").json["value"] == []
    assert world("POST", f"/users/{nora.object_id}/events", make()).status == 201
    assert len(world("GET", "/users/nora@contoso.test/events").json["value"]) == 1
    for named in ("anna.new@contoso.test", "nobody@contoso.test"):
        assert world("GET", f"/users/{named}/events").json["error"]["code"] == "ErrorInvalidUser"
    assert [box.name for box in world.exchange.store.mailboxes.all()] == ["Anna Berg", "Ben Ott", "Nora New"]
