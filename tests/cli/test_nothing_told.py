"""I10 from outside: whatever goes wrong, no command tells a secret, and no log a customer (INFO and above)."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from tests.cli.company import Company
from tests.cli.conftest import Fieldcal, Said

from fieldcal.embedded.faults import Fault

TROUBLES = [
    Fault(kind="status", status=401, times=None, message="the token is refused"),
    Fault(kind="status", status=500, times=None),
    Fault(kind="status", status=403, times=None),
    Fault(kind="garbage", times=None),
    Fault(kind="drop_before", times=None),
]
COMMANDS = (
    ("sync",), ("sync", "--json"), ("sync", "--dry-run"), ("check",), ("status",), ("doctor",),
    ("environment", "show", "main"), ("environment", "list", "--json"), ("profile", "list", "--json"),
    ("mailbox", "list"), ("mailbox", "test", "--all", "--yes"), ("plan", "list"),
)  # fmt: skip


def told(said: Said, secrets: set[str]) -> list[str]:
    return [secret for secret in secrets if secret in said.out + said.err]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda fault: f"{fault.kind}-{fault.status}")
@pytest.mark.parametrize("end", ["the source", "the calendars"])
def test_i10_no_command_tells_a_secret_and_no_log_a_customer_whatever_goes_wrong(
    attached: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, trouble: Fault, end: str
) -> None:
    monkeypatch.setenv("FIELDCAL_LOG_LEVEL", "info")
    secrets = {os.environ["SOURCE_TOKEN"], os.environ["GRAPH_TOKEN"]}
    assert fieldcal("sync").status == 0
    customers = {row["name"] for row in attached.field_service.store.rows("account")}
    assert customers
    system = attached.field_service if end == "the source" else attached.exchange
    for booking in attached.coming()[:3]:
        change = {"endtime": f"{booking.end + timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"}
        attached.field_service.store.change("bookableresourcebooking", booking.id, change)
    system.control.add_fault(trouble)
    failures = 0
    for words in COMMANDS:
        said = fieldcal(*words)
        failures += said.status != 0
        assert told(said, secrets) == [], words
        assert [name for name in customers if name in said.err] == [], words
        assert "Traceback" not in said.err
    assert failures, "nothing went wrong at all"
