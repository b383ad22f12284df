"""Customers' own templates for subject and body: a small part of Jinja in which nothing can hang or reach out (D15).

What a template may contain is a list of what is allowed, checked on its syntax tree: names, texts, conditions,
comparisons, `~`, the filters below, and one level of `for` over `rows`. No calls, no arithmetic, no macros, no
assignment: so the work is bounded by the template's length, and the sandbox below is the second fence.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any

import nh3
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.filters import FILTERS
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

from fieldcal.errors import ConfigError
from fieldcal.plan import template_words
from fieldcal.plan.texts import ELLIPSIS

#: characters of a template
TEMPLATE_LENGTH = 4_000
#: characters of what a template makes, before it is sanitized
OUTPUT_LENGTH = 64_000

_TABLE = '<table style="border-collapse:collapse">'
_HEAD = '<tr><th style="text-align:left;vertical-align:top;padding:2px 12px 2px 0">'
_BETWEEN = '</th><td style="vertical-align:top;padding:2px 0">'
#: the built-in body as a template of one's own would say it; `_built_in` makes the same
BODY = (
    f"{_TABLE}{{% for label, value in rows %}}{_HEAD}{{{{ label }}}}{_BETWEEN}{{{{ value|lines }}}}</td></tr>"
    "{% endfor %}</table>"
    '{% if link %}<p><a href="{{ link }}">Open the booking</a></p>{% endif %}'
)

#: what an empty template stands for, as a page shows it to begin with; line breaks between tags are none in a calendar
BUILT_IN = {
    "subject_template": "{{ title }}",
    "body_template": re.sub(r"(?<=.)(?={% (?:for|if|endfor) |<tr>)", "\n", BODY),
}

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Tuple,
    nodes.If, nodes.CondExpr, nodes.For, nodes.Filter, nodes.Keyword, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Getattr,
)  # fmt: skip
_FILTERS = ("upper", "lower", "title", "capitalize", "trim", "truncate", "length")
_LOOP = ("first", "last", "index")
_KINDS = {
    "Call": "a call", "CallBlock": "a call", "Macro": "a macro", "Assign": "`set`", "AssignBlock": "`set`",
    "With": "`with`", "Include": "`include`", "Import": "`import`", "FromImport": "`import`", "Extends": "`extends`",
    "Block": "a block", "Test": "`is`", "Getitem": "an index", "Dict": "a dictionary", "FilterBlock": "a filter block",
}  # fmt: skip

_TAGS = {
    "table", "tbody", "thead", "tr", "th", "td", "p", "br", "a", "b", "i", "strong", "em", "ul", "ol", "li",
    "h1", "h2", "h3", "div", "span",
}  # fmt: skip
_ATTRIBUTES = {"*": {"style"}, "a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}}
_SCHEMES = {"http", "https", "mailto", "tel"}
_STYLE = re.compile(
    r"\s*(?:color|background-color|font-weight|font-style|font-size|text-align|vertical-align|white-space|padding|"
    r"margin|border|border-collapse|width)\s*:[\w\s.,%#-]+",
    re.ASCII,
)


def _lines(value: str) -> Markup:
    return Markup(escape(value).replace("\n", Markup("<br>")))  # noqa: S704 - escaped right here


def _environment(*, autoescape: bool) -> SandboxedEnvironment:
    made = SandboxedEnvironment(autoescape=autoescape, undefined=StrictUndefined, keep_trailing_newline=False)
    made.globals.clear()
    made.tests.clear()
    made.filters = {name: FILTERS[name] for name in _FILTERS} | {"lines": _lines}
    return made


_SUBJECT, _BODY = _environment(autoescape=False), _environment(autoescape=True)


def body(text: str, facts: Mapping[str, Any]) -> str:
    """The body that this template makes, as HTML of the allowed tags only; "" is the built-in one."""
    if not text:
        return _built_in(facts["rows"], facts["link"])
    return sanitize(_filled("body_template", text, facts))


def subject(text: str, facts: Mapping[str, Any]) -> str:
    """The subject that this template makes: plain text, not yet one line nor short."""
    return _filled("subject_template", text, facts)


def sanitize(markup: str) -> str:
    """This HTML with nothing left but allowed tags, attributes, addresses and styles; open tags are closed."""
    return nh3.clean(
        markup,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes=_SCHEMES,
        link_rel=None,
    )


def for_page(body: str) -> str:
    """This body for a page of ours: the same tags without styles, which its policy refuses; links open beside it."""
    return nh3.clean(
        body,
        tags=_TAGS,
        attributes={"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
        attribute_filter=_attribute,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def mistakes(setting: str, text: str, names: frozenset[str]) -> list[str]:
    """What is wrong with this template, a clear line each, with the line in the template; none: it may be used.

    `setting`: `subject_template` or `body_template`. `names`: what it may refer to.
    """
    if len(text) > TEMPLATE_LENGTH:
        return [f"{setting}: {len(text)} characters; at most {TEMPLATE_LENGTH}"]
    try:
        tree = _environment_of(setting).parse(text)
        found = [f"{setting}, line {number}: {what}" for number, what in _refused(tree)]
        if found:
            return list(dict.fromkeys(found))
        unknown = sorted(meta.find_undeclared_variables(tree) - names)
        if unknown:
            return [_unknown(setting, tree, name, names) for name in unknown]
        _compiled(setting, text)
    except TemplateSyntaxError as error:
        return [f"{setting}, line {error.lineno}: {template_words.plain(error.message or '')}"]
    except (RecursionError, SyntaxError, MemoryError):  # what Python says of a thousand brackets
        return [f"{setting}: nested too deeply"]
    return []


def _unknown(setting: str, tree: nodes.Template, name: str, names: frozenset[str]) -> str:
    line = next(node.lineno for node in tree.find_all(nodes.Name) if node.name == name)
    return f"{setting}, line {line}: there is no {name!r}; there are {', '.join(sorted(names))}"


def _refused(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Each place where the template goes beyond what is allowed: its line, and what stands there."""
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            kind = type(node).__name__
            yield node.lineno or 1, f"{_KINDS.get(kind, kind.lower())} is not allowed in a template"
        elif isinstance(node, nodes.Name) and node.name == "self":
            yield node.lineno, "`self` is not allowed in a template"
        elif isinstance(node, nodes.For):
            yield from _refused_loop(node)
        elif isinstance(node, nodes.Getattr):
            if not (isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in _LOOP):
                yield node.lineno, f".{node.attr} is not allowed in a template; of a loop: {', '.join(_LOOP)}"
        elif isinstance(node, nodes.Filter):
            given = [*node.args, *(keyword.value for keyword in node.kwargs), node.dyn_args, node.dyn_kwargs]
            if any(one is not None and not isinstance(one, nodes.Const) for one in given):
                yield node.lineno, f"the filter {node.name!r} takes only numbers and texts written out"


