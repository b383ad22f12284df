"""Each answer of the error table, read: to the one who must act next, for writes and for reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.wire.graph_errors import READS, ROWS, Action, Row

from fieldcal.answer import LONGEST_PAUSE, retry_after
from fieldcal.calendars.graph.replies import Reply, of_read, outcome, refusal, scope
from fieldcal.errors import Gone, NotAMailbox, SignInFailed
from fieldcal.model import BookingId, Create, Delete, Event, EventId, MailboxId, Mark, Receipt, ShowAs, Update, Write

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
EVENT = Event("s", "b", START, START + timedelta(hours=1), "l", ShowAs.BUSY)
MARK = Mark("o", BookingId("b"), MailboxId("m"), 1)
WRITES: dict[str, Write] = {
    "POST": Create(MARK, "k", EVENT, "s"),
    "PATCH": Update(MARK, EventId("e"), "", EVENT, "s"),
    "DELETE": Delete(MARK, EventId("e"), ""),
}


def body_of(row: Row) -> object:
    return msgspec.json.decode(row.body) if row.code else row.body


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_refused_write_says_who_must_act_next(row: Row) -> None:
    told = outcome(WRITES[row.method], Reply(row.status, body_of(row), 9.0 if row.headers else None))
    if row.write is Gone and row.method == "DELETE":
        assert told == Receipt(EventId("e"), "")
        return
    assert type(told) is row.write
    assert (told.status, told.code) == (row.status, row.code)
    assert getattr(told, "retry_after", 9.0) in (9.0, None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_refused_read_says_who_must_act_next(row: Row) -> None:
    assert type(of_read(refusal(row.status, body_of(row), 9.0))) is row.read


@pytest.mark.parametrize(("status", "code", "expected"), READS)
def test_a_read_that_gave_nothing_proves_nothing(status: int, code: str, expected: type[Exception]) -> None:
    assert type(of_read(refusal(status, {"error": {"code": code}} if code else None, None))) is expected


@pytest.mark.parametrize("row", [row for row in ROWS if row.status in (429, 509)], ids=lambda row: row.name)
def test_a_throttle_concerns_the_mailbox_unless_its_code_names_the_application(row: Row) -> None:
    whom = "connector" if row.action is Action.APPLICATION else "mailbox"
    assert scope(refusal(row.status, body_of(row), None)) == whom


def test_the_kinds_of_404_are_told_apart_in_words_that_say_what_to_mend() -> None:
    told = {}
    for row in ROWS:
        if row.status == 404 and row.write is NotAMailbox:
            told[row.code] = str(outcome(WRITES["POST"], Reply(404, body_of(row)))).partition(" (")[0]
    assert told == {
        "MailboxNotEnabledForRESTAPI": "the user has no mailbox in Exchange Online, or not yet",
        "MailboxNotSupportedForRESTAPI": "the user has no mailbox in Exchange Online, or not yet",
        "ResourceNotFound": "the user has no mailbox in Exchange Online, or not yet",
        "ErrorNonExistentMailbox": "the user has no mailbox in Exchange Online, or not yet",
        "ErrorInvalidUser": "the tenant has no such user",
        "Request_ResourceNotFound": "the tenant has no such user",
        "extensionError": "the mailbox is not served here: hosted on-premises, or out of the application's reach",
    }


def test_a_token_refused_for_one_request_says_nothing_of_the_others() -> None:
    told = outcome(WRITES["POST"], Reply(401, {"error": {"code": "InvalidAuthenticationToken"}}))
    assert isinstance(told, SignInFailed)
    assert not told.everywhere


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("0.249", 0.249),
        ("2.128", 2.128),
        (" 7 ", 7.0),
        ("Mon, 23 Nov 2026 10:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_PAUSE),
        ("1e300", LONGEST_PAUSE),
        ("-1", None),
        ("inf", None),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("7 seconds", None),
        ("Mon, 99 Foo 2026", None),
    ],
)
def test_f23_a_pause_is_read_from_seconds_decimals_and_dates_and_never_from_nonsense(
    text: str, seconds: float | None
) -> None:
    assert retry_after(text, datetime(2026, 11, 23, 10, tzinfo=UTC)) == seconds
