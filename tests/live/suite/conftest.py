from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.live.end import LiveCalendarEnd
from tests.live.tenant import Hands, Tenant

Answers = list[tuple[str, str, str]]


@pytest.fixture(scope="session")
def tenant() -> Tenant:
    return Tenant.named()


@pytest.fixture(scope="session")
def mailbox_for_tests(tenant: Tenant) -> Iterator[LiveCalendarEnd]:
    """The one mailbox that is written into; nothing made here outlives the run, however it ends."""
    end = LiveCalendarEnd(tenant)
    end.is_for_tests()
    end.clean()
    yield end
    end.clean()


@pytest.fixture
def end(mailbox_for_tests: LiveCalendarEnd, tenant: Tenant) -> Iterator[LiveCalendarEnd]:
    """For the calendar contract: the test mailbox without anything of ours in it."""
    yield LiveCalendarEnd(tenant)
    mailbox_for_tests.clean()


@pytest.fixture(scope="session")
def source_hands(tenant: Tenant) -> Hands:
    if not tenant.has_source:
        pytest.skip("FIELDCAL_LIVE_DATAVERSE is not set")
    return Hands(tenant, "DATAVERSE")


@pytest.fixture(scope="session")
def answers(request: pytest.FixtureRequest) -> Answers:
    """What `python -m tests.live` prints at the end: system, question, answer."""
    return request.config.stash.setdefault(ANSWERS, [])


ANSWERS = pytest.StashKey[Answers]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    told = config.stash.get(ANSWERS, [])
    if not told:
        return
    terminalreporter.section("what this tenant answers")
    widths = [max(len(row[at]) for row in told) for at in (0, 1)]
    for system, question, answer in told:
        terminalreporter.line(f"{system:{widths[0]}}  {question:{widths[1]}}  {answer}")
