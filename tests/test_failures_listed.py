"""`docs/failures.md` is true: every case F01 to F60 is there, and every test it names exists and carries its number."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "failures.md"
CASES = [f"F{number:02}" for number in range(1, 61)]
ROW = re.compile(r"^\| (F\d\d) \| (.+?) \| (.+) \|$", re.MULTILINE)


@cache
def known_tests() -> frozenset[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    found = (re.findall(r"def (test_\w+)\(", file.read_text(encoding="utf-8")) for file in files)
    return frozenset(name for names in found for name in names)


def wrong_with(page: str, known: AbstractSet[str]) -> list[str]:
    """What is not true of this page, a line each."""
    rows = ROW.findall(page)
    found = [f"{case} stands on the page {len(times)} times" for case in CASES
             if len(times := [row for row in rows if row[0] == case]) != 1]  # fmt: skip
    for case, _, shown in rows:
        named = re.findall(r"`(test_\w+)`", shown)
        found += [f"{case}: there is no {name}" for name in named if name not in known]
        found += [f"{case}: {name} does not carry its number" for name in named if not _carries(name, case)]
        if not named and len(shown) < 40:
            found.append(f"{case} has neither a test nor a reason")
    return found


def _carries(name: str, case: str) -> bool:
    return case.lower() in name.split("_")


def test_every_case_has_its_tests_or_its_reason() -> None:
    assert wrong_with(PAGE.read_text(encoding="utf-8"), known_tests()) == []


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda page: page.replace("| F11 |", "| F99 |"), "F11 stands on the page 0 times"),
        (lambda page: page + "\n| F12 | again | `test_f12` |\n", "F12 stands on the page 2 times"),
        (lambda page: page.replace("`test_f29_", "`test_f29_never_"), "F29: there is no test_f29_never_"),
        (lambda page: page.replace("`test_f40_", "`test_f14_f16_f17_"), "F40: "),
        (lambda page: re.sub(r"(?m)^(\| F21 \| .+? \|) .+ \|$", r"\1 none |", page), "F21 has neither"),
    ],
)
def test_a_planted_untruth_is_seen(change, seen) -> None:
    known = known_tests()
    assert any(line.startswith(seen) for line in wrong_with(change(PAGE.read_text(encoding="utf-8")), known))
