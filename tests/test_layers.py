"""The plan of the house is kept: who may import whom, which rooms do no I/O, and how big a room gets.

Each check is a function of files and their text, so that a planted violation can prove that it sees one.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PACKAGE = "fieldcal"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE
MODULE_LINES, FUNCTION_LINES = 400, 60

#: What a connector may know of the house: not the plan, not the state, not its neighbours.
CONNECTOR = {"model", "source_model", "errors", "clock", "ports", "http", "answer", "password", "marks", "sent"}
VALUES = {"model", "source_model", "errors", "marks", "plan", "setup_model"}
FLOOR = VALUES | {"clock", "ports", "state", "log", "sent", "counted", "urls"}
#: room -> rooms it may import, besides itself. A room that is not named stands on the top floor: it may import
#: whatever is below it (connectors aside), and nobody below may import it.
MAY = {
    "model": set(),
    "source_model": {"model"},
    "errors": set(),
    "marks": {"model"},
    "access": set(),
    "counted": set(),
    "sent": {"counted"},
    "clock": {"errors"},
    "log": {"errors", "sent"},
    "setup_model": VALUES,
    "plan": VALUES,
    "ports": VALUES | {"clock"},
    "connection": {"errors"},
    "network": {"errors"},
    "answer": set(),
    "password": {"errors"},
    "http": {"sent", "model", "errors", "clock", "connection", "network", "answer", "password"},
    "state": VALUES | {"access", "clock", "ports", "log", "sent"},
    "sync": FLOOR | {"setup"},
    "setup": FLOOR,
    "engine": FLOOR | {"sync", "setup"},
    "sources": CONNECTOR,
    "calendars": CONNECTOR,
    "embedded": {"errors", "clock", "log"},
    "secrets": {"errors"},
    "keys": {"errors", "secrets"},
    "entra": set(),
    "urls": set(),
    "signin": VALUES | {"clock", "http", "answer", "network", "secrets", "keys", "entra", "urls"},
    "mail_server": set(),
    "mailing": {"errors", "network", "mail_server"},
    "config": VALUES | {"log", "mail_server", "urls"},
}
TOP = {"cli", "web"}
CONNECTORS = ("sources", "calendars")
#: Stands around any source and is no connector itself: the rooms above `app` may name it.
AROUND = ("sources", "pinned")

IMPURE = {
    "aiohttp", "alembic", "asyncio", "ftplib", "glob", "http.client", "http.server", "httpx", "io", "logging",
    "multiprocessing", "os", "pathlib", "random", "requests", "secrets", "shutil", "signal", "smtplib", "socket",
    "sqlalchemy", "sqlite3", "ssl", "starlette", "structlog", "subprocess", "sys", "tempfile", "threading", "time",
    "urllib.request", "uvicorn",
}  # fmt: skip
CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now",
    "datetime.datetime.utcnow", "datetime.date.today", "uuid4", "uuid1", "uuid.uuid4", "uuid.uuid1",
    "open", "input", "print", "exec", "eval",
}  # fmt: skip

#: path inside the package, with slashes -> the module's text
Files = Mapping[str, str]


@cache
def house() -> dict[str, str]:
    return {path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}


def imports(path: str, text: str) -> Iterator[tuple[int, str]]:
    """The line and dotted name of everything a module imports; `from a import b` is told as `a.b`."""
    package = [PACKAGE, *path.split("/")[:-1]]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def inside(name: str) -> list[str]:
    """The parts of a name inside the package; empty for anybody else's."""
    first, *rest = name.split(".")
    return rest if first == PACKAGE else []


def room(path: str) -> str:
    return path.split("/", maxsplit=1)[0].removesuffix(".py")


def misplaced_imports(files: Files) -> list[str]:
    """Imports against the direction of the house."""
    return [
        f"{path}:{line}: {why}"
        for path, text in files.items()
        for line, name in imports(path, text)
        if (target := inside(name)) and (why := refusal(path, target))
    ]


