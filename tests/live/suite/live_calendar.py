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
from tests.contracts.test_graph_calendar import TestReading as TestGraphReading  # noqa: F401 - as above
from tests.contracts.test_graph_calendar import TestSignInAndMailbox as TestGraphMailbox  # noqa: F401 - as above
from tests.contracts.test_graph_calendar import TestTestAndEnable as TestGraphTrial  # noqa: F401 - as above
