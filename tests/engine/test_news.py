"""What is looked at for news every second: no more of the state than there is to tell, however much stands in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event, insert
from structlog.testing import capture_logs
from tests.values import ENVIRONMENT, NOW

from fieldcal.engine import news
from fieldcal.model import BookingId, MailboxId
from fieldcal.plan.spread import Spread
from fieldcal.state import alerts, plans
from fieldcal.state.database import Database
from fieldcal.state.history import Tally
from fieldcal.state.tables import mailboxes
from fieldcal.sync.passes import Report


def fill(database: Database, failing: int, other: int) -> None:
    """Mailboxes, so many of them failing, of which every second one is off; others with good news and finished plans."""
    boxes = [MailboxId(f"box-{number:03}") for number in range(failing + other)]
    with database.write() as tx:
        rows = [{"environment": ENVIRONMENT, "id": box, "enabled": n % 2 == 1} for n, box in enumerate(boxes)]
        tx.execute(insert(mailboxes), rows)
        for box in boxes[:failing]:
            alerts.raise_alert(tx, ENVIRONMENT, box, "mailbox-failing", "warning", "HTTP 503", NOW)
        for number, box in enumerate(boxes):
            alerts.raise_alert(tx, ENVIRONMENT, box, "test-enable", "information", "it works", NOW)
            removals = [(box, BookingId(f"b-{number}"), "clean")]
            plan = plans.approve(tx, ENVIRONMENT, "clean", removals, "petra", "", NOW)
            plans.close(tx, ENVIRONMENT, plan, box, [BookingId(f"b-{number}")])
        plans.hold(tx, ENVIRONMENT, [(boxes[0], BookingId(name), "deleted@1") for name in "xyz"], "why", NOW)


@pytest.mark.parametrize(("failing", "other"), [(4, 0), (4, 40), (40, 4)])
def test_a_look_for_news_reads_three_times_and_only_what_it_tells(database: Database, failing: int, other: int) -> None:
    fill(database, failing, other)
    sent: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement != "BEGIN":
            sent.append((statement, parameters))

    with database.read() as tx:
        event.listen(tx, "before_cursor_execute", hear)
        seen = news.look(tx, ENVIRONMENT)
        event.remove(tx, "before_cursor_execute", hear)
        rows = [len(tx.exec_driver_sql(*one).all()) for one in sent]
    assert sorted(rows) == sorted([failing, failing // 2, 1])
    assert {key[1] for key in seen.alerts} == {"mailbox-failing"}
    assert seen.off == {f"box-{number:03}" for number in range(0, failing, 2)}
    assert [(plan.state, plan.rows) for plan in seen.held.values()] == [("held", 3)]


@pytest.mark.parametrize(
    ("took", "next_pass", "also"),
    [
        (Spread(), None, {}),
        (Spread.of(1.0), None, {"latency_p95": 1.0}),
        (Spread(), NOW, {"next_pass": f"{NOW:%Y-%m-%d %H:%M:%SZ}"}),
    ],
)
def test_a_pass_is_told_in_plain_words_and_numbers(
    took: Spread, next_pass: datetime | None, also: dict[str, object]
) -> None:
    report = Report("run-1", Tally(changes=2, created=1, same=1, took=took), 3)
    with capture_logs() as lines:
        news.pass_done(ENVIRONMENT, "mailbox", report, 0.51, next_pass)
    plain = {"changes": 2, "created": 1, "mailboxes": 3, "seconds": 0.5, "run": "run-1", "kind": "mailbox"}
    told = {"event": "a pass is done", "log_level": "info", "action": "pass", "environment": ENVIRONMENT}
    assert lines == [told | plain | also]
