"""Whatever a test makes the product say, no secret is in it: all output of the suite is looked through (I10).

A test plants secrets that can be told from other words: they begin with PLANTED- or PLANTED~, or are tokens and keys
by their form.
Output that a test takes for itself is looked through where it is taken (`tests/cli/conftest.py`).
"""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

_SECRETS = re.compile(
    r"PLANTED[~.-][\w~.+-]{4,}"
    r"|correct-horse-battery-staple"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"  # a signed token
    r"|(?i:bearer)\s+[\w.~+/=-]{12,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
)


def secrets_in(text: str) -> list[str]:
    """The secrets that stand in this text, cut short: what reports them does not tell them again."""
    return [f"{found[:12]}..." for found in _SECRETS.findall(text)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    found = secrets_in(report.capstdout + report.capstderr + report.caplog)
    if found and report.passed:
        report.outcome, report.longrepr = "failed", f"the output of {item.nodeid} tells secrets: {', '.join(found)}"
    return report
