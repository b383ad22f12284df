"""All words are in the catalogue: every key that a template or a page asks for is there, and templates hold none."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from fieldcal import web
from fieldcal.web.section import GROUPS, sections
from fieldcal.web.texts import catalogue, text

FOLDER = Path(web.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))
_ASKED = re.compile(r"""\bt\(["']([a-z0-9_.]+)["']""")
_PAGES = re.compile(r"""(?:text\(|\bsay\([^\n]*?, )["']([a-z0-9_]+\.[a-z0-9_.]+)["']""")
_TAGS = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<script.*?</script>|<svg.*?</svg>|<[^>]*>", re.DOTALL)
_WORDS = re.compile(r"[A-Za-z]{3,}")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_every_text_that_a_template_asks_for_is_there(path: Path) -> None:
    asked = set(_ASKED.findall(path.read_text(encoding="utf-8")))
    assert sorted(key for key in asked if not key.endswith(".") and key not in catalogue()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_a_template_holds_no_words_of_its_own_and_no_inline_style_or_script(path: Path) -> None:
    held = path.read_text(encoding="utf-8")
    if path.name != "icons.html":
        assert _WORDS.findall(_TAGS.sub(" ", held)) == []
    assert not re.search(r"\son[a-z]+=|\sstyle=|<style|javascript:", held)
    assert "| safe" not in held or path.name == "icons.html"


def test_every_text_that_a_page_asks_for_is_there() -> None:
    asked = {key for path in FOLDER.rglob("*.py") for key in _PAGES.findall(path.read_text(encoding="utf-8"))}
    assert asked
    assert sorted(key for key in asked if key not in catalogue()) == []


def test_every_line_of_the_navigation_has_its_words_and_its_picture() -> None:
    icons = (FOLDER / "templates/parts/icons.html").read_text(encoding="utf-8")
    for section in sections():
        if section.entry:
            assert f"{section.name}.nav" in catalogue()
            assert f'"{section.entry.icon}":' in icons
    assert {f"frame.group.{group}" for group in GROUPS} <= set(catalogue())


def test_a_text_for_one_asks_for_nothing_that_the_other_does_not_get() -> None:
    for key, words in catalogue().items():
        if key.endswith("_one"):
            assert _places(words) <= _places(catalogue()[key.removesuffix("_one")]), key


def _places(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 mailbox is disabled."), (0, "0 mailboxes are disabled."), (12_000, "12,000 mailboxes are disabled.")]
)  # fmt: skip
def test_numbers_are_told_as_people_write_them(count: int, words: str) -> None:
    assert text("mailboxes.done.disable", {"count": count}) == words
