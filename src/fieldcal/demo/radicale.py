"""A Radicale of the demo's own: another program in a process of its own, with its files in the demo's folder.

Each technician has a user there and a password that nobody knows yet. It listens on this machine only and ends with
the demo, whatever happens to that. Radicale's settings: https://radicale.org/master.html#configuration
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TextIO

from fieldcal.clock import Clock
from fieldcal.errors import ConfigError, ConnectorError
from fieldcal.http import Http
from fieldcal.password import PasswordCredential

#: Seconds until it answers, and that its end may take.
_STARTS_WITHIN, _ENDS_WITHIN = 30.0, 10.0
#: How often its port may be taken by another program in the moment before it listens there.
_TRIES = 3
#: The user by which the demo sees that it is its own Radicale that answers.
_KEEPER = "fieldcal-demo"
_CONFIG = """\
[server]
hosts = {host}:{port}
max_connections = 64
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
[rights]
type = owner_only
[storage]
filesystem_folder = {folder}/collections
[web]
type = none
[logging]
level = warning
"""


class Radicale:
    """One Radicale at work; `url` ends with a slash."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    @property
    def again(self) -> str:
        """The command that serves these calendars again when the demo is over."""
        return f"{Path(sys.executable).name} -m radicale --config {self.folder / 'config'}"

    def add(self, users: Iterable[str]) -> None:
        """Have these users sign in, each with a password of its own in a file that only this user may read."""
        with _private(self.folder / "users") as table:
            for user in users:
                password = secrets.token_urlsafe(18)
                table.write(f"{user}:{password}\n")
                with _private(self.password_file(user)) as file:
                    file.write(f"{password}\n")

    def password_file(self, user: str) -> Path:
        """Where the user's password lies."""
        return self.folder / "passwords" / user

    def credential(self, user: str) -> PasswordCredential:
        return PasswordCredential(user, self.password_file(user).read_text)


def _private(path: Path) -> TextIO:
    """The file, open to be written on; nobody else may read it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8")


def installed() -> None:
    """Return when Radicale is there; a `ConfigError` that says how to have it otherwise."""
    if importlib.util.find_spec("radicale") is None:
        raise ConfigError(
            "this demo runs on Radicale, a CalDAV server that is not installed here: "
            f"`{Path(sys.executable).name} -m pip install radicale`, then run it again"
        )


@asynccontextmanager
async def serving(folder: Path, clock: Clock) -> AsyncIterator[Radicale]:
    """Run a Radicale on a free port of this machine while the block runs; its files lie in `folder`, which is new."""
    installed()
    for path in (folder, folder / "passwords", folder / "collections"):
        path.mkdir(mode=0o700)
    made = Radicale(folder, "")
    made.add([_KEEPER])
    process = await _started(made, clock)
    try:
        yield made
    finally:
        await _ended(process)


async def _started(made: Radicale, clock: Clock) -> asyncio.subprocess.Process:
    for _ in range(_TRIES):
        port = _free_port()
        made.url = f"http://127.0.0.1:{port}/"
        config = _CONFIG.format(host="127.0.0.1", port=port, folder=made.folder)
        (made.folder / "config").write_text(config, encoding="utf-8")
        process = await _run(made.folder)
        try:
            if await _answers(made, process, clock):
                return process
        except BaseException:
            await _ended(process)
            raise
        await _ended(process)
    raise ConfigError(f"Radicale does not start; what it says stands in {made.folder / 'log'}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _run(folder: Path) -> asyncio.subprocess.Process:
    words = ("-m", "fieldcal.demo.keeper", sys.executable, "-m", "radicale", "--config", str(folder / "config"))
    with _private(folder / "log") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, *words, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
            start_new_session=True,  # Ctrl-C is for the demo, which ends it when its own work is done
        )  # fmt: skip


async def _answers(made: Radicale, process: asyncio.subprocess.Process, clock: Clock) -> bool:
    """Whether it is ours that answers: our user may sign in, by a password that nobody else knows."""
    http = Http(made.url, made.credential(_KEEPER), clock, timeout=5)
    until = clock.monotonic() + _STARTS_WITHIN
    try:
        while process.returncode is None and clock.monotonic() < until:
            try:
                answer = await http.request("PROPFIND", "/", headers={"Depth": "0"})
            except ConnectorError:
                await clock.sleep(0.05)
                continue
            return answer.status == HTTPStatus.MULTI_STATUS
    finally:
        await http.close()
    return False


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _ENDS_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()
