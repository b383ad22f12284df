"""What Exchange makes of a body between writing and reading: text becomes HTML, HTML gets a head, scripts go. Pure.

Because of this a client must never compare a body that it sent with the one it reads.
"""

from __future__ import annotations

import html
import re

import nh3

_META = '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
_FROM_TEXT = (
    f'<html>\r\n<head>\r\n{_META}\r\n<meta name="Generator" content="Microsoft Exchange Server">\r\n'
    "<!-- converted from text -->\r\n"
    "<style><!-- .EmailQuote { margin-left: 1pt; padding-left: 4pt; border-left: #800000 2px solid; } --></style>"
    '</head>\r\n<body>\r\n<font size="2"><span style="font-size:11pt;"><div class="PlainText">'
)
_END_OF_TEXT = "</div></span></font>\r\n</body>\r\n</html>\r\n"
_PREVIEW = 255
_LOOKED_AT = 1024
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_HTML = re.compile(r"<html[^>]*>", re.IGNORECASE)
#: where none of these stands (in lower case), nothing is active and the cleaner need not look
_ACTIVE = ("script", "<iframe", "<object", "<embed", "<applet", "<form", "<link", "<base")
_HANDLER = re.compile(r"on[a-z]+\s*=")
_BREAKS = re.compile(r"<br\s*/?>|</(?:p|div|tr|li|h[1-6]|table|ul|ol)>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>?")
_UNREAD = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)", re.IGNORECASE | re.DOTALL)
_CELLS = re.compile(r"</t[dh]>", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\xa0]+")
_LINE_ENDS = re.compile(r" ?\r?\n ?")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")
_TEXT_ONLY = nh3.Cleaner(tags=set(), clean_content_tags={"script", "style", "title"})
_SAFE = nh3.Cleaner(
    tags=(nh3.ALLOWED_TAGS | {"font", "html", "head", "body", "meta"}) - {"form"},
    clean_content_tags={"script", "style", "title"},
    attributes={tag: set(allowed) - {"rel"} for tag, allowed in nh3.ALLOWED_ATTRIBUTES.items()}
    | {"*": {"style", "class", "align", "width", "height", "border", "cellpadding", "cellspacing", "color", "size"}},
    link_rel=None,
)


def as_html(kind: str, content: str, *, unsafe: bool = False) -> str:
    """The body as Exchange returns it for HTML: whole document, without active content unless `unsafe` is asked."""
    if kind == "text":
        lines = html.escape(content, quote=False).replace("\r\n", "\n").replace("\n", "<br>\r\n")
        return _FROM_TEXT + lines + _END_OF_TEXT
    low = content.lower()
    if not unsafe and (any(sign in low for sign in _ACTIVE) or _HANDLER.search(low)):
        content = _SAFE.clean(content)
        low = content.lower()
    if "<head" in low:
        return _HEAD.sub(lambda found: f"{found.group()}\r\n{_META}", content, count=1)
    if "<html" in low:
        return _HTML.sub(lambda found: f"{found.group()}<head>\r\n{_META}</head>", content, count=1)
    return f"<html><head>\r\n{_META}</head><body>{content}</body></html>"


def as_text(kind: str, content: str) -> str:
    """The body as Exchange returns it under `Prefer: outlook.body-content-type="text"`."""
    if kind == "text":
        return content
    broken = _CELLS.sub(" ", _BREAKS.sub("\n", content))
    plain = html.unescape(_TEXT_ONLY.clean(broken))
    return _BLANK_LINES.sub("\n\n", _LINE_ENDS.sub("\n", _SPACES.sub(" ", plain))).strip()


def preview(kind: str, content: str) -> str:
    """The first 255 characters of the text, spaces run together."""
    if kind == "text":
        return " ".join(content[:_LOOKED_AT].split())[:_PREVIEW]
    # Only the beginning can reach the preview; reading all of a long body would cost for nothing.
    for length in (_LOOKED_AT, 64 * _LOOKED_AT):
        begun = content[:length]
        if "<s" in begun or "<S" in begun or "<!" in begun:
            begun = _UNREAD.sub(" ", begun)
        found = " ".join(html.unescape(_TAG.sub(" ", begun)).split())[:_PREVIEW]
        if len(found) == _PREVIEW or len(content) <= length:
            break
    return found
