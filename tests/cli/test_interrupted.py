"""Ctrl-C ends a command with status 130 and no traceback, however early it comes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.cli.processes import running


@pytest.mark.parametrize(
    "loading",
    ["typer", "pydantic_settings"],  # before there is a command line, and while its settings are looked at
)
def test_ctrl_c_while_the_program_is_still_loading_shows_no_traceback(loading: str, tmp_path: Path) -> None:
    (tmp_path / f"{loading}.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(600)\n")
    # whoever runs the tests in the background has it ignored, and what is begun from there too
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with running("fieldcal", "db", "upgrade", PYTHONPATH=path, FIELDCAL_DATA=str(tmp_path)) as command:
        signal.signal(signal.SIGINT, before)
        command.until("loading")
        command.signal(signal.SIGINT)
        assert (command.wait(), command.printed) == (130, ["loading"])
