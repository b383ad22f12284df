from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from fieldcal.embedded.faults import Fault, Match

JSON = {"Content-Type": "application/json"}


def creation(named, events, body, **more):
    return {"id": named, "method": "POST", "url": events, "headers": JSON, "body": body, **more}


def test_twenty_creates_make_twenty_events_and_answer_in_another_order(world, events, make):
    requests = [creation(str(n), events, make(f"Job {n}")) for n in range(20)]
    answer = world("POST", "/$batch", {"requests": requests})
    ids = [one["id"] for one in answer.json["responses"]]
    assert sorted(ids, key=int) == [str(n) for n in range(20)]
    assert ids != sorted(ids, key=int)
    assert {one["status"] for one in answer.json["responses"]} == {201}
    assert world("GET", events, _count="true").json["@odata.count"] == 20
    again = world("POST", "/%24batch", {"requests": requests})
    assert [one["id"] for one in again.json["responses"]] == ids


def test_each_item_has_its_own_fate(world, events, make, immutable):
    made = world("POST", events, make(), immutable).json["id"]
    answers = world.batch(
        creation("good", events, make("Good")),
        creation("bad", events, {"subject": "no time"}),
        {
            "id": "patch",
            "method": "PATCH",
            "url": f"{events}/{made}",
            "headers": {**JSON, **immutable},
            "body": {"subject": "P"},
        },
        {"id": "get", "method": "GET", "url": f"{events}/{made}"},
        {"id": "away", "method": "DELETE", "url": f"{events}/{made}", "headers": {**immutable, "If-Match": 'W/"x"'}},
    )
    assert {named: one["status"] for named, one in answers.items()} == {
        "good": 201,
        "bad": 400,
        "patch": 200,
        "get": 404,
        "away": 412,
    }
    assert answers["bad"]["body"]["error"]["code"] == "ErrorPropertyValidationFailure"
    assert answers["patch"]["headers"]["Preference-Applied"] == 'IdType="ImmutableId"'
    deleted = world.batch({"id": "1", "method": "DELETE", "url": f"{events}/{made}", "headers": immutable})["1"]
    assert (deleted["status"], deleted["body"]) == (204, None)


@pytest.mark.parametrize(
    "spelled", ["{path}", "/{path}", "{origin}/v1.0/{path}", "https://graph.microsoft.com/v1.0/{path}", "/v1.0/{path}"]
)
def test_item_urls_may_be_relative_or_absolute_and_encoded_or_not(world, make, spelled):
    for path in ("users/anna@contoso.test/events?$top=1", "users/anna%40contoso.test/events?%24top=1"):
        url = spelled.format(path=path, origin=world.url)
        assert world.batch({"id": "1", "method": "GET", "url": url})["1"]["status"] == 200


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({}, "Invalid batch payload format"),
        ([], "Invalid batch payload format"),
        ({"requests": []}, "Invalid batch payload format"),
        ({"requests": [{"id": "1", "method": "GET"}]}, "Invalid batch payload format"),
        (
            {"requests": [{"id": str(n), "method": "GET", "url": "/organization"} for n in range(21)]},
            "maximum value of 20",
        ),
        ({"requests": [{"id": named, "method": "GET", "url": "/organization"} for named in "aA"]}, "not unique"),
        (
            {
                "requests": [
                    {"id": "1", "method": "GET", "url": "/organization", "dependsOn": ["2"]},
                    {"id": "2", "method": "GET", "url": "/organization"},
                ]
            },
            "Invalid dependency for request Id: 1",
        ),
        (
            {"requests": [{"id": "1", "method": "GET", "url": "/organization", "dependsOn": ["1"]}]},
            "Invalid dependency",
        ),
    ],
)
def test_a_malformed_batch_is_refused_whole(world, payload, said):
    answer = world("POST", "/$batch", payload)
    assert (answer.status, answer.json["error"]["code"]) == (400, "BadRequest")
    assert said in answer.json["error"]["message"]


def test_a_write_without_content_type_is_refused_alone(world, events, make):
    bare = {"id": "1", "method": "POST", "url": events, "body": make()}
    answers = world.batch(bare, creation("2", events, make()))
    assert (answers["1"]["status"], answers["2"]["status"]) == (400, 201)
    assert "Content-Type" in answers["1"]["body"]["error"]["message"]


def test_dependents_of_a_failure_fail_and_are_not_carried_out(world, events, make):
    answers = world.batch(
        creation("1", events, {"subject": "no time"}),
        creation("2", events, make("B"), dependsOn=["1"]),
        creation("3", events, make("C"), dependsOn=["2"]),
        creation("4", events, make("D")),
        {"id": "5", "method": "GET", "url": events, "dependsOn": ["4"]},
    )
    assert [answers[named]["status"] for named in "12345"] == [400, 424, 424, 201, 200]
    assert [event["subject"] for event in answers["5"]["body"]["value"]] == ["D"]


def test_every_item_is_in_the_ledger(world, events, make):
    world.batch(creation("1", events, make()), {"id": "2", "method": "GET", "url": "/users/nobody/events"})
    entry = world.control.ledger()[-1]
    assert [(item.method, item.url, item.status) for item in entry.items] == [
        ("POST", f"/v1.0{events}", 201),
        ("GET", "/v1.0/users/nobody/events", 404),
    ]
    assert (world.control.count("request"), world.control.count("item")) == (1, 2)


