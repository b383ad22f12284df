"""At 200,000 stored bookings no hot query walks a table: each finds its rows by an index, with more than the environment."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from tests.state.stocked import stock
from tests.values import BOX, DAY, ENVIRONMENT, HOUR, NOW, SETTINGS, WINDOW, WORKER, booking_id

from fieldcal.engine import news
from fieldcal.model import BookingId, EventId, MailboxId
from fieldcal.setup_model import AddressState, AlertState, MailboxStanding, Selection, TrialStatus
from fieldcal.state import (
    accounts,
    activity,
    alerts,
    alike,
    audit,
    booking_lists,
    bookings,
    history,
    holdings,
    latency,
    links,
    mailboxes,
    marks,
    outcomes,
    pauses,
    plans,
    proofs,
    pruning,
    refused,
    sessions,
    users,
    waiting,
    workers,
)
from fieldcal.state.audit import Wanted as Lines
from fieldcal.state.booking_lists import Missing, Wanted
from fieldcal.state.database import Database
from fieldcal.state.history import Pass, Tally
from fieldcal.state.marks import Later, Marked
from fieldcal.state.pass_tables import passes
from fieldcal.state.people_tables import audit as audit_table
from fieldcal.state.tables import history as history_table
from fieldcal.state.tables import plan_rows

STORED, LINKED, MARKED, RUN = 200_000, 20_000, 5_000, 20_000
LARGE = (
    "bookings",
    "links",
    "marks",
    "history",
    "audit",
    "plan_rows",
    "mailboxes",
    "workers",
    "passes",
    "latencies",
    "pauses",
)
IDS = [booking_id(number) for number in range(1, 300)]
SEEN = Marked(IDS[0], 1, 0, NOW)
MISSING = Missing(WINDOW, SETTINGS)
PASS = Pass("run", "scheduled", NOW - HOUR, NOW, Tally(), "")

_FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
INSERT INTO bookings (environment, id, start, "end", worker, active, version, kind, stale)
SELECT 'main', printf('c0000000-0000-4000-8000-%012d', i), :begin + i * 60000000, :begin + (i + 60) * 60000000,
       CASE WHEN i % 200 = 0 THEN :worker ELSE 'worker-' || (i % 200) END, 1, i, 'committed', i % 1000 = 0 FROM n
"""
_LINK = """
INSERT INTO links (environment, mailbox, booking, generation, event, start, "end")
SELECT environment, CASE WHEN worker = :worker THEN :box ELSE 'box-' || worker END, id, 0, 'event-' || id, start, "end"
FROM bookings ORDER BY id LIMIT :many
"""
_MARK = """
INSERT INTO marks (environment, mailbox, booking, seq, since, due)
SELECT environment, mailbox, booking, 1, 0, start FROM links ORDER BY booking LIMIT :many
"""
_PEOPLE = """
INSERT INTO workers (environment, id, active, mailbox)
SELECT DISTINCT 'main', worker, 1, 'box-' || worker FROM bookings WHERE worker <> :worker
"""
_BOXES = """
INSERT OR IGNORE INTO mailboxes (environment, id, enabled) SELECT DISTINCT environment, mailbox, 1 FROM links
"""
_RUNS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
INSERT INTO passes (id, environment, kind, started_at, ended_at)
SELECT 'pass-' || i, 'main', CASE WHEN i % 3 = 0 THEN 'hinted' ELSE 'scheduled' END, :now - i * 1000000,
       CASE WHEN i > 1 THEN :now - i * 1000000 + 100 END FROM n
