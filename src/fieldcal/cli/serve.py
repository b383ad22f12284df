"""`fieldcal serve`: synchronize by schedule, and at once when a change is announced, until stopped."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fieldcal.config import Config
    from fieldcal.ends import Embedded
    from fieldcal.runfile import Running


def serve(
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Open the control planes of the embedded systems: faults, clock, ledger.")
    ] = False,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Pages, webhook and schedule only; `fieldcal worker` synchronizes.")
    ] = False,
) -> None:
    """Synchronize by schedule until SIGTERM or Ctrl-C. Work in hand is finished first."""
    from fieldcal import config, log
    from fieldcal.serving import serve as run

    settings = config.load()
    log.configure(settings.log_level, settings.log_format)

    # Whoever reads JSON finds the addresses in the line of the start.
    tell = _tell if settings.log_format == "text" else _silent

    async def ready(running: Running, embedded: Embedded | None, first: str) -> None:
        tell(running, embedded, pages(settings, running), first)
        # What is loaded by now stays until the end; looking through it for garbage took a twentieth of a first load.
        gc.freeze()

    async def work() -> None:
        with stopping() as stop:
            await run(settings, stop, ready, sandbox=sandbox, workers_elsewhere=no_worker)

    asyncio.run(work())


@contextmanager
def stopping() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second signal ends the process the usual way."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def asked() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    if sys.platform == "win32":  # its loop has no signal handlers; Ctrl-C ends the process
        yield stop
        return
    for number in numbers:
        loop.add_signal_handler(number, asked)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def addresses(running: Running, embedded: Embedded | None) -> list[str]:
    """Where everything answers, one line each."""
    found = [f"service        {running.url}/health"]
    if running.hooks:
        found.append(f"notifications  {running.hooks}/hooks/ENVIRONMENT")
    if running.metrics:
        found.append(f"metrics        {running.metrics}/metrics")
    if embedded is not None:
        found += [source_address(embedded), f"Exchange       {embedded.ends.exchange}/v1.0/   (Microsoft Graph)"]
    return found


def source_address(embedded: Embedded) -> str:
    """Where the embedded Field Service answers."""
    return f"Field Service  {embedded.ends.fieldservice}/api/data/v9.2/   (Dataverse Web API)"


def pages(settings: Config, running: Running) -> str:
    """Where people reach the admin centre: as set, else where the service listens."""
    from fieldcal.urls import reached

    return settings.web_url or reached(running.url)


def _tell(running: Running, embedded: Embedded | None, home: str, first: str) -> None:
    print(f"admin centre   {home}", file=sys.stderr)
    for line in addresses(running, embedded):
        print(line, file=sys.stderr)
    if first:
        print(
            f"Nobody can sign in yet. Make the first administrator within an hour, with this link that works once:\n"
            f"  {home}/invitation/{first}",
            file=sys.stderr,
        )
    print("Stop with Ctrl-C.", file=sys.stderr, flush=True)


def _silent(_running: Running, _embedded: Embedded | None, _home: str, _first: str) -> None:
    """A log for machines holds no link; `fieldcal user add NAME --invite` gives one."""
