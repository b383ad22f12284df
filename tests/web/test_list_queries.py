"""Whatever a page or the REST API shows, it finds by an index: every statement of every GET route is explained.

No list has to be kept of them. Which index a statement takes is chosen from the statement and the tables, not from the
rows, as long as nothing was analyzed: so a state of a few rows tells as well as a large one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from tests.values import booking_id
from tests.web.centre_end import Centre
from tests.web.test_api import token
from tests.web.test_api_openapi import real_state

from fieldcal.setup_model import Role
from fieldcal.state.database import Database
from fieldcal.web.api.resource import found as resources
from fieldcal.web.section import sections

#: Tables that grow with bookings or with time, of which nothing may read an environment's whole part.
LARGE = frozenset({"bookings", "links", "marks", "history", "audit", "plan_rows"})
#: Tables that have a row or a few for each mailbox or pass: read by an index, all of an environment's part at most.
LESS = frozenset({"mailboxes", "workers", "passes", "latencies", "alerts", "findings", "set_aside"})
#: What reads more all the same: how the path begins, the table ("": any), what the statement holds, and why that is borne.
BORNE = (
    ("", "marks", "count(*)", "what waits is counted; it is little, but in a first load"),
    ("", "marks", "ix_marks_tried", "an index that holds only what was tried in vain"),
    ("", "links", "count(*)", "events that stand are counted, by an index of these alone: 10 ms for 180,000"),
    ("/plans/preview", "marks", "SELECT marks.booking", "all that waits is what is shown"),
    ("/api/v1/environments/main/plans/preview", "marks", "SELECT marks.booking", "likewise"),
    ("/environments/remove", "links", "links.mailbox", "asked for once in an environment's life"),
    ("/data", "", "count(*)", "what is kept is counted, by indexes that hold it all; nobody looks often"),
    ("/api/v1/data", "", "count(*)", "likewise"),
    ("/api/v1/environments/main/bookings", "bookings", "count(*)", "a list's total, by an index that holds it all"),
)

FILLED = {
    "mailbox": "box-00001", "booking": booking_id(1), "plan": "1", "number": "1", "run": "run-1", "environment": "main",
    "profile": "exchange", "name": "anna", "task": "none", "user": "anna",
}  # fmt: skip
#: Queries that lead to other statements than the path alone.
QUERIES = {
    "/mailboxes": ["search=w", "state=enabled", "standing=failing", "standing=off&reason=x", "approval=waiting&test=failure",
                   "alerts=any&server_profile=exchange", "appointments=none", "sort=-last_sync_at", "sort=next_due", "page=2"],
    "/bookings": ["number=wo-1", "account=contoso", "worker=anna", "number=wo-1&account=c&worker=anna&from=2026-11-01",
                  "page=2", "from=2026-11-01&to=2026-11-30", "show=missing", "show=missing&worker=anna", "show=trouble"],
    "/passes": ["page=2"], "/passes/{run}": ["page=2"], "/alerts": ["level=error", "state=acknowledged", "page=2"],
    "/audit": ["actor=a", "subject=main", "action=mailbox+test", "since=2026-11-01", "page=2"], "/users": ["search=a"],
    "/check": ["kind=changed", "page=2"], "/plans/{number}": ["page=2"],
}  # fmt: skip


def paths() -> list[str]:
    """Every address that shows something, with its queries."""
    shown = [page.path for section in sections() for page in section.pages if page.method == "GET"]
    shown += [f"/api/v1{one.path}" for resource in resources() for one in resource.operations if one.method == "GET"]
    found = []
    for path in shown:
        filled = re.sub(r"\{(\w+)\}", lambda name: FILLED.get(name[1], "none"), path)
        found += [filled, *(f"{filled}?{query}" for query in QUERIES.get(path, []))]
    return found


@contextmanager
def heard(database: Database) -> Iterator[dict[str, Any]]:
    """Every statement that is read with meanwhile, and a set of its values."""
    sent: dict[str, Any] = {}

    def hear(_c: object, _cursor: object, statement: str, values: Any, _context: object, _many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            sent.setdefault(statement, values)

    for engine in {database._reader, database._writer}:
        event.listen(engine, "before_cursor_execute", hear)
    try:
        yield sent
    finally:
        for engine in {database._reader, database._writer}:
            event.remove(engine, "before_cursor_execute", hear)


def walks(database: Database, sent: dict[str, Any]) -> list[tuple[str, str]]:
    """Of these statements what reads a table, or too much of it: the table, and the step of the plan."""
    found = []
    with database.read() as tx:
        for statement, values in sent.items():
            steps = [str(row[3]) for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            sorts = any("TEMP B-TREE FOR ORDER BY" in step for step in steps)
            for step in steps:
                table = re.match(r"(?:SCAN|SEARCH) (\w+)", step)
                if table is None or table[1] not in LARGE | LESS:
                    continue
                whole = step.startswith("SCAN") and " USING " not in step
                # In the order of its index, and no farther than the page's end.
                ends = "ORDER BY" in statement and "LIMIT" in statement and not sorts
                part = step.startswith("SCAN") or (step.endswith("(environment=?)") and not ends)
                if whole or (table[1] in LARGE and part):
                    found.append((table[1], f"{step}: {' '.join(statement.split())}"))
    return found


def test_every_route_that_shows_something_finds_it_by_an_index(place: Centre) -> None:
    async def story(at: Centre) -> None:
        real_state(at)
        browser, headers = await at.signed_in("everything", *Role), token(at, "script", *Role)
        wrong: list[str] = []
        asked = 0
        for path in paths():
            with heard(at.app.database) as sent:
                answer = await browser.ask("GET", path, headers=headers if path.startswith("/api") else {})
            asked += bool(sent) and answer.status == 200
            for table, step in walks(at.app.database, sent):
                if not any(
                    path.startswith(begin) and of in ("", table) and part in step for begin, of, part, _ in BORNE
                ):
                    wrong.append(f"{path} ({answer.status}): {step[:400]}")
        assert not wrong, "\n".join(wrong)
        assert asked > 40

    place.play(story)


def test_what_walks_a_table_is_noticed(place: Centre) -> None:
    async def story(at: Centre) -> None:
        sent = {
            "SELECT count(*) FROM bookings WHERE place = ?": ("x",),
            "SELECT id FROM history WHERE environment = ? AND answer = ?": ("main", "x"),
            "SELECT id FROM bookings WHERE environment = ? ORDER BY name LIMIT 5": ("main",),
            "SELECT id FROM bookings WHERE environment = ? ORDER BY start LIMIT 5": ("main",),
            "SELECT id FROM bookings WHERE environment = ? AND id = ?": ("main", "x"),
        }
        assert [table for table, _ in walks(at.app.database, sent)] == ["bookings", "history", "bookings"]

    place.play(story)
