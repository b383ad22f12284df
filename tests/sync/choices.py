"""What the state machine chooses from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fieldcal.embedded.faults import Kind

#: Berlin's clocks change on 25 October 2026 and 28 March 2027, New York's on 1 November and 14 March.
STARTS = (
    datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    datetime(2026, 10, 22, 8, 0, tzinfo=UTC),
    datetime(2027, 3, 12, 8, 0, tzinfo=UTC),
)
#: with what a story begins, so that there is something to be done: whose, hours ahead, with a work order
FIRST_JOBS = (
    ("Ana", 24, True), ("Ana", 3, False), ("Ben", 30, False), ("Early shift", 72, True), ("Dora", 24, False),
    ("Ana", 337, True), ("Crew North", 24, False), ("Ben", -3, True),
)  # fmt: skip
#: hours from now at which bookings begin: around the window's edges (7 days back, 14 ahead) and around now
BEGINNINGS = (24, 30, 3, 1, 0, -1, -3, 72, 168, -167, -168, -169, -180, 335, 336, 337, 360, 500, 1000)
HOURS = (2.0, 1.0, 0.5, 8.0, 30.0)
SPANS = (
    timedelta(minutes=5), timedelta(minutes=45), timedelta(hours=4), timedelta(days=1), timedelta(days=3),
    timedelta(days=8), timedelta(days=25),
)  # fmt: skip
#: D1, D2, D5, D6, D8, D16 and the window (R12)
SETTINGS = (
    {"canceled": "remove"}, {"canceled": "keep"}, {"canceled": "mark"}, {"deleted": "keep"}, {"deleted": "remove"},
    {"without_work_order": "skip"}, {"without_work_order": "synchronize"}, {"proposed": "leave_out"},
    {"proposed": "tentative"}, {"window_future": 7}, {"window_future": 28}, {"window_future": 14},
    {"window_past": 2}, {"window_past": 14}, {"window_past": 7}, {"follow_work_order": True},
    {"follow_work_order": False}, {"drift": "restore"}, {"drift": "respect"}, {"drift": "report"},
)  # fmt: skip
#: what a request may meet
KINDS: tuple[Kind, ...] = ("status", "drop_before", "drop_after", "truncated", "garbage", "empty_page", "delay")
#: the same where lists are read: one cut short is planted where the protocol lets it be seen, at `SHORT_PATH`
READ_KINDS: tuple[Kind, ...] = (*KINDS, "short_page")
SHORT_PATH = r"In\("
STATUS = (503, 429, 500, 401, 403, 502, 504)
SOURCE_PATHS = (None, "bookableresourcebookings", r"In\(", r"bookableresourcebookings\(", "bookableresources", "token=")
GRAPH_METHODS = (None, "POST", "PATCH", "DELETE", "GET")

DEEDS = (
    "book", "move", "far", "Traveling", "Canceled", "give", "delete", "off and on", "order", "hand delete",
    "hand subject", "hand copy", "hand categories", "hand away", "nothing",
)  # fmt: skip
#: what a worker's hand does to an event
HANDS = ("delete", "subject", "move", "categories", "copy", "delete", "away", "back")
#: what becomes of a booking whose event a hand has touched
FOLLOWS = ("Traveling", "In Progress", "Traveling", "move", "Canceled", "give", "order", "nothing")
#: what becomes of removals that wait for a person
WORDS = ("approve", "reject", "wait", "activate", "move", "give", "look again", "reject and look again")
#: who comes to have which mailbox: a technician who had none, and one who shares Ana's
MAILBOXES = (
    ("Dora", "Dora"), ("Dora", "Ben"), ("Dora", None), ("Early shift", "Dora"), ("Early shift", "Ana"),
    ("Early shift", "Ben"), ("Early shift", None), ("Dora", "Dora"),
)  # fmt: skip
