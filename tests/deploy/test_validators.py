"""What is in deploy/ passes the validators of its own kind, and each validator refuses a planted mistake."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from tests.deploy.validators import ROOT, needed

from fieldcal import metrics
from fieldcal.clock import SystemClock

DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
DASHBOARD = DEPLOY / "grafana" / "fieldcal.json"
#: What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$environment": ".*"}


def run(*words: str, cwd: Path = ROOT, **env: str) -> tuple[int, str]:
    """The exit status, and all that was said."""
    done = subprocess.run(words, cwd=cwd, env=env or None, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    told = yaml.safe_load((PROMETHEUS / "fieldcal-alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in told["groups"] for rule in group["rules"]]


def shown() -> list[str]:
    """Every query of the dashboard, as Prometheus gets it."""
    found = []
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            found.append(query)
    return found


def test_every_query_is_promql() -> None:
    for query in [rule["expr"] for rule in rules()] + shown():
        assert "$" not in query
        promql_parser.parse(query)
    for wrong in ("sum by (x (y)", "rate(fieldcal_changes_total)", "rate(sum(fieldcal_changes_total)[5m])"):
        with pytest.raises(ValueError, match=r"\w"):
            promql_parser.parse(wrong)


def test_prometheus_itself_takes_the_rules_its_own_settings_and_the_dashboards_queries(tmp_path: Path) -> None:
    promtool = needed("promtool")
    for name in ("fieldcal-alerts.yml", "prometheus.yml"):
        shutil.copy(PROMETHEUS / name, tmp_path)
    recorded = [{"record": f"shown:{number}", "expr": query} for number, query in enumerate(shown())]
    queries = {"groups": [{"name": "dashboard", "rules": recorded}]}
    (tmp_path / "dashboard.yml").write_text(json.dumps(queries), encoding="utf-8")  # JSON is YAML
    for words in (
        ["check", "rules", "fieldcal-alerts.yml", "dashboard.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
    ):
        status, said = run(promtool, *words, cwd=tmp_path)
        assert status == 0, said
    queries["groups"][0]["rules"][0]["expr"] = "rate(fieldcal_backlog)"
    (tmp_path / "dashboard.yml").write_text(json.dumps(queries), encoding="utf-8")
    assert run(promtool, "check", "rules", "dashboard.yml", cwd=tmp_path)[0] != 0


def test_prometheus_finds_nothing_to_mend_in_the_numbers() -> None:
    promtool = needed("promtool")
    text = metrics.text(metrics.Standing(SystemClock().now(), [], {})).decode()
    for given, status in ((text, 0), (text.replace("# HELP fieldcal_state_up", "# nothing of"), 3)):
        done = subprocess.run([promtool, "check", "metrics"], input=given, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    promtool = needed("promtool")
    status, said = run(promtool, "test", "rules", "fieldcal-alerts.test.yml", cwd=PROMETHEUS)
    assert status == 0, said
    shutil.copy(PROMETHEUS / "fieldcal-alerts.test.yml", tmp_path)
    for planted in ("vector(1) > 2", "vector(1)"):  # a rule that never fires, and one that always does
        wrong = [{**rule, "expr": planted, "for": "0s"} for rule in rules()]
        told = {"groups": [{"name": "planted", "rules": wrong}]}
        (tmp_path / "fieldcal-alerts.yml").write_text(json.dumps(told), encoding="utf-8")
        status, said = run(promtool, "test", "rules", "fieldcal-alerts.test.yml", cwd=tmp_path)
        assert status != 0
        assert set(re.findall(r"alertname: (\w+)", said)) == {rule["alert"] for rule in rules()}


def test_no_alert_is_without_a_case_that_fires_it_and_one_that_does_not() -> None:
    told = yaml.safe_load((PROMETHEUS / "fieldcal-alerts.test.yml").read_text(encoding="utf-8"))
    cases = {
        (case["alertname"], bool(case["exp_alerts"])) for test in told["tests"] for case in test["alert_rule_test"]
    }
    assert cases == {(rule["alert"], fires) for rule in rules() for fires in (True, False)}


def lost(given: Any, kept: Any, path: str = "") -> list[str]:
    """Where what Grafana's types keep is not what they were given."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [at for key, one in given.items() for at in lost(one, kept.get(key, ...), f"{path}/{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [at for number, one in enumerate(given) for at in lost(one, kept[number], f"{path}/{number}")]
    return [] if given == kept else [path]


