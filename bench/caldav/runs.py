"""The clients' runs, each a process of its own against a server of its own, as numbers by name."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.dav.servers import running

from bench.caldav.server import HOME
from bench.ends import Ends, _start, fill, patch_bookings

Numbers = dict[str, Any]
CHANGED = 10


@dataclass(frozen=True)
class Shape:
    """How many events go into how many calendars, over how many connections."""

    calendars: int
    each: int
    connections: int

    @property
    def events(self) -> int:
        return self.calendars * self.each


@dataclass(frozen=True)
class Account:
    """Calendars c0, c1, ... of one user at a server."""

    server: str
    home: str
    user: str = "bench"
    password: str = "secret"

    def words(self) -> list[str]:
        return [self.server, self.home, self.user, self.password]


#: opens a fresh server with so many calendars
Place = Callable[[Path, int], contextlib.AbstractContextManager[Account]]


@contextlib.contextmanager
def in_memory(_folder: Path, calendars: int) -> Iterator[Account]:
    """The bench's own server."""
    words = [sys.executable, "-m", "bench.caldav.server", str(calendars)]
    with ended(subprocess.Popen(words, stdout=subprocess.PIPE, text=True)) as told:
        yield Account(told["url"], HOME)


@contextlib.contextmanager
def radicale(folder: Path, calendars: int) -> Iterator[Account]:
    """Radicale, with its calendars made."""
    with running("radicale", folder / "radicale") as server:
        user = server.new_user("bench")
        for n in range(calendars):
            server.makes_calendar(user, f"c{n}")
        yield Account(server.url, user.home, user.name, user.password)


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[Numbers]:
    """What a process says in its first line; it ends with the block."""
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


@contextlib.contextmanager
def field_service(folder: Path, shape: Shape) -> Iterator[Ends]:
    """The embedded Field Service with these bookings."""
    fill(folder, workers=shape.calendars, bookings=shape.events)
    with ended(_start("fieldcal.embedded.fieldservice", folder / "fieldservice.sqlite3")) as told:
        yield Ends(told["url"], told["token"], "", "")


def asked(account: Account) -> dict[str, int]:
    """How often each client asked the bench's server what since this was last called: by "CLIENT METHOD"."""
    with urllib.request.urlopen(f"{account.server}/bench/asked") as answer:
        counted = json.load(answer)
    urllib.request.urlopen(f"{account.server}/bench/forget").close()
    return counted


def bodies(account: Account) -> dict[str, str]:
    """What stands at the bench's server: body by path below the home."""
    with urllib.request.urlopen(f"{account.server}/bench/bodies") as answer:
        told = json.load(answer)
    return {path.removeprefix(account.home): body for path, body in told.items()}


def run(words: list[str], given: str | None = None) -> Numbers:
    told = subprocess.run(
        [sys.executable, "-m", *words], input=given, check=True, stdout=subprocess.PIPE, text=True
    ).stdout  # fmt: skip
    return json.loads(told) if told else {}


def ours(folder: Path, ends: Ends, account: Account, shape: Shape, what: str) -> Numbers:
    state = f"sqlite:///{folder / 'state.sqlite3'}"
    words = [state, ends.source, ends.source_token, *account.words(), str(shape.connections), what]
    return run(["bench.caldav.ours", *words])


def of_fieldcal(folder: Path, shape: Shape) -> tuple[Numbers, dict[str, str]]:
    """First pass, a pass with nothing new, one with ten changes; and what stands there after the first."""
    folder.mkdir()
    with field_service(folder, shape) as ends, in_memory(folder, shape.calendars) as account:
        do = partial(ours, folder, ends, account, shape)
        do("prepare")
        first = do("pass")
        assert first["created"] == shape.events, first
        first["asked"], there = asked(account), bodies(account)
        idle = do("pass")
        idle["asked"] = asked(account)
        patch_bookings(ends, list(range(CHANGED)), timedelta(hours=1))
        few = do("pass")
        assert few["updated"] == CHANGED, few
        few["asked"] = asked(account)
    return {"first": first, "idle": idle, "few": few}, there


def first_pass(folder: Path, shape: Shape, place: Place, what: str = "pass") -> Numbers:
    """One first run of ours: a pass, or (`connector`) the writes alone, all handed out at once."""
    folder.mkdir()
    with field_service(folder, shape) as ends, place(folder, shape.calendars) as account:
        ours(folder, ends, account, shape, "prepare")
        told = ours(folder, ends, account, shape, what)
    assert told["created"] == shape.events, told
    return told


def of_bare(folder: Path, shape: Shape, there: dict[str, str], place: Place = in_memory) -> Numbers:
    """An aiohttp loop with ready-made bodies."""
    with place(folder, shape.calendars) as account:
        ready = {account.home + path: body for path, body in there.items()}
        server, _, *credential = account.words()
        told = run(["bench.caldav.bare", server, *credential, str(shape.connections)], json.dumps(ready))
    assert told["created"] == shape.events, told
    return told


def of_vdirsyncer(folder: Path, shape: Shape, there: dict[str, str]) -> Numbers:
    """The same events from files: first run, nothing new, ten changed. Its connections cannot be set: 16 a host."""
    with in_memory(folder, shape.calendars) as account:
        config, files = written(folder, shape, there, account)
        asked(account)
        told = {}
        for name, wanted in (("first", shape.events), ("idle", 0), ("few", CHANGED)):
            if name == "few":
                for file in sorted(files.rglob("*.ics"))[:CHANGED]:
                    file.write_bytes(file.read_bytes().replace(b"\r\nSUMMARY:", b"\r\nSUMMARY:Moved "))
            told[name] = run(["bench.caldav.peer", config, "sync"])
            told[name]["asked"] = asked(account)
            assert told[name]["asked"].get("vdirsyncer PUT", 0) == wanted, told
    return told


def first_of_vdirsyncer(folder: Path, shape: Shape, there: dict[str, str], place: Place) -> Numbers:
    with place(folder, shape.calendars) as account:
        return run(["bench.caldav.peer", written(folder, shape, there, account)[0], "sync"])


def written(folder: Path, shape: Shape, there: dict[str, str], account: Account) -> tuple[str, Path]:
    """The events as files and the config, discovered; the config's path and the files'."""
    files, config = folder / "files", folder / "config"
    for path, body in there.items():
        file = files / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body.encode())
    config.write_text(_CONFIG.format(
        status=folder / "status", files=files, url=account.server + account.home, user=account.user,
        password=account.password, names=json.dumps([f"c{n}" for n in range(shape.calendars)]),
    ))  # fmt: skip
    run(["bench.caldav.peer", str(config), "discover"])
    return str(config), files


_CONFIG = """\
[general]
status_path = "{status}"

[pair bench]
a = "files"
b = "server"
collections = {names}
conflict_resolution = "a wins"

[storage files]
type = "filesystem"
path = "{files}"
fileext = ".ics"

[storage server]
type = "caldav"
url = "{url}"
username = "{user}"
password = "{password}"
"""
