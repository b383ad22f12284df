"""One rule for every command: what cannot be taken back is asked, and what concerns several mailboxes; nothing else."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import typer
from sqlalchemy import Connection, update
from tests.cli.conftest import Fieldcal
from tests.conftest import NewState
from tests.test_docs import commands
from tests.values import NOW, WINDOW

from fieldcal.cli import app
from fieldcal.model import MailboxId, Worker, WorkerId, WorkerKind
from fieldcal.setup_model import Endpoint, Environment, ServerProfile
from fieldcal.state import environments, profiles, tables, workers
from fieldcal.state.database import Database

END = Endpoint("http://127.0.0.1:1", secret="env:TOKEN")
NAMES = ("anna", "bernd")
ANNA, ALL = "anna@x.example", "--all"

#: what asks, and (where there is such a thing) the same for one mailbox alone, which does not
TABLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "mailbox edit": ((ALL, "--method", "none"), (ANNA, "--method", "none")),
    "mailbox approve": ((ALL,), (ANNA,)),
    "mailbox reject": ((ALL,), (ANNA,)),
    "mailbox test": ((ALL,), (ANNA,)),
    "mailbox enable": (("--search", "x.example", "--state", "disabled"), (ANNA,)),
    "mailbox disable": ((ALL,), (ANNA,)),
    "mailbox claim": ((ANNA, "--take-over"), ()),
    "profile set": (("several", "--secret", "env:OTHER", "--offline"), ("single", "--secret", "env:OTHER", "--offline")),
    "profile activate": (("resting",), ("single",)),
    "profile deactivate": (("several",), ("single",)),
    "profile remove": (("several",), ()),
    "environment set": (("main", "--disable"), ("other", "--disable")),
    "environment remove": (("other",), ()),
    "db restore": (("--in-place",), ()),
}  # fmt: skip
#: Ask too, as their own tests show: they need servers to look at (`test_clean_command.py`, `test_check.py`, ...), or a
#: file, people and rows that are old (`test_caldav_commands.py`, `test_erase.py`, `test_prune.py`, ...).
ELSEWHERE = {
    "mailbox clean", "plan approve", "duplicates remove", "mailbox import", "environment webhook remove",
    "mailbox credentials", "erase worker", "erase contact", "db prune", "alert acknowledge", "check",
    "user disable", "schedule import", "schedule remove", "schedule cancel",
}  # fmt: skip


@pytest.fixture
def installed(fieldcal: Fieldcal, new_sqlite: NewState, monkeypatch: pytest.MonkeyPatch) -> Fieldcal:
    """Two mailboxes through each of two profiles, one through a third; nobody answers at the other end."""
    monkeypatch.setenv("TOKEN", "a-token")
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", new_sqlite())
    with state() as tx:
        for place in ("main", "other"):
            environments.add(tx, Environment(place, END, NOW))
        for profile in ("several", "resting", "single"):
            profiles.add(tx, ServerProfile(profile, END, NOW, active=profile != "resting"))
        for place, profile, names in (
            ("main", "several", NAMES), ("main", "resting", ("r1", "r2")), ("other", "single", ("one",)),
        ):  # fmt: skip
            known = [
                Worker(WorkerId(name), name, WorkerKind.USER, True, MailboxId(name), f"{name}@x.example", name, "UTC")
                for name in names
            ]
            workers.store(tx, place, known, [], WINDOW, NOW)
            set_up = update(tables.mailboxes).where(tables.mailboxes.c.id.in_(names))
            tx.execute(set_up.values(profile=profile, enabled=True))
        tx.execute(update(tables.mailboxes).where(tables.mailboxes.c.id == "anna").values(enabled=False))
    return fieldcal


@contextmanager
def state() -> Iterator[Connection]:
    database = Database(os.environ["FIELDCAL_DATABASE_URL"])
    try:
        with database.write() as tx:
            yield tx
    finally:
        database.close()


class Terminal(io.StringIO):
    """A person in front of it, who types what it was made of."""

    def isatty(self) -> bool:
        return True


def words_of(command: str, rest: tuple[str, ...]) -> tuple[str, ...]:
    place = ("-e", "main") if command.startswith("mailbox") else ()
    return (*command.split(), *rest, *place)


def both_on(command: str) -> None:
    """Profile `several` has two mailboxes that are on, but where `mailbox enable` needs one that is off."""
    with state() as tx:
        off = command == "mailbox enable"
        tx.execute(update(tables.mailboxes).where(tables.mailboxes.c.id.in_(NAMES)).values(enabled=not off))


@pytest.mark.parametrize("command", TABLE)
def test_what_concerns_several_or_cannot_be_taken_back_is_asked(
    installed: Fieldcal, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_on(command)
    words = words_of(command, TABLE[command][0])
    without = installed(*words)
    assert (without.status, without.out) == (1, "")
    assert "Add --yes to say so" in without.err
    for answer in ("perhaps\n", ""):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        said = installed(*words)
        assert said.status == 1
        assert said.err.splitlines()[-1].endswith("fieldcal: nothing was done, for you did not say yes")
        assert "Aborted" not in said.err
    monkeypatch.setattr("sys.stdin", Terminal("Y\n"))
    assert "nothing was done" not in installed(*words).err


@pytest.mark.parametrize("command", [command for command, (_, one) in TABLE.items() if one])
def test_one_mailbox_that_is_named_is_not_asked_about(installed: Fieldcal, command: str) -> None:
    said = installed(*words_of(command, TABLE[command][1]))
    assert "nothing was done" not in said.err
    assert said.status == 0 or command in {"mailbox test", "mailbox enable"}  # nobody answers there


def test_every_command_that_takes_yes_is_in_the_table_and_every_other_is_not() -> None:
    found = set()
    tree = typer.main.get_command(app)
    for path in commands(tree):
        at = tree
        for word in path.split()[1:]:
            at = at.commands[word]  # type: ignore[attr-defined] # a group of typer's
        if any("--yes" in parameter.opts for parameter in at.params):
            found.add(path.removeprefix("fieldcal "))
    assert found == set(TABLE) | ELSEWHERE
