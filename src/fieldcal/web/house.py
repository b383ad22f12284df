"""What every page works with: the state, both ends, the running service, and bulk work in hand."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from yarl import URL

from fieldcal.app import App
from fieldcal.engine.service import Service
from fieldcal.schedule.desk import Desk
from fieldcal.subscribing import FeedLinks
from fieldcal.sync.preview import Step
from fieldcal.web.away import unnamed
from fieldcal.web.forms import Forms
from fieldcal.web.oidc import Provider
from fieldcal.web.uploads import Uploads
from fieldcal.web.work import Works

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class House:
    """One admin centre beside one running service."""

    app: App
    service: Service
    #: when this service started
    since: datetime
    #: the organization's own sign-in, where there is one
    oidc: Provider | None = None
    #: the schedule of the embedded Field Service, None where this service has none
    desk: Desk | None = None
    #: links to subscribe to calendars of the embedded Exchange, None where this service has none
    feeds: FeedLinks | None = None
    works: Works = field(default_factory=Works)
    #: forms cut off by the end of a session, sealed, while their people sign in elsewhere
    forms: Forms = field(default_factory=Forms)
    #: files that are looked at before they are loaded
    uploads: Uploads = field(default_factory=Uploads)
    #: plans that are being worked out, by environment
    previews: dict[str, asyncio.Task[list[Step]]] = field(default_factory=dict)
    #: by environment how many bookings were missing in calendars, and as of what
    missed: dict[str, tuple[object, int]] = field(default_factory=dict)
    #: signs what browsers carry for us; no page, cookie or backup ever holds it, and it ends with the service
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    async def read(self, ask: Callable[[Connection], T]) -> T:
        """One consistent view of the state, in a reading thread."""
        with unnamed():
            return await self.app.database.reading(ask)

    async def write(self, change: Callable[[Connection], T]) -> T:
        """One transaction, committed when this returns."""
        with unnamed():
            return await self.app.database.writing(change)

    async def settled(self, environment: str) -> None:
        """Have an environment that was never signed in to say who it is."""
        await self.app.settle(environment)

    @property
    def https(self) -> bool:
        """People come over https."""
        return URL(self.app.config.web_url).scheme == "https"

    def hosts(self) -> frozenset[str]:
        """The names that this centre answers to: where it listens, this machine's own, and FIELDCAL_WEB_URL's."""
        found = {"127.0.0.1", "localhost", "[::1]"}
        for address in self.app.config.listen:
            found.add(address.rpartition(":")[0].lower())
        if self.app.config.web_url:
            host = (URL(self.app.config.web_url).host or "").lower()
            found.add(f"[{host}]" if ":" in host else host)
        return frozenset(found)

    def came_from(self, request: Request) -> str:
        """The address that this request comes from, as `caller` has it."""
        # Each proxy may add a line of its own: the last one is that of the proxy before us, whatever stands above it.
        said = request.headers.getlist("x-forwarded-for")
        return self.caller(request.client.host if request.client else "", said[-1] if said else "")

    def caller(self, peer: str, forwarded: str) -> str:
        """The address that stands for this peer; what a proxy says is believed of FIELDCAL_PROXIES only."""
        if peer not in self.app.config.proxies:
            return peer
        said = forwarded.rpartition(",")[2].strip()
        try:
            return str(ip_address(said))
        except ValueError:
            return peer
