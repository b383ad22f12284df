"""The clients' runs, each a process of its own against a server of its own, as numbers by name."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

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


@contextlib.contextmanager
def serving(calendars: int) -> Iterator[str]:
    """The bench's own CalDAV server; its address."""
    with ended(
        subprocess.Popen(
            [sys.executable, "-m", "bench.caldav.server", str(calendars)], stdout=subprocess.PIPE, text=True
        )
    ) as told:
        yield told["url"]


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


def asked(server: str) -> dict[str, int]:
    """How often each client asked what since this was last called: by "CLIENT METHOD"."""
    with urllib.request.urlopen(f"{server}/bench/asked") as answer:
        counted = json.load(answer)
    urllib.request.urlopen(f"{server}/bench/forget").close()
    return counted


def bodies(server: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{server}/bench/bodies") as answer:
        return json.load(answer)


def run(words: list[str], given: str | None = None) -> Numbers:
    told = subprocess.run(
        [sys.executable, "-m", *words], input=given, check=True, stdout=subprocess.PIPE, text=True
    ).stdout  # fmt: skip
    return json.loads(told) if told else {}


def of_fieldcal(folder: Path, shape: Shape) -> tuple[Numbers, dict[str, str]]:
    """First pass, a pass with nothing new, one with ten changes; and what stands there after the first."""
    folder.mkdir()
    with field_service(folder, shape) as ends, serving(shape.calendars) as server:

        def ours(what: str) -> Numbers:
            state = f"sqlite:///{folder / 'state.sqlite3'}"
            words = [state, ends.source, ends.source_token, server, str(shape.connections), what]
            return run(["bench.caldav.ours", *words])

        ours("prepare")
        first = ours("pass")
        assert first["created"] == shape.events, first
        first["asked"], there = asked(server), bodies(server)
        idle = ours("pass")
        idle["asked"] = asked(server)
        patch_bookings(ends, list(range(CHANGED)), timedelta(hours=1))
        few = ours("pass")
        assert few["updated"] == CHANGED, few
        few["asked"] = asked(server)
    return {"first": first, "idle": idle, "few": few}, there


def of_connector(folder: Path, shape: Shape) -> Numbers:
    """The connector alone, given all writes at once."""
    folder.mkdir()
    with field_service(folder, shape) as ends, serving(shape.calendars) as server:
        words = [
            f"sqlite:///{folder / 'state.sqlite3'}",
            ends.source,
            ends.source_token,
            server,
            str(shape.connections),
        ]
        run(["bench.caldav.ours", *words, "prepare"])
        told = run(["bench.caldav.ours", *words, "connector"])
    assert told["created"] == shape.events, told
    return told


def of_bare(there: dict[str, str], shape: Shape) -> Numbers:
    """An aiohttp loop with ready-made bodies."""
    with serving(shape.calendars) as server:
        told = run(["bench.caldav.bare", server, str(shape.connections)], json.dumps(there))
    assert told["created"] == shape.events, told
    return told


def of_vdirsyncer(folder: Path, shape: Shape, there: dict[str, str]) -> Numbers:
    """The same events from files: first run, nothing new, ten changed. Its connections cannot be set: 16 a host."""
    folder.mkdir()
    files = folder / "files"
    for path, body in there.items():
        file = files / path.removeprefix(HOME)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body.encode())
    with serving(shape.calendars) as server:
        config = folder / "config"
        config.write_text(_CONFIG.format(
            status=folder / "status", files=files, url=f"{server}{HOME}",
            names=json.dumps([f"c{n}" for n in range(shape.calendars)]),
        ))  # fmt: skip
        run(["bench.caldav.peer", str(config), "discover"])
        asked(server)
        told = {}
        for name in ("first", "idle", "few"):
            if name == "few":
                _change(sorted(files.rglob("*.ics"))[:CHANGED])
            told[name] = run(["bench.caldav.peer", str(config), "sync"])
            told[name]["asked"] = asked(server)
            wanted = {"first": shape.events, "idle": 0, "few": CHANGED}[name]
            assert told[name]["asked"].get("vdirsyncer PUT", 0) == wanted, told
    return told


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
username = "bench"
password = "secret"
"""


def _change(files: list[Path]) -> None:
    for file in files:
        file.write_bytes(file.read_bytes().replace(b"\r\nSUMMARY:", b"\r\nSUMMARY:Moved "))