def refusal(path: str, target: list[str]) -> str:
    """Why this file may not import that, "" where it may."""
    here, there = room(path), target[0]
    if there == here:
        crossing = here in CONNECTORS and path.count("/") > 1 and path.split("/")[1] != target[1]
        return f"one connector imports another: {'.'.join(target)}" if crossing else ""
    if there in CONNECTORS and here != "app" and not (here not in MAY and tuple(target[:2]) == AROUND):
        return f"{here} names a connector: {'.'.join(target)}"
    if here in MAY:
        return "" if there in MAY[here] or there == "__version__" else f"{here} imports {there}"
    return f"app imports {there}" if here == "app" and there in TOP else ""


def impurities(files: Files) -> list[str]:
    """What the pure rooms, and all that they import of the house, do besides computing."""
    found: list[str] = []
    waiting = [path for path in files if room(path) in {"plan", "model", "setup_model"} or path.endswith("/wire.py")]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        found += [f"{path}:{line}: calls {name}" for line, name in impure_calls(files[path])]
        for line, name in imports(path, files[path]):
            if any(name == module or name.startswith(f"{module}.") for module in IMPURE):
                found.append(f"{path}:{line}: imports {name}")
            next_one = module_of(name, files)
            if next_one and next_one not in seen:
                seen.add(next_one)
                waiting.append(next_one)
    return found


def impure_calls(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in CLOCKS:
            yield node.lineno, name


def module_of(name: str, files: Files) -> str | None:
    """The file that an imported name of the package comes from."""
    parts = inside(name)
    for end in (len(parts), len(parts) - 1):
        stem = "/".join(parts[:end])
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            if path in files:
                return path
    return None


def oversized(files: Files) -> list[str]:
    """Modules and functions that have outgrown their room."""
    found = [
        f"{path}: {lines} lines; at most {MODULE_LINES}"
        for path, text in files.items()
        if (lines := len(text.splitlines())) > MODULE_LINES
    ]
    for path, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    found.append(f"{path}:{node.lineno}: {node.name} has {length} lines; at most {FUNCTION_LINES}")
    return found


def unnamed(files: Files, named: set[str]) -> list[str]:
    """Imports of packages that come along with another's, though nobody has said that we need them."""
    homes = packages_distributions()
    first = {(path, name.partition(".")[0]) for path, text in files.items() for _, name in imports(path, text)}
    return [
        f"{path}: {name}"
        for path, name in sorted(first)
        if name not in {PACKAGE, *sys.stdlib_module_names}
        and not {home.lower().replace("_", "-") for home in homes.get(name, [name])} & named
    ]


def test_imports_go_only_down_the_house():
    assert misplaced_imports(house()) == []


def test_every_package_that_is_imported_is_named_as_a_dependency():
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.split(r"[\[<>=]", one)[0].lower() for one in project["dependencies"]}
    assert unnamed(house(), named) == []
    assert unnamed({"http.py": "import yarl\nimport json\nfrom fieldcal import model"}, {"aiohttp"}) == [
        "http.py: yarl"
    ]


def test_the_plan_and_every_wire_do_no_io_and_read_no_clock():
    assert impurities(house()) == []


def test_no_room_is_too_big():
    assert oversized(house()) == []


