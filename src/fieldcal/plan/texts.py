"""Makes hostile texts fit to be shown: no control characters, no markup, no more than their room."""

from __future__ import annotations

import html
import re
import unicodedata

import nh3

ELLIPSIS = "…"
#: UTF-16 units, as Exchange counts a subject or a place
LINE = 255
#: the longest summary that is shown; as long as the column in Dataverse allows
BLOCK = 8_000
# What is read of a text at all: a cut of markup before it is sanitized, so that 100 MB cost no more than this.
_READ = 64_000

# Controls, lone surrogates, noncharacters, byte order marks, and the marks that turn the direction of what follows.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_BREAK = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_MARKUP = re.compile(
    r"</?(?:a|b|br|div|em|font|h[1-6]|hr|html|body|i|iframe|img|li|object|ol|p|script|span|strong|style|svg|table|"
    r"tbody|td|th|tr|u|ul)(?:\s[^<>]*)?/?>|<!--",
    re.IGNORECASE,
)
_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6])\s*>", re.IGNORECASE)
_HIDDEN = {"script", "style", "iframe", "object", "svg", "title", "head", "template", "noscript"}
_GAPS = re.compile(r"\n{3,}")

_JOINERS = frozenset("\u200c\u200d")
_REGIONS = range(0x1F1E6, 0x1F200)
_SKINS = range(0x1F3FB, 0x1F400)


def line(text: str, limit: int = LINE) -> str:
    """One line of at most `limit` UTF-16 units: every run of white space is one space, the rest can be seen."""
    return shorten(" ".join(_UNSEEN.sub("", text[:_READ]).split()), limit)


def block(text: str, limit: int = BLOCK) -> str:
    """Plain text of at most `limit` UTF-16 units with its line breaks; HTML is read as the text that it shows."""
    whole = len(text) <= _READ
    text = _UNSEEN.sub("", text[:_READ])
    if _MARKUP.search(text):
        text = _UNSEEN.sub("", _shown(text))  # once more: "&#x202e;" is such a character only now
    text = _BREAK.sub("\n", text)
    lines = (" ".join(one.split()) for one in text.split("\n"))
    shown = _GAPS.sub("\n\n", "\n".join(lines)).strip("\n")
    return shorten(shown if whole else shown + ELLIPSIS, limit)


def _shown(markup: str) -> str:
    """The words of this HTML; scripts and styles with all that is in them are gone."""
    kept = nh3.clean(_LINE_END.sub("\n", markup), tags=set(), clean_content_tags=_HIDDEN)
    return html.unescape(kept)


def shorten(text: str, limit: int) -> str:
    """At most `limit` UTF-16 units, cut between whole characters and ended with an ellipsis where it was cut."""
    if len(text) * 2 <= limit or units(text) <= limit:
        return text
    room = limit - 1  # the ellipsis is one unit
    end = 0
    for character in text:
        room -= 2 if character > "\uffff" else 1
        if room < 0:
            break
        end += 1
    whole = end
    while whole > 0 and _belongs(text, whole):
        whole -= 1
    # A tower of combining marks has no end to cut at: then anywhere.
    return text[: whole or end].rstrip() + ELLIPSIS


def units(text: str) -> int:
    """How long Exchange takes this text to be: UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _belongs(text: str, at: int) -> bool:
    """Whether the character at this place is one with the character before it."""
    character, before = text[at], text[at - 1]
    if unicodedata.category(character).startswith("M") or character in _JOINERS or before == "\u200d":
        return True
    if ord(character) in _SKINS:
        return True
    if ord(character) not in _REGIONS:
        return False
    # A flag is two regional letters: an odd number of them before this one leaves one without its other half.
    start = at
    while start > 0 and ord(text[start - 1]) in _REGIONS:
        start -= 1
    return (at - start) % 2 == 1
