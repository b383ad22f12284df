"""What an administrator does on the command line is a page and a REST address too, or docs/rest.md says why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from tests.test_docs import commands

from fieldcal.cli import app
from fieldcal.web.api.resource import found
from fieldcal.web.section import sections

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"
_ROW = re.compile(r"^\| `([a-z ]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
#: A cell that names an address; anything else is a reason.
_ADDRESS = re.compile(r"`(?:(GET|POST|PATCH|DELETE) )?(/\S*)`")

TABLE = {command: (page, rest) for command, page, rest in _ROW.findall(PAGE.read_text(encoding="utf-8"))}
COMMANDS = {name.removeprefix("fieldcal ") for name in commands(typer.main.get_command(app))}
PAGES = {page.path for section in sections() for page in section.pages}
ADDRESSES = {(one.method, one.path) for resource in found() for one in resource.operations}
#: What no administrator does, but whoever runs the machine.
OPERATORS = {"serve", "worker", "demo", "db upgrade", "db backup", "db restore", "db copy"}


def test_every_command_stands_in_the_table_and_no_other_does() -> None:
    assert TABLE.keys() == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_is_at_the_page_and_the_address_that_the_table_names(command: str) -> None:
    page, rest = (_ADDRESS.fullmatch(cell) for cell in TABLE[command])
    assert page is None or page[2] in PAGES, page
    assert rest is None or (rest[1], rest[2]) in ADDRESSES, rest
    if command in OPERATORS:
        assert (page, rest) == (None, None)
        assert TABLE[command][0].startswith("the operator's: ")
    else:
        assert rest is not None or command == "token add", "it has no REST address"
    # a reason says something
    assert all(match or len(cell) > len("no page") for match, cell in zip((page, rest), TABLE[command], strict=True))


def test_every_rest_address_that_changes_something_is_in_openapi_under_one_name() -> None:
    assert len(ADDRESSES) == sum(len(resource.operations) for resource in found())
    names = [f"{resource.name}_{one.handler.__name__}" for resource in found() for one in resource.operations]
    assert len(set(names)) == len(names)
