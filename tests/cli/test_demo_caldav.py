"""`fieldcal demo --calendar caldav`: the same story with the same numbers, and a Radicale that ends with it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def demo(folder: Path, *words: str) -> Iterator[tuple[Process, Any]]:
    """A demo at a Radicale that has told its numbers and serves now."""
    with running(
        "fieldcal", "demo", *SIZE, "--json", "--calendar", "caldav", "--folder", str(folder), *words
    ) as process:
        process.until("Stop with Ctrl-C.")
        first, last = process.printed.index("{"), process.printed.index("}")
        yield process, json.loads("\n".join(process.printed[first : last + 1]))


def collection(process: Process) -> tuple[str, str, Path]:
    """The calendar that the demo tells of, its user, and the password's file."""
    printed = "\n".join(process.printed)
    assert "Exchange " not in printed
    url = re.findall(r"a calendar\s+(\S+)", printed)[0]
    user, file = re.findall(r"its user\s+(\S+), the password is in (\S+)", printed)[0]
    return url, user, Path(file)


def reached(url: str) -> bool:
    try:
        with urlopen(Request(url, method="OPTIONS"), timeout=5):
            return True
    except URLError as error:
        return hasattr(error, "code")


def stored(folder: Path) -> list[str]:
    """What stands in the files of its Radicale."""
    found = (folder / "radicale" / "collections").rglob("*.ics")
    return [path.read_text(encoding="utf-8") for path in found if ".Radicale.cache" not in path.parts]


def test_the_story_is_told_its_calendars_can_be_read_and_a_killed_demo_takes_its_radicale_with_it(
    tmp_path: Path, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "company"
    with demo(folder) as (process, told):
        first = told["passes"]["first"]
        assert told["in_window"] == first["created"] + sum(told["skipped"].values()) > 10
        assert [told["passes"][name]["requests"] for name in ("second", "last")] == [{"source": 2, "calendars": 0}] * 2
        after = told["passes"]["after the changes"]
        assert (after["created"], after["updated"], after["removed"]) == (1, 2, 2)
        texts = stored(folder)
        assert sum("X-FIELDCAL-MARK" in text for text in texts) == len(texts) == told["events"] > 3
        assert any("SUMMARY:Canceled: " in text for text in texts)

        url, user, file = collection(process)
        sign_in = b64encode(f"{user}:{file.read_text().strip()}".encode()).decode()
        with urlopen(Request(url, headers={"Authorization": f"Basic {sign_in}"}), timeout=10) as answer:
            assert answer.read().count(b"BEGIN:VEVENT") > 0
        kept = [folder / "radicale" / "users", *(folder / "radicale" / "passwords").iterdir()]
        assert len(kept) > 4
        assert {path.stat().st_mode & 0o077 for path in (folder / "radicale", *kept)} == {0}

        process.signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        until(lambda: not reached(url))
    (again,) = re.findall(r"again\s+python\S* -m (.+?)   ", "\n".join(process.printed))
    monkeypatch.setenv("FIELDCAL_DATA", str(folder))
    with running(*again.split()):
        until(lambda: reached(url))
        (now,) = fieldcal("status", "--json").json()["environments"]
        assert (now["events"], now["churn"]) == (told["events"], 0)
        assert fieldcal("check", "--json").json()[0]["findings"] == []


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_radicale_ends_with_a_demo_that_is_asked_to_end(end: signal.Signals, tmp_path: Path) -> None:
    with demo(tmp_path / "company") as (process, _):
        url, _, _ = collection(process)
        assert reached(url)
        process.signal(end)
        assert process.wait() == 0
        until(lambda: not reached(url))


@pytest.mark.slow
def test_the_numbers_are_those_of_the_demo_on_exchange(tmp_path: Path) -> None:
    found = {}
    for kind in ("exchange", "caldav"):
        folder = str(tmp_path / kind)
        with running("fieldcal", "demo", *SIZE, "--once", "--json", "--calendar", kind, "--folder", folder) as process:
            assert process.wait() == 0, process.printed
        found[kind] = json.loads("\n".join(process.printed))
    same = ("workers", "mailboxes_enabled", "bookings", "in_window", "created", "updated", "removed", "skipped",
            "second_pass_writes", "events")  # fmt: skip
    ours, theirs = found["caldav"], found["exchange"]
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert [change["what"] for change in ours["changes"]] == [change["what"] for change in theirs["changes"]]


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
    words = [sys.executable, "-m", "fieldcal.demo.keeper", sys.executable, "-c"]
    gone = subprocess.run([*words, "import time; time.sleep(600)"], stdin=subprocess.DEVNULL, check=False, timeout=60)
    assert gone.returncode == 256 - signal.SIGTERM
    read, write = os.pipe()
    ended = subprocess.run([*words, "raise SystemExit(7)"], stdin=read, check=False, timeout=60)
    os.close(write)
    os.close(read)
    assert ended.returncode == 7
