"""Who calls: a script with a token, or a browser with its session; each route's gate lets both through alike."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path
from sqlalchemy import Connection
from starlette.requests import Request

from fieldcal.errors import NotAllowed
from fieldcal.plan.settings import ApprovalRule
from fieldcal.setup import tokens
from fieldcal.setup.permissions import Action, allowed
from fieldcal.setup.scopes import Scope
from fieldcal.setup.tokens import Bearer
from fieldcal.setup_model import Actor, Environment
from fieldcal.state import environments
from fieldcal.state import tokens as token_rows
from fieldcal.web.account import operator
from fieldcal.web.api.problem import Forged, Invalid, Missing, TooMany, Unauthorized
from fieldcal.web.api.resource import Operation
from fieldcal.web.gates import Open, opens
from fieldcal.web.headers import storable
from fieldcal.web.house import House
from fieldcal.web.section import SAFE
from fieldcal.web.visit import TOKEN_HEADER, Visit, proves

#: Who a browser's session is, as the pages know it.
Receive = Callable[[Request], Awaitable[Visit]]
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """One call: who makes it, and what there is to work with."""

    request: Request
    house: House
    actor: Actor
    environments: tuple[Environment, ...]
    #: of a token; None: a session, which has all that its user has
    scopes: frozenset[Scope] | None
    #: the token's name, "" of a session
    token: str = ""

    def may(self, action: Action) -> bool:
        """Whether the permission table lets this through in some environment, and the token's scopes do."""
        rules = {one.settings.approval_rule for one in self.environments} or {ApprovalRule.PAGE}
        return self._scoped(action) and any(allowed(self.actor, action, rule) for rule in rules)

    def passes(self, operation: Operation) -> bool:
        """Whether this call may pass."""
        if not self._within(operation.scopes):
            return False
        return opens(operation.gate, self.actor, {one.settings.approval_rule for one in self.environments})

    def require_scope(self, scope: Scope) -> None:
        """Return where a token has this scope; a session has every one."""
        if not self._within(frozenset({scope})):
            raise NotAllowed(f"the token {self.token} may not do this; that takes the scope {scope}")

    def _within(self, wanted: frozenset[Scope] | None) -> bool:
        return self.scopes is None or wanted is None or bool(self.scopes & wanted)

    def _scoped(self, action: Action) -> bool:
        return self.scopes is None or tokens.lets(self.scopes, action)


def guard(operation: Operation, names: frozenset[str], receive: Receive) -> Callable[[Request], Awaitable[None]]:
    """What stands before a route; `names`: the query parameters that it knows."""

    async def pass_or_refuse(request: Request) -> None:
        if operation.gate.needs is not Open.PUBLIC:
            caller = await _who(request, receive)
            if not caller.passes(operation):
                raise NotAllowed(_refusal(caller, operation))
            request.state.caller = caller
        if request.method not in SAFE and not _text_alone(await request.body()):
            raise Invalid([("", "it holds a character that is no text: NUL, or half of one")])
        strange = [name for name in request.query_params if name not in names]
        if strange:
            raise Invalid([(f"query/{name[:80]}", f"there is no parameter {name[:80]!r}") for name in strange])

    return pass_or_refuse


def _text_alone(body: bytes) -> bool:
    """No text in this JSON holds what no database keeps; only an escape can bring it in."""
    if b"\\u" not in body:
        return True
    try:
        left = [json.loads(body)]
    except (ValueError, RecursionError):
        return True  # told by who reads it
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str) and not storable(one):
            return False
    return True


def _refusal(caller: Caller, operation: Operation) -> str:
    what, scopes = operation.gate.needs.value, operation.scopes
    if caller.scopes is not None and scopes is not None and not caller.scopes & scopes:
        wanted = sorted(scope.value for scope in scopes)
        return f"the token {caller.token} may not {what}; that takes the scope {' or '.join(wanted) or 'of a person'}"
    return f"{caller.actor.name} may not {what}"


async def _who(request: Request, receive: Receive) -> Caller:
    house: House = request.app.state.house
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme:
        # A token that is brought counts alone: whoever sends a wrong one is not taken for somebody else.
        if scheme.lower() != "bearer":
            raise Unauthorized("bring a token: Authorization: Bearer TOKEN")
        return await by_token(request, house, text)
    visit = await receive(request)
    if visit.signed is None:
        raise Unauthorized("bring a token: Authorization: Bearer TOKEN; `fieldcal token add` makes one")
    if request.method not in SAFE and not proves(request.headers.get(TOKEN_HEADER, ""), visit.browser):
        raise Forged("a browser's session takes the page's token in X-CSRF-Token; scripts bring a token of their own")
    return Caller(request, house, visit.actor, visit.environments, None)


async def by_token(request: Request, house: House, text: str) -> Caller:
    """Whoever brings this token; raises `Unauthorized`, or `TooMany` where wrong ones came before."""
    text, now = text.strip()[:_LONGEST], house.app.clock.now()

    def look(tx: Connection) -> tuple[Bearer | None, tuple[Environment, ...]]:
        return tokens.bearer(tx, text, now), tuple(environments.everyone(tx))

    bearer, places = await house.read(look)
    if bearer is None:
        address = house.came_from(request)
        # Who has to wait costs a read: there is one writer, and the synchronization needs it.
        until = await house.read(lambda tx: tokens.waiting(tx, address, now))
        until = until or await house.write(lambda tx: tokens.count_wrong(tx, address, now))
        if until is not None:
            raise TooMany(max(1, math.ceil((until - now).total_seconds())))
        raise Unauthorized("this token does not hold")
    token = bearer.token
    if token.seen_at is None or now - token.seen_at > tokens.SEEN:
        await house.write(lambda tx: token_rows.seen(tx, token.name, now))
    actor = Actor(f"{operator()}, token {token.name}", bearer.user)
    return Caller(request, house, actor, places, bearer.scopes, token.name)


def _of(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


#: How a handler asks for the call: `async def show(caller: Call) -> Shown`.
Call = Annotated[Caller, Depends(_of)]


def _place(
    caller: Call,
    environment: Annotated[str, Path(description="The environment's name.", examples=["main"], max_length=60)],
) -> Environment:
    for one in caller.environments:
        if one.id == environment:
            return one
    known = ", ".join(one.id for one in caller.environments) or "none yet"
    raise Missing(f"there is no environment {environment!r}; there are: {known}")


#: The environment that the address names; a 404 where there is none.
Place = Annotated[Environment, Depends(_place)]
