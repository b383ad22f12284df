"""The demo from beginning to end: what it does, in order, and the numbers that it ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.asked import Told, tell
from fieldcal.demo import dispatcher, organization, setup, week
from fieldcal.demo.dispatcher import Change
from fieldcal.demo.side import Side
from fieldcal.ends import Embedded
from fieldcal.http import ClientSecretCredential, Http
from fieldcal.model import Worker
from fieldcal.setup_model import Actor
from fieldcal.sites import Sites
from fieldcal.state import bookings, links
from fieldcal.sync.passes import run_pass
from fieldcal.sync.site import Site


class Teller(Protocol):
    """Who shows the demo to people, or keeps silent."""

    def say(self, text: str) -> None:
        """One line."""
        ...

    def progress(self, title: str, done: int, of: int) -> None:
        """How far a long step is."""
        ...

    def told(self, title: str, told: Told) -> None:
        """What a pass did."""
        ...

    def week(self, worker: Worker, entries: list[week.Entry]) -> None:
        """One technician's calendar."""
        ...


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the demo came to. `created`, `updated`, `removed` are sums over all passes."""

    workers: int
    mailboxes_enabled: int
    bookings: int
    #: after the first pass; those of them that have no event are in `skipped`, by reason
    in_window: int
    created: int
    updated: int
    removed: int
    skipped: Mapping[str, int]
    #: requests that changed a calendar in the pass right after the first one; nothing had changed
    second_pass_writes: int
    #: events of ours that stand at the end
    events: int
    seconds: float
    #: to each side over all passes and the set-up of mailboxes, sign-in aside
    requests: Mapping[str, int]
    changes: tuple[Change, ...]
    passes: Mapping[str, Told]


class Story:
    """One demo over one fresh state, a fresh embedded Field Service, and a fresh calendar server."""

    def __init__(self, app: App, embedded: Embedded, side: Side, actor: Actor, teller: Teller) -> None:
        self._app, self._embedded, self._side, self._actor, self._teller = app, embedded, side, actor, teller
        self._passes: dict[str, Told] = {}

    async def tell(self, workers: int, bookings_wanted: int) -> Numbers:
        """Make, set up, synchronize, change, synchronize again."""
        app, teller = self._app, self._teller
        began = app.clock.monotonic()
        made = organization.fill(self._embedded, self._side, app.clock.now(), workers, bookings_wanted)
        teller.say(f"A trades company: {len(made.technicians)} technicians, {len(made.work_orders)} work orders, "
                   f"{len(made.bookings)} bookings.")  # fmt: skip
        async with Sites(app) as sites:
            site = await setup.attach(app, sites, self._actor, self._side)
            boxes = await setup.set_up_mailboxes(
                app, self._actor, self._side, lambda done, of, _box: teller.progress("Test & Enable", done, of)
            )
            enabled = sum(box.enabled for box in boxes)
            teller.say(f"{enabled} of {len(boxes)} mailboxes are set up: approved, tested, enabled.")
            await self._pass(site, "first")
            in_window, skipped = await self._window(site), self._passes["first"].skipped
            await self._pass(site, "second")
            await self._show_week(site)
            changes = await self._change(site)
            await self._pass(site, "after the changes")
            await self._pass(site, "last")
            if changes:
                await self._show_week(site)
            events = await app.database.reading(links.live, site.environment)
        total = sum((self._tally(told) for told in self._passes.values()), Counter[str]())
        return Numbers(
            workers=len(made.technicians), mailboxes_enabled=enabled, bookings=len(made.bookings),
            in_window=in_window, created=total["created"], updated=total["updated"], removed=total["removed"],
            skipped=skipped, second_pass_writes=_writes(self._passes["second"]), events=events,
            seconds=round(app.clock.monotonic() - began, 3),
            requests={"source": app.requests["source"], "calendars": app.requests["calendars"]},
            changes=tuple(changes), passes=dict(self._passes),
        )  # fmt: skip

    async def _pass(self, site: Site, name: str) -> None:
        app, teller = self._app, self._teller
        began, before = app.clock.monotonic(), Counter(app.requests)
        report = await run_pass(site, "demo", progress=lambda done, of: teller.progress("Mailboxes", done, of))
        told = await tell(site, report, app.clock.monotonic() - began, app.requests - before)
        self._passes[name] = told
        teller.told(f"The {name} pass" if " " not in name else f"The pass {name}", told)

    async def _window(self, site: Site) -> int:
        def count(tx: Connection) -> int:
            return len(bookings.in_window(tx, site.environment, site.moment(None).window))

        return await self._app.database.reading(count)

    async def _show_week(self, site: Site) -> None:
        now = self._app.clock.now()
        worker = await self._app.database.reading(week.busiest, site.environment, now)
        if worker is not None:
            self._teller.week(worker, await self._side.week(self._app, worker, now))

    async def _change(self, site: Site) -> list[Change]:
        among = await self._app.database.reading(dispatcher.candidates, site)
        http = self._client(self._embedded.ends.fieldservice)
        try:
            changes = await dispatcher.Dispatcher(http).change_some(among)
        finally:
            await http.close()
        for change in changes:
            self._teller.say(f"The dispatcher: work order {change.name} {change.what} ({change.detail}).")
        return changes

    def _client(self, url: str) -> Http:
        """A client of our own, so that what it asks does not count among the synchronization's requests."""
        ends, clock = self._embedded.ends, self._app.clock
        credential = ClientSecretCredential(
            url, ends.tenant, ends.client_id, lambda: ends.secret, f"{url}/.default", clock
        )
        return Http(url, credential, clock)

    def _tally(self, told: Told) -> Counter[str]:
        return Counter({"created": told.created, "updated": told.updated, "removed": told.removed})


def _writes(told: Told) -> int:
    return told.created + told.updated + told.removed + told.failed