"""


@pytest.fixture(scope="module", params=["as made", "after ANALYZE"])
def large(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("large") / "state.sqlite3"
    shutil.copyfile(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    begin = int((NOW - 100 * DAY).timestamp()) * 1_000_000
    with database.write() as tx:
        stock(tx)
        tx.execute(text(_FILL), {"many": STORED, "begin": begin, "worker": WORKER.id})
        tx.execute(text(_LINK), {"many": LINKED, "worker": WORKER.id, "box": BOX})
        tx.execute(text(_MARK), {"many": MARKED})
        tx.execute(text(_PEOPLE), {"worker": WORKER.id})
        tx.execute(text(_BOXES))
        tx.execute(text(_RUNS), {"many": RUN, "now": int(NOW.timestamp()) * 1_000_000})
        if request.param == "after ANALYZE":
            tx.exec_driver_sql("ANALYZE")
    yield database
    database.close()


#: every query that a pass, a page of the feed, or a mailbox's round asks, and the service every second
HOT: dict[str, Callable[[Connection], Any]] = {
    "marks.due": lambda tx: marks.due(tx, ENVIRONMENT, BOX, NOW, 200),
    "waiting.ready": lambda tx: waiting.ready(tx, ENVIRONMENT, NOW),
    "waiting.ready, the first ones": lambda tx: waiting.ready(tx, ENVIRONMENT, NOW, 128),
    "waiting.left": lambda tx: [
        waiting.left(tx, ENVIRONMENT, NOW, NOW),
        waiting.left(tx, ENVIRONMENT, NOW, NOW, [BOX, "box-1"]),
    ],
    "accounts.of": lambda tx: accounts.of(tx, ENVIRONMENT, BOX),
    "bookings.unsettled": lambda tx: bookings.unsettled(tx, ENVIRONMENT, WINDOW),
    "alike.named": lambda tx: alike.named(tx, ENVIRONMENT, [BOX]),
    "plans.undecided": lambda tx: plans.undecided(tx, ENVIRONMENT),
    "mailboxes.page, of a test result": lambda tx: mailboxes.page(
        tx, ENVIRONMENT, Selection(test=TrialStatus.FAILURE, alerts=AlertState.ERROR, search="box"), limit=25
    ),
    "mailboxes.page, of a server profile": lambda tx: mailboxes.page(
        tx, ENVIRONMENT, Selection(server_profile="exchange", approval=AddressState.WAITING), limit=25
    ),
    "alerts.waiting": lambda tx: alerts.waiting(tx, ENVIRONMENT, [BOX, "box-1"]),
    "marks.due_mailboxes": lambda tx: marks.due_mailboxes(tx, ENVIRONMENT, NOW),
    "marks.recompute": lambda tx: marks.recompute(tx, ENVIRONMENT, [BOX]),
    "marks.mark": lambda tx: marks.mark(tx, ENVIRONMENT, [(BOX, key) for key in IDS], NOW, "test"),
    "marks.clear": lambda tx: marks.clear(tx, ENVIRONMENT, BOX, [SEEN]),
    "marks.postpone": lambda tx: marks.postpone(tx, ENVIRONMENT, BOX, [Later(SEEN, NOW, "busy")]),
    "marks.mark_mailbox": lambda tx: marks.mark_mailbox(tx, ENVIRONMENT, BOX, WINDOW, NOW, "enabled"),
    "bookings.starting": lambda tx: bookings.starting(tx, ENVIRONMENT, NOW, NOW + HOUR),
    "bookings.starting, the first ones": lambda tx: bookings.starting(tx, ENVIRONMENT, NOW, NOW + HOUR, 12),
    "bookings.load": lambda tx: bookings.load(tx, ENVIRONMENT, IDS),
    "bookings.stale": lambda tx: bookings.stale(tx, ENVIRONMENT, 500),
    "bookings.stale, a later page": lambda tx: bookings.stale(tx, ENVIRONMENT, 500, IDS[5]),
    "bookings.concerned": lambda tx: bookings.concerned(tx, ENVIRONMENT, IDS),
    "bookings.store_proofs": lambda tx: bookings.store_proofs(tx, ENVIRONMENT, IDS, NOW),
    "bookings.set_stale": lambda tx: bookings.set_stale(tx, ENVIRONMENT, IDS),
    "bookings.seen": lambda tx: bookings.seen(tx, ENVIRONMENT, IDS, "run"),
    "links.load": lambda tx: links.load(tx, ENVIRONMENT, BOX, IDS),
    "links.of_booking": lambda tx: links.of_booking(tx, ENVIRONMENT, IDS[0]),
    "links.of_mailbox": lambda tx: links.of_mailbox(tx, ENVIRONMENT, BOX),
    "links.not_ended": lambda tx: links.not_ended(tx, ENVIRONMENT, NOW, 500),
    "links.refresh_etags": lambda tx: links.refresh_etags(tx, ENVIRONMENT, BOX, [(EventId("event-1"), "x")]),
    "workers.load": lambda tx: workers.load(tx, ENVIRONMENT, [WORKER.id]),
    "plans.take_budget": lambda tx: plans.take_budget(tx, ENVIRONMENT, 60, NOW),
    "plans.verdicts": lambda tx: plans.verdicts(tx, ENVIRONMENT, BOX, IDS),
    "plans.finish": lambda tx: plans.finish(tx, ENVIRONMENT, BOX, [BookingId(IDS[0])]),
    "history.unended": lambda tx: history.unended(tx, passes.c.environment == ENVIRONMENT, passes.c.kind == "hinted"),
    "how many writes the pass under way has seen": lambda tx: waiting._written(tx, ENVIRONMENT, NOW),
    "pauses.ends": lambda tx: pauses.ends(tx, NOW),
    "pauses.lasting": lambda tx: pauses.lasting(tx, NOW),
    "news.look": lambda tx: news.look(tx, ENVIRONMENT),
    "audit.latest, of one subject": lambda tx: audit.latest(tx, 15, f"{ENVIRONMENT}/{BOX}"),
    "audit.latest, about one thing": lambda tx: audit.latest(tx, 20, wanted=Lines(about=f"{ENVIRONMENT}/{BOX}")),
    "audit.page": lambda tx: audit.page(tx, Lines(), 50),
    "audit.page, a later one": lambda tx: audit.page(tx, Lines(), 50, (NOW, 1_000)),
    "audit.page, of a user": lambda tx: audit.page(tx, Lines(since=NOW - DAY, actor="eve"), 50, (NOW, 1_000)),
    "audit.page, of a deed": lambda tx: audit.page(tx, Lines(until=NOW, action="mailbox edit"), 50),
    "audit.page, of what begins so": lambda tx: audit.page(tx, Lines(begins="main/"), 50),
    "audit.following": lambda tx: audit.following(tx, Lines(actor="eve"), 1_000, (NOW, 1_000)),
    "audit.actions and actors": lambda tx: (audit.actions(tx), audit.actors(tx)),
    "history.last_passes, a later page": lambda tx: history.last_passes(tx, ENVIRONMENT, 50, (NOW, "run")),
    "history.of_mailbox": lambda tx: history.of_mailbox(tx, ENVIRONMENT, BOX),
    "links.between": lambda tx: links.between(tx, ENVIRONMENT, BOX, NOW, NOW + 7 * DAY),
    "history.of_booking": lambda tx: history.of_booking(tx, ENVIRONMENT, IDS[0]),
    "pruning.old_bookings": lambda tx: pruning.old_bookings(tx, ENVIRONMENT, NOW - 90 * DAY),
    "pruning.old_bookings, a later page": lambda tx: pruning.old_bookings(
        tx, ENVIRONMENT, NOW - 90 * DAY, (NOW - 95 * DAY, IDS[5])
    ),
    "pruning.forget": lambda tx: pruning.forget(tx, ENVIRONMENT, IDS, NOW - 90 * DAY),
    "pruning.thin": lambda tx: pruning.thin(tx, ENVIRONMENT, IDS, NOW - 90 * DAY),
    "pruning.drop, the history": lambda tx: pruning.drop(tx, history_table, pruning.history_before(NOW)),
    "pruning.drop, the audit": lambda tx: pruning.drop(tx, audit_table, pruning.audit_before(NOW)),
    "pruning.drop, plans": lambda tx: pruning.drop(tx, plan_rows, pruning.plan_rows_before(NOW)),
    "a list of bookings, those of days": lambda tx: booking_lists.page(
        tx, ENVIRONMENT, Wanted(since=NOW, until=NOW + DAY)
    ),
    "a list of bookings, searched by number": lambda tx: booking_lists.page(tx, ENVIRONMENT, Wanted(number="WO-00012")),
    "a list of bookings, searched by account and day": lambda tx: booking_lists.page(
        tx, ENVIRONMENT, Wanted(account="school", since=NOW)
    ),
    "a list of bookings, of workers": lambda tx: booking_lists.page(
        tx, ENVIRONMENT, Wanted(workers=[WORKER.id, "worker-1"], since=NOW)
    ),
    "a list of bookings, what is missing": lambda tx: [
        booking_lists.page(tx, ENVIRONMENT, Wanted(missing=MISSING)),
        booking_lists.count(tx, ENVIRONMENT, Wanted(missing=MISSING)),
        booking_lists.ids(tx, ENVIRONMENT, Wanted(missing=MISSING, workers=[WORKER.id], number="wo")),
    ],
    "a list of bookings, what was tried in vain": lambda tx: [
        booking_lists.page(tx, ENVIRONMENT, Wanted(trouble=True)),
        booking_lists.count(tx, ENVIRONMENT, Wanted(trouble=True, workers=[WORKER.id])),
    ],
    "the alert about what was refused": lambda tx: refused.tell(tx, ENVIRONMENT, BOX, NOW, anew=False),
    "how many bookings are found": lambda tx: [
        booking_lists.count(tx, ENVIRONMENT, wanted)
        for wanted in (Wanted(since=NOW), Wanted(number="wo-1"), Wanted(account="a", until=NOW), Wanted(workers=["w"]))
    ],
    "history.one_pass": lambda tx: history.one_pass(tx, ENVIRONMENT, "run"),
    "outcomes of a pass": lambda tx: [
        outcomes.deeds(tx, ENVIRONMENT, PASS),
        outcomes.failures_of(tx, ENVIRONMENT, PASS),
        outcomes.lines(tx, ENVIRONMENT, PASS, offset=25, limit=25),
    ],
    "outcomes.failures_since": lambda tx: outcomes.failures_since(tx, ENVIRONMENT, NOW - DAY),
    "latency": lambda tx: [latency.by_hour(tx, ENVIRONMENT, NOW), latency.since(tx, ENVIRONMENT, NOW)],
    "marks.of_bookings": lambda tx: marks.of_bookings(tx, ENVIRONMENT, IDS),
    "links.of_bookings": lambda tx: links.of_bookings(tx, ENVIRONMENT, IDS),
    "a worker's new mailbox": lambda tx: workers._mark_bookings(tx, ENVIRONMENT, [WORKER], WINDOW, NOW),
}


#: what the pages ask for their lists and charts; such a list may read all of one environment's index, never a table
LISTS: dict[str, Callable[[Connection], Any]] = {
    "mailboxes.page": lambda tx: mailboxes.page(tx, ENVIRONMENT, Selection(), limit=25),
    "mailboxes.page, a later one": lambda tx: mailboxes.page(tx, ENVIRONMENT, Selection(), offset=150, limit=25),
    "mailboxes.page, searched": lambda tx: mailboxes.page(tx, ENVIRONMENT, Selection(search="box"), limit=25),
    "mailboxes.page, of those that stand so": lambda tx: mailboxes.page(
        tx, ENVIRONMENT, Selection(standing=MailboxStanding.OFF, alerts=AlertState.NONE), limit=25
    ),
    "history.last_passes": lambda tx: history.last_passes(tx, ENVIRONMENT, 25, offset=50),
    "history.count_passes": lambda tx: history.count_passes(tx, ENVIRONMENT),
    "activity.by_hour": lambda tx: activity.by_hour(tx, ENVIRONMENT, NOW),
    "alerts.page": lambda tx: alerts.page(tx, ENVIRONMENT, alerts.LEVELS, "source", seen=False),
    "alerts.groups": lambda tx: alerts.groups(tx, ENVIRONMENT, alerts.LEVELS, seen=False),
    "holdings.look": holdings.look,
    "workers.called": lambda tx: workers.called(tx, ENVIRONMENT, "anna", 20),
    "users.page": lambda tx: users.page(tx, "", sort="id", offset=0, limit=25),
    "users.by_sign_in": lambda tx: users.by_sign_in(tx, "anna@x.example"),
    "users.by_object_id": lambda tx: users.by_object_id(tx, "some"),
    "sessions.find": lambda tx: sessions.find(tx, "digest"),
    "sessions.of_user": lambda tx: sessions.of_user(tx, "anna"),
    "proofs.tries": lambda tx: proofs.tries(tx, "user:x"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_page_s_list_is_read_by_an_index_and_sorted_by_it(large: Database, name: str) -> None:
    steps = _plans(large, LISTS[name])
    assert steps, "it asked nothing"
    walks = [step for step in steps if step.startswith("SCAN") and " USING " not in step]
    assert walks == []
    if ", searched" not in name and "hour" not in name:
        assert [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step] == []


@pytest.mark.parametrize("name", HOT)
def test_a_hot_query_walks_no_table(large: Database, name: str) -> None:
    steps = _plans(large, HOT[name])
    assert steps, "it asked nothing"
    assert [step for step in steps if _walks(step)] == []


@pytest.mark.parametrize("name", ["pruning.forget", "pruning.thin"])
def test_what_is_pruned_is_looked_up_by_its_id(large: Database, name: str) -> None:
    steps = [step for step in _plans(large, HOT[name]) if step.startswith("SEARCH bookings")]
    assert steps
    assert [step for step in steps if "(environment=? AND id=?)" not in step] == []


def _walks(step: str) -> bool:
    """Whether this step of a plan reads all of a large table, or all of an environment's part of it."""
    table = re.match(r"(?:SCAN|SEARCH) (\w+)", step)
    if table is None or table[1] not in LARGE:
        return False
    few = any(f"ix_{name}" in step for name in ("mailboxes_unread", "marks_tried", "passes_open"))  # hold these alone
    return step.startswith("SCAN") or (step.endswith("(environment=?)") and not few)


