"""`fieldcal demo --calendar caldav`: the same story with the same numbers, and a Radicale that ends with it."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from tests.cli.conftest import Fieldcal
from tests.cli.processes import Process, running
from tests.cli.test_bad_input import refused
from tests.cli.test_serve import until

SIZE = ("--workers", "3", "--bookings", "40")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Both kinds of demo of one size: folder and JSON."""
    folders = {kind: tmp_path_factory.mktemp("demo") / kind for kind in ("exchange", "caldav")}
    words = ("fieldcal", "demo", "--once", "--json", *SIZE)
    with ExitStack() as stack:
        running_ones = {
            kind: stack.enter_context(running(*words, "--calendar", kind, "--folder", str(folder)))
            for kind, folder in folders.items()
        }
        for process in running_ones.values():
            assert process.wait() == 0, process.printed
        return {kind: (folders[kind], json.loads("\n".join(running_ones[kind].printed))) for kind in folders}


def test_the_numbers_are_those_of_the_demo_on_exchange(told: dict[str, tuple[Path, Any]]) -> None:
    (_, ours), (_, theirs) = told["caldav"], told["exchange"]
    same = ("workers", "mailboxes_enabled", "bookings", "in_window", "created", "updated", "removed", "skipped",
            "second_pass_writes", "events")  # fmt: skip
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert ours["events"] > 3
    for name in ("second", "last"):
        assert ours["passes"][name]["requests"] == {"source": 2, "calendars": 0}
    assert [change["what"] for change in ours["changes"]] == [change["what"] for change in theirs["changes"]]


def test_the_events_stand_in_the_files_of_the_radicale(told: dict[str, tuple[Path, Any]]) -> None:
    folder, numbers = told["caldav"]
    found = (folder / "radicale" / "collections").rglob("*.ics")
    files = [path for path in found if ".Radicale.cache" not in path.parts]
    texts = [path.read_text(encoding="utf-8") for path in files]
    assert sum("X-FIELDCAL-MARK" in text for text in texts) == len(texts) == numbers["events"]
    assert any("SUMMARY:Canceled: " in text for text in texts)


def test_its_calendars_are_served_again_by_the_command_that_it_tells(
    told: dict[str, tuple[Path, Any]], fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, numbers = told["caldav"]
    monkeypatch.setenv("FIELDCAL_DATA", str(folder))
    with running("radicale", "--config", str(folder / "radicale" / "config")):
        url = re.findall(r"hosts = (\S+)", (folder / "radicale" / "config").read_text())[0]
        until(lambda: reached(f"http://{url}/"))
        (now,) = fieldcal("status", "--json").json()["environments"]
        assert (now["events"], now["churn"]) == (numbers["events"], 0)
        assert fieldcal("check", "--json").json()[0]["findings"] == []


def test_nobody_else_may_read_its_passwords(told: dict[str, tuple[Path, Any]]) -> None:
    radicale = told["caldav"][0] / "radicale"
    kept = [radicale / "users", *(radicale / "passwords").iterdir()]
    assert len(kept) > 4
    assert {path.stat().st_mode & 0o077 for path in (radicale, *kept)} == {0}


def reached(url: str) -> bool:
    try:
        with urlopen(Request(url, method="OPTIONS"), timeout=5):
            return True
    except URLError as error:
        return hasattr(error, "code")


def collection(process: Process) -> tuple[str, str, str]:
    """The calendar that the demo tells of, its user, and the password's file."""
    process.until("Stop with Ctrl-C.")
    lines = {line.split("  ")[1].strip() or line.split()[0]: line for line in process.printed if line.startswith("  ")}
    url = next(line for line in process.printed if "a calendar" in line).split()[2]
    assert "Exchange" not in "".join(lines)
    user, file = re.findall(r"its user\s+(\S+), the password is in (\S+)", "\n".join(process.printed))[0]
    return url, user, file


@pytest.mark.parametrize(
    "end",
    [
        signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_phone_may_sign_in_while_it_serves_and_the_radicale_ends_with_it_whatever_happens(
    end: signal.Signals, tmp_path: Path
) -> None:
    folder = tmp_path / "company"
    with running("fieldcal", "demo", *SIZE, "--calendar", "caldav", "--folder", str(folder)) as process:
        url, user, file = collection(process)
        sign_in = b64encode(f"{user}:{Path(file).read_text().strip()}".encode()).decode()
        with urlopen(Request(url, headers={"Authorization": f"Basic {sign_in}"}), timeout=10) as answer:
            assert answer.read().count(b"BEGIN:VEVENT") > 0
        process.signal(end)
        status = process.wait()
        assert status == (-signal.SIGKILL if end is signal.SIGKILL else 0)
        until(lambda: not reached(url))
    assert file.startswith(str(folder))


def test_a_machine_without_radicale_is_told_how_to_have_it(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "radicale", None)
    text = refused(fieldcal, "demo", "--calendar", "caldav", "--folder", tmp_path / "new")
    assert "pip install radicale`" in text
    assert not (tmp_path / "new").exists()
    assert fieldcal("demo", "--calendar", "notes").status == 2


def test_the_keeper_ends_its_program_when_the_other_side_is_gone_and_passes_its_status_on() -> None:
    """With a pipe that nobody holds any more, and with a program that ends by itself."""
    import subprocess

    words = [sys.executable, "-m", "fieldcal.demo.keeper", sys.executable, "-c"]
    gone = subprocess.run([*words, "import time; time.sleep(600)"], stdin=subprocess.DEVNULL, check=False, timeout=60)
    assert gone.returncode == 256 - signal.SIGTERM
    read, write = os.pipe()
    ended = subprocess.run([*words, "raise SystemExit(7)"], stdin=read, check=False, timeout=60)
    os.close(write)
    os.close(read)
    assert ended.returncode == 7
