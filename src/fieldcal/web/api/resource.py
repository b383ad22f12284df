"""One part of the REST API: its routes, each with what it takes.

A module in `web/api/resources/` makes one, names it `RESOURCE`, and is found; no list has to be changed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fieldcal.web.api import resources
from fieldcal.web.gates import Gate, Needs

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """One route; the handler's docstring describes it to callers."""

    method: str
    path: str
    gate: Gate
    handler: Callable[..., Any]
    #: status of the answer when all went well; 202 where work goes on after it
    status: int
    #: what the answer's body is where it is no model: its media type
    media: str = ""
    #: another status of an answer that is good, where the same body may go on: 202; 0: there is none
    also: int = 0


@dataclass(slots=True)
class Resource:
    """The routes of one module. `about` describes them all in the OpenAPI text."""

    name: str
    about: str
    operations: list[Operation] = field(default_factory=list)

    def get(self, path: str, needs: Needs, *, own: bool = False, media: str = "") -> Callable[[Handler], Handler]:
        """Register what shows something."""
        return self._add("GET", path, Gate(needs, own), 200, media)

    def post(self, path: str, needs: Needs, *, own: bool = False, status: int = 200) -> Callable[[Handler], Handler]:
        """Register what changes something."""
        return self._add("POST", path, Gate(needs, own), status)

    def patch(self, path: str, needs: Needs, *, own: bool = False) -> Callable[[Handler], Handler]:
        """Register what changes some fields of something."""
        return self._add("PATCH", path, Gate(needs, own), 200)

    def delete(self, path: str, needs: Needs, *, also: int = 0) -> Callable[[Handler], Handler]:
        """Register what takes something away; `also`: a second status of a good answer."""
        return self._add("DELETE", path, Gate(needs), 200, also=also)

    def _add(
        self, method: str, path: str, gate: Gate, status: int, media: str = "", also: int = 0
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.operations.append(Operation(method, path, gate, handler, status, media, also))
            return handler

        return register


def found() -> list[Resource]:
    """Every resource there is, by name."""
    all_of_them: list[Resource] = []
    for module in pkgutil.iter_modules(resources.__path__):
        one = getattr(importlib.import_module(f"{resources.__name__}.{module.name}"), "RESOURCE", None)
        if isinstance(one, Resource):
            all_of_them.append(one)
    return sorted(all_of_them, key=lambda one: one.name)