def _plans(database: Database, ask: Callable[[Connection], Any]) -> list[str]:
    """The steps of every statement that `ask` sends; what it wrote is rolled back."""
    sent: list[tuple[str, Any]] = []

    def hear(
        _connection: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
    ) -> None:
        sent.append((statement, parameters[0] if many else parameters))

    steps: list[str] = []
    with database._writer.connect() as tx:
        event.listen(database._writer, "before_cursor_execute", hear)
        try:
            ask(tx)
        finally:
            event.remove(database._writer, "before_cursor_execute", hear)
        for statement, parameters in sent:
            rows = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps += [row[3] for row in rows]
        tx.rollback()
    return steps


def test_the_walking_of_a_table_is_noticed(large: Database) -> None:
    def ask(tx: Connection) -> None:
        tx.execute(text("SELECT count(*) FROM bookings WHERE place = 'x'")).all()
        tx.execute(text("SELECT count(*) FROM links WHERE environment = 'main' AND subject = 'x'")).all()

    assert len([step for step in _plans(large, ask) if _walks(step)]) == 2


def test_what_the_hot_queries_answer_at_this_size_is_right(large: Database) -> None:
    with large.read() as tx:
        assert len(bookings.starting(tx, ENVIRONMENT, NOW, NOW + timedelta(minutes=30))) == 30
        found = bookings.load(tx, ENVIRONMENT, bookings.starting(tx, ENVIRONMENT, NOW, NOW + timedelta(days=30), 12))
        assert max(one.known.booking.start for one in found.values()) <= NOW + timedelta(minutes=12)
        assert len(bookings.stale(tx, ENVIRONMENT, 500)) == STORED // 1000
        assert len(bookings.load(tx, ENVIRONMENT, IDS)) == len(IDS)
        assert (
            len(marks.due(tx, ENVIRONMENT, MailboxId(BOX), NOW + 365 * DAY, 10_000)) == MARKED // 200 - MARKED // 1000
        )
