"""`fieldcal schedule`: a file is told, asked about, and loaded whole; what was exported changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cli.conftest import Fieldcal

from fieldcal.app import open_state
from fieldcal.clock import SystemClock
from fieldcal.config import Config
from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.ends import schedule_store
from fieldcal.setup import environments
from fieldcal.setup_model import Actor, Endpoint


@pytest.fixture
def scheduling(fieldcal: Fieldcal, tmp_path: Path) -> Path:
    """The file of a small organization that schedules here."""
    for name, end in (("main", Endpoint("", credential="embedded")), ("away", Endpoint("http://127.0.0.1:9"))):
        database = open_state(Config(data=tmp_path / "data"))
        with database.write() as tx:
            environments.add(tx, Actor("tests"), SystemClock().now(), name, end)
        database.close()
    file = tmp_path / "types.csv"
    file.write_text("name\nRepair\nPaint\n", encoding="utf-8")
    return file


def test_a_file_is_asked_about_loaded_and_comes_out_again(fieldcal: Fieldcal, scheduling: Path) -> None:
    words = ("schedule", "import", scheduling, "--kind", "types", "-e", "main")
    dry = fieldcal(*words, "--dry-run")
    assert (dry.status, "2 new, 0 changed" in dry.out, "(--dry-run)" in dry.out) == (0, True, True)
    asked = fieldcal(*words)
    assert (asked.status, "Load 2 work order types into main?" in asked.err) == (1, True)
    assert fieldcal(*words, "--yes").out.endswith("Loaded.\n")
    assert fieldcal(*words, "--json").json() == {"new": 0, "changed": 0, "same": 2, "mistakes": [], "loaded": False}
    told = fieldcal("schedule", "export", "--kind", "types", "-e", "main")
    assert told.out.split() == ["name", "Paint", "Repair"]
    assert fieldcal("schedule", "export", "--kind", "types", "-e", "main", "--json").json() == [
        {"name": "Paint"}, {"name": "Repair"},
    ]  # fmt: skip
    line = fieldcal("audit", "list", "--json").json()[0]
    assert (line["action"], line["subject"]) == ("work order types imported", "main/types")


def test_mistakes_are_told_by_line_and_nothing_is_loaded(fieldcal: Fieldcal, scheduling: Path, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("number;minutes\nWO-1;x\n", encoding="utf-8")
    said = fieldcal("schedule", "import", orders, "-e", "main", "--yes")
    assert said.status == 1
    assert said.out.splitlines() == [
        "line 2, minutes: 'minutes' is 'x', and not a number of minutes up to 44,640",
        "1 mistake; nothing was loaded.",
    ]  # fmt: skip
    assert fieldcal("schedule", "export", "-e", "main").out.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-e", "away"), "bookings of away are made in its own Field Service"),
        (("-e", "main", "--kind", "cars"), "--kind: cars is none of orders"),
        (("-e", "main", "--zone", "Mars"), "--zone: Mars is no time zone"),
        (("-e", "main", "--as", "nobody"), "nobody"),
        ((), "name the environment with --environment"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    fieldcal: Fieldcal, scheduling: Path, words: tuple[str, ...], told: str
) -> None:
    said = fieldcal("schedule", "import", scheduling, *words)
    assert (said.status, said.out, said.err.count("\n"), told in said.err) == (1, "", 1, True)


def test_a_file_that_is_not_there_is_named(fieldcal: Fieldcal, scheduling: Path) -> None:
    said = fieldcal("schedule", "import", scheduling.with_name("none.csv"), "-e", "main")
    assert (said.status, "none.csv" in said.err) == (1, True)
    said = fieldcal("schedule", "import", scheduling.parent, "-e", "main")
    assert (said.status, said.err.count("\n"), "is a folder; name a file" in said.err) == (1, 1, True)


def test_what_a_file_does_not_say_itself_is_told_before_it_is_loaded(
    fieldcal: Fieldcal, scheduling: Path, tmp_path: Path
) -> None:
    accounts, orders = tmp_path / "accounts.csv", tmp_path / "orders.csv"
    accounts.write_text("name,city\nBakery,Linz\n", encoding="utf-8")
    orders.write_text("summary,account\nPaint,Bakery\n", encoding="utf-8")
    assert fieldcal("schedule", "import", accounts, "--kind", "accounts", "-e", "main", "--yes").status == 0
    said = fieldcal("schedule", "import", orders, "-e", "main", "--yes").out
    assert "1 of them name no address and take their account's." in said
    assert "1 of them have no number: each is a new work order with the next one." in said
    said = fieldcal("schedule", "import", orders, "-e", "main", "--yes")
    assert (said.status, "says just this already" in said.out) == (1, True)


def test_why_tells_of_a_booking_that_no_pass_has_read_yet(fieldcal: Fieldcal, scheduling: Path) -> None:
    at = datetime(2100, 1, 1, 8, tzinfo=UTC)
    with schedule_store(Config(data=scheduling.with_name("data"))) as store:
        status = store.create("bookingstatus", {"name": "Scheduled", "status": 2})
        ana = store.create("bookableresource", {"name": "Ana"})
        order = store.create("msdyn_workorder", {"msdyn_name": "WO-7"})
        span = {"starttime": instant_text(at), "endtime": instant_text(at + timedelta(hours=1))}
        held = {"resource": ana, "bookingstatus": status, "msdyn_workorder": order}
        made = store.create("bookableresourcebooking", {**span, **held})
    for name in (made, "wo-7"):
        told = fieldcal("why", name)
        assert (told.status, told.err, told.out.partition("\n")[0]) == (
            0, "", "It is not in the calendar: it has not been read yet; the next pass reads it (`fieldcal sync`).",
        )  # fmt: skip
    assert fieldcal("why", "wo-8").status == 1


def test_rows_are_removed_and_orders_canceled_after_a_question(fieldcal: Fieldcal, scheduling: Path) -> None:
    with schedule_store(Config(data=scheduling.with_name("data"))) as store:
        kind = store.create("msdyn_workordertype", {"msdyn_name": "Repair"})
        store.create("msdyn_workorder", {"msdyn_name": "WO-7", "msdyn_workordertype": kind})
    words = ("-e", "main", "--yes")
    stays = fieldcal("schedule", "remove", "repair", "--kind", "types", *words)
    assert (stays.status, "Repair is named by 1 work order (WO-7), and stays" in stays.err) == (1, True)
    asked = fieldcal("schedule", "cancel", "WO-7", "-e", "main")
    assert (asked.status, "Cancel the work order WO-7 of main, with 0 bookings?" in asked.err) == (1, True)
    assert fieldcal("schedule", "cancel", "WO-7", *words).out == "Canceled: work order WO-7, with 0 bookings.\n"
    assert "it is canceled" in fieldcal("schedule", "cancel", "WO-7", *words).err
    assert fieldcal("schedule", "remove", "WO-7", *words).status == 0
    told = fieldcal("schedule", "remove", "repair", "--kind", "types", *words, "--json").json()
    assert told == {"environment": "main", "removed": "Repair", "bookings": 0}
    assert "there is no work order type" in fieldcal("schedule", "remove", "repair", "--kind", "types", *words).err
    lines = [line["action"] for line in fieldcal("audit", "list", "--json").json()][:3]
    assert lines == ["work order type removed", "work order removed", "work order canceled"]
