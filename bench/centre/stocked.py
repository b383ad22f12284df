"""A state as a large organization's is after some weeks, made in the tables themselves: nothing of it ever happened."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, insert

from bench.ends import made_id
from fieldcal.sent import Sent, Side
from fieldcal.state.pace_tables import pauses
from fieldcal.state.pass_tables import latencies, passes
from fieldcal.state.people_tables import audit
from fieldcal.state.rows import to_json
from fieldcal.state.tables import (
    alerts,
    bookings,
    environments,
    feeds,
    findings,
    history,
    links,
    mailboxes,
    marks,
    plan_rows,
    plans,
    profiles,
    workers,
)

NAME, PROFILE = "main", "exchange"
#: What of the bookings lies ahead: the rest has ended, as weeks of work leave it.
AHEAD = 0.4
ROWS_AT_ONCE = 5_000

Rows = Iterator[dict[str, Any]]


def fill(tx: Connection, boxes: int, stored: int, now: datetime) -> None:
    """So many mailboxes, nine in ten of them switched on, and so many bookings, most with an event."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    _put(tx, environments, iter([{"id": NAME, "url": "http://127.0.0.1:9", "credential": "token", "secret": "env:NONE",
                                  "organization": made_id("organization", 1), "tenant": made_id("tenant", 1),
                                  "created_at": hour}]))  # fmt: skip
    _put(tx, profiles, iter([{"id": PROFILE, "url": "http://127.0.0.1:9", "credential": "token", "secret": "env:NONE",
                              "tenant": made_id("tenant", 1), "created_at": hour}]))  # fmt: skip
    _put(tx, feeds, iter([{"environment": NAME, "first_read_at": hour, "far_edge": hour + timedelta(days=14),
                           "workers_read_at": hour, "last_pull_at": now, "next_pull_at": now + timedelta(minutes=15),
                           "kept_past": 7, "kept_future": 14, "way": "tracked"}]))  # fmt: skip
    _put(tx, workers, (_worker(n) for n in range(boxes)))
    _put(tx, mailboxes, (_mailbox(n, now) for n in range(boxes)))
    _put(tx, bookings, (_booking(n, boxes, stored, hour) for n in range(stored)))
    _put(tx, links, (_link(n, boxes, stored, hour) for n in range(stored) if n % boxes % 10))
    _put(tx, marks, (_mark(n, boxes, now) for n in range(1, stored, max(stored // 2_000, 1))))
    _work(tx, boxes, stored, now)


def _put(tx: Connection, table: Table, rows: Rows) -> None:
    while some := list(islice(rows, ROWS_AT_ONCE)):
        tx.execute(insert(table), some)


def _worker(n: int) -> dict[str, Any]:
    address = f"worker{n}@northwind-trades.example"
    return {"environment": NAME, "id": made_id("worker", n), "name": f"Worker {n}", "kind": "user", "active": True,
            "mailbox": made_id("box", n), "address": address, "sign_in": address, "zone": "Europe/Berlin"}  # fmt: skip


_CHECKS = json.dumps([
    {"name": name, "ok": True, "detail": "as it should be", "remedy": "", "transient": False}
    for name in ("profile", "method", "approval", "tenant", "sign-in", "mailbox", "calendar", "claim")
])  # fmt: skip


def _mailbox(n: int, now: datetime) -> dict[str, Any]:
    on, failed = n % 10 != 0, n % 10 == 0 and n % 3 == 0
    test = "success" if on else "failure" if failed else "not_run"
    return {
        "environment": NAME, "id": made_id("box", n), "name": f"Worker {n}",
        "address": f"worker{n}@northwind-trades.example", "profile": PROFILE, "method": "server-side-sync",
        "approval": "approved" if on or failed else "pending", "test": test, "enabled": on,
        "approved_address": f"worker{n}@northwind-trades.example" if on or failed else "", "checks": _CHECKS,
        "tested_at": now - timedelta(days=3) if on or failed else None, "next_due": now if n % 97 == 1 else None,
        "last_sync_at": now - timedelta(minutes=n % 600) if on else None, "failures": int(n % 200 == 1),
        "trouble": "the server did not answer in time" if n % 200 == 1 else "", "claimed_at": now if on else None,
    }  # fmt: skip


def _start(n: int, stored: int, hour: datetime) -> datetime:
    return hour + timedelta(minutes=int((n / stored - 1 + AHEAD) * 60 * 24 * 35))


def _booking(n: int, boxes: int, stored: int, hour: datetime) -> dict[str, Any]:
    start, order = _start(n, stored, hour), n % 150_000
    snapshot = {
        "id": made_id("order", order), "number": f"WO-{order:06}", "type": "Repair", "priority": "High",
        "summary": "Boiler loses pressure; check the expansion vessel.", "service_account": f"Customer {order % 2_000}",
        "location": f"Street {order % 90}, 10115 Berlin", "version": n,
    }  # fmt: skip
    return {
        "environment": NAME, "id": made_id("booking", n), "name": f"Job {n}", "start": start,
        "end": start + timedelta(hours=2), "worker": made_id("worker", n % boxes), "status": made_id("status", 1),
        "status_name": "Scheduled", "kind": "committed", "work_order": made_id("order", order), "active": True,
        "version": n, "snapshot": json.dumps(snapshot), "number": f"wo-{order:06}", "account": f"customer {order % 2_000}",
    }  # fmt: skip


def _link(n: int, boxes: int, stored: int, hour: datetime) -> dict[str, Any]:
    start = _start(n, stored, hour)
    return {
        "environment": NAME, "mailbox": made_id("box", n % boxes), "booking": made_id("booking", n), "generation": 0,
        "event": f"event-{n}", "etag": f"etag-{n}", "triggers": '{"status": "1"}', "start": start,
        "subject": f"WO-{n % 150_000:06} · Repair · Customer {n % 2_000}", "end": start + timedelta(hours=2),
        "location": f"Street {n % 90}, 10115 Berlin", "stamp": "0" * 32, "written_at": hour,
    }  # fmt: skip


def _mark(n: int, boxes: int, now: datetime) -> dict[str, Any]:
    return {"environment": NAME, "mailbox": made_id("box", n % boxes), "booking": made_id("booking", n), "seq": 1,
            "reason": "changed", "since": now - timedelta(minutes=n % 240), "due": now}  # fmt: skip


def _work(tx: Connection, boxes: int, stored: int, now: datetime) -> None:
    """What was done in the last days: writes, passes, alerts, a held plan, findings, the audit."""
    chance, lines = random.Random(7), max(stored // 2, 1)
    _put(tx, history, (_line(n, lines, boxes, stored, now, failed=chance.random() < 0.01) for n in range(lines)))
    _put(tx, passes, (_pass(n, now) for n in range(2_000)))
    _put(tx, latencies, ({"environment": NAME, "hour": now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=h),
                          "step": step, "number": 40 - abs(step - 20)}
                         for h in range(24 * 7) for step in range(40)))  # fmt: skip
    _put(tx, alerts, ({"environment": NAME, "mailbox": made_id("box", n), "code": "test-enable" if n % 2 else "mailbox",
                       "level": "error" if n % 20 == 0 else "warning" if n % 4 == 0 else "information",
                       "message": "sign-in: the server refuses the credential" if n % 4 == 0 else "Test & Enable succeeded",
                       "first_at": now - timedelta(days=2), "last_at": now - timedelta(minutes=n % 900), "times": 3}
                      for n in range(boxes)))  # fmt: skip
    _put(tx, pauses, ({"scope": made_id("box", n), "until": now + timedelta(hours=1), "reason": "asked to wait"}
                      for n in range(1, boxes, max(boxes // 40, 1))))  # fmt: skip
    _put(tx, plans, iter([{"environment": NAME, "state": "held", "kind": "removals", "created_at": now,
                           "reason": "400 removals in one hour"}]))  # fmt: skip
    _put(tx, plan_rows, ({"plan": 1, "mailbox": made_id("box", n), "booking": made_id("booking", n),
                          "environment": NAME, "evidence": "deleted@2026-11-01T08:00:00+00:00", "state": "held"}
                         for n in range(min(400, boxes))))  # fmt: skip
    _put(tx, findings, ({"environment": NAME, "mailbox": made_id("box", n), "event": f"event-{n}", "kind": "changed",
                         "booking": made_id("booking", n), "detail": "the start is 10:00, not 09:00", "found_at": now}
                        for n in range(0, boxes, 20)))  # fmt: skip
    _put(tx, audit, ({"at": now - timedelta(minutes=n), "actor": "alice", "account": "fieldcal",
                      "action": "mailbox test", "subject": f"{NAME}/{made_id('box', n % boxes)}", "detail": ""}
                     for n in range(20_000)))  # fmt: skip


def _line(n: int, lines: int, boxes: int, stored: int, now: datetime, *, failed: bool) -> dict[str, Any]:
    answer = f"no answer from https://graph.example to POST /users/{n}/events: it ended" if failed else "done"
    return {
        "environment": NAME, "mailbox": made_id("box", n % boxes), "booking": made_id("booking", n % stored),
        "at": now - timedelta(minutes=3) * (lines - n) / (lines / 3_000), "pass": f"pass-{n * 2_000 // lines:05}",
        "action": "create" if n % 3 else "update", "reason": "its booking was changed", "answer": answer, "ok": not failed,
    }  # fmt: skip


def _pass(n: int, now: datetime) -> dict[str, Any]:
    began = now - timedelta(minutes=4.5) * (2_000 - n)
    sent = Sent(Side(3, {"2xx": 3}), Side(50, {"2xx": 49, "429": 1}))
    return {"id": f"pass-{n:05}", "environment": NAME, "kind": "scheduled", "started_at": began,
            "ended_at": began + timedelta(seconds=40), "changes": 60, "created": 30, "updated": 20, "failed": n % 3,
            "requests": to_json(sent)}  # fmt: skip
