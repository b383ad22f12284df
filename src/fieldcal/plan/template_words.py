"""What is wrong with a template, in words for somebody who writes one and has never read a template engine's. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_FILTERS = "upper, lower, title, capitalize, trim, truncate, length, lines"
_TAGS = "if, elif, else, endif, for, endfor"
#: what the engine calls the parts of a template
_PARTS = {"end of print statement": "`}}`", "end of statement block": "`%}`", "end of template": "the end"}


def _part(named: str) -> str:
    return _PARTS.get(named, f"`{named}`")


_WORDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(r"Unexpected end of template\. .*needs to be closed is '(\w+)'", re.DOTALL),
        lambda found: f"`{{% {found[1]} %}}` is not closed: `{{% end{found[1]} %}}` is missing",
    ),
    (re.compile(r"No filter named '(\w+)'"), lambda found: f"there is no filter '{found[1]}'; there are {_FILTERS}"),
    (
        re.compile(r"(?:Encountered|Unexpected) unknown tag '(end\w+|el\w+)'"),
        lambda found: f"`{{% {found[1]} %}}` stands where nothing is open that it belongs to",
    ),
    (
        re.compile(r"Encountered unknown tag '(\w+)'"),
        lambda found: f"there is no `{{% {found[1]} %}}`; there are {_TAGS}",
    ),
    (re.compile(r"Expected an expression, got '(.+?)'"), lambda found: f"nothing stands before {_part(found[1])}"),
    (
        re.compile(r"expected token '(.+?)', got '(.+?)'"),
        lambda found: f"{_part(found[1])} is missing before {_part(found[2])}",
    ),
    (re.compile(r"unexpected end of template, expected '(.+?)'"), lambda found: f"{_part(found[1])} is missing"),
    (re.compile(r"unexpected char (.+) at \d+"), lambda found: f"{found[1]} does not belong here"),
    (
        re.compile(r"unexpected '(.+?)', expected '(.+?)'"),
        lambda found: f"{_part(found[2])} is missing before {_part(found[1])}",
    ),
    (re.compile(r"unexpected '(.+)'"), lambda found: f"{_part(found[1])} does not belong here"),
    (re.compile(r"Missing end of comment tag"), lambda _: "`{#` is not closed: `#}` is missing"),
    (re.compile(r"Can't assign to special loop variable"), lambda _: "nothing may be called `loop`, which a loop has"),
    (re.compile(r"tag name expected"), lambda _: f"`{{%` says nothing; there are {_TAGS}"),
    (re.compile(r"expected name or number"), lambda _: "a name is missing after the point"),
    (
        re.compile(r"'(.+)' not supported between"),
        lambda found: f"`{found[1]}` compares a text with a number; write the number in quotes",
    ),
    (re.compile(r"do_(\w+)\(\) got an unexpected .* '(\w+)'"), lambda found: f"`{found[1]}` knows no '{found[2]}'"),
    (re.compile(r"expected length >= (\d+)"), lambda found: f"`truncate` needs {found[1]} characters or more"),
)


def plain(message: str) -> str:
    """The engine's message in plain words; as it is where it is one that we do not know."""
    for pattern, words in _WORDS:
        if found := pattern.search(message):
            return words(found)
    return message
