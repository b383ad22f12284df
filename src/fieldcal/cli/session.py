"""What a command works with: the state, who is acting, and a question before anything that cannot be taken back."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from fieldcal import config, log
from fieldcal.app import App, open_state
from fieldcal.clock import SystemClock
from fieldcal.config import Config
from fieldcal.ends import opened
from fieldcal.errors import ConfigError
from fieldcal.setup_model import Actor
from fieldcal.state import environments, users
from fieldcal.state.database import Database

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """The state and the person in front of it."""

    database: Database
    actor: Actor
    now: datetime


@contextmanager
def desk(as_user: str | None) -> Iterator[Desk]:
    """For commands that ask the state only."""
    settings = settings_of_command()
    database = open_state(settings)
    try:
        yield Desk(database, _actor(database, as_user or settings.user), SystemClock().now())
    finally:
        database.close()


def looked_up(as_user: str | None, find: Callable[[Connection, str], T], name: str) -> T:
    """What the state knows under this name; asked before anything else is, or is complained about."""
    with desk(as_user) as at, at.database.read() as tx:
        return find(tx, name)


def working(
    as_user: str | None, work: Callable[[App, Actor], Awaitable[T]], *, embedded: bool = False, ends: bool = True
) -> T:
    """Run `work` with both ends at hand; for commands that ask servers.

    `embedded`: the command attaches an embedded system, which is then started where no service has it open.
    `ends` False: the command asks the state alone, though it needs an app to do so.
    """
    settings = settings_of_command()

    async def run() -> T:
        async with opened(settings, embedded=embedded) if ends else App(settings) as app:
            return await work(app, _actor(app.database, as_user or settings.user))

    return asyncio.run(run())


def settings_of_command() -> Config:
    """The configuration, and a log that fits a command."""
    settings = config.load()
    # What a command did is what it prints; its log tells only what went wrong.
    log.configure("debug" if settings.log_level == "debug" else "warning", settings.log_format)
    return settings


def operator() -> Actor:
    """The account that runs this command, who may do everything."""
    try:
        return Actor(getpass.getuser())
    except (OSError, KeyError):
        return Actor("unknown")  # a container whose user has no name


def _actor(database: Database, user: str) -> Actor:
    if not user:
        return operator()
    with database.read() as tx:
        return Actor(operator().operator, users.get(tx, user))


def chosen(tx: Connection, environment: str | None) -> str:
    """The environment that is meant: the one named, else the only one there is."""
    if environment is not None:
        return environments.get(tx, environment).id
    names = environments.names(tx)
    if len(names) != 1:
        known = ", ".join(names) or "none yet; `fieldcal environment add` makes one"
        raise ConfigError(f"name the environment with --environment; there are: {known}")
    return names[0]


def confirm(question: str, *, yes: bool, mailboxes: int | None = None) -> None:
    """Return when a person says so; without a terminal only `--yes` says so.

    The one rule of all commands: what cannot be taken back is asked, and what concerns several mailboxes.
    `mailboxes`: how many are concerned by what can be taken back; one alone is not asked about. None: always asked.
    """
    if yes or (mailboxes is not None and mailboxes <= 1):
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"nothing was done: {question} Add --yes to say so")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        answer = ""
    if answer.strip().lower() not in {"y", "yes"}:
        raise ConfigError("nothing was done, for you did not say yes")
