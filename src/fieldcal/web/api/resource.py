"""One part of the REST API: its routes, each with what it takes.

A module in `web/api/resources/` makes one, names it `RESOURCE`, and is found; no list has to be changed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fieldcal.setup.permissions import Action
from fieldcal.setup.scopes import SCOPES, Scope
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
    #: the scope that a token needs where it is not the one that lets `gate.needs` through
    scope: Scope | None = None
    #: shows what another system is asked for, which may refuse
    asks: bool = False
    #: another status of an answer that is good, where the same body may go on: 202; 0: there is none
    also: int = 0

    @property
    def scopes(self) -> frozenset[Scope] | None:
        """One of these a token needs; None: whatever its scopes."""
        if self.scope is not None:
            return frozenset({self.scope})
        needs = self.gate.needs
        if not isinstance(needs, Action):
            return None
        return frozenset(scope for scope, actions in SCOPES.items() if needs in actions)


@dataclass(slots=True)
class Resource:
    """The routes of one module. `about` describes them all in the OpenAPI text."""

    name: str
    about: str
    operations: list[Operation] = field(default_factory=list)

    def get(
        self, path: str, needs: Needs, *, own: bool = False, media: str = "", scope: Scope | None = None,
        asks: bool = False,
    ) -> Callable[[Handler], Handler]:  # fmt: skip
        """Register what shows something; `asks`: another system is asked for it."""
        gate = Gate(needs, own)
        return self._add(lambda handler: Operation("GET", path, gate, handler, 200, media, scope, asks))

    def post(
        self, path: str, needs: Needs, *, own: bool = False, status: int = 200, scope: Scope | None = None
    ) -> Callable[[Handler], Handler]:
        """Register what changes something."""
        gate = Gate(needs, own)
        return self._add(lambda handler: Operation("POST", path, gate, handler, status, scope=scope))

    def patch(self, path: str, needs: Needs, *, own: bool = False) -> Callable[[Handler], Handler]:
        """Register what changes some fields of something."""
        gate = Gate(needs, own)
        return self._add(lambda handler: Operation("PATCH", path, gate, handler, 200))

    def delete(self, path: str, needs: Needs, *, also: int = 0) -> Callable[[Handler], Handler]:
        """Register what takes something away; `also`: a second status of a good answer."""
        gate = Gate(needs)
        return self._add(lambda handler: Operation("DELETE", path, gate, handler, 200, also=also))

    def _add(self, make: Callable[[Callable[..., Any]], Operation]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.operations.append(make(handler))
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
