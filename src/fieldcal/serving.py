"""A service at work on one data folder: engine, schedule, its own end, and the run file that tells of it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog

from fieldcal import __version__, hooks, post, runfile, working
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.ends import Embedded, is_embedded
from fieldcal.ends import needed as embedded_needed
from fieldcal.ends import serving as serving_ends
from fieldcal.engine import letters, upkeep
from fieldcal.engine.service import GATHER, Service
from fieldcal.engine.shared import Part
from fieldcal.errors import ConfigError, FieldcalError, StateAway
from fieldcal.runfile import Running
from fieldcal.setup import sign_in
from fieldcal.setup_model import Actor
from fieldcal.sites import Sites
from fieldcal.state import environments, webhooks
from fieldcal.state.pruning import Ages

log = structlog.get_logger()

#: How long a starting service waits for commands that are about to end, seconds.
PATIENCE = 3.0
#: How often it is looked whether another process has written into the embedded Field Service, seconds: a read by key.
LOOK = 1.0
#: How long it is left alone after it could not be asked for a reason that is not known, seconds.
UNSEEN = 60.0
#: told once everything answers, with the token of the first administrator's link, "" where somebody can sign in
#: already; work begins when it is done
Ready = Callable[[Running, Embedded | None, str], Awaitable[None]]


async def serve(
    config: Config, stop: asyncio.Event, ready: Ready, *, sandbox: bool = False, workers_elsewhere: bool = False
) -> None:
    """Serve this installation until `stop` is set; a second service on its state gets a `ConfigError`.

    `workers_elsewhere`: pages, webhook and schedule only; other processes synchronize (`working.py`).
    """
    with runfile.locked_all(config.folders, seconds=PATIENCE):
        async with AsyncExitStack() as stack:
            embedded: Embedded | None = None
            if embedded_needed(config):
                embedded = await stack.enter_async_context(serving_ends(config, sandbox=sandbox))
            app = await stack.enter_async_context(App(config, ends=embedded.ends if embedded else None))
            part = await working.part_of(app, schedules=True) if workers_elsewhere else None
            await work(app, embedded, stop, ready, part)


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
        watching = [bell.watch(embedded.field_service.store.written_elsewhere)] if embedded else []
        async with _beside(*_upkeep(app), *watching):
            try:
                await service.run(stop)
            finally:
                await bell.close()
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

    `hooked`: notifications are taken here, so where a webhook is registered it is that which tells of what was written
    through this process. Of what another one has written, a command, no webhook tells.
    """

    def __init__(self, app: App, service: Service, *, hooked: bool) -> None:
        self._app, self._service, self._hooked = app, service, hooked
        self._rung = self._everywhere = self._closed = False
        self._ringing: asyncio.Task[None] | None = None

    def ring(self, *, everywhere: bool = False) -> None:
        """Something was written; `everywhere`: also where a webhook is registered."""
        if self._closed:
            return
        self._rung, self._everywhere = True, self._everywhere or everywhere
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._tell_all())

    async def close(self) -> None:
        """Ring no more: pages may still write while the service ends, and what they write is found when it begins."""
        self._closed = True
        if self._ringing is not None:
            self._ringing.cancel()
            await asyncio.gather(self._ringing, return_exceptions=True)

    async def watch(self, elsewhere: Callable[[], int]) -> None:
        """Ring for what other processes write, for ever; `elsewhere`: a number that grows then, read in a thread."""
        seen: int | None = None
        while True:
            try:
                now = await asyncio.to_thread(elsewhere)
            except StateAway:
                pass  # told by whoever needs it; what was written meanwhile is seen when it is back
            except Exception:
                # Whatever it was, what is written from then on is to be noticed.
                log.exception("it is not seen what commands write", action="not_watched")
                await self._app.clock.sleep(UNSEEN)
            else:
                if seen is not None and now > seen:
                    self.ring(everywhere=True)
                seen = now if seen is None else max(seen, now)
            await self._app.clock.sleep(LOOK)

    async def _tell_all(self) -> None:
        while self._rung:
            everywhere, self._rung, self._everywhere = self._everywhere, False, False
            try:
                await self._tell(everywhere=everywhere)
            except StateAway:
                # Whoever turns to the state tells of it; what was written is announced when it is back.
                self._rung, self._everywhere = True, everywhere or self._everywhere
                await self._app.clock.sleep(LOOK)
            # What rings now is in the pass that is announced already: it begins later than this ends.
            await self._app.clock.sleep(GATHER / 2)

    async def _tell(self, *, everywhere: bool) -> None:
        told = await self._app.database.glancing(webhooks.everyone) if self._hooked and not everywhere else {}
        for environment in await self._app.database.glancing(environments.everyone):
            if environment.enabled and is_embedded(environment.end) and environment.id not in told:
                self._service.announce(environment.id)
