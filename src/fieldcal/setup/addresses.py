"""Templates of addresses by which a CalDAV server is asked for one mailbox: `https://dav.example/{user}/`. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from fieldcal.errors import one_line
from fieldcal.urls import parts

#: What may stand in braces, in the words of the command line.
PLACEHOLDERS = {
    "user": "the mailbox's account name (`mailbox edit --user-name`), else its address",
    "address": "its e-mail address",
    "local": "the part of the address before the @",
}
_BRACES = re.compile(r"\{([^{}]*)\}")
_PORTS = {"https": 443, "http": 80}
_HOW = "write an address such as https://dav.example.com/calendars/{user}/"


def mistakes(template: str) -> list[str]:
    """What is wrong with the form of this template, a phrase for each mistake."""
    unknown = [name for name in _BRACES.findall(template) if name not in PLACEHOLDERS]
    if unknown:
        there = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        return [f"--url: there is no placeholder {{{one_line(unknown[0], 40)}}}; there are: {there}"]
    bare = _BRACES.sub("", template)
    if "{" in bare or "}" in bare:
        return ["--url: a brace stands alone; placeholders are written as {user}"]
    try:
        filled = urlsplit(_BRACES.sub("x", template))
        host = filled.hostname
        _ = filled.port
    except ValueError:
        return [f"--url: {_HOW}"]
    if filled.username is not None or filled.password is not None:
        return ["--url: names a user or password; give them as --user-name and --secret"]
    scheme, mark, rest = template.partition("://")
    if mark and ("{" in scheme or "{" in rest.partition("/")[0]):
        return ["--url: a placeholder may stand in the path only, never in the name of the host"]
    if filled.scheme not in {"http", "https"} or not host:
        return [f"--url: {_HOW}"]
    found = [] if not (filled.query or filled.fragment) else ["--url: write it without ? and #"]
    if not (bare.isascii() and bare.isprintable()) or " " in bare or "\\" in bare:
        found.append("--url: percent-encode blanks and letters beyond ASCII")
    if any(part in {".", ".."} for part in filled.path.split("/")):
        found.append("--url: write it without . and .. as parts of the path")
    return found


def origin(template: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address or a template of addresses; one that is neither is nobody's."""
    found = parts(_BRACES.sub("x", template))
    return found.scheme, found.hostname or "", found.port or _PORTS.get(found.scheme)


def names_one(template: str) -> bool:
    """Each mailbox has an address of its own by this template."""
    return bool(_BRACES.search(template))


def account_name(user: str, address: str) -> str:
    """The name of the account that stands for a mailbox: what was set for it, else its address."""
    return user or address


def fill(template: str, user: str, address: str) -> str:
    """The address for one mailbox, its names percent-encoded whole; "" where one of them is missing or no name.

    A name that is `.` or `..` would lead to somewhere else.
    """
    values = {"user": account_name(user, address), "address": address, "local": address.rpartition("@")[0] or address}
    wanted = set(_BRACES.findall(template))
    if any(values[name] in {"", ".", ".."} for name in wanted):
        return ""
    return _BRACES.sub(lambda found: quote(values[found[1]], safe=""), template)
