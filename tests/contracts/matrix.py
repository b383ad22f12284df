"""Writes docs/connectors.md from a run of the contracts: python -m tests.contracts.matrix [--check].

A connector has a capability where every contract test that shows it passed. With `--check` nothing is written, and the
exit status says whether the page is what the run says.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "connectors.md"
#: end's name in the contracts -> what people call it
CONNECTORS = {
    "calendar": {
        "graph": "Exchange Online, or what speaks Microsoft Graph",
        "radicale": "CalDAV: Radicale",
        "xandikos": "CalDAV: Xandikos",
    },
    "source": {
        "dataverse": "Dynamics 365 Field Service, or what speaks the Dataverse Web API",
        "dataverse swept": "the same, where changes are not tracked",
    },
}
#: port -> the files whose tests show what its connectors can do
FILES = {
    "calendar": ("test_calendar_contract.py", "test_graph_calendar.py", "test_caldav_calendar.py"),
    "source": ("test_source_contract.py",),
}
#: A rough road is a capability of its own: the same tests, over a way that hurts.
ROUGH = "over a rough road: answers in pieces, zipped, in chunks, after early hints"
#: port -> capability -> which contract tests show it
CAPABILITIES = {
    "calendar": {
        "creates, updates and removes events": "created_event_shows|an_update_changes|a_removed_event|different_writes",
        "leaves what the worker added to an event": "an_update_changes_what_we_own",
        "private events, reminders, categories, free and tentative": "each_field_arrives",
        "any number of writes": "any_number_of_actions",
        "many writes in one request": "batch_that_is_refused_whole|batches_shrink|throttled_items",
        "a repeated creation makes no second event": "a_repeat_with_the_same_key",
        "tells of a create key used before, and by which event": "a_key_used_for_other",
        "does not write over a change by hand unasked": "an_update_over_a_change_by_hand",
        "one refused event stops no other": "one_refused_event|is_refused_whole",
        "after a lost answer the outcome is open, and a repeat is safe": "TestLostAnswers",
        "waits as the server asks: the one mailbox, or everything": "TestThrottling",
        "at most so many requests at once as the server likes": "no_more_requests_are_ever|no_more_than_four_requests",
        "signs in anew in the middle of a run": "a_401|a_refused_token",
        "signs in by password: basic, or digest where the server asks for it": "signs_in_by",
        "tells why a mailbox cannot be written to": "cannot_be_written_to_says_why",
        "sends nothing once its lease is lost": "TestLease",
        "reads our events in a window, and everywhere": "owned_gives_our_events|edges_are_half_open|every_page",
        "never takes a cut list for a whole one": "not_whole|leads_elsewhere|in_a_circle|proves_nothing",
        "finds events by our mark": "test_find_",
        "reads single events, and knows which are gone": "get_tells_each_event",
        "Test & Enable, with what helps": "TestTestAndEnable",
        "leaves what is none of ours under the name of our event": "a_foreign_object",
        "is right where the server tells no etag, a weak one, or rewrites what it stores": "etag_after_a_put|rewrites",
        "takes an address for what it is, however it is written": "hrefs_are_written",
        "a claim on the mailbox that other installations see": "claim_is_seen|claim_is_the_mailboxs|absence_of_a_claim",
        "says where no claim can be kept": "no_claim_can_be_kept",
        "tells its tenant": "tenant_is_told",
    },
    "source": {
        "tells what changed, and what was deleted, since the last time": "later_pages_give_what_changed|same_cursor",
        "a pass without changes costs one request": "nothing_changed_is_one_request",
        "an expired place in the feed is told": "expired_cursor|refused_delta_link|cursor_of_another",
        "the status by its codes, never by its name": "status_is_told_by_its_codes",
        "details with the work order as it is now": "comes_with_its_work_order",
        "proves that a booking does not exist": "proven_missing|any_other_answer_to_a_single",
        "reads everything in a window, proven whole": "TestSweep",
        "never takes a cut page for a whole one": "is_not_proven|is_not_whole|list_that_failed",
        "follows the booking's own place (D1)": "d1_location",
        "follows work orders (D1)": "d1_work_order|of_work_orders_are_told",
        "workers with mailbox, address and time zone": "everyone_is_told",
        "tells which workers changed": "who_changed_and_who_is_gone",
        "waits as the server asks": "throttle",
        "signs in anew in the middle of a read": "an_expired_token_is_renewed",
        "tells organization and tenant": "TestIdentity",
        "sends nothing but reads": "i9_nothing_but_reads",
    },
}  # fmt: skip

#: (port, capability, connector) -> "" where it is there, else why not
Found = Mapping[tuple[str, str, str], str]


def shows(port: str, nodeid: str, road: str) -> list[str]:
    """The capabilities that a contract test shows."""
    if road:
        return [ROUGH]
    name = nodeid.partition("::")[2].partition("[")[0]
    return [capability for capability, tests in CAPABILITIES[port].items() if re.search(tests, name)]


def page(found: Found) -> str:
    """The page as this run says it."""
    lines = [
        "# What each connector can do", "",
        "Written by the run of the contracts, `python -m tests.contracts.matrix`: *yes* stands where every contract",
        "test that shows the capability passed, over the connector's real protocol, and – where none is asked of it.",
        "Do not edit it by hand.",
    ]  # fmt: skip
    for port, connectors in CONNECTORS.items():
        title = {"calendar": "Calendars: where events go", "source": "Sources: where bookings come from"}[port]
        lines += ["", f"## {title}", "", f"| | {' | '.join(connectors.values())} |", f"|---|{'---|' * len(connectors)}"]
        for capability in [*CAPABILITIES[port], ROUGH]:
            cells = [found.get((port, capability, name), "–") or "yes" for name in connectors]
            lines.append(f"| {capability} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "Another calendar or source is held to the same tests."]) + "\n"


class Collector:
    """A pytest plugin that gathers what the contract tests say of each connector."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[str, str, str]] = {}
        self._told: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)

    @pytest.hookimpl(trylast=True)  # after the slow ones are left out
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            call = getattr(item, "callspec", None)
            if call is not None and "end" in call.params:
                name, _, road = str(call.params["end"]).partition("-")
                self._ends[item.nodeid] = ("calendar" if "calendar" in item.nodeid else "source", name, road)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid not in self._ends or (report.when != "call" and report.passed):
            return
        port, name, road = self._ends[report.nodeid]
        why = "" if report.passed else "no" if report.skipped else "**broken**"
        for capability in shows(port, report.nodeid, road):
            self._told[port, capability, name].append(why)

    def found(self) -> Found:
        return {key: max(told) if any(told) else "" for key, told in self._told.items()}


def main(words: Iterable[str]) -> int:
    collector = Collector()
    asked = [str(Path(__file__).with_name(name)) for names in FILES.values() for name in names]
    pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not slow", *asked], plugins=[collector])
    written = page(collector.found())
    if "--check" in words:
        return int(written != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
