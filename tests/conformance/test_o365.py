"""The O365 client for Python works on a calendar of the embedded Exchange, through its own extension points."""

from __future__ import annotations

import uuid
import warnings
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.server import serving_in_thread

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
pytest.importorskip("O365", reason="the independent clients are installed by `make conformance`")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from O365 import Account, MSGraphProtocol
    from O365.utils.token import MemoryTokenBackend
    from requests import HTTPError

UPN = "tech@contoso.test"
START = datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Europe/Berlin"))


class Granted(MemoryTokenBackend):
    """A token store that has its token already; O365 signs in at Microsoft's own address only."""

    def __init__(self, token):
        super().__init__()
        self._token = token

    def get_access_token(self, *, username=None):  # noqa: ARG002 # as O365 asks for it
        return {"secret": self._token}

    def should_refresh_token(self, con=None, *, username=None):  # noqa: ARG002 # as O365 asks for it
        return False


@pytest.fixture
def exchange(tmp_path):
    with Exchange(tmp_path / "exchange.db") as made:
        made.store.mailboxes.add([NewMailbox(uuid.uuid4(), UPN, "Tech", zone="W. Europe Standard Time")])
        yield made


@pytest.fixture
def calendar(exchange):
    with serving_in_thread(exchange.app) as url:

        class Local(MSGraphProtocol):
            _protocol_url = f"{url}/"

        account = Account(
            ("app", "secret"),
            protocol=Local(timezone="Europe/Berlin"),
            auth_flow_type="credentials",
            tenant_id=str(exchange.tenant_id),
            main_resource=UPN,
            token_backend=Granted(exchange.token()),
            requests_delay=0,
            request_retries=0,
        )
        yield account.schedule(resource=UPN).get_default_calendar()
        if account.connection.session is not None:
            account.connection.session.close()
        if account.connection.naive_session is not None:
            account.connection.naive_session.close()


def listed(calendar):
    # It follows nextLinks by itself; a batch size makes it page.
    return list(calendar.get_events(limit=50, batch=2, include_recurring=False))


def test_it_creates_lists_updates_and_deletes_an_event(calendar, exchange):
    assert calendar.name == "Calendar"
    event = calendar.new_event(subject="WO-1 Boiler")
    event.start, event.end = START, START + timedelta(hours=1)
    event.body = "<p>Cellar</p>"
    event.location = "Harry's Bar"
    event.is_reminder_on = False
    assert event.save()
    (kept,) = exchange.hands.look(UPN)
    assert (kept.start, kept.end) == ("2026-11-24T09:00:00.0000000", "2026-11-24T10:00:00.0000000")
    (found,) = listed(calendar)
    assert (found.object_id, found.subject, found.location["displayName"]) == (
        event.object_id,
        "WO-1 Boiler",
        "Harry's Bar",
    )
    assert (found.start, found.end) == (START, START + timedelta(hours=1))
    assert "Cellar" in found.body
    assert found.is_reminder_on is False
    found.subject, found.start, found.end = "WO-1 moved", START + timedelta(days=1), START + timedelta(days=1, hours=2)
    assert found.save()
    assert calendar.get_event(event.object_id).subject == "WO-1 moved"
    assert found.delete()
    assert listed(calendar) == []
    assert exchange.store.mailboxes.get(UPN).mails_sent == 0


def test_it_follows_pages_and_reads_a_window(calendar, exchange):
    for day in range(5):
        start = START + timedelta(days=day)
        times = {"start": start, "end": start + timedelta(hours=1)}
        body = {
            name: {"dateTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}
            for name, at in times.items()
        }
        exchange.hands.add(UPN, {"subject": f"Job {day}", **body})
    assert [event.subject for event in listed(calendar)] == [f"Job {day}" for day in range(5)]
    window = calendar.get_events(
        limit=50,
        include_recurring=True,
        start_recurring=START + timedelta(days=1),
        end_recurring=START + timedelta(days=3),
    )
    assert [event.subject for event in window] == ["Job 1", "Job 2"]


def test_an_event_that_is_gone_is_an_http_error(calendar):
    event = calendar.new_event(subject="Short")
    event.start, event.end = START, START + timedelta(hours=1)
    event.save()
    named = event.object_id
    event.delete()
    with pytest.raises(HTTPError, match="404"):
        calendar.get_event(named)
