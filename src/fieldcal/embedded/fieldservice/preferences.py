"""What a request prefers: page size, annotations, tracked changes, the row in the answer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_PAGE = 5000
FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"

_ITEM = re.compile(r"""\s*([\w.\-]+)\s*(?:=\s*(?:"([^"]*)"|([^,;\s]*)))?\s*(?:[,;]|$)""")


@dataclass(frozen=True, slots=True)
class Preferences:
    """The `Prefer` header, as far as the field service honours it. `applied` is what `Preference-Applied` says."""

    page_size: int = MAX_PAGE
    paged: bool = False
    track_changes: bool = False
    representation: bool = False
    annotations: tuple[str, ...] = ()
    applied: str = ""

    def wants(self, annotation: str) -> bool:
        """Whether rows carry this annotation."""
        return any(
            pattern in ("*", annotation) or (pattern.endswith(".*") and annotation.startswith(pattern[:-1]))
            for pattern in self.annotations
        )

    @property
    def annotated(self) -> bool:
        """Whether rows carry any."""
        return any(self.wants(each) for each in (FORMATTED, LOGICAL_NAME, NAVIGATION))


def read_preferences(header: str) -> Preferences:
    """What the header says; unknown preferences are ignored, as RFC 7240 asks."""
    values: dict[str, str] = {}
    for match in _ITEM.finditer(header):
        values[match[1].lower()] = match[2] if match[2] is not None else match[3] or ""
    size = values.get("odata.maxpagesize", "")
    paged = size.isdecimal() and int(size) > 0
    annotations = values.get("odata.include-annotations", "")
    applied = []
    if paged:
        applied.append(f"odata.maxpagesize={size}")
    if annotations:
        applied.append(f'odata.include-annotations="{annotations}"')
    if "odata.track-changes" in values:
        applied.append("odata.track-changes")
    if values.get("return") == "representation":
        applied.append("return=representation")
    return Preferences(
        page_size=min(int(size), MAX_PAGE) if paged else MAX_PAGE,
        paged=paged,
        track_changes="odata.track-changes" in values,
        representation=values.get("return") == "representation",
        annotations=tuple(part.strip() for part in annotations.split(",") if part.strip()),
        applied=",".join(applied),
    )
