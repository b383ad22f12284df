"""The admin centre alone, as a process: what a page costs is then the page's, and no pass is under way.

python -m bench.centre.served FOLDER      prints its address and a session's cookie, and serves until it is ended
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from fieldcal import log
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.embedded.server import serving
from fieldcal.engine.service import Service
from fieldcal.setup import sign_in, users
from fieldcal.setup.sign_in import Place
from fieldcal.setup_model import Actor, Role
from fieldcal.state import users as rows
from fieldcal.web.centre import centre
from fieldcal.web.house import House
from fieldcal.web.oidc import provider

WHO, OPERATOR = "bench", Actor("bench")


async def main(folder: Path) -> None:
    log.configure("warning", stream=sys.stderr)  # what it prints is read for its first line only
    config = Config(data=folder, listen=("127.0.0.1:0",))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with App(config) as app:
        now = app.clock.now()
        with app.database.write() as tx:
            if rows.find(tx, WHO) is None:
                users.add(tx, OPERATOR, now, WHO)
                for role in (Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN):
                    users.grant(tx, OPERATOR, now, WHO, role)
            opened = sign_in.open_session(tx, rows.get(tx, WHO), now, Place("127.0.0.1"), "password")
        house = House(app, Service(app.database, app.clock, _no_pass), now, provider(app))
        async with serving(centre(house)) as url:
            print(json.dumps({"url": url, "cookie": opened.secret}), flush=True)
            await stop.wait()
        await house.works.stop()


async def _no_pass(_environment: str) -> Any:
    raise AssertionError("no pass is run here")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
