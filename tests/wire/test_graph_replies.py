"""The error table of Graph: each answer to the one who must act next, for writes and for reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldcal.answer import Answer
from fieldcal.calendars.graph import batch
from fieldcal.calendars.graph.batch import Request, batch_body, batch_replies
from fieldcal.calendars.graph.replies import Reply, outcome
from fieldcal.errors import (
    FieldcalError,
    Gone,
    NotAMailbox,
    OutcomeUnknown,
    Unreachable,
)
from fieldcal.model import BookingId, Create, Delete, Event, EventId, MailboxId, Mark, Receipt, ShowAs, Update

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
EVENT = Event("s", "b", START, START + timedelta(hours=1), "l", ShowAs.BUSY)
MARK = Mark("o", BookingId("b"), MailboxId("m"), 1)
CREATE = Create(MARK, "k", EVENT, "s")
UPDATE = Update(MARK, EventId("e"), "", EVENT, "s")
DELETE = Delete(MARK, EventId("e"), "")
MADE = {
    "id": "e",
    "@odata.etag": 'W/"1"',
    "createdDateTime": "2026-11-23T08:00:00Z",
    "start": {"dateTime": "2026-11-23T09:00:00", "timeZone": "UTC"},
}


def error(code, **more):
    return {"error": {"code": code, "message": "m", **more}}


@pytest.mark.parametrize("status", [0, 100, 302])
def test_an_answer_that_no_server_of_ours_gives_leaves_the_outcome_open(status):
    assert type(outcome(UPDATE, Reply(status))) is OutcomeUnknown


def test_codes_are_read_without_regard_to_case_and_from_the_inside_too():
    nested = error("generalException", innerError={"innererror": {"code": "errorITEMnotfound"}})
    assert type(outcome(UPDATE, Reply(404, nested))) is Gone


@pytest.mark.parametrize(("existing", "told"), [("AAA=", "AAA="), ("", None), (7, None), (None, None)])
def test_a_used_key_tells_the_event_that_used_it_first(existing, told):
    refused = outcome(CREATE, Reply(400, error("ErrorDuplicateTransactionId", **{"@event.existingEventId": existing})))
    assert refused.existing == told


@pytest.mark.parametrize("reply", [Reply(204), Reply(404, error("ErrorItemNotFound"))])
def test_a_removal_is_done_also_where_the_event_was_gone(reply):
    assert outcome(DELETE, reply) == Receipt(EventId("e"), "")


@pytest.mark.parametrize("body", [None, {}, "<html>a proxy was here</html>"])
def test_a_removal_answered_with_a_page_may_not_have_been_carried_out(body):
    assert type(outcome(DELETE, Reply(200, body))) is OutcomeUnknown


def test_a_removal_in_a_mailbox_that_is_not_there_is_not_done():
    assert type(outcome(DELETE, Reply(404, error("MailboxNotEnabledForRESTAPI")))) is NotAMailbox


@pytest.mark.parametrize(
    ("action", "reply", "expected"),
    [
        (CREATE, Reply(201, MADE, None, START - timedelta(hours=2)), Receipt(EventId("e"), 'W/"1"')),
        (CREATE, Reply(201, MADE, None, START), Receipt(EventId("e"), 'W/"1"', suspect=True)),
        (CREATE, Reply(201, MADE), Receipt(EventId("e"), 'W/"1"', suspect=True)),
        (UPDATE, Reply(200, MADE), Receipt(EventId("e"), 'W/"1"')),
        (UPDATE, Reply(204), Receipt(EventId("e"), "")),
    ],
)
def test_a_sound_success_is_a_receipt(action, reply, expected):
    assert outcome(action, reply) == expected


@pytest.mark.parametrize("action", [CREATE, UPDATE])
@pytest.mark.parametrize("body", [None, [], {}, {"id": ""}, "x", {"id": 7}])
def test_a_success_without_an_event_leaves_the_outcome_open(action, body):
    assert type(outcome(action, Reply(201, body))) is OutcomeUnknown


@given(
    st.integers(0, 999),
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda s: st.dictionaries(st.sampled_from(["error", "code", "innerError", "message", "id", "start"]), s),
    ),
)
def test_no_answer_breaks_the_reading_of_outcomes(status, body):
    for action in (CREATE, UPDATE, DELETE):
        told = outcome(action, Reply(status, body))
        assert isinstance(told, Receipt | FieldcalError)
        assert "\n" not in str(told)


def test_a_servers_text_is_cut_and_cleaned_before_it_is_told():
    told = outcome(UPDATE, Reply(400, {"error": {"code": "X\n" * 99, "message": "a\x1b[31m\r\n" + "y" * 5000}}))
    assert len(str(told)) < 300
    assert str(told).isprintable()


def test_a_batch_carries_method_path_headers_and_body_of_each_item():
    sent = msgspec.json.decode(
        batch_body([Request("POST", "/users/a/events", {"x": 1}), Request("DELETE", "/e", etag='W/"1"')])
    )
    first, second = sent["requests"]
    assert (first["id"], first["method"], first["url"], first["body"]) == ("0", "POST", "/users/a/events", {"x": 1})
    assert first["headers"]["Content-Type"] == "application/json"
    assert second["headers"]["If-Match"] == 'W/"1"'
    assert "body" not in second
    assert "dependsOn" not in second
    assert all('IdType="ImmutableId"' in item["headers"]["Prefer"] for item in sent["requests"])
    assert all('outlook.timezone="UTC"' in item["headers"]["Prefer"] for item in sent["requests"])


def batch_answer(responses, date="Mon, 23 Nov 2026 10:00:00 GMT"):
    return Answer(200, {"Date": date}, msgspec.json.encode(responses), 1.5)


def test_the_replies_of_a_batch_come_in_any_order():
    told = batch_answer({"responses": [{"id": "1", "status": 204}, {"id": "0", "status": 201, "body": {"id": "e"}}]})
    first, second = batch_replies(told, 2)
    assert (first.status, first.body, second.status) == (201, {"id": "e"}, 204)
    assert first.earliest == datetime(2026, 11, 23, 9, 59, 58, 500_000, tzinfo=UTC)


def test_each_item_has_its_own_retry_after_decimals_too():
    told = batch_answer({"responses": [{"id": "0", "status": 429, "headers": {"retry-AFTER": "2.128"}}]})
    assert batch_replies(told, 1)[0].retry_after == 2.128


@pytest.mark.parametrize(
    "responses",
    [
        None,
        [],
        {},
        {"responses": None},
        {"responses": [None, 7, {}]},
        {"responses": [{"id": "1", "status": 201}]},
        {"responses": [{"id": 0, "status": 201}]},
        {"responses": [{"id": "0", "status": "201"}]},
        {"responses": [{"id": "0", "status": 201}, {"id": "0", "status": 500}]},
    ],
)
def test_an_item_without_one_sound_reply_counts_as_unanswered(responses):
    (reply,) = batch_replies(batch_answer(responses), 1)
    assert isinstance(reply, Unreachable)
    assert reply.code == "NoAnswer"


def test_a_batch_holds_at_most_twenty():
    assert batch.LARGEST_BATCH == 20
