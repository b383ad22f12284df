"""How text is laid out: whole lines in a pipe, wrapped or told as lists on a narrow screen."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.processes import running

from fieldcal.cli import show

LONG = "nothing is written until the environment is switched on again: `fieldcal environment set acme --enable`"
ROWS = [("anna@northwind-trades.example", "approved", LONG), ("bernd@northwind-trades.example", "empty", "")]
WIDE = [(*row[:2], "7fd597fb-fb9d-5aae-a8c1-96074aa70e49", *row[1:], "2026-11-23 08:00:00Z") for row in ROWS]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


def test_in_a_pipe_a_row_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show.line(LONG + " " + LONG)
    show.table(("address", "approval", "why"), ROWS)
    show.pairs([("why", LONG)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0] == LONG + " " + LONG
    assert lines[2].startswith("anna@northwind-trades.example   approved  nothing is")
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("screen", [60, 80, 100], indirect=True)
def test_on_a_screen_nothing_is_wider_and_no_command_or_word_is_torn_apart(
    screen: int, capsys: pytest.CaptureFixture[str]
) -> None:
    show.line(f"  {LONG}")
    show.pairs([("in the way", LONG), ("mailboxes", "3")])
    show.table(("address", "approval", "why"), ROWS)
    show.table(("address", "approval", "id", "again", "why", "since"), WIDE)
    said = capsys.readouterr().out
    assert all(len(line) <= screen for line in said.splitlines())
    assert said.count("`fieldcal environment set acme --enable`") == 4
    assert said.count("7fd597fb-fb9d-5aae-a8c1-96074aa70e49") == 2
    assert said.startswith("  nothing is written")
    # What follows a wrapped line is set in, so that the next entry is told from it.
    assert said.splitlines()[1].startswith("    ")


@pytest.mark.parametrize("screen", [80], indirect=True)
def test_a_table_that_is_too_wide_is_told_row_by_row(screen: int, capsys: pytest.CaptureFixture[str]) -> None:
    show.table(("address", "approval", "id", "again", "why", "since"), WIDE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "address anna@northwind-trades.example"
    assert "  approval  approved" in lines
    assert sum(line.startswith("  why") for line in lines) == 1  # the other's is empty
    assert screen == 80


def test_a_table_without_rows_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(("address", "why"), [])
    assert capsys.readouterr().out == ""


def test_ctrl_c_ends_a_command_with_one_clear_line(tmp_path: Path) -> None:
    settings = {"FIELDCAL_DATA": str(tmp_path / "data"), "FIELDCAL_LISTEN": "127.0.0.1:0"}
    with running("fieldcal", "demo", "--folder", str(tmp_path / "demo"), "--workers", "40", **settings) as command:
        command.until("A trades company")
        command.signal(signal.SIGINT)
        assert command.wait() == 130
    assert command.printed[-1].endswith("stopped; what was done until then stays, and the next run goes on from there")
    assert not any("Aborted" in line or "Traceback" in line for line in command.printed)


def test_a_help_text_is_quick_for_it_loads_neither_the_state_nor_any_end() -> None:
    heavy = {"aiohttp", "alembic", "fastapi", "jinja2", "pydantic", "rich", "sqlalchemy", "structlog"}
    asked = "import sys, fieldcal.cli; fieldcal.cli._tree(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert {"typer", "fieldcal.cli.token"} <= set(done.stdout.split())
    assert heavy & set(done.stdout.split()) == set()