def test_grafanas_own_types_know_every_field_of_the_dashboard() -> None:
    register_default_plugins()

    def kept(given: dict[str, Any]) -> Any:
        return json.loads(JSONEncoder().encode(Dashboard.from_json(given)))

    given = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert lost(given, kept(given)) == []
    given["panels"][0]["options"]["colourMode"] = "none"
    given["panels"][0]["targets"][0]["query"] = "up"
    assert lost(given, kept(given)) == ["/panels/0/targets/0/query", "/panels/0/options/colourMode"]


def test_the_compose_file_is_of_the_schema_of_compose_files(tmp_path: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    status, said = run(*check, str(DEPLOY / "compose.yaml"))
    assert status == 0, said
    planted = (DEPLOY / "compose.yaml").read_text(encoding="utf-8").replace("stop_grace_period", "stop_grace")
    (tmp_path / "compose.yaml").write_text(planted, encoding="utf-8")
    status, said = run(*check, str(tmp_path / "compose.yaml"))
    assert (status, "stop_grace" in said) == (1, True)


def test_the_compose_file_is_whole_with_its_two_secrets_and_refused_without(tmp_path: Path) -> None:
    podman = tmp_path / "podman"  # asked for its number before the file is read, and for nothing after
    podman.write_text("#!/bin/sh\necho podman version 5.0.0\n", encoding="utf-8")
    podman.chmod(0o755)
    words = [sys.executable, "-m", "podman_compose", "--podman-path", str(podman)]
    words += ["-f", str(DEPLOY / "compose.yaml"), "config"]
    secrets = {"POSTGRES_PASSWORD": "pass-word", "FIELDCAL_SECRET_KEYS": "key-of-it"}
    status, said = run(*words, cwd=tmp_path, PATH="/usr/bin:/bin", **secrets)
    assert status == 0, said
    services = yaml.safe_load(said)["services"]
    ours = [services[name] for name in ("upgrade", "fieldcal", "worker")]
    assert {one["environment"]["FIELDCAL_SECRET_KEYS"] for one in ours} == {"key-of-it"}
    assert {one["environment"]["FIELDCAL_DATABASE_URL"] for one in ours} == {
        "postgresql://fieldcal:pass-word@db/fieldcal"
    }
    assert all(one["read_only"] and one["cap_drop"] == ["ALL"] for one in ours)
    for name in secrets:
        rest = {other: value for other, value in secrets.items() if other != name}
        status, said = run(*words, cwd=tmp_path, PATH="/usr/bin:/bin", **rest)
        assert (status, name in said) == (1, True)


def test_the_containerfile_has_nothing_that_hadolint_would_mend(tmp_path: Path) -> None:
    hadolint = needed("hadolint")
    assert run(hadolint, "--no-color", str(DEPLOY / "Containerfile")) == (0, "")
    planted = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("USER 10001:10001", "USER root")
    (tmp_path / "Containerfile").write_text(planted, encoding="utf-8")
    assert "DL3002" in run(hadolint, "--no-color", str(tmp_path / "Containerfile"))[1]


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed, so what its units leave open is NOT told"
)
@pytest.mark.parametrize("name", ["fieldcal.service", "fieldcal-worker@.service"])
def test_the_units_leave_open_no_more_than_they_need(name: str, tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "systemd" / name, tmp_path / name)

    def exposed() -> float:
        status, said = run("systemd-analyze", "security", "--offline=true", str(tmp_path / name))
        assert status == 0, said
        return float(re.findall(r"exposure level for \S+ ([0-9.]+)", said)[0])

    assert exposed() <= 1.6
    text = (tmp_path / name).read_text(encoding="utf-8").replace("NoNewPrivileges=yes\n", "")
    (tmp_path / name).write_text(text.replace("SystemCallFilter=@system-service\n", ""), encoding="utf-8")
    assert exposed() > 1.6