def test_the_house_that_is_checked_is_the_real_one():
    assert {"model.py", "plan/rules.py", "plan/render.py", "state/tables.py"} <= set(house())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("model.py", "import fieldcal.errors"),
        ("plan/rules.py", "from fieldcal.state import tables"),
        ("plan/rules.py", "from fieldcal.clock import Clock"),
        ("plan/rules.py", "from fieldcal import ports"),
        ("plan/rules.py", "from ..sync import pull"),
        ("setup_model.py", "from fieldcal.state.mailboxes import Mailboxes"),
        ("state/links.py", "from fieldcal.sync.site import Site"),
        ("state/links.py", "def late():\n    import fieldcal.setup.mailboxes"),
        ("setup/trial.py", "from fieldcal.sync.pull import pull"),
        ("sync/pull.py", "from fieldcal.engine.single import Single"),
        ("sync/pull.py", "from fieldcal.sources.dataverse.feed import Feed"),
        ("setup/enable.py", "from fieldcal.calendars.graph.calendar import Graph"),
        ("engine/single.py", "import fieldcal.app"),
        ("app.py", "from fieldcal.cli import root"),
        ("cli/sync.py", "from fieldcal.calendars.graph import calendar"),
        ("doctor/look.py", "from fieldcal.sources.dataverse import feed"),
        ("sync/pull.py", "from fieldcal.sources.pinned import PinnedSource"),
        ("sources/dataverse/feed.py", "from fieldcal.plan.settings import Settings"),
        ("sources/dataverse/feed.py", "from fieldcal.calendars.graph import wire"),
        ("sources/dataverse/feed.py", "from fieldcal.sources.csv import feed"),
        ("calendars/graph/calendar.py", "from ..caldav import wire"),
        ("calendars/graph/calendar.py", "from fieldcal.state import tables"),
        ("embedded/exchange/app.py", "from fieldcal.plan.keys import create_key"),
        ("embedded/exchange/app.py", "from fieldcal.model import Event"),
        ("http.py", "from fieldcal.state.database import Database"),
        ("state/links.py", "from fieldcal.some_new_room import thing"),
    ],
)
def test_a_planted_import_against_the_direction_is_seen(path, text):
    assert len(misplaced_imports({path: text})) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("plan/decide.py", "from fieldcal.plan.keys import create_key\nfrom fieldcal.model import Event"),
        ("setup_model.py", "from fieldcal.plan.settings import Settings"),
        ("state/mailboxes.py", "from fieldcal.setup_model import Mailbox\nfrom fieldcal.plan.budget import budget"),
        ("engine/single.py", "from fieldcal.sync.passes import run"),
        ("app.py", "from fieldcal.calendars.graph.calendar import Graph"),
        ("sources/dataverse/feed.py", "from fieldcal.sources.dataverse import wire\nfrom .wire import page"),
        ("sites.py", "from fieldcal.sources.pinned import PinnedSource"),
        ("cli/demo.py", "from fieldcal.app import House\nfrom fieldcal.embedded.server import serve"),
        ("embedded/exchange/app.py", "from fieldcal.embedded.control import Control\nimport datetime"),
    ],
)
def test_an_import_down_the_house_is_let_through(path, text):
    assert misplaced_imports({path: text}) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"plan/rules.py": "import time"},
        {"plan/rules.py": "from pathlib import Path"},
        {"plan/rules.py": "import urllib.request"},
        {"plan/rules.py": "def f():\n    from os import environ"},
        {"plan/rules.py": "from datetime import datetime\nx = datetime.now()"},
        {"plan/rules.py": "import uuid\nx = uuid.uuid4()"},
        {"plan/rules.py": "x = open('f')"},
        {"model.py": "import random"},
        {"calendars/graph/wire.py": "import aiohttp"},
        {"sources/dataverse/wire.py": "from datetime import UTC, datetime\nx = datetime.now(UTC)"},
        {"sources/dataverse/wire.py": "from fieldcal.clock import Clock", "clock.py": "import asyncio"},
        {"calendars/graph/wire.py": "from . import replies", "calendars/graph/replies.py": "import sqlite3"},
        {"calendars/graph/wire.py": "from fieldcal import http", "http.py": "import ssl"},
    ],
)
def test_a_planted_impurity_is_seen_also_behind_an_import(planted):
    assert len(impurities(planted)) == 1


def test_what_only_computes_is_let_through():
    pure = "import re\nfrom urllib.parse import quote\nfrom http import HTTPStatus\nfrom zoneinfo import ZoneInfo"
    assert impurities({"plan/rules.py": pure, "calendars/graph/calendar.py": "import asyncio"}) == []


def test_a_planted_big_module_and_a_planted_long_function_are_seen():
    assert len(oversized({"plan/rules.py": "\n" * 401})) == 1
    assert len(oversized({"plan/rules.py": "class A:\n    async def f(self):\n" + "        x = 1\n" * 60})) == 1
    assert oversized({"plan/rules.py": "\n" * 400, "plan/keys.py": "def f():\n" + "    x = 1\n" * 59}) == []
