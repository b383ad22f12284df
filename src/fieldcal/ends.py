"""The embedded systems beside a state: started in the process that needs them, on free loopback ports (design §3).

A running service has them open for everybody, and its run file says where. While none runs, a command starts them for
itself; the folder's lock keeps two commands from doing so at once.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from fieldcal import runfile
from fieldcal.access import obstacle, of_this_user
from fieldcal.app import App, open_state
from fieldcal.config import Config
from fieldcal.errors import ConfigError
from fieldcal.runfile import Ends
from fieldcal.setup_model import Endpoint
from fieldcal.state import beside, environments, present, profiles
from fieldcal.state.database import Database

if TYPE_CHECKING:
    from fieldcal.embedded.exchange import Exchange, NewMailbox
    from fieldcal.embedded.fieldservice import FieldService, Store

#: How long a command waits for another one that has the embedded systems open, seconds.
PATIENCE = 60.0
_CLIENT = "fieldcal"
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})


class Embedded:
    """Both embedded systems of one folder, at work in this process."""

    def __init__(self, ends: Ends, field_service: FieldService, exchange: Exchange) -> None:
        self.ends, self.field_service, self.exchange = ends, field_service, exchange
        #: called after each request to the Field Service that may have written
        self.changed: Callable[[], None] = _nobody

    def wrote(self) -> None:
        """Tell webhooks of what was written into the Field Service from here, past its API; in the loop that serves."""
        self.field_service.webhooks.wake(urlsplit(self.ends.fieldservice).netloc)


def _nobody() -> None:
    return


@asynccontextmanager
async def serving(config: Config, *, sandbox: bool = False) -> AsyncIterator[Embedded]:
    """Serve both systems while the block runs; the data folder, with what they keep there, must be locked.

    `sandbox` opens their control planes.
    """
    # Loading the servers takes longer than most commands; only who needs them pays.
    from fieldcal.embedded.exchange import Exchange
    from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT
    from fieldcal.embedded.fieldservice import FieldService
    from fieldcal.embedded.server import LocalServer

    secret = secrets.token_urlsafe(32)
    clients = {_CLIENT: secret}
    async with AsyncExitStack() as stack:
        tenant, bookings = str(DEFAULT_TENANT), field_service_at(config)
        calendars = config.data / "exchange.sqlite3"
        refuse_two(config, bookings)
        if (state := make_url(config.state_url)).get_backend_name() != "sqlite":
            stack.enter_context(present.serving_ends(beside.address(state, beside.FIELD_SERVICE)))
        with _told_plainly(bookings):
            field_service = FieldService(
                bookings if isinstance(bookings, Path) else beside.address(bookings, beside.FIELD_SERVICE),
                tenant_id=tenant, clients=clients, sandbox=sandbox,
            )  # fmt: skip
        stack.callback(field_service.close)
        with _told_plainly(calendars):
            exchange = stack.enter_context(
                Exchange(
                    calendars,
                    tenant_id=DEFAULT_TENANT,
                    clients=clients,
                    sandbox=sandbox,
                    directory=partial(_user, field_service.store),
                )
            )
        servers: list[LocalServer] = []

        async def telling(scope: Any, receive: Any, send: Any) -> None:
            await field_service.app(scope, receive, send)
            if scope["type"] == "http" and scope["method"] in _WRITES and scope["path"].startswith("/api/"):
                embedded.changed()

        stack.push_async_callback(field_service.webhooks.close)
        for app in (telling, exchange.app):
            server = LocalServer(app)
            await server.start()
            stack.push_async_callback(server.stop)
            servers.append(server)
        ends = Ends(servers[0].url, servers[1].url, tenant, _CLIENT, secret)
        embedded = Embedded(ends, field_service, exchange)
        yield embedded


def _user(store: Store, named: str) -> NewMailbox | None:
    """The mailbox that the embedded Exchange has for this user of the embedded Field Service, by address or object id.

    At another address it is another mailbox; what stands in the old one stays there.
    """
    from fieldcal.embedded.exchange import NewMailbox

    user = store.user(named)
    if user is None or not user["internalemailaddress"]:
        return None
    address = user["internalemailaddress"]
    directory_id = user["azureactivedirectoryobjectid"] or uuid5(NAMESPACE_URL, f"mailto:{address.casefold()}")
    return NewMailbox(UUID(str(directory_id)), address, user["fullname"] or address, address)


def field_service_at(config: Config) -> Path | URL:
    """Where the embedded Field Service keeps its rows: in the state's PostgreSQL, else in a file of the data folder.

    A file that stands there already stays the one: what an organization has booked does not vanish because the state
    was moved to PostgreSQL.
    """
    url, file = make_url(config.state_url), config.data / "fieldservice.sqlite3"
    return file if url.get_backend_name() == "sqlite" or file.exists() else url


def refuse_two(config: Config, bookings: Path | URL) -> None:
    """Raise where a file and the state's PostgreSQL both have the rows, as after a copy into it or back out of it.

    Whoever goes on with one must not meet the other.
    """
    url = make_url(config.state_url)
    if isinstance(bookings, URL) or url.get_backend_name() == "sqlite":
        return
    database = Database(config.state_url)
    try:
        with database.read() as tx:
            twice = inspect(tx).has_table("counters", schema=beside.FIELD_SERVICE)
    finally:
        database.close()
    if twice:
        raise ConfigError(
            f"the embedded Field Service stands twice, in {bookings} and in the state's PostgreSQL. To go on in "
            "PostgreSQL, move that file out of the data folder; to go on with what `fieldcal db copy` brought back to "
            "SQLite, set FIELDCAL_DATABASE_URL to that copy of the state"
        )


@contextmanager
def schedule_store(config: Config) -> Iterator[Store]:
    """The embedded Field Service's rows, for a command that reads and writes them beside a running service."""
    from fieldcal.embedded.fieldservice import Store

    place = field_service_at(config)
    with _told_plainly(place):
        refuse_two(config, place)
        store = Store(place if isinstance(place, Path) else beside.address(place, beside.FIELD_SERVICE))
    try:
        yield store
    finally:
        store.close()


