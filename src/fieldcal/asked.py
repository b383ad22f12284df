"""A pass that a person asked for: run here, or by the service that is at work on this state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.engine import cut
from fieldcal.errors import ConfigError, ConnectorError, Incomplete, Unreachable
from fieldcal.model import MailboxId
from fieldcal.network import in_words
from fieldcal.runfile import Running
from fieldcal.sites import Sites
from fieldcal.state import aside, waiting
from fieldcal.state.history import Tally
from fieldcal.sync.passes import Progress, Report, run_pass
from fieldcal.sync.preview import counted, preview
from fieldcal.sync.pull import pull
from fieldcal.sync.site import Site

#: How often a command looks whether another process has finished, seconds.
_LOOK = 0.25


@dataclass(frozen=True, slots=True)
class Told:
    """One environment's pass as commands tell it."""

    environment: str
    created: int
    updated: int
    removed: int
    adopted: int
    failed: int
    held: int
    #: rows that came from the source
    changes: int
    mailboxes: int
    seconds: float
    #: why bookings of the window have no event: the rule's word and how many
    skipped: Mapping[str, int]
    #: sent to each side, sign-in aside
    requests: Mapping[str, int]
    #: why the source could not be read, "" when it was
    error: str = ""
    #: mailboxes whose last try failed: address and what was said
    troubles: Mapping[str, str] = field(default_factory=dict)
    #: mailboxes that another was at work in all the time, so that what is due in them waits
    busy: int = 0
    #: bookings set aside, for their rows cannot be read
    unreadable: int = 0

    @property
    def good(self) -> bool:
        """The source was read, and no mailbox failed or was left for later."""
        return not (self.error or self.failed or self.troubles or self.busy)


async def tell(
    site: Site,
    report: Report,
    seconds: float,
    requests: Mapping[str, int],
    only: frozenset[MailboxId] | None = None,
) -> Told:
    """The pass as commands tell it; `requests` by the names of `App.requests`, `only` the mailboxes that were meant."""
    tally: Tally = report.tally

    def rest(tx: Connection) -> tuple[Mapping[str, int], Mapping[str, str], int]:
        steps = [step for step in preview(tx, site) if only is None or step.mailbox in only]
        aside_now = aside.count(tx, site.environment, aside.Kind.BOOKING)
        return counted(steps), waiting.troubled(tx, site.environment, only), aside_now

    skipped, troubles, unreadable = await site.database.reading(rest)
    sides = {"source": requests.get("source", 0), "calendars": requests.get("calendars", 0)}
    return Told(
        site.environment, tally.created, tally.updated, tally.removed, tally.adopted, tally.failed, tally.held,
        tally.changes, report.mailboxes, round(seconds, 3), skipped, sides, report.error, troubles,
        tally.busy, unreadable,
    )  # fmt: skip


async def run_here(
    app: App, sites: Sites, environment: str, only: frozenset[MailboxId] | None, progress: Progress
) -> Told:
    """Run the pass in this process. Another process that reads the environment or writes a mailbox is waited for."""
    site = await sites.working(environment)
    await _free(site)
    # No service of this machine works on this state.
    await cut.close_all(site.database, app.clock)
    began, before = app.clock.monotonic(), Counter(app.requests)
    report = await run_pass(site, "asked", only=only, workers_in_full=True, patient=True, progress=progress)
    seconds = app.clock.monotonic() - began
    return await tell(site, report, seconds, app.requests - before, only)


async def _free(site: Site) -> None:
    """Return when nobody else reads this environment; the lease of a process that died ends by itself."""
    while await held_until(site) is not None:
        await site.clock.sleep(_LOOK)


async def held_until(site: Site) -> datetime | None:
    """Until when another process has the right to read this environment."""
    return await site.database.reading(waiting.held_until, f"pull:{site.environment}", site.clock.now())


async def refresh(site: Site) -> str:
    """Why the source could not be read, "" when it was."""
    held = await held_until(site)
    if held is not None:
        return f"another process reads the source until {held:%H:%M:%S} UTC; the plan is that of what is known so far"
    try:
        await pull(site, workers_in_full=True)
    except (ConnectorError, Incomplete) as failure:
        return f"the source could not be read: {failure}"
    return ""


class _Line(msgspec.Struct, frozen=True):
    """What the service answers, line by line (`web/service.py`)."""

    done: int = 0
    of: int = 0
    report: Report | None = None
    seconds: float = 0.0
    requests: dict[str, int] = {}
    error: str = ""


async def run_by_service(
    running: Running, sites: Sites, environment: str, only: frozenset[MailboxId] | None, progress: Progress
) -> Told:
    """Ask the service that is at work for the pass, and wait for it."""
    import aiohttp

    wish = {"environment": environment, "mailboxes": None if only is None else sorted(only)}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=5)) as session,
            session.post(
                f"{running.url}/sync", json=wish, headers={"Authorization": f"Bearer {running.token}"}
            ) as response,
        ):
            async for raw in response.content:
                line = msgspec.json.decode(raw, type=_Line)
                if line.error:
                    raise ConfigError(line.error)
                if line.report is not None:
                    site = await sites.open(environment)
                    return await tell(site, line.report, line.seconds, line.requests, only)
                progress(line.done, line.of)
    except (aiohttp.ClientError, OSError, msgspec.MsgspecError) as error:
        raise Unreachable(f"the service at {running.url} does not answer: {in_words(error)}") from None
    raise Unreachable(f"the service at {running.url} ended before the pass did")


def environments_meant(tx: Connection, named: str | None) -> list[str]:
    """The environment that is named, else every one that is switched on."""
    from fieldcal.state import environments

    if named is not None:
        return [environments.get(tx, named).id]
    known = environments.everyone(tx)
    if not known:
        raise ConfigError("there is no environment yet; `fieldcal environment add` makes one")
    meant = [environment.id for environment in known if environment.enabled]
    if not meant:
        raise ConfigError("every environment is switched off; `fieldcal environment set NAME --enable`")
    return meant
