"""Radicale and Xandikos as processes of their own: started once for many tests, ended whatever becomes of the tests.

Both are GPLv3: they are run, never imported. Neither is trusted to know our users alike: Radicale signs in by its own
htpasswd file; Xandikos believes the `X-Remote-User` of a proxy that has signed the user in (`tests/dav/gate.py`).
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

HOST = "127.0.0.1"
#: seconds in which a server that was started has to answer
START = 60.0
#: Waits until its own input ends, which it does when the test process is gone, and ends the server then.
WATCHER = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
server.terminate()
try:
    server.wait(5)
except subprocess.TimeoutExpired:
    server.kill()
"""
RADICALE = """
[server]
hosts = {host}:{port}
max_connections = 100
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[rights]
type = from_file
file = {folder}/rights
[storage]
filesystem_folder = {folder}/data
[logging]
level = warning
"""
#: a calendar whose name begins with "sealed" can be read and not written to
RIGHTS = """
[root]
user: .+
collection:
permissions: R
[keeper]
user: keeper
collection: .*
permissions: RrWw
[principal]
user: .+
collection: {user}
permissions: RW
[sealed]
user: .+
collection: {user}/sealed[^/]*
permissions: r
[calendars]
user: .+
collection: {user}/[^/]+
permissions: rw
"""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in; `home`: the path of the collection in which the calendars lie."""

    name: str
    password: str
    home: str

    @property
    def basic(self) -> str:
        return "Basic " + b64encode(f"{self.name}:{self.password}".encode()).decode()


#: may write wherever there is, on Radicale
KEEPER = User("keeper", "PLANTED-keeper", "/")


class DavServer:
    """One server that runs; knows its users and how each request says who it is."""

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        self.kind, self.port = kind, port
        self.url = f"http://{HOST}:{port}"
        self.users: dict[str, User] = {}
        self._folder = folder
        self._numbers = count(1)
        self._heard = 0

    def new_user(self, name: str) -> User:
        """A user whom nobody had before, and who has no calendar yet."""
        number = next(self._numbers)
        login = f"{name}{number}@contoso.test"
        below = "calendars/" if self.kind == "xandikos" else ""
        made = User(login, f"PLANTED-{number:04}:ü", f"/{quote(login, safe='')}/{below}")
        self.users[login] = made
        if self.kind == "radicale":
            with (self._folder / "users").open("a", encoding="utf-8") as file:
                file.write(f"{login}:{made.password}\n")
        return made

    def signed(self, user: User) -> Mapping[str, str]:
        """The headers by which the server itself knows this user."""
        return {"X-Remote-User": user.name} if self.kind == "xandikos" else {"Authorization": user.basic}

    def said(self) -> str:
        """What it has logged since it was last asked."""
        with (self._folder / "log").open("rb") as log:
            log.seek(self._heard)
            told = log.read()
        self._heard += len(told)
        return told.decode(errors="replace")

    def ask(
        self, user: User, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[int, Mapping[str, str], str]:
        """One request straight to the server, past every proxy: status, headers in lower case, body."""
        line = http.client.HTTPConnection(HOST, self.port, timeout=30)
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            line.request(method, path, body.encode() if body else None, {**self.signed(user), **said})
            answer = line.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, answer.read().decode()
        finally:
            line.close()

    def makes_calendar(self, user: User, name: str) -> str:
        """A new calendar with this display name; gives its path."""
        path = f"{user.home}{quote(name)}/"
        if self.kind == "xandikos":
            self.ask(user, "PROPFIND", user.home, Depth="0")  # a user's home is made by the first visit
        maker = KEEPER if self.kind == "radicale" and name.startswith("sealed") else user
        status, _, text = self.ask(maker, "MKCALENDAR", path, MKCALENDAR.format(name=name), Content_Type="text/xml")
        assert status == 201, (self.kind, status, text)
        return path


MKCALENDAR = (
    '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
    "<D:displayname>{name}</D:displayname></D:prop></D:set></C:mkcalendar>"
)


@contextmanager
def running(kind: str, folder: Path) -> Iterator[DavServer]:
    """A server of this kind while the block runs; what it said is in `folder`/log."""
    for _ in range(5):
        port = _free_port()
        with _process(_command(kind, folder, port), folder) as process:
            if _answers(port, process):
                yield DavServer(kind, folder, port)
                return
    raise AssertionError(f"{kind} does not start:\n{(folder / 'log').read_text(errors='replace')}")


def _command(kind: str, folder: Path, port: int) -> list[str]:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    if kind == "radicale":
        (folder / "users").write_text(f"{KEEPER.name}:{KEEPER.password}\n")
        (folder / "rights").write_text(RIGHTS)
        (folder / "config").write_text(RADICALE.format(host=HOST, port=port, folder=folder))
        return [sys.executable, "-m", "radicale", "--config", str(folder / "config")]
    program = Path(sys.executable).with_name("xandikos")
    return [
        str(program), "multi-user", "-d", str(folder / "data"), "--state-dir", str(folder / "state"), "-l", HOST,
        "-p", str(port), "--no-detect-systemd", "--trust-x-remote-user-from", HOST,
    ]  # fmt: skip


@contextmanager
def _process(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    home = {"HOME": str(folder), "PATH": os.environ.get("PATH", ""), "PYTHONUNBUFFERED": "1"}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHER, *command], stdin=subprocess.PIPE, stdout=log, stderr=log, env=home
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(15)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether it answers at its port before it ends or the time is up."""
    ends = time.monotonic() + START
    while time.monotonic() < ends and process.poll() is None:
        try:
            line = http.client.HTTPConnection(HOST, port, timeout=5)
            line.request("OPTIONS", "/")
            line.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return True
        finally:
            line.close()
    return False
