"""The live suite itself, run as a process of its own against the embedded ends in a tenant's place."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.contracts.dataverse_end import START, DataverseEnd
from tests.contracts.graph_end import ORGANIZATION, OURS, GraphEnd
from tests.contracts.writing import booking, free
from tests.live.end import LiveCalendarEnd
from tests.live.questions import CALENDAR, SOURCE
from tests.live.tenant import VARIABLES, Refused, Tenant

from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.server import make_certificates, serving_in_thread

ROOT = Path(__file__).parents[2]
#: enough of the suite to know that it works; `make slow` runs it whole
SOME = "no_others or key_used or claim_is_seen or (is_asked and deleted) or live_source or the_source_is_asked"
SECRET = "PLANTED-secret-of-the-live-suite"


@dataclass
class InItsPlace:
    """Both embedded ends at work in this process, and the variables that lead to them."""

    calendar: GraphEnd
    source: DataverseEnd
    given: dict[str, str]

    def runs(self, *words: str, **changes: str) -> tuple[int, str]:
        """The suite as a process; its exit status and what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FIELDCAL_")}
        done = subprocess.run(
            [sys.executable, "-m", "tests.live", "-q", *words], cwd=ROOT, env={**kept, **self.given, **changes},
            capture_output=True, text=True, timeout=1700, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def in_its_place(tmp_path: Path) -> Iterator[InItsPlace]:
    with ExitStack() as stack:
        calendar, source = GraphEnd(tmp_path / "calendar.sqlite3"), DataverseEnd(tmp_path / "source.sqlite3")
        stack.callback(calendar.close)
        stack.callback(source.close)
        graph = stack.enter_context(serving_in_thread(calendar.exchange.app))
        dataverse = stack.enter_context(serving_in_thread(source.server.app))
        for number in range(5):
            source.books(number)
        given = {
            "FIELDCAL_LIVE": "1", "FIELDCAL_LIVE_CREDENTIAL": "token", "FIELDCAL_LIVE_TEST_MAILBOX": str(OURS),
            "FIELDCAL_LIVE_GRAPH": graph, "FIELDCAL_LIVE_GRAPH_SECRET": "env:GRAPH_TOKEN",
            "FIELDCAL_LIVE_DATAVERSE": dataverse, "FIELDCAL_LIVE_DATAVERSE_SECRET": "env:DATAVERSE_TOKEN",
            "GRAPH_TOKEN": calendar.exchange.token(), "DATAVERSE_TOKEN": source.server.tokens.grant(dataverse),
        }  # fmt: skip
        yield InItsPlace(calendar, source, given)


@pytest.fixture
def there(in_its_place: InItsPlace, monkeypatch: pytest.MonkeyPatch) -> LiveCalendarEnd:
    """The end that the suite works with, in this process."""
    monkeypatch.setenv("GRAPH_TOKEN", in_its_place.given["GRAPH_TOKEN"])
    return LiveCalendarEnd(Tenant.named(in_its_place.given))


def test_it_passes_answers_and_leaves_nothing_but_what_was_there(in_its_place: InItsPlace) -> None:
    in_its_place.calendar.worker_adds(START)
    in_its_place.source.forget_requests()
    status, printed = in_its_place.runs("-k", SOME)
    assert status == 0, printed
    assert "what this tenant answers" in printed
    assert "calendar  transactionId of a deleted event" in printed
    assert all(question in printed for question in SOURCE)
    assert [row[0] for row in in_its_place.calendar.shown()] == ["Dentist"]
    assert {method for method, _ in in_its_place.source.requests()} == {"GET"}
    assert not any(in_its_place.given[name] in printed for name in ("GRAPH_TOKEN", "DATAVERSE_TOKEN"))


def test_it_cleans_up_after_a_failure(in_its_place: InItsPlace) -> None:
    in_its_place.calendar.fault("status", method="PATCH", path="events", status=500, times=None)
    status, printed = in_its_place.runs("-k", "an_update_without_an_etag")
    assert status == 1, printed
    assert in_its_place.calendar.events() == []


def test_what_a_run_that_died_has_left_goes_with_the_next_one(in_its_place: InItsPlace, there: LiveCalendarEnd) -> None:
    in_its_place.calendar.worker_adds(START)
    there.worker_adds(START)
    there.worker_adds(START, mark=f"1/{ORGANIZATION}/{booking()}/{OURS}/1")
    assert len(in_its_place.calendar.events()) == 3
    assert there.clean() == 2
    assert [row[0] for row in in_its_place.calendar.shown()] == ["Dentist"]
    assert there.clean() == 0


def test_it_does_not_touch_a_mailbox_that_somebody_synchronizes(
    in_its_place: InItsPlace, there: LiveCalendarEnd
) -> None:
    in_its_place.calendar.worker_adds(START)
    claims(in_its_place, "somebody/else")
    in_its_place.calendar.exchange.control.clear_ledger()
    with pytest.raises(Refused, match=r"synchronized by an installation .*somebody/else"):
        there.is_for_tests()
    assert {method for method, _ in in_its_place.calendar.requests()} == {"GET"}


def claims(place: InItsPlace, value: str) -> None:
    async def go() -> None:
        async with place.calendar.serve():
            await place.calendar.calendar().set_claim(value, free)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"FIELDCAL_LIVE": ""}, "set FIELDCAL_LIVE=1 if that is what you want"),
        ({"FIELDCAL_LIVE": "yes"}, "set FIELDCAL_LIVE=1 if that is what you want"),
        ({"FIELDCAL_LIVE_TEST_MAILBOX": ""}, "set FIELDCAL_LIVE_TEST_MAILBOX"),
        ({"FIELDCAL_LIVE_SECRET": ""}, "set FIELDCAL_LIVE_SECRET"),
        ({"FIELDCAL_LIVE_SECRET": SECRET}, "write env:NAME or file:PATH, never the secret itself"),
    ],
)
def test_it_refuses_in_one_line_what_was_not_asked_for_in_full(changes: dict[str, str], told: str) -> None:
    given = {
        "FIELDCAL_LIVE": "1", "FIELDCAL_LIVE_TEST_MAILBOX": "test@contoso.test", "FIELDCAL_LIVE_TENANT": "t",
        "FIELDCAL_LIVE_CLIENT_ID": "c", "FIELDCAL_LIVE_SECRET": "env:X",
    }  # fmt: skip
    with pytest.raises(Refused) as refused:
        Tenant.named({**given, **changes})
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_without_the_variable_the_process_asks_nobody_and_says_so(in_its_place: InItsPlace) -> None:
    status, printed = in_its_place.runs(FIELDCAL_LIVE="")
    assert (status, printed.count("\n")) == (2, 1)
    assert in_its_place.calendar.sent() == 0
    assert in_its_place.source.requests() == []


