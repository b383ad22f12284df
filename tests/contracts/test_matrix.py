"""docs/connectors.md is what a run of the contracts says; a broken or missing capability would show on it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from tests.contracts import test_calendar_contract, test_source_contract
from tests.contracts.matrix import CAPABILITIES, CONNECTORS, FILES, PAGE, ROOT, ROUGH, page, shows

ENDS = {"calendar": test_calendar_contract.ENDS, "source": test_source_contract.ENDS}
#: what no test asks of a connector; a whole run keeps this true
NOT_ASKED = {
    "dataverse swept": {
        "tells what changed, and what was deleted, since the last time",
        "a pass without changes costs one request",
        "an expired place in the feed is told",
        "the status by its codes, never by its name",
        "follows the booking's own place (D1)",
        "tells which workers changed",
        "signs in anew in the middle of a read",
    },
    "graph": {
        "signs in by password: basic, or digest where the server asks for it",
        "leaves what is none of ours under the name of our event",
        "is right where the server tells no etag, a weak one, or rewrites what it stores",
        "takes an address for what it is, however it is written",
        "says where no claim can be kept",
    },
    "radicale": {"many writes in one request", "says where no claim can be kept"},
    "xandikos": {"many writes in one request"},
}
#: what a connector cannot do, and says so
CANNOT = {("xandikos", "a claim on the mailbox that other installations see")}
AGAIN = "write it anew: .venv/bin/python -m tests.contracts.matrix"


def everything():
    return {
        (port, capability, name): "no" if (name, capability) in CANNOT else ""
        for port, connectors in CONNECTORS.items()
        for capability in [*CAPABILITIES[port], ROUGH]
        for name in connectors
        if capability not in NOT_ASKED.get(name, ())
    }


def test_the_page_is_what_a_run_says_in_which_every_contract_test_passes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(everything()), AGAIN


@pytest.mark.parametrize("port", CAPABILITIES)
def test_each_capability_is_shown_by_contract_tests(port: str) -> None:
    text = "".join(PAGE.parents[1].joinpath("tests/contracts", name).read_text("utf-8") for name in FILES[port])
    ids, room = [], ""
    for kind, name in re.findall(r"^(class|    def|def) (Test\w+|test_\w+)", text, re.MULTILINE):
        room = name if kind == "class" else "" if kind == "def" else room
        ids.append(f"file::{room}::{name}" if kind != "class" else "")
    shown = {capability for nodeid in ids if nodeid for capability in shows(port, nodeid, "")}
    assert CAPABILITIES[port].keys() - shown == set()


@pytest.mark.parametrize("port", CAPABILITIES)
def test_every_implementation_under_contract_is_on_the_page(port: str) -> None:
    assert ENDS[port].keys() == CONNECTORS[port].keys()


def test_a_failure_a_skip_and_a_test_that_never_ran_show_on_the_page() -> None:
    found = everything()
    keys = list(found)
    found[keys[0]], found[keys[1]] = "**broken**", "no"
    del found[keys[2]]
    rows = page(found).splitlines()
    for key, told in zip(keys, ("**broken**", "no", "–"), strict=False):
        [row] = [row for row in rows if row.startswith(f"| {key[1]} |")][:1]
        assert row.split(" | ")[1 + list(CONNECTORS[key[0]]).index(key[2])].strip(" |") == told


@pytest.mark.slow
def test_a_whole_run_says_what_stands_on_the_page() -> None:
    words = [sys.executable, "-m", "tests.contracts.matrix", "--check"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout
