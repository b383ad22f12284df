"""The demo's calendars in the embedded Exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.demo import week
from fieldcal.embedded.exchange import NewMailbox
from fieldcal.embedded.fieldservice.sample import SampleMailbox
from fieldcal.ends import Embedded
from fieldcal.http import ClientSecretCredential, Http
from fieldcal.model import MailboxId, Worker
from fieldcal.setup import profiles
from fieldcal.setup.accounts import Wish
from fieldcal.setup_model import Actor, Endpoint, Mailbox


class AtExchange:
    """A `Side`: one application signs in for all."""

    profile = "Exchange-Online"

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded

    def fill(self, boxes: Sequence[SampleMailbox]) -> None:
        self._embedded.exchange.store.mailboxes.add(
            NewMailbox(UUID(box.object_id), box.address, box.name, box.address, zone=box.zone) for box in boxes
        )

    def attach(self, tx: Connection, actor: Actor, now: datetime) -> None:
        profiles.add(tx, actor, now, self.profile, Endpoint("", credential="embedded"))

    def sign_ins(self, boxes: Sequence[Mailbox]) -> Mapping[MailboxId, Wish]:  # noqa: ARG002 - the protocol's
        return {}

    async def week(self, app: App, worker: Worker, now: datetime) -> list[week.Entry]:
        ends = self._embedded.ends
        url = ends.exchange
        credential = ClientSecretCredential(
            url, ends.tenant, ends.client_id, lambda: ends.secret, f"{url}/.default", app.clock
        )
        # of its own, so that what it asks does not count among the synchronization's requests
        http = Http(url, credential, app.clock)
        try:
            return await week.read(http, worker, now)
        finally:
            await http.close()

    async def addresses(self, app: App, worker: Worker | None) -> list[str]:  # noqa: ARG002 - the protocol's
        ends = self._embedded.ends
        found = [f"Exchange       {ends.exchange}/v1.0/   (Microsoft Graph)"]
        if worker is not None and worker.mailbox:
            token = self._embedded.exchange.store.mailboxes.get(worker.mailbox).feed_token
            found.append(f"a calendar     {ends.exchange}/feeds/{token}.ics   (subscribe to it)")
        return found
