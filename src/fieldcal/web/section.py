"""One part of the admin centre: its routes, and where it stands in the navigation.

A module in `web/pages/` makes one, names it `SECTION`, and is found; no list has to be changed (docs/adding-a-page.md).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fieldcal.web import pages
from fieldcal.web.gates import Gate, Needs

Handler = TypeVar("Handler", bound=Callable[..., Any])
#: Methods that change nothing, and so take no token against forgery.
SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the navigation, shown to whom the section's first page is open."""

    #: the heading it stands under; one of `GROUPS`
    group: str
    #: sorts within the group
    order: int
    #: one of the pictures in templates/parts/icons.html
    icon: str
    #: shown to workers only: what they have of their own, which others find in the lists of all
    own: bool = False
    #: shown only where bookings are made here, in the embedded Field Service
    scheduling: bool = False


#: The headings of the navigation in their order; their words are in texts/frame.toml.
GROUPS = ("home", "work", "setup", "service")


@dataclass(frozen=True, slots=True)
class Page:
    """One route."""

    method: str
    path: str
    gate: Gate
    handler: Callable[..., Any]


@dataclass(slots=True)
class Section:
    """The routes of one module of `web/pages/`. `name` is that of its texts too (`texts/NAME.toml`)."""

    name: str
    entry: Entry | None = None
    pages: list[Page] = field(default_factory=list)

    def get(self, path: str, needs: Needs, *, own: bool = False) -> Callable[[Handler], Handler]:
        """Register what shows something."""
        return self._add("GET", path, needs, own=own)

    def post(self, path: str, needs: Needs, *, own: bool = False) -> Callable[[Handler], Handler]:
        """Register what changes something; it is only called with the session's token."""
        return self._add("POST", path, needs, own=own)

    def _add(self, method: str, path: str, needs: Needs, *, own: bool) -> Callable[[Handler], Handler]:
        gate = Gate(needs, own)

        def register(handler: Handler) -> Handler:
            self.pages.append(Page(method, path, gate, handler))
            return handler

        return register

    @property
    def first(self) -> Page:
        """The page that the navigation leads to: the first that was registered."""
        return self.pages[0]


def sections() -> list[Section]:
    """Every section there is, in the order of the navigation."""
    found: list[Section] = []
    for module in pkgutil.iter_modules(pages.__path__):
        section = getattr(importlib.import_module(f"{pages.__name__}.{module.name}"), "SECTION", None)
        if isinstance(section, Section):
            found.append(section)
    return sorted(found, key=_place)


def _place(section: Section) -> tuple[int, int, str]:
    entry = section.entry
    return (len(GROUPS), 0, section.name) if entry is None else (GROUPS.index(entry.group), entry.order, section.name)
