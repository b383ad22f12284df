"""A worker that goes on while `fieldcal serve` is started anew, which serves the embedded systems at other addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.values import ENVIRONMENT, NOW

from fieldcal import runfile
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.ends import serving
from fieldcal.ports import BookingSource, Calendars
from fieldcal.runfile import Running
from fieldcal.setup_model import Endpoint, Environment, ServerProfile
from fieldcal.sites import Sites
from fieldcal.state import environments, profiles

EMBEDDED = Endpoint("", credential="embedded")
PROFILE = ServerProfile("exchange", EMBEDDED, NOW)


@asynccontextmanager
async def service(config: Config) -> AsyncIterator[None]:
    """What a service tells and serves beside its state, on free ports and with a secret of its own."""
    with runfile.locked(config.data):
        async with serving(config) as embedded:
            with runfile.announced(config.data, Running(1, "http://127.0.0.1:1", "t", NOW, embedded.ends)):
                yield


async def answering(app: App, sites: Sites) -> tuple[BookingSource, Calendars]:
    """Both ends as a job has them, each of which has just answered."""
    ends = (await sites.open(ENVIRONMENT)).source, app.calendars_for(PROFILE)
    await ends[0].workers(None)
    await ends[1].identity()
    return ends


def test_a_worker_finds_the_embedded_ends_where_a_service_that_is_started_anew_serves_them(tmp_path: Path) -> None:
    config = Config(data=tmp_path)

    async def body() -> None:
        async with App(config) as app, Sites(app) as sites:
            with app.database.write() as tx:
                environments.add(tx, Environment(ENVIRONMENT, EMBEDDED, NOW))
                profiles.add(tx, PROFILE)
            async with service(config):
                before = await answering(app, sites)
                assert await answering(app, sites) == before, "made anew though nothing changed"
            # no service: what is open stays, and says that nobody answers, until there is better
            away = (await sites.open(ENVIRONMENT)).source, app.calendars_for(PROFILE)
            assert away == before
            async with service(config):
                after = await answering(app, sites)
                assert (after[0] is before[0], after[1] is before[1]) == (False, False)
                assert await answering(app, sites) == after

    asyncio.run(body())
