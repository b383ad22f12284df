"""`fieldcal worker`: synchronize beside others, on this machine or another, what `serve --no-worker` has scheduled."""

from __future__ import annotations

import asyncio


def worker() -> None:
    """Synchronize beside other workers, until SIGTERM or Ctrl-C.

    Work in hand is finished first.
    """
    from fieldcal import config, log
    from fieldcal.cli.serve import stopping
    from fieldcal.working import work

    settings = config.load()
    log.configure(settings.log_level, settings.log_format)

    async def run() -> None:
        with stopping() as stop:
            await work(settings, stop)

    asyncio.run(run())
