from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from fieldcal.__main__ import main


@dataclass(frozen=True)
class Said:
    """What a command left: its exit status and both outputs."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.status == 0, self.err
        return msgspec.json.decode(self.out)


Fieldcal = Callable[..., Said]


@pytest.fixture
def fieldcal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Fieldcal]:
    """Runs a command as the shell would, on a data folder of its own."""
    for name in list(os.environ):
        if name.startswith("FIELDCAL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FIELDCAL_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    handlers, level = logging.root.handlers[:], logging.root.level

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["fieldcal", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        out, err = capsys.readouterr()
        return Said(status, out, err)

    yield run
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = handlers, level