@pytest.mark.parametrize(
    ("fault", "status", "made"),
    [
        (Fault("status", status=503, code="MailboxInfoStale"), 503, False),
        (Fault("status", status=429, headers={"Retry-After": "2.128"}), 429, False),
        (Fault("drop_before"), 504, False),
        (Fault("drop_after"), 504, True),
        (Fault("garbage"), 200, False),
        (Fault("delay", seconds=0.01), 201, True),
    ],
)
def test_a_planted_fault_hits_one_item_and_spares_its_neighbours(world, events, make, fault, status, made):

    world.control.add_fault(replace(fault, match=Match(body="Job 2", item=True)))
    answers = world.batch(*(creation(str(n), events, make(f"Job {n}")) for n in range(6)))
    assert {named: one["status"] for named, one in answers.items()} == {
        str(n): status if n == 2 else 201 for n in range(6)
    }
    if "Retry-After" in fault.headers:
        assert answers["2"]["headers"]["Retry-After"] == "2.128"
    subjects = {event["subject"] for event in world("GET", events).json["value"]}
    assert ("Job 2" in subjects) == made
    assert len(subjects) == 5 + made
    assert world.control.ledger()[0].items[2].fault == fault.kind


def together(world, *asks):
    async def all_of_them():
        return await asyncio.gather(*(world.ask(*ask) for ask in asks))

    return world.loop.run_until_complete(all_of_them())


def test_a_fifth_request_in_flight_on_one_mailbox_is_throttled(world, events, anna, ben):
    world.control.change(latency=0.2, retry_after=2.0)
    answers = together(
        world,
        *[("GET", events)] * 3,
        *[("GET", "/users/anna@contoso.test/calendar")] * 3,
        ("GET", f"/users/{ben}/events"),
    )
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 2
    throttled = next(answer for answer in answers if answer.status == 429)
    assert throttled.json["error"]["code"] == "ApplicationThrottled"
    assert throttled.json["error"]["message"] == "Application is over its MailboxConcurrency limit."
    assert throttled.headers["Retry-After"] == "2"
    assert answers[-1].status == 200
    assert world("GET", events).status == 200


def test_one_unordered_batch_stays_within_the_limit_and_two_at_once_exceed_it(world, events, make):
    world.control.change(latency=0.05)
    one = {"requests": [creation(str(n), events, make(f"A {n}")) for n in range(12)]}
    alone = world("POST", "/$batch", one)
    assert {line["status"] for line in alone.json["responses"]} == {201}
    assert world.exchange.throttle.peak == 4
    two = {"requests": [creation(str(n), events, make(f"B {n}")) for n in range(12)]}
    answers = together(world, ("POST", "/$batch", two), ("POST", "/$batch", two))
    statuses = [line["status"] for answer in answers for line in answer.json["responses"]]
    assert set(statuses) == {201, 429}
    refused = next(line for answer in answers for line in answer.json["responses"] if line["status"] == 429)
    assert "Retry-After" in refused["headers"]
    assert refused["body"]["error"]["code"] == "ApplicationThrottled"
    made = world("GET", events, _top="100").json["value"]
    assert len(made) == 12 + statuses.count(201)


def test_four_ordered_batches_at_once_stay_within_the_limit(world, events, make):
    world.control.change(latency=0.01)

    def ordered(letter):
        lines = [creation("0", events, make(f"{letter} 0"))]
        lines += [creation(str(n), events, make(f"{letter} {n}"), dependsOn=[str(n - 1)]) for n in range(1, 5)]
        return ("POST", "/$batch", {"requests": lines})

    answers = together(world, *(ordered(letter) for letter in "ABCD"))
    assert {line["status"] for answer in answers for line in answer.json["responses"]} == {201}


def test_rates_are_limited_and_the_wait_is_told(world, events, ben):
    world.control.change(mailbox_rate=2)
    assert [world("GET", events).status for _ in range(3)] == [200, 200, 429]
    assert world("GET", f"/users/{ben}/events").status == 200

    world.clock.advance(timedelta(seconds=100))
    throttled = world("GET", events)
    assert (throttled.status, throttled.headers["Retry-After"]) == (429, "500")
    world.clock.advance(timedelta(seconds=500))
    assert world("GET", events).status == 200
    world.control.change(app_rate=1, decimal_retry_after=True)
    world.clock.advance(timedelta(seconds=20))
    assert world("GET", f"/users/{ben}/events").status == 200
    world.clock.advance(timedelta(seconds=3))
    throttled = world("GET", events)
    assert (throttled.json["error"]["code"], throttled.headers["Retry-After"]) == ("TooManyRequests", "7.000")


def test_nested_batches_and_unknown_paths_are_refused_alone(world):
    answers = world.batch(
        {"id": "1", "method": "POST", "url": "/$batch", "headers": JSON, "body": {"requests": []}},
        {"id": "2", "method": "GET", "url": "/planets"},
        {"id": "3", "method": "GET", "url": "/organization"},
    )
    assert [answers[named]["status"] for named in "123"] == [400, 400, 200]
