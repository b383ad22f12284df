"""Whatever a user can meet has its entry in docs/troubleshooting.md: errors, alerts, reasons, checks, doctor's lines."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from fieldcal import errors
from fieldcal.calendars.caldav import health as dav_health
from fieldcal.calendars.graph import health as grants
from fieldcal.calendars.graph import trial
from fieldcal.plan import drift
from fieldcal.plan.rules import Reason
from fieldcal.setup import checks, claims
from fieldcal.sources.dataverse import other_sync

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "fieldcal"
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def entries(heading: str, page: str = PAGE) -> set[str]:
    """The names that begin a row of the table under this heading."""
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def error_classes() -> set[str]:
    found = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)}
    return found - {"FieldcalError"}


def alert_codes(text: str) -> set[str]:
    """The codes of `raise_alert(tx, environment, mailbox, CODE, ...)` in this source; a name stands for its constant."""
    tree = ast.parse(text)
    constants = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "raise_alert":
            code = node.args[3]
            found.add(str(code.value) if isinstance(code, ast.Constant) else constants.get(code.id, f"?{code.id}"))  # type: ignore[attr-defined]
    return found


def alerts() -> set[str]:
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if "raise_alert(" in (text := path.read_text(encoding="utf-8")):
            found |= alert_codes(text)
    return found


def checks_of_doctor() -> set[str]:
    """The names of lines: `Check("NAME", ...)` of the source's health, and what doctor's own rooms call theirs."""
    text = (SOURCE / "sources" / "dataverse" / "health.py").read_text(encoding="utf-8")
    found = set(re.findall(r'Check\(\s*"([^"]+)"', text)) | {
        other_sync.NAME,
        grants.NAME,
        grants.OUTSIDER,
        dav_health.SPEAKS,
    }
    for name in ("doctor/look.py", "doctor/rights.py", "cli/doctor.py"):
        text = (SOURCE / name).read_text(encoding="utf-8")
        found |= {plain for plain in re.findall(r'Line\([^,]+, "([^"]+)"', text) if plain not in _NOT_THERE}
        found |= set(re.findall(r'f"\{what\}: ([a-z -]+)"', text))
    return found


#: What doctor says where nothing is attached, or nothing can be opened.
_NOT_THERE = {"environments", "server profiles", "ends"}


@pytest.mark.parametrize(
    ("heading", "named"),
    [
        ("Kinds of errors", error_classes()),
        ("A booking is not in the calendar", {reason.value for reason in Reason}),
        ("Alerts", alerts()),
        ("Test & Enable fails", {checks.PROFILE, checks.TENANT, checks.APPROVED, checks.METHOD, checks.ACCOUNT, trial.SIGN_IN,
                                 trial.FOUND, trial.WRITABLE, claims.NAME}),
        ("Findings of the check", {"copy", "changed", drift.DELETED}),
        ("Lines of doctor", checks_of_doctor()),
    ],
    ids=["errors", "reasons", "alerts", "test and enable", "findings", "doctor"],
)  # fmt: skip
def test_whatever_a_user_can_meet_has_its_entry(heading: str, named: set[str]) -> None:
    assert len(named) > 2
    assert sorted(named - entries(heading)) == []


@pytest.mark.parametrize(
    ("heading", "named"),
    [
        ("Kinds of errors", error_classes()), ("Alerts", alerts()),
        ("A booking is not in the calendar", {reason.value for reason in Reason}),
    ],
)  # fmt: skip
def test_nothing_is_explained_that_there_is_not(heading: str, named: set[str]) -> None:
    assert sorted(entries(heading) - named) == []


def test_a_missing_entry_and_a_new_alert_are_seen() -> None:
    page = "\n## Alerts\n\n| alert | |\n|---|---|\n| `source` | x |\n\n## Next\n\n| `other` | y |\n"
    assert entries("Alerts", page) == {"source"}
    assert alert_codes('A = "a"\nalerts.raise_alert(tx, e, m, A, "warning", t, n)\nx.raise_alert(t, e, m, "b", l)') == {
        "a", "b",
    }  # fmt: skip
