"""The control plane over HTTP: `/_control/faults`, `clock`, `ledger`, `counts`, `settings`, `actions/NAME`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from fieldcal.embedded.faults import Fault

if TYPE_CHECKING:
    from fieldcal.embedded.control import Control

Handler = Callable[[Request], Awaitable[Response]]


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`instant` sets the clock (and holds it), `advance` lets seconds pass, `real` shows the machine's time again."""

    instant: datetime | None = None
    held: bool = False
    advance: float | None = None
    real: bool = False


def control_routes(control: Control[Any]) -> Router:
    """The routes of one control plane. What it cannot understand is answered with 400 and one line."""
    table: list[tuple[str, str, Handler]] = [
        ("GET", "faults", lambda _: _show_faults(control)),
        ("POST", "faults", lambda r: _plant(control, r)),
        ("DELETE", "faults", lambda r: _clear(control, r)),
        ("DELETE", "faults/{number:int}", lambda r: _clear(control, r)),
        ("GET", "clock", lambda _: _show_clock(control)),
        ("PUT", "clock", lambda r: _set_clock(control, r)),
        ("GET", "ledger", lambda r: _show_ledger(control, r)),
        ("DELETE", "ledger", lambda _: _clear_ledger(control)),
        ("GET", "counts", lambda _: _json(control.counts())),
        ("GET", "settings", lambda _: _json(control.settings)),
        ("PATCH", "settings", lambda r: _change(control, r)),
        ("POST", "actions/{name}", lambda r: _act(control, r)),
    ]
    return Router([Route(f"/_control/{path}", _guarded(handler), methods=[method]) for method, path, handler in table])


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except (ValueError, msgspec.MsgspecError) as error:
            return await _json({"error": str(error)}, status=400)

    return guarded


async def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def _show_faults(control: Control[Any]) -> Response:
    rows = [
        {"number": rule.number, "used": rule.used, "seen": rule.seen, "spent": rule.spent, "fault": rule.fault}
        for rule in control.faults()
    ]
    return await _json(rows)


async def _plant(control: Control[Any], request: Request) -> Response:
    fault = msgspec.json.decode(await request.body(), type=Fault)
    return await _json({"number": control.add_fault(fault)}, status=201)


async def _clear(control: Control[Any], request: Request) -> Response:
    control.clear_faults(request.path_params.get("number"))
    return Response(status_code=204)


async def _show_clock(control: Control[Any]) -> Response:
    return await _json({"now": control.clock.now()})


async def _set_clock(control: Control[Any], request: Request) -> Response:
    change = msgspec.json.decode(await request.body(), type=ClockChange)
    if change.real:
        control.clock.reset()
    if change.instant is not None:
        control.clock.set(change.instant, held=change.held)
    if change.advance is not None:
        control.clock.advance(timedelta(seconds=change.advance))
    return await _show_clock(control)


async def _show_ledger(control: Control[Any], request: Request) -> Response:
    return await _json(control.ledger(int(request.query_params.get("since", "0"))))


async def _clear_ledger(control: Control[Any]) -> Response:
    control.clear_ledger()
    return Response(status_code=204)


async def _change(control: Control[Any], request: Request) -> Response:
    changes = msgspec.json.decode(await request.body(), type=dict[str, object])
    control.change(**changes)
    return await _json(control.settings)


async def _act(control: Control[Any], request: Request) -> Response:
    action = control.actions.get(request.path_params["name"])
    if action is None:
        return await _json({"error": f"no such action; there are: {', '.join(sorted(control.actions))}"}, status=404)
    action()
    return Response(status_code=204)
