"""A whole service with a stocked schedule, as a process: its own Field Service and Exchange, all mailboxes set up.

python -m bench.board.served FOLDER WORKERS BOOKINGS     prints addresses, day and cookie, and serves until it is ended
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from fieldcal import runfile
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.demo import organization, setup
from fieldcal.demo.exchange import AtExchange
from fieldcal.embedded.fieldservice import Store
from fieldcal.embedded.fieldservice.sample import Sample
from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.ends import Embedded, serving
from fieldcal.runfile import Running
from fieldcal.serving import work
from fieldcal.setup import sign_in, users
from fieldcal.setup.sign_in import Place
from fieldcal.setup_model import Actor, Role
from fieldcal.sites import Sites
from fieldcal.state import users as rows

OPERATOR, WHO = Actor("bench"), "bench"
_ANY = ("127.0.0.1:0",)


def _book(store: Store, made: Sample, day: datetime, bookings: int) -> None:
    """So many bookings on this day, one after the other for each worker, from seven in the morning UTC."""
    people = made.technicians[:-1]
    each = bookings // len(people)
    length = timedelta(minutes=600 // each)
    store.load("bookableresourcebooking", [
        {
            "bookableresourcebookingid": f"0b0a4d00-0000-4000-8000-{number:012}", "name": "Visit",
            "starttime": instant_text(day + length * turn), "endtime": instant_text(day + length * (turn + 1)),
            "resource": worker, "bookingstatus": made.statuses["Scheduled"],
            "msdyn_workorder": made.work_orders[number % len(made.work_orders)],
        }
        for number, (worker, turn) in enumerate((worker, turn) for worker in people for turn in range(each))
    ])  # fmt: skip


async def main(folder: Path, workers: int, bookings: int) -> None:
    """Make it, tell of it in one line, and serve."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    config = Config(data=folder, listen=_ANY, listen_hooks=_ANY)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with runfile.locked(folder):
        async with serving(config, sandbox=True) as embedded, App(config, ends=embedded.ends) as app:
            side, now = AtExchange(embedded), app.clock.now()
            made = organization.fill(embedded, side, now, workers, max(20, workers))
            day = (now + timedelta(days=3)).replace(hour=7, minute=0, second=0, microsecond=0)
            _book(embedded.field_service.store, made, day, bookings)
            async with Sites(app) as sites:
                await setup.attach(app, sites, OPERATOR, side)
                await setup.set_up_mailboxes(app, OPERATOR, side, lambda _done, _of, _box: None)
            cookie = await app.database.writing(_sign_in, now)

            async def ready(running: Running, _embedded: Embedded | None, _first: str) -> None:
                told = {
                    "url": running.url,
                    "exchange": embedded.ends.exchange,
                    "cookie": cookie,
                    "day": f"{day:%Y-%m-%d}",
                }
                print(json.dumps(told), flush=True)

            await work(app, embedded, stop, ready)


def _sign_in(tx: Any, now: datetime) -> str:
    users.add(tx, OPERATOR, now, WHO)
    users.grant(tx, OPERATOR, now, WHO, Role.DISPATCHER)
    return sign_in.open_session(tx, rows.get(tx, WHO), now, Place("127.0.0.1"), "password").secret


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
