"""What can be set or called is written down, every link leads somewhere, and no file names a machine or a registry."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.browser.pages import PAGES

from fieldcal import errors, ports
from fieldcal.cli import app
from fieldcal.config import PREFIX, Config
from fieldcal.plan.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TEXTS = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))])

VARIABLE = re.compile(r"\bFIELDCAL_[A-Z0-9]+(?:_[A-Z0-9]+)*\b")
LINK = re.compile(r"\]\(<?([^)>\s]+)>?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
MACHINE = re.compile(r"(?<![\w.$}])/(?:root|work|farm|tmp|home/\w+)/[\w.-]")
REGISTRY = re.compile(
    r"(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|/simpl[e]/|artifac[t]ory|nexus3?\.|proxy\.golang)",
    re.IGNORECASE,
)


def missing(names: list[str], page: str) -> list[str]:
    """The names that do not stand on the page as code of their own: `name`, or at the head of `name ...`."""
    spans = {span for line in page.splitlines() for span in re.findall(r"`([^`]+)`", line)}
    return [name for name in names if not any(span == name or span.startswith(f"{name} ") for span in spans)]


def variables() -> list[str]:
    """Every environment variable that Fieldcal reads: named in the source, or a field of its configuration."""
    named = {
        name for path in (ROOT / "src").rglob("*.py") for name in VARIABLE.findall(path.read_text(encoding="utf-8"))
    }
    return sorted(named | {f"{PREFIX}{field}".upper() for field in Config.model_fields})


def commands(tree: Any, path: str = "fieldcal") -> Iterator[str]:
    """`fieldcal sync`, `fieldcal mailbox list`, ...: every command that does something, as typer builds it."""
    children = getattr(tree, "commands", None)  # typer's groups are not click's own classes
    if children is None:
        yield path
        return
    for name, child in children.items():
        if not child.hidden:
            yield from commands(child, f"{path} {name}")


def dead_links(text: str, folder: Path) -> list[str]:
    """Relative links of a page that lead to no file, or to no heading in it."""
    found = []
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        path = folder / name if name else None
        there = path is None or path.exists()
        headings = slugs(text if path is None else path.read_text(encoding="utf-8")) if there and anchor else set()
        if not there or (anchor and anchor not in headings):
            found.append(target)
    return found


def slugs(page: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(FENCE.sub("", page)))
    return {heading.replace(" ", "-") for heading in plain}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_every_setting_of_an_environment_is_written_down():
    names = [field.name for field in dataclasses.fields(Settings)]
    assert missing(names, (DOCS / "settings.md").read_text(encoding="utf-8")) == []


def test_every_environment_variable_is_written_down():
    assert missing(variables(), (DOCS / "settings.md").read_text(encoding="utf-8")) == []


def test_every_command_is_written_down():
    found = list(commands(typer.main.get_command(app)))
    assert "fieldcal environment add" in found
    assert missing(found, (DOCS / "commands.md").read_text(encoding="utf-8")) == []


def test_no_command_is_written_down_that_is_not_there():
    found = list(commands(typer.main.get_command(app)))
    told = re.findall(r"^\| `(fieldcal(?: [a-z]+)+)", (DOCS / "commands.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert told
    assert sorted(set(told) - set(found)) == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(page):
    assert dead_links(page.read_text(encoding="utf-8"), page.parent) == []


def test_every_page_of_the_docs_is_in_their_index():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    listed = {(DOCS / target.partition("#")[0]).resolve() for target in LINK.findall(index) if ":" not in target}
    assert [
        page.name for page in DOCS.rglob("*.md") if page.resolve() not in listed and page != DOCS / "README.md"
    ] == []


def test_no_tracked_file_names_a_path_of_one_machine_or_a_registry():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE.search(line) or REGISTRY.search(line)
    ]
    assert found == []


def test_what_is_not_written_down_is_seen():
    page = "| `interval` | minutes |\n`fieldcal mailbox list [--json]`, window_past\n```\nfieldcal sync\n```"
    names = ["interval", "window_past", "fieldcal mailbox list", "fieldcal mailbox", "fieldcal sync"]
    assert missing(names, page) == ["window_past", "fieldcal sync"]


def test_a_dead_link_is_seen(tmp_path):
    (tmp_path / "there.md").write_text("# What is *there* (now)\n", encoding="utf-8")
    page = "# Top\n[a](there.md) [b](there.md#what-is-there-now) [c](#top) [d](https://x.example/y)\n```\n[e](gone.md)\n```\n"
    assert dead_links(page, tmp_path) == []
    assert dead_links("[a](gone.md) [b](there.md#gone) [c](#gone)", tmp_path) == ["gone.md", "there.md#gone", "#gone"]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("see /ro" + "ot/x", True),
        ("path = '/ho" + "me/ada/x'", True),
        ("--index-url https://py" + "pi.org/simple", True),
        ("from files.python" + "hosted.org", True),
        ("https://x.example/root/y", False),
        ("docs/work/x", False),
        ("/var/lib/fieldcal/state.sqlite3", False),
    ],
)
def test_a_path_of_one_machine_or_a_registry_is_seen(line, seen):
    assert bool(MACHINE.search(line) or REGISTRY.search(line)) is seen


def test_commands_are_found_through_groups_and_hidden_ones_are_not_asked_for():
    top, group = typer.Typer(), typer.Typer()
    top.command("a")(lambda: None)
    group.command("b")(lambda: None)
    group.command("c", hidden=True)(lambda: None)
    top.add_typer(group, name="g")
    assert list(commands(typer.main.get_command(top))) == ["fieldcal a", "fieldcal g b"]


def taking(option: str) -> set[str]:
    """The commands that know this option."""
    tree, found = typer.main.get_command(app), set()
    for path in commands(tree):
        at: Any = tree
        for word in path.split()[1:]:
            at = at.commands[word]
        if any(option in parameter.opts for parameter in at.params):
            found.add(path)
    return found


def test_what_the_page_says_of_all_commands_holds_of_all():
    """`docs/commands.md` names the commands that know no `--json` and no `--as`."""
    every, page = set(commands(typer.main.get_command(app))), (DOCS / "commands.md").read_text(encoding="utf-8")
    assert "Every command has it but `serve` and `worker`" in page
    assert every - taking("--json") == {"fieldcal serve", "fieldcal worker"}
    assert "`demo`, `serve`, `worker`, `doctor` and `db` are the operator's own" in page
    without = {path.split()[1] for path in every - taking("--as")}
    assert without == {"demo", "serve", "worker", "doctor", "db"}
    assert {path for path in taking("--as") if path.startswith("fieldcal db")} == set()


def test_the_guide_to_a_connector_names_every_method_of_the_port_and_every_error_that_one_may_raise():
    guide = (DOCS / "adding-a-calendar.md").read_text(encoding="utf-8")
    methods = {name for port in (ports.Calendar, ports.Calendars) for name in vars(port) if not name.startswith("_")}
    raised = {
        kind.__name__
        for base in (errors.EventError, errors.MailboxError, errors.ConnectorError)
        for kind in base.__subclasses__()
    } - {"Denied"}  # a source's own
    assert methods >= {"write", "owned", "claim"}
    words = set(re.findall(r"\w+", guide))
    assert sorted((methods - {"close"} | raised) - words) == []


def test_each_page_of_the_centre_is_shown_in_each_look_and_every_picture_is_there() -> None:
    text = (DOCS / "pictures.md").read_text(encoding="utf-8")
    looks = ("light", "dark", "phone", "phone-dark")
    wanted = {f"img/{page.name}-{look}.webp" for page in PAGES for look in looks}
    assert set(re.findall(r'src(?:set)?="([^"]+)"', text)) == wanted
    for page in TEXTS:
        for name in re.findall(r'src(?:set)?="([^"]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / name).is_file(), f"{page.name}: {name}"
