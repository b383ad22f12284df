"""The `Prefer` header: what a client asks about the answer, and what the answer says was done. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_PREFERENCE = re.compile(r'([\w.\-]+)\s*(?:=\s*(?:"([^"]*)"|([^",;\s]*)))?')


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one request prefers. `zone` is the name of the zone for start and end in the answer."""

    immutable: bool = False
    zone: str = "UTC"
    text_body: bool = False
    unsafe_html: bool = False
    max_page: int | None = None
    #: the value of Preference-Applied, or nothing
    applied: str = ""


@lru_cache(maxsize=256)
def read_preferences(header: str) -> Preferences:
    """What the header (several joined by commas) asks for; unknown preferences are left alone."""
    immutable = text_body = unsafe_html = False
    zone, max_page = "UTC", None
    applied = []
    for found in _PREFERENCE.finditer(header):
        name = found[1].casefold()
        value = found[2] if found[2] is not None else (found[3] or "")
        match name:
            case "idtype" if value.casefold() == "immutableid":
                immutable = True
                applied.append('IdType="ImmutableId"')
            case "outlook.timezone" if value:
                zone = value
                applied.append(f'outlook.timezone="{value}"')
            case "outlook.body-content-type" if value.casefold() in {"text", "html"}:
                text_body = value.casefold() == "text"
                applied.append(f'outlook.body-content-type="{value.casefold()}"')
            case "outlook.allow-unsafe-html":
                unsafe_html = True
                applied.append("outlook.allow-unsafe-html")
            case "odata.maxpagesize" if value.isascii() and value.isdigit() and int(value) > 0:
                max_page = int(value)
                applied.append(f"odata.maxpagesize={max_page}")
    return Preferences(immutable, zone, text_body, unsafe_html, max_page, ", ".join(applied))
