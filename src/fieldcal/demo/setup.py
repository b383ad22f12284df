"""What an administrator does first: attach both ends, read the workers, set every mailbox up. The same code does it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from fieldcal import hooks
from fieldcal.app import App
from fieldcal.demo.side import Side
from fieldcal.model import MailboxId
from fieldcal.runfile import Running
from fieldcal.setup import accounts, mailboxes, trial
from fieldcal.setup import environments as environment_setup
from fieldcal.setup_model import Actor, Endpoint, Mailbox, Method, Selection
from fieldcal.sites import Sites
from fieldcal.state import environments
from fieldcal.state import mailboxes as mailbox_rows
from fieldcal.sync.pull import pull
from fieldcal.sync.site import Site

ENVIRONMENT = "demo"
EMBEDDED = Endpoint("", credential="embedded")


async def attach(app: App, sites: Sites, actor: Actor, side: Side) -> Site:
    """`fieldcal environment add`, `fieldcal profile add`, and the first look at the source."""
    now = app.clock.now()
    await app.database.writing(environment_setup.add, actor, now, ENVIRONMENT, EMBEDDED)
    await app.database.writing(side.attach, actor, now)
    await app.settle(ENVIRONMENT)
    site = await sites.open(ENVIRONMENT)
    await pull(site, workers_in_full=True)
    return site


async def announce(app: App, actor: Actor, running: Running) -> None:
    """`fieldcal environment webhook add`: from now on the Field Service tells of each booking as it is made."""
    environment = await app.database.reading(environments.get, ENVIRONMENT)
    await hooks.add(app, actor, ENVIRONMENT, hooks.public_address(running.hooks, environment))


async def set_up_mailboxes(
    app: App, actor: Actor, side: Side, progress: Callable[[int, int, Mailbox], None]
) -> list[Mailbox]:
    """`fieldcal mailbox edit`, `credentials`, `approve` and `test` for all; returns them as they then stand."""
    now = app.clock.now()
    wanted: list[MailboxId] = await app.database.reading(mailbox_rows.ids, ENVIRONMENT, Selection())

    def prepare(tx: Connection) -> None:
        mailboxes.edit(tx, actor, now, ENVIRONMENT, wanted, profile=side.profile, method=Method.SERVER_SIDE_SYNC)
        accounts.give(tx, actor, now, ENVIRONMENT, side.sign_ins(mailbox_rows.some(tx, ENVIRONMENT, wanted)))
        mailboxes.approve(tx, actor, now, ENVIRONMENT, wanted)

    await app.database.writing(prepare)
    return await trial.run_now(app.bench(), actor, ENVIRONMENT, wanted, progress)
