"""Work that goes on after its answer: begun once for one key of the caller's, and followed at its task."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Header
from starlette.responses import Response

from fieldcal.web.api.caller import Call, Caller
from fieldcal.web.api.shapes import Begun
from fieldcal.web.work import Work

Key = Annotated[
    str,
    Header(alias="Idempotency-Key", max_length=200, examples=["nightly-2026-11-23"],
           description="A text of the caller's own: the same call with the same key begins its work once, and is "
           "answered with the task that it began."),
]  # fmt: skip


async def _once(caller: Call, idempotency_key: Key = "") -> str:
    if not idempotency_key:
        return secrets.token_urlsafe(12)
    call = f"{caller.request.method} {caller.request.url.path} {caller.actor.name} {idempotency_key}\n"
    return hashlib.sha256(call.encode() + await caller.request.body()).hexdigest()


#: How a handler asks for it.
Once = Annotated[str, Depends(_once)]


def begin(
    caller: Caller, response: Response, once: str, kind: str, environment: str, total: int,
    run: Callable[[Work[Any]], Awaitable[None]],
) -> Begun:  # fmt: skip
    """Begin this work in the background, unless this very call began it before; `Location` leads to it."""
    house = caller.house
    work = house.works.begin(kind, environment, caller.actor.name, total, house.app.clock.now(), once, run)
    return _begun(response, work)


def begun_before(caller: Caller, response: Response, once: str) -> Begun | None:
    """The answer to this very call where it began its work before: what it was counted by may have changed since."""
    work = caller.house.works.begun_by(once)
    return None if work is None else _begun(response, work)


def _begun(response: Response, work: Work[Any]) -> Begun:
    response.headers["location"] = f"/api/v1/tasks/{work.id}"
    return Begun(task=work.id, total=work.total)
