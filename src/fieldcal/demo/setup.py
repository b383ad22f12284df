"""What an administrator does first: attach both ends, read the workers, set every mailbox up. The same code does it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.model import MailboxId
from fieldcal.setup import environments, mailboxes, profiles, trial
from fieldcal.setup_model import Actor, Endpoint, Mailbox, Method, Selection
from fieldcal.sites import Sites
from fieldcal.state import mailboxes as mailbox_rows
from fieldcal.sync.pull import pull
from fieldcal.sync.site import Site

ENVIRONMENT, PROFILE = "demo", "Exchange-Online"
EMBEDDED = Endpoint("", credential="embedded")


async def attach(app: App, sites: Sites, actor: Actor) -> Site:
    """`fieldcal environment add`, `fieldcal profile add`, and the first look at the source."""
    now = app.clock.now()
    await app.database.writing(environments.add, actor, now, ENVIRONMENT, EMBEDDED)
    await app.database.writing(profiles.add, actor, now, PROFILE, EMBEDDED)
    await app.settle(ENVIRONMENT)
    site = await sites.open(ENVIRONMENT)
    await pull(site, workers_in_full=True)
    return site


async def set_up_mailboxes(app: App, actor: Actor, progress: Callable[[int, int, Mailbox], None]) -> list[Mailbox]:
    """`fieldcal mailbox edit`, `approve` and `test` for all; returns them as they then stand."""
    now = app.clock.now()
    wanted: list[MailboxId] = await app.database.reading(mailbox_rows.ids, ENVIRONMENT, Selection())

    def prepare(tx: Connection) -> None:
        mailboxes.edit(tx, actor, now, ENVIRONMENT, wanted, profile=PROFILE, method=Method.SERVER_SIDE_SYNC)
        mailboxes.approve(tx, actor, now, ENVIRONMENT, wanted)

    await app.database.writing(prepare)
    return await trial.run_now(app.bench(), actor, ENVIRONMENT, wanted, progress)
