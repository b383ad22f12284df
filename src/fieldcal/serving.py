"""A service at work on one data folder: engine, schedule, its own end, and the run file that tells of it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.engine import make_url

from fieldcal import __version__, hooks, post, runfile, working
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.ends import Embedded, is_embedded
from fieldcal.ends import needed as embedded_needed
from fieldcal.ends import serving as serving_ends
from fieldcal.engine import letters, upkeep
from fieldcal.engine.service import Service
from fieldcal.engine.shared import Part
from fieldcal.errors import ConfigError, FieldcalError
from fieldcal.runfile import Running
from fieldcal.setup import sign_in
from fieldcal.setup_model import Actor
from fieldcal.sites import Sites
from fieldcal.state import environments, webhooks
from fieldcal.state.pruning import Ages

log = structlog.get_logger()

#: How long a starting service waits for commands that are about to end, seconds.
PATIENCE = 3.0
#: told once everything answers, with the token of the first administrator's link, "" where somebody can sign in
#: already; work begins when it is done
Ready = Callable[[Running, Embedded | None, str], Awaitable[None]]


async def serve(
    config: Config, stop: asyncio.Event, ready: Ready, *, sandbox: bool = False, workers_elsewhere: bool = False
) -> None:
    """Serve this installation until `stop` is set; a second service on its state gets a `ConfigError`.

    `workers_elsewhere`: pages, webhook and schedule only; other processes synchronize (`working.py`).
    """
    with ExitStack() as locks:
        for folder in _folders(config):
            locks.enter_context(runfile.locked(folder, seconds=PATIENCE))
        async with AsyncExitStack() as stack:
            embedded: Embedded | None = None
            if embedded_needed(config):
                embedded = await stack.enter_async_context(serving_ends(config, sandbox=sandbox))
            app = await stack.enter_async_context(App(config, ends=embedded.ends if embedded else None))
            part = await working.part_of(app, schedules=True) if workers_elsewhere else None
            await work(app, embedded, stop, ready, part)


def _folders(config: Config) -> list[Path]:
    """What one service at a time works on: the data folder, and the folder of an SQLite state elsewhere."""
    url = make_url(config.state_url)
    state = Path(url.database).parent if url.get_backend_name() == "sqlite" and url.database else config.data
    return sorted({config.data.resolve(), state.resolve()})


async def work(
    app: App, embedded: Embedded | None, stop: asyncio.Event, ready: Ready, part: Part | None = None
) -> None:
    """Run engine, schedule and the service's own end until `stop` is set; the folder's lock must be held."""
    # uvicorn and starlette are loaded by who serves, not by every command.
    from fieldcal.schedule.desk import Desk
    from fieldcal.subscribing import FeedLinks
    from fieldcal.web.centre import centre
    from fieldcal.web.hooks import HooksEnd
    from fieldcal.web.house import House
    from fieldcal.web.oidc import provider
    from fieldcal.web.service import ServiceEnd
    from fieldcal.web.watch import Watch, by_scope

    async with AsyncExitStack() as stack:
        sites = await stack.enter_async_context(Sites(app))
        service = Service(app.database, app.clock, sites.open, app.set_up_there, part)
        token = secrets.token_urlsafe(32)
        bell = _Doorbell(app, service, hooked=bool(app.config.listen_hooks))
        desk = Desk(embedded.field_service.store, _each(bell.ring, embedded.wrote)) if embedded else None
        feeds = FeedLinks(embedded.exchange.store) if embedded else None
        house = House(app, service, app.clock.now(), provider(app), desk, feeds)
        stack.push_async_callback(house.works.stop)
        watch = Watch(app.database, app.clock, service.late)
        end = ServiceEnd(service, token, app.requests).app(centre(house), watch.routes(by_scope(house)))
        notified = HooksEnd(app.database, app.clock, service.hint).app()
        urls = [await stack.enter_async_context(listening(end, address)) for address in app.config.listen]
        public = [await stack.enter_async_context(listening(notified, each)) for each in app.config.listen_hooks]
        local = [await stack.enter_async_context(listening(watch.local(), each)) for each in app.config.listen_metrics]
        if embedded is not None and desk is not None:
            embedded.changed = _each(bell.ring, desk.changed)
        ends = embedded.ends if embedded else None
        others = [found[0] if found else "" for found in (public, local)]
        running = Running(os.getpid(), urls[0], token, app.clock.now(), ends, *others)
        stack.enter_context(runfile.announced(app.config.data, running))
        await _tell_start(app, running, embedded)
        if embedded is not None:
            await _lead_here(app, running)
        await ready(running, embedded, await _first_link(app))
        async with _beside(*_upkeep(app)):
            try:
                await service.run(stop)
            finally:
                if desk is not None:
                    desk.close()
    log.info("the service has ended", action="stopped", pid=running.pid)


def _upkeep(app: App) -> Iterator[Coroutine[Any, Any, None]]:
    """What goes on beside the synchronization."""
    yield upkeep.by_schedule(app.database, app.clock, ages_of(app.config))
    if (address := post.address_of(app.config)) is not None:
        yield letters.by_schedule(app.database, app.clock, address, post.sender_of(app.config, app.secrets, app.tls))


def ages_of(config: Config) -> Ages:
    """How long this installation keeps what it remembers."""
    return upkeep.ages(config.keep_history_days, config.keep_audit_days, config.keep_bookings_days)


@asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have these go on while the block runs; one that dies is told in the log and takes nothing with it."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part of the service died", action="fault", part=task.get_name(), exc_info=error)

    tasks = [asyncio.create_task(work, name=getattr(work, "__qualname__", "part")) for work in works]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first_link(app: App) -> str:
    """The token of the first administrator's link, "" where it is not needed: with a directory its groups say who."""
    if app.config.oidc_issuer:
        return ""
    return await app.database.writing(sign_in.invite_first, app.clock.now()) or ""