def _make_room(url: URL) -> None:
    database = Database(url.render_as_string(hide_password=False))
    try:
        with database.write() as tx:
            beside.make(tx, beside.FIELD_SERVICE)
    finally:
        database.close()


@contextmanager
def _told_plainly(place: Path | URL) -> Iterator[None]:
    """Only this user may read a file; a database that cannot be used is the operator's to mend."""
    try:
        if isinstance(place, URL):
            _make_room(place)
        else:
            of_this_user(place)
        yield
    except DBAPIError as error:
        if isinstance(place, URL):
            where = place.render_as_string(hide_password=True)
            said = str(error.orig).splitlines()[0]
            raise ConfigError(f"the embedded Field Service at {where} cannot be used: {said}") from None
        why = obstacle(place) or f"{error.orig}; put back a copy of it, or move it away: a new one is made, empty"
        raise ConfigError(f"the embedded system's file {place} cannot be used: {why}") from None


def needed(config: Config) -> bool:
    """An environment or a server profile of this state stands for an embedded system."""
    database = open_state(config)
    try:
        with database.read() as tx:
            attached = [each.end for each in environments.everyone(tx)]
            attached += [each.end for each in profiles.everyone(tx)]
    finally:
        database.close()
    return any(is_embedded(end) for end in attached)


def is_embedded(end: Endpoint) -> bool:
    """This end is the embedded system beside the state, wherever that is served today."""
    return end.credential == "embedded" and not end.url


@asynccontextmanager
async def opened(config: Config, *, embedded: bool = False) -> AsyncIterator[App]:
    """The installation with both ends within reach: a running service's embedded systems, or ones of our own.

    `embedded`: the command is about to attach an embedded system, so it is needed though no row says so yet.
    """
    async with AsyncExitStack() as stack:
        ends: Ends | None = None
        if (embedded or needed(config)) and runfile.find(config.data) is None:
            stack.enter_context(runfile.locked(config.data, seconds=PATIENCE))
            ends = (await stack.enter_async_context(serving(config))).ends
        yield await stack.enter_async_context(App(config, ends=ends))
