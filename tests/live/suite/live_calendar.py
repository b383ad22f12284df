"""The calendar contract against a real mailbox: whatever of it needs no control plane at the other end."""

from __future__ import annotations

from tests.contracts.test_calendar_contract import (  # noqa: F401 - collected here, over the fixture `end` of this folder
    TestClaim,
    TestIdentity,
    TestLease,
    TestReading,
    TestTestAndEnable,
    TestWriting,
)
