"""What is in deploy/ names what there is: metrics that are exported, commands and settings that exist, alerts with a guide."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.test_docs import commands, slugs
from typer.main import get_command

from fieldcal import metrics
from fieldcal.cli import app
from fieldcal.config import PREFIX, Config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
#: All that are there, but the cases of the rules.
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and ".test." not in path.name)
#: Prometheus' own, and those of its client of the process itself.
OTHERS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
NAME = re.compile(r"\b(?:fieldcal|process)_[a-z_]+\b")
BY = re.compile(r"\bby \(([a-z_, ]+)\)")
LABELS = re.compile(r"\{([^{}]*)\}")


def exported() -> dict[str, set[str]]:
    """Every series' name with its labels, as a query may use them."""
    found = {name: set[str]() for name in OTHERS}
    for shape in metrics.shapes():
        ends = ("_bucket", "_sum", "_count") if shape.kind == "histogram" else ("",)
        for end in ends:
            found[shape.name + end] = {*shape.labels, *(["le"] if end == "_bucket" else [])}
    return found


def strangers(expression: str, known: dict[str, set[str]]) -> list[str]:
    """Names that nobody exports, and labels that none of the names in this query has."""
    names = NAME.findall(expression)
    labels = {"job", "instance"}.union(*(known.get(name, set()) for name in names))
    asked = {word.strip() for some in BY.findall(expression) for word in some.split(",")}
    asked |= {
        re.split(r"[=!]", part)[0].strip() for some in LABELS.findall(expression) for part in some.split(",") if part
    }
    return sorted({name for name in names if name not in known} | (asked - labels))


def rules() -> list[dict[str, Any]]:
    told = yaml.safe_load((DEPLOY / "prometheus" / "fieldcal-alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in told["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEPLOY / "grafana" / "fieldcal.json").read_text(encoding="utf-8"))[
        "panels"
    ]
    return found


def test_every_query_asks_for_what_is_exported() -> None:
    queries = [rule["expr"] for rule in rules()] + [one["expr"] for panel in panels() for one in panel["targets"]]
    assert [(query, strange) for query in queries if (strange := strangers(query, exported()))] == []
    assert strangers('sum by (wrong) (fieldcal_nothing{nor="x"})', exported()) == ["fieldcal_nothing", "nor", "wrong"]


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = {name for panel in panels() for one in panel["targets"] for name in NAME.findall(one["expr"])}
    ours = {shape.name + ("_bucket" if shape.kind == "histogram" else "") for shape in metrics.shapes()}
    assert ours - shown == set()


def test_panels_have_ids_and_places_of_their_own() -> None:
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels()]
    assert len({one["id"] for one in panels()}) == len(set(places)) == len(panels())
    assert all(one["gridPos"]["x"] + one["gridPos"]["w"] <= 24 for one in panels())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_is_wrong_and_has_its_section_in_the_guide(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    incidents = GUIDE.split("\n## Incident guide\n")[1]
    assert f"\n### {rule['alert']}\n" in incidents


def test_the_guide_has_no_section_of_an_alert_that_is_not_there() -> None:
    told = re.findall(r"^### (\w+)$", GUIDE.split("\n## Incident guide\n")[1], re.MULTILINE)
    assert told == [name for name in told if name in {rule["alert"] for rule in rules()}]
    assert "how-large-a-machine" in slugs(GUIDE)


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed, so its units are NOT checked"
)
def test_the_units_are_what_systemd_takes(tmp_path: Path) -> None:
    units = sorted((DEPLOY / "systemd").glob("*.service"))
    for unit in units:
        # Fieldcal is not installed there; what systemd says of a missing program is not asked.
        text = unit.read_text(encoding="utf-8").replace("/opt/fieldcal/bin/fieldcal", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    said = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in units)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert [line for line in said.stderr.splitlines() if str(tmp_path) in line or ".service" in line] == []
    assert (said.returncode, len(units)) == (0, 2)


def test_what_is_started_and_set_there_is_what_there_is() -> None:
    known = set(commands(get_command(app)))
    for unit in (DEPLOY / "systemd").glob("*.service"):
        (started,) = re.findall(
            r"^ExecStart=/opt/fieldcal/bin/(fieldcal \w+)", unit.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert started in known
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for name, one in services.items():
        words = [word for word in one.get("command", []) if not word.startswith("-")]
        assert name == "db" or " ".join(["fieldcal", *words]) in known
    settings = {f"{PREFIX}{field}".upper() for field in Config.model_fields}
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    used = {name for path in files for name in re.findall(r"\bFIELDCAL_[A-Z_]+\b", path.read_text(encoding="utf-8"))}
    assert used - settings == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_says_itself_what_was_tested_and_what_was_not(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ("Tested: " in text, "Untested: " in text) == (True, True)
