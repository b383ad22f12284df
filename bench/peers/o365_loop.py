"""What somebody writes with O365: list each calendar, create what is missing, change what differs. Eight threads.

python -m bench.peers.o365_loop GRAPH TOKEN FILE      FILE: wanted events by mailbox, as JSON

Run by the environment of the independent clients (`make .venv-conformance/.ready`), which have nothing of Fieldcal.
O365 signs in at Microsoft's own address only; its own extension points lead it elsewhere: a protocol with another
address, and a token store that has its token already.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

with warnings.catch_warnings():
    # It uses deprecated parts of its own libraries while it is imported.
    warnings.simplefilter("ignore")
    from O365 import Account, MSGraphProtocol
    from O365.utils.token import MemoryTokenBackend

AT_ONCE, PAGE = 8, 999
Wanted = dict[str, str]


class Granted(MemoryTokenBackend):
    """A token store that has its token already."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def get_access_token(self, *, username: str | None = None) -> dict[str, str]:  # noqa: ARG002 - as O365 asks for it
        return {"secret": self._token}

    def should_refresh_token(self, con: object = None, *, username: str | None = None) -> bool:  # noqa: ARG002 - as O365 asks for it
        return False


def at(text: str) -> datetime:
    return datetime.fromisoformat(text[:19]).replace(tzinfo=ZoneInfo("UTC"))  # O365 takes no other kind


def fit(event: Any, wanted: Wanted) -> bool:
    """Bring the event to what is wanted; whether it was something else."""
    start, end = at(wanted["start"]), at(wanted["end"])
    same = (event.subject, event.start, event.end, event.location.get("displayName", ""))
    if same == (wanted["subject"], start, end, wanted["location"]):
        return False
    event.subject, event.start, event.end, event.location = wanted["subject"], start, end, wanted["location"]
    event.body = wanted["body"]
    return True


def one(account: Any, mailbox: str, window: list[str], wanted: list[Wanted]) -> int:
    schedule, written = account.schedule(resource=f"user:{mailbox}"), 0
    listed = schedule.get_events(limit=PAGE, include_recurring=True, start_recurring=window[0], end_recurring=window[1])
    there = {event.transaction_id: event for event in listed}
    for item in wanted:
        event = there.get(item["key"])
        if event is None:
            event = schedule.new_event(subject=item["subject"])
            event.transaction_id = item["key"]
            event.start, event.end = at(item["start"]), at(item["end"])
            event.body, event.location, event.is_reminder_on = item["body"], item["location"], False
        elif not fit(event, item):
            continue
        written += bool(event.save())
    return written


def main(graph: str, token: str, file: str) -> None:
    given = json.loads(Path(file).read_text())
    boxes = list(given["mailboxes"].items())

    class Local(MSGraphProtocol):
        _protocol_url = f"{graph}/"

    def some(part: list[tuple[str, list[Wanted]]]) -> int:
        # One account for each thread, for a session of requests is not for several.
        account = Account(
            ("app", "secret"), protocol=Local(timezone="UTC"), auth_flow_type="credentials", tenant_id=given["tenant"],
            main_resource=f"user:{boxes[0][0]}", token_backend=Granted(token), requests_delay=0,
        )  # fmt: skip
        return sum(one(account, mailbox, given["window"], wanted) for mailbox, wanted in part)

    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        written = sum(threads.map(some, [boxes[n::AT_ONCE] for n in range(AT_ONCE)]))
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "written": written}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
