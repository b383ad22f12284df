from __future__ import annotations

from datetime import timedelta

import pytest


def test_a_repeat_with_the_same_transaction_id_makes_no_second_event(world, events, make, immutable):
    body = make(transactionId="key-1")
    first = world("POST", events, body, immutable)
    world.clock.advance(timedelta(hours=1))
    again = world("POST", events, dict(reversed(body.items())), immutable)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert len(world("GET", events).json["value"]) == 1


def test_a_repeat_answers_with_the_event_as_the_worker_left_it(world, events, make, anna):
    body = make(transactionId="key-1")
    made = world("POST", events, body).json
    hands = world.exchange.hands
    hands.edit(anna, hands.look(anna)[0], {"subject": "Mine now"})
    again = world("POST", events, body)
    assert (again.status, again.json["subject"], again.json["id"]) == (201, "Mine now", made["id"])


def test_the_key_with_other_content_is_refused_and_names_the_event(world, events, make, immutable):
    made = world("POST", events, make(transactionId="key-1"), immutable).json
    refused = world("POST", events, make("Other", transactionId="key-1"), immutable)
    assert (refused.status, refused.json["error"]["code"]) == (400, "ErrorDuplicateTransactionId")
    assert refused.json["error"]["@event.existingEventId"] == made["id"]
    assert world("GET", f"{events}/{made['id']}", headers=immutable).status == 200


def test_a_key_belongs_to_its_mailbox(world, events, make, ben):
    assert world("POST", events, make(transactionId="key-1")).status == 201
    assert world("POST", f"/users/{ben}/events", make("Other", transactionId="key-1")).status == 201


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("dead_key", ["new", "error", "dead"])
def test_the_key_of_a_deleted_event_does_what_is_set(world, events, make, immutable, dead_key, same):
    world.control.change(dead_key=dead_key)
    body = make(transactionId="key-1")
    made = world("POST", events, body, immutable).json
    world("DELETE", f"{events}/{made['id']}", headers=immutable)
    world.clock.advance(timedelta(hours=1))
    again = world("POST", events, body if same else make("Other", transactionId="key-1"), immutable)
    living = world("GET", events).json["value"]
    if dead_key == "new":
        assert again.status == 201
        assert again.json["id"] != made["id"]
        assert again.json["createdDateTime"] == "2026-11-23T09:00:00.0000000Z"
        assert len(living) == 1
    elif dead_key == "dead" and same:
        assert (again.status, again.json["id"]) == (201, made["id"])
        assert again.json["createdDateTime"] == "2026-11-23T08:00:00.0000000Z"
        assert living == []
        assert world("GET", f"{events}/{made['id']}", headers=immutable).status == 404
    else:
        assert (again.status, again.json["error"]["code"]) == (400, "ErrorDuplicateTransactionId")
        assert "@event.existingEventId" not in again.json["error"]
        assert living == []


def test_a_transaction_id_cannot_be_changed(world, events, make):
    made = world("POST", events, make(transactionId="key-1")).json
    refused = world("PATCH", f"{events}/{made['id']}", {"transactionId": "key-2"})
    assert (refused.status, refused.json["error"]["code"]) == (400, "ErrorPropertyValidationFailure")
    assert world("PATCH", f"{events}/{made['id']}", {"transactionId": "key-1", "subject": "x"}).status == 200


def test_repeats_inside_one_batch_make_one_event(world, events, make):
    line = {
        "method": "POST",
        "url": events,
        "headers": {"Content-Type": "application/json"},
        "body": make(transactionId="key-1"),
    }
    answers = world.batch({"id": "1", **line}, {"id": "2", **line})
    assert answers["1"]["body"]["id"] == answers["2"]["body"]["id"]
    assert len(world("GET", events).json["value"]) == 1


def test_a_key_whose_event_is_deleted_in_the_same_batch_is_a_dead_key(world, events, make, immutable):
    world.control.change(dead_key="error")
    body = make(transactionId="key-1")
    named = world("POST", events, body, immutable).json["id"]
    json = {"Content-Type": "application/json"}
    answers = world.batch(
        {"id": "fresh", "method": "POST", "url": events, "headers": json, "body": make(transactionId="key-2")},
        {"id": "away", "method": "DELETE", "url": f"{events}/{named}", "headers": immutable},
        {"id": "again", "method": "POST", "url": events, "headers": json, "body": body},
        {"id": "twice", "method": "POST", "url": events, "headers": json, "body": make("No", transactionId="key-2")},
    )
    statuses = {one: answer["status"] for one, answer in answers.items()}
    assert statuses == {"fresh": 201, "away": 204, "again": 400, "twice": 400}
    existing = answers["twice"]["body"]["error"]["@event.existingEventId"]
    assert existing == answers["fresh"]["body"]["id"]