def _refused_loop(node: nodes.For) -> Iterator[tuple[int, str]]:
    if not (isinstance(node.iter, nodes.Name) and node.iter.name == "rows") or node.recursive:
        yield node.lineno, "`for` goes only over `rows`: {% for label, value in rows %}"
    if any(True for _ in node.find_all(nodes.For)):
        yield node.lineno, "a loop in a loop is not allowed in a template"


def _environment_of(setting: str) -> SandboxedEnvironment:
    return _BODY if setting == "body_template" else _SUBJECT


def _built_in(rows: Sequence[tuple[str, str]], link: str) -> str:
    """What `BODY` makes, without Jinja: every event has one. Every value is escaped and the tags are ours."""
    made = [f"{_HEAD}{_escaped(label)}{_BETWEEN}{_escaped(value)}</td></tr>" for label, value in rows]
    booking = f'<p><a href="{_escaped(link)}">Open the booking</a></p>' if link else ""
    return f"{_TABLE}{''.join(made)}</table>{booking}"


def _escaped(text: str) -> str:
    # As markupsafe writes it, so that the same body comes of the template below the settings.
    return html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;").replace("\n", "<br>")


@lru_cache(maxsize=256)
def _compiled(setting: str, text: str) -> Template:
    return _environment_of(setting).from_string(text)


@lru_cache(maxsize=256)
def _checked(setting: str, text: str, names: frozenset[str]) -> Template:
    """Settings are checked when they are set; a state that was written by other hands is checked here."""
    found = mistakes(setting, text, names)
    if found:
        raise ConfigError("; ".join(found))
    return _compiled(setting, text)


def _filled(setting: str, text: str, facts: Mapping[str, Any]) -> str:
    template = _checked(setting, text, frozenset(facts))
    pieces: list[str] = []
    length = 0
    try:
        for piece in template.generate(facts):
            pieces.append(piece)
            length += len(piece)
            if length > OUTPUT_LENGTH:
                # Cut rather than refused: one booking's long summary must not stop its neighbours (I7).
                return "".join(pieces)[:OUTPUT_LENGTH] + ELLIPSIS
    except (TemplateError, TypeError, ValueError, AssertionError, LookupError, ArithmeticError) as error:
        line = _line_of(error.__traceback__)
        words = template_words.plain(str(error) or type(error).__name__)
        raise ConfigError(f"{setting}, line {line}: {words}") from error
    return "".join(pieces)


def _line_of(traceback: TracebackType | None) -> int:
    """The template's line that failed; Jinja puts the template's own frames into the traceback."""
    found = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            found = traceback.tb_lineno
        traceback = traceback.tb_next
    return found


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The value that is kept of an attribute; None drops it."""
    if name == "style":
        kept = [one.strip() for one in value.split(";") if _STYLE.fullmatch(one)]
        return ";".join(kept) or None
    if name in ("colspan", "rowspan"):
        return value if value.isascii() and value.isdigit() and len(value) < 3 else None  # noqa: PLR2004 - two digits
    # Relative addresses lead nowhere from a calendar.
    return value if tag == "a" and value.split(":", 1)[0].strip().lower() in _SCHEMES else None
