"""One of several processes that share the work on a state in PostgreSQL: its part of it, and a worker's whole life."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import structlog

from fieldcal import __version__
from fieldcal.app import App
from fieldcal.clock import Clock
from fieldcal.config import Config
from fieldcal.engine.service import Service
from fieldcal.engine.shared import Part
from fieldcal.sites import Sites
from fieldcal.state import beside, environments, queue_schema

log = structlog.get_logger()


async def part_of(app: App, *, schedules: bool) -> Part:
    """The schedule's part, or a worker's; a `ConfigError` where this state is not for several processes."""
    # What one process alone does not need is not loaded by it.
    from fieldcal.engine.cluster import ClusterEngine

    await app.database.reading(queue_schema.check)
    address = beside.address(app.database.url, beside.QUEUE)
    return Part(ClusterEngine(address, app.clock, works=not schedules), schedules)


async def work(config: Config, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Synchronize what the schedule puts into the queue until `stop` is set; what is in hand is then finished."""
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(App(config, clock=clock))
        sites = await stack.enter_async_context(Sites(app))
        part = await part_of(app, schedules=False)
        service = Service(app.database, app.clock, sites.open, app.set_up_there, part)
        await _watched(stack, app)
        known = await app.database.reading(environments.everyone)
        log.info(
            "the worker is at work", action="started", version=__version__, worker=app.worker,
            environments=[place.id for place in known if place.enabled],
        )  # fmt: skip
        await service.run(stop)
        log.info("the worker has ended", action="stopped", worker=app.worker)


async def _watched(stack: AsyncExitStack, app: App) -> None:
    """Give health and metrics of this worker at the addresses that are set for it, to this machine alone."""
    if not app.config.listen_metrics:
        return
    # Who is not asked loads no server.
    from fieldcal.serving import listening
    from fieldcal.web.watch import Watch

    # It has no schedule that could stand: what it needs is the state.
    watch = Watch(app.database, app.clock, lambda: 0.0)
    for address in app.config.listen_metrics:
        url = await stack.enter_async_context(listening(watch.local(), address))
        log.info("health and metrics are given to this machine", action="watched", url=url)
