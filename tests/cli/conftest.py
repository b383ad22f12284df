from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import structlog
from tests.told import secrets_in

from fieldcal.__main__ import main

if TYPE_CHECKING:
    from tests.cli.company import Company, Kept


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
    monkeypatch.delenv("COLUMNS", raising=False)
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
        assert secrets_in(out + err) == [], words
        return Said(status, out, err)

    yield run
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = handlers, level


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """Both ends with a sample organization, served by address; nothing is attached yet."""
    from tests.cli.company import company as company_of

    with company_of(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Where the first test that needs it leaves the attached company for the others."""
    from tests.cli.company import Kept

    return Kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def attached(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_template: Path, kept: Kept
) -> Iterator[Company]:
    """The company, attached, and every mailbox set up by command; nothing is synchronized yet."""
    from tests.cli.company import company as company_of

    if kept.can_be_served():
        with company_of(tmp_path, kept=kept) as made:
            made.sign_in(monkeypatch)
            yield made
        return
    # The first command finds a state that is there already; making one is the business of `test_state_files.py`.
    (tmp_path / "data").mkdir(mode=0o700)
    state = tmp_path / "data" / "state.sqlite3"
    shutil.copyfile(sqlite_template, state)
    state.chmod(0o600)
    with company_of(tmp_path) as made:
        made.attach(fieldcal, monkeypatch)
        made.set_up(fieldcal)
        if kept.sample is None:
            kept.keep(made)
        yield made
