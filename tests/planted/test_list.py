"""The list of planted faults cannot rot: each text is there, each catcher exists, and the page shows the list."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.planted.copies import ROOT
from tests.planted.fault import SOURCE, Fault
from tests.planted.faults import PLANTED, SURVIVORS
from tests.planted.table import BEGIN, END, PAGE, table

INVARIANTS = [f"I{number}" for number in range(1, 11)]


@pytest.mark.parametrize("fault", [*PLANTED, *SURVIVORS], ids=lambda fault: fault.name)
def test_a_fault_fits_the_source_and_names_what_it_breaks(fault: Fault) -> None:
    text = (ROOT / SOURCE / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, f"the old text of {fault.name!r} stands {text.count(fault.old)} times"
    assert fault.old != fault.new
    assert re.fullmatch(r"[IRD]\d{1,2}", fault.breaks)
    assert fault.suffers.endswith(".")
    compile(text.replace(fault.old, fault.new), fault.file, "exec")


def test_no_fault_is_caught_for_a_name_that_is_not_there(tmp_path: Path) -> None:
    for number, fault in enumerate([*PLANTED, *SURVIVORS]):
        text = (ROOT / SOURCE / fault.file).read_text(encoding="utf-8")
        (tmp_path / f"fault_{number}.py").write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F821,F811,F823", "."]
    done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.name)
def test_the_test_that_catches_it_exists(fault: Fault) -> None:
    path, _, test = fault.catcher.partition("::")
    assert test, "a whole file is no named test"
    assert f"def {fault.test}(" in (ROOT / path).read_text(encoding="utf-8")


def test_every_invariant_is_proven_by_a_planted_fault_and_there_are_enough_of_them() -> None:
    assert {fault.breaks for fault in PLANTED} >= set(INVARIANTS)
    assert len(PLANTED) >= 32
    assert len({fault.name for fault in [*PLANTED, *SURVIVORS]}) == len(PLANTED) + len(SURVIVORS)
    assert all(fault.harmless for fault in SURVIVORS)


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_every_invariant_is_asked_for_by_name(invariant: str) -> None:
    name = re.compile(rf"def test_(?:\w+_)?{invariant.lower()}_")
    assert any(name.search(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))


def test_the_page_shows_the_list_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0]
    assert shown == table(), "docs/proof.md is behind the list: run `python -m tests.planted.table`"


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    there = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in named if f"def {name}(" not in there} == set()
    assert all(any(f"_{invariant.lower()}_" in name for name in named) for invariant in INVARIANTS)


def test_a_fault_that_does_not_fit_any_more_fails_loudly(tmp_path: Path) -> None:
    (tmp_path / SOURCE).mkdir(parents=True)
    (tmp_path / SOURCE / "one.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(LookupError, match="stands 0 times"):
        Fault("gone", "I1", "one.py", "x = 2", "x = 3", "Nothing.").plant(tmp_path)
