"""Environments at work: opened as they are set now, and kept open while nothing of them changes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, cast

from fieldcal.app import App
from fieldcal.errors import ConfigError, ConnectorError, Incomplete
from fieldcal.ports import BookingSource
from fieldcal.runfile import Ends
from fieldcal.setup_model import Environment
from fieldcal.sources.pinned import PinnedSource
from fieldcal.state import environments
from fieldcal.sync.site import Site


@dataclass(frozen=True, slots=True)
class _Opened:
    environment: Environment
    #: where the embedded end of the source answered, None of any other end
    ends: Ends | None
    source: PinnedSource


class Sites:
    """Every environment's site by name; close it before the app."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._opened: dict[str, _Opened] = {}
        #: sources of settings or addresses that were changed; a job may still be reading from one
        self._retired: list[PinnedSource] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for source in [*(opened.source for opened in self._opened.values()), *self._retired]:
            await source.close()
        self._opened.clear()

    async def open(self, name: str) -> Site:
        """The environment as it is set now. One that was never signed in to is asked who it is first."""
        environment = await self._app.database.glancing(environments.get, name)
        source = await self._source(environment)
        if not environment.organization:
            await source.verify()
            environment = await self._app.database.glancing(environments.get, name)
        return self._app.site_for(environment, source)

    async def unasked(self, name: str) -> Site:
        """The same for questions that the state alone answers: neither end is asked for anything, nor reached."""
        environment = await self._app.database.glancing(environments.get, name)
        # Of a site, `explain`, `preview` and `reject` use the state, the clock and the settings.
        return self._app.site_for(environment, cast("BookingSource", None))

    async def working(self, name: str) -> Site:
        """The same for a person's command, which switched off means an error, and a stranger means one at once.

        A source that does not answer now raises nothing once its organization is known: calendars need it not.
        """
        site = await self.open(name)
        environment = self._opened[name].environment
        if not environment.enabled:
            remedy = f"`fieldcal environment set {name} --enable`"
            raise ConfigError(f"the environment {name} is switched off, so nothing is sent; {remedy}")
        # A source that does not answer is told of by the pass, which reads it next.
        with contextlib.suppress(ConnectorError, Incomplete):
            await self._opened[name].source.verify()
        return site

    async def _source(self, environment: Environment) -> PinnedSource:
        known, ends = self._opened.get(environment.id), self._app.served(environment.end)
        if known is not None and _same_feed(known.environment, environment) and ends in (None, known.ends):
            self._opened[environment.id] = replace(known, environment=environment)
            return known.source
        made = _Opened(environment, ends, self._app.source_for(environment))
        if known is not None:
            self._retired.append(known.source)
        self._opened[environment.id] = made
        return made.source


def _same_feed(before: Environment, now: Environment) -> bool:
    """What the source was made from is unchanged; a change of any other setting needs no new one."""
    follows = [(each.settings.follow_location, each.settings.follow_work_order) for each in (before, now)]
    return before.end == now.end and before.source == now.source and follows[0] == follows[1]