async def _tell_start(app: App, running: Running, embedded: Embedded | None) -> None:
    also = {"next_pass": "now"}
    if running.hooks:
        also["notifications"] = running.hooks
    if running.metrics:
        also["metrics"] = f"{running.metrics}/metrics"
    if embedded is not None:
        also |= {"field_service": embedded.ends.fieldservice, "exchange": embedded.ends.exchange}
    known = await app.database.reading(environments.everyone)
    log.info(
        "the service is at work", action="started", version=__version__, pid=running.pid, service=running.url, **also,
        environments=[place.id for place in known if place.enabled],
        switched_off=[place.id for place in known if not place.enabled],
    )  # fmt: skip


async def _lead_here(app: App, running: Running) -> None:
    try:
        await hooks.follow(app, Actor("service"), running.hooks)
    except FieldcalError as error:  # passes go on by schedule, and Doctor tells
        log.warning("a webhook could not be led here", action="fault", error=str(error))


@asynccontextmanager
async def listening(app: Any, address: str) -> AsyncIterator[str]:
    """Serve the app at `ADDRESS:PORT` while the block runs; gives its base URL."""
    from fieldcal.embedded.server import LocalServer

    host, _, port = address.rpartition(":")
    server = LocalServer(app, host=host.strip("[]"), port=int(port), strangers=True)
    try:
        url = await server.start()
    except OSError as error:
        raise ConfigError(f"cannot listen on {address}: {error.strerror}") from None
    try:
        yield url
    finally:
        await server.stop()


def _each(*calls: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        for one in calls:
            one()

    return call


class _Doorbell:
    """Has a pass follow each change of the embedded Field Service, in every environment that reads from it.

    `hooked`: notifications are taken here, so where a webhook is registered it is that which tells.
    """

    def __init__(self, app: App, service: Service, *, hooked: bool) -> None:
        self._app, self._service, self._hooked = app, service, hooked
        self._ringing: asyncio.Task[None] | None = None

    def ring(self) -> None:
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        told = await self._app.database.reading(webhooks.everyone) if self._hooked else {}
        for environment in await self._app.database.reading(environments.everyone):
            if environment.enabled and is_embedded(environment.end) and environment.id not in told:
                self._service.announce(environment.id)
