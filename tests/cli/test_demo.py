"""`fieldcal demo`: the main job on the embedded systems, with numbers that agree with what stands in the calendars."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Fieldcal
from tests.cli.processes import running
from tests.cli.test_serve import ask, run_file, signed_in, until

from fieldcal.embedded.exchange import Exchange


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, list[str]]:
    """One demo of the usual size as a process: its folder, its JSON, and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "company"
    with running("fieldcal", "demo", "--once", "--json", "--folder", str(folder)) as process:
        assert process.wait() == 0, process.printed
    return folder, json.loads("\n".join(process.printed)), process.printed


def standing(folder: Path) -> int:
    """The events with our mark, counted by the Exchange's own store."""
    with Exchange(folder / "exchange.sqlite3") as exchange:
        boxes = exchange.store.mailboxes.all()
        events = [event for box in boxes for event in exchange.hands.look(box.object_id)]
        return sum(any("Fieldcal" in name for name in exchange.hands.properties(event)) for event in events)


def test_the_usual_size_is_that_of_the_sample_organization(demo: tuple[Path, Any, list[str]]) -> None:
    _, told, _ = demo
    assert (told["mailboxes_enabled"], told["bookings"], told["workers"]) == (12, 150, 13)


def test_every_booking_of_the_window_has_an_event_or_a_reason(demo: tuple[Path, Any, list[str]]) -> None:
    _, told, _ = demo
    first = told["passes"]["first"]
    assert told["in_window"] == first["created"] + sum(told["skipped"].values()) > 50
    assert {"not_a_person", "no_mailbox"} <= told["skipped"].keys()
    assert (first["updated"], first["removed"], first["failed"]) == (0, 0, 0)


def test_a_pass_with_nothing_changed_asks_the_source_twice_and_no_calendar(demo: tuple[Path, Any, list[str]]) -> None:
    _, told, _ = demo
    assert told["second_pass_writes"] == 0
    for name in ("second", "last"):
        quiet = told["passes"][name]
        assert quiet["requests"] == {"source": 2, "calendars": 0}
        assert (quiet["created"], quiet["updated"], quiet["removed"], quiet["failed"]) == (0, 0, 0, 0)


def test_the_dispatcher_s_changes_reach_the_calendars_and_a_work_order_alone_does_not(
    demo: tuple[Path, Any, list[str]],
) -> None:
    folder, told, _ = demo
    assert [change["what"] for change in told["changes"]] == [
        "moved", "canceled", "reassigned", "deleted", "got a new summary",
    ]  # fmt: skip
    after = told["passes"]["after the changes"]
    assert (after["created"], after["updated"], after["removed"]) == (1, 2, 2)
    connection = sqlite3.connect(folder / "state.sqlite3")
    written = {
        booking: [
            action for (action,) in connection.execute("SELECT action FROM history WHERE booking = ?", (booking,))
        ]
        for booking in (change["booking"] for change in told["changes"])
    }
    connection.close()
    assert list(map(sorted, written.values())) == [
        ["create", "update"], ["create", "update"], ["create", "create", "remove"], ["create", "remove"], ["create"],
    ]  # fmt: skip


def test_the_numbers_agree_with_the_events_that_stand_in_the_mailboxes(demo: tuple[Path, Any, list[str]]) -> None:
    folder, told, _ = demo
    assert told["events"] == told["created"] - told["removed"] == standing(folder)
    passes = told["passes"].values()
    for side in ("source", "calendars"):
        assert told["requests"][side] >= sum(one["requests"][side] for one in passes) > 0
    assert told["seconds"] > sum(one["seconds"] for one in passes) > 0


def test_with_json_nothing_else_is_printed(demo: tuple[Path, Any, list[str]]) -> None:
    _, _, printed = demo
    assert (printed[0], printed[-1]) == ("{", "}")


def test_what_a_demo_leaves_is_an_installation_like_any_other(
    demo: tuple[Path, Any, list[str]], fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, told, _ = demo
    monkeypatch.setenv("FIELDCAL_DATA", str(folder))
    (now,) = fieldcal("status", "--json").json()["environments"]
    assert (now["events"], now["churn"], now["backlog"]["waiting"]) == (told["events"], 0, 0)
    assert fieldcal("doctor").status == 0
    assert fieldcal("check", "--json").json()[0]["findings"] == []
    deleted = next(change["booking"] for change in told["changes"] if change["what"] == "deleted")
    assert "deleted" in fieldcal("why", deleted, "--json").json()["answer"]


def test_people_see_a_company_passes_a_week_and_what_the_changes_did(fieldcal: Fieldcal) -> None:
    said = fieldcal("demo", "--once", "--workers", 3, "--bookings", 40)
    assert (said.status, said.err) == (0, "")
    for text in (
        "A trades company: 4 technicians", "3 of 3 mailboxes are set up", "The first pass:", "The second pass:",
        "the coming week (", "The dispatcher: work order", "The pass after the changes:", "The last pass:",
        "a pass with nothing changed wrote nothing",
    ):  # fmt: skip
        assert text in said.out


def test_a_folder_in_use_and_a_company_too_small_are_refused(fieldcal: Fieldcal, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter").write_text("mine")
    said = fieldcal("demo", "--once", "--folder", tmp_path / "used")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert "in use already" in said.err
    for words in (("--workers", 2), ("--bookings", 5), ("--workers", "many")):
        assert fieldcal("demo", "--once", *words).status == 2


def test_the_operator_s_own_state_is_left_alone(
    fieldcal: Fieldcal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", f"sqlite:///{tmp_path / 'mine.sqlite3'}")
    assert fieldcal("environment", "list").status == 0
    assert fieldcal("demo", "--once", "--json", "--workers", 3, "--bookings", 20).json()["second_pass_writes"] == 0
    assert fieldcal("environment", "list", "--json").json() == []


def test_it_keeps_serving_both_apis_and_a_feed_until_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "company"
    with running("fieldcal", "demo", "--workers", "3", "--bookings", "40", "--folder", str(folder)) as process:
        process.until("Stop with Ctrl-C.")
        addresses = {line.split("  ")[1].strip(): line.split()[-3:] for line in process.printed if "http://" in line}
        assert {"service", "Field Service", "Exchange", "a calendar"} <= addresses.keys()
        feed = next(line for line in process.printed if ".ics" in line).split("http://")[1].split()[0]
        ends = run_file(folder)["ends"]
        source = ends["fieldservice"]
        token = signed_in(ends, source)
        status, text = ask(f"http://{feed}")
        assert (status, text.startswith("BEGIN:VCALENDAR")) == (200, True)
        assert text.count("BEGIN:VEVENT") > 3
        uid_before = text.count("BEGIN:VEVENT")
        rows = json.loads(ask(f"{source}/api/data/v9.2/bookableresourcebookings?$select=name", token=token)[1])["value"]
        for row in rows:
            address = f"{source}/api/data/v9.2/bookableresourcebookings({row['bookableresourcebookingid']})"
            assert ask(address, "DELETE", token)[0] == 204
        until(lambda: ask(f"http://{feed}")[1].count("BEGIN:VEVENT") < uid_before)
        with sqlite3.connect(folder / "state.sqlite3") as connection:
            assert connection.execute("SELECT received FROM webhooks").fetchone()[0] > 0
        connection.close()
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    assert not (folder / "service.json").exists()