def test_every_variable_and_question_stands_in_the_guide() -> None:
    page = (ROOT / "docs" / "live-suite.md").read_text(encoding="utf-8")
    assert [name for name in [*VARIABLES, *CALENDAR, *SOURCE] if name not in page] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_suite_over_tls_with_a_sign_in_of_its_own(tmp_path: Path) -> None:
    tls = make_certificates(tmp_path)
    with ExitStack() as stack:
        exchange = stack.enter_context(
            Exchange(tmp_path / "calendar.sqlite3", clients={"fieldcal": SECRET}, sandbox=True)
        )
        exchange.store.mailboxes.add([NewMailbox(OURS, "anna@contoso.test", "Anna")])
        graph = stack.enter_context(serving_in_thread(exchange.app, tls=tls))
        given = {
            "FIELDCAL_LIVE": "1", "FIELDCAL_LIVE_TEST_MAILBOX": "anna@contoso.test", "FIELDCAL_LIVE_GRAPH": graph,
            "FIELDCAL_LIVE_AUTHORITY": graph, "FIELDCAL_LIVE_TENANT": str(exchange.tenant_id),
            "FIELDCAL_LIVE_CLIENT_ID": "fieldcal", "FIELDCAL_LIVE_SECRET": "env:SECRET", "SECRET": SECRET,
            "FIELDCAL_LIVE_CA": str(tls.ca_file),
        }  # fmt: skip
        status, printed = InItsPlace(None, None, given).runs()  # type: ignore[arg-type] # only its variables are asked
        assert status == 0, printed
        assert SECRET not in printed
        assert exchange.hands.look(OURS) == []
        assert all(question in printed for question in CALENDAR)
