"""A service that has worked, asked as Prometheus asks it: what the rules and the dashboard name is there, and nobody's data."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.cli.processes import running
from tests.deploy.test_deploy import NAME, panels, rules
from tests.deploy.validators import needed

#: It takes seconds; tests/web/test_watch.py has the same of the numbers alone.
pytestmark = pytest.mark.slow
#: What a series is called in a query, where its family is called otherwise.
ENDS = re.compile(r"_(?:bucket|total)$")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The metrics of a demo that has written its calendars, and its folder."""
    folder = tmp_path_factory.mktemp("real") / "company"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = ["demo", "--workers", "3", "--bookings", "20", "--folder", str(folder)]
    with running("fieldcal", *words, FIELDCAL_LISTEN_METRICS=address) as process:
        process.until("Stop with Ctrl-C.")
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    return text, folder


def test_what_the_rules_and_the_dashboard_ask_for_a_service_exports(told: tuple[str, Path]) -> None:
    text, _ = told
    families = {ENDS.sub("", family.name) for family in text_string_to_metric_families(text)}
    asked = [rule["expr"] for rule in rules()] + [one["expr"] for panel in panels() for one in panel["targets"]]
    named = {ENDS.sub("", name) for query in asked for name in NAME.findall(query)}
    assert named - families == set()
    assert len(named) > 15


def test_prometheus_finds_nothing_to_mend_in_them(told: tuple[str, Path]) -> None:
    text, _ = told
    promtool = needed("promtool")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_no_label_tells_of_a_customer_a_worker_or_a_booking(told: tuple[str, Path]) -> None:
    text, folder = told
    values = {
        value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for key, value in sample.labels.items()
        if key != "le"
    }
    words: set[str] = set()
    connection = sqlite3.connect(folder / "fieldservice.sqlite3")
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            words |= {str(one) for one in row if len(str(one)) > 3}
    connection.close()
    assert len(words) > 100
    assert values & words == set()
    assert json.dumps(sorted(values)).count("@") == 0
