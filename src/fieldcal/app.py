"""The wiring: the only room that names concrete connectors, and where a state is opened with its two ends."""

from __future__ import annotations

import os
import random
import secrets
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection
from yarl import URL

from fieldcal import runfile, sent, signin
from fieldcal.access import obstacle
from fieldcal.accounts import MailboxAccounts
from fieldcal.attaching import CREDENTIALS, SOURCES, clear_text, in_the_clear, is_address, server_of, source_mistakes
from fieldcal.calendars import caldav
from fieldcal.calendars.caldav import health as caldav_health
from fieldcal.calendars.graph import GraphCalendars
from fieldcal.calendars.graph import health as graph_health
from fieldcal.calendars.graph.calendar import versioned
from fieldcal.clock import Clock, SystemClock
from fieldcal.config import Config
from fieldcal.engine.pace import StoredPace
from fieldcal.errors import ConfigError
from fieldcal.http import ClientSecretCredential, Credential, Http, TokenCredential
from fieldcal.model import Check, Identity, SetUpList
from fieldcal.plan.render import render
from fieldcal.ports import BookingSource, Calendars, Registrar
from fieldcal.reach import answers
from fieldcal.runfile import Ends
from fieldcal.secrets import Secrets
from fieldcal.setup import environments as environment_setup
from fieldcal.setup.bench import Bench
from fieldcal.setup_model import CALDAV, EXCHANGE, Endpoint, Environment, ServerProfile
from fieldcal.sources.dataverse import DataverseSource, health, other_sync, set_up, webhook
from fieldcal.sources.pinned import PinnedSource
from fieldcal.state import environments, profiles, schema
from fieldcal.state.database import Database
from fieldcal.sync.site import Site

#: Requests under way at once over one client. Dataverse takes 52 of one user, whoever else signs in as that user.
SOURCE_AT_ONCE, CALENDARS_AT_ONCE = 16, 64


def open_state(config: Config) -> Database:
    """The state, at this Fieldcal's revision: made where it is empty, refused where it is older, newer or strange."""
    make_folder(config)
    database = Database(config.state_url)
    try:
        with database.read() as tx:
            empty = schema.revision(tx) is None
        if empty:
            schema.upgrade(database)
        else:
            with database.read() as tx:
                schema.check(tx)
    except BaseException:
        database.close()
        raise
    return database


def make_folder(config: Config) -> None:
    """Make the data folder, for this user alone, where the state is to lie in it and it is missing."""
    if config.database_url:
        return
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the data folder {config.data} cannot be made: {obstacle(config.data / 'state') or error.strerror}; "
            "set FIELDCAL_DATA to one that can be written"
        ) from None


class App:
    """One installation at work: its state, and connections to both ends, opened when they are first asked for.

    `ends`: where the embedded systems answer, when this process has started them; else a running service's are used.
    """

    def __init__(self, config: Config, *, clock: Clock | None = None, ends: Ends | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.secrets = Secrets(config.secret_keys)
        self.database = open_state(config)
        self.pace = StoredPace(self.database, self.clock)
        #: who we are among the workers; in every lease
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._ends = ends
        self._tls = _trust(config.ca_file)
        self._opened: dict[str, tuple[ServerProfile, Ends | None, Calendars]] = {}
        #: of profiles that have another end now; a job may still be writing through one
        self._retired: list[Calendars] = []
        #: one sign-in for all connections to the same end
        self._signed_in: dict[Endpoint, Credential] = {}
        #: clients of CalDAV servers by address and limit, closed with the app: all profiles at a server share one
        self._dav: dict[tuple[str, str | None, int | None, int], Http] = {}
        #: requests sent so far, sign-in aside, to `source` (of bookings) and `calendars`, of whatever kind
        self.requests: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give connections and the state back."""
        for calendars in [*(calendars for _, _, calendars in self._opened.values()), *self._retired]:
            await calendars.close()
        for http in self._dav.values():
            await http.close()
        self._opened.clear()
        self.database.close()

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What is trusted besides the system's own authorities."""
        return self._tls

    def bench(self) -> Bench:
        """What Test & Enable works with."""
        return Bench(self.database, self.clock, self.calendars_for, self.worker, self.pace)

    def site_for(self, environment: Environment, source: BookingSource) -> Site:
        """The environment at work, for every step of the way; it must have been settled."""
        if not environment.organization:
            raise ConfigError(f"the environment {environment.id} was never signed in to")
        return Site(
            environment=environment.id, organization=environment.organization, settings=environment.settings,
            database=self.database, clock=self.clock, pace=self.pace, source=source, calendars=self.calendars_for,
            render=render, spread=random.random, worker=self.worker,
        )  # fmt: skip

    def source_for(self, environment: Environment) -> PinnedSource:
        """The environment's source of bookings, held to the organization it is; the caller closes it."""
        if environment.source not in SOURCES:
            raise ConfigError(*source_mistakes(environment.source))
        settings, http = environment.settings, self.http_to(environment.end, "source")
        source = DataverseSource(
            http,
            self.clock,
            track_location=settings.follow_location,
            track_work_orders=settings.follow_work_order,
        )
        return PinnedSource(
            source,
            http.token,
            lambda identity: self.database.writing(environment_setup.pin, environment.id, identity),
            lambda: http.ahead,
        )

    def registrar_for(self, environment: Environment, end: Endpoint, name: str) -> Registrar:
        """Who registers the environment's webhook under this name, signed in as `end` says; the caller closes it."""
        settings = environment.settings
        wanted = webhook.steps(follow_location=settings.follow_location, follow_work_orders=settings.follow_work_order)
        return webhook.WebhookRegistrar(self.http_to(end, "source"), name, wanted)

    def calendars_for(self, profile: ServerProfile) -> Calendars:
        """The end of this server profile as it is set now, kept open while it stays so; closed with the app."""
        wanted = profile
        if wanted.kind == CALDAV:
            with self.database.read() as tx:
                wanted = replace(wanted, at_once=_least(tx, wanted))
        ends, opened = self.served(wanted.end), self._opened.get(profile.id)
        if opened is not None and not _other_end(opened[0], wanted) and ends in (None, opened[1]):
            return opened[2]
        calendars = self.calendars_at(wanted)
        if opened is not None:
            self._retired.append(opened[2])
        self._opened[profile.id] = (wanted, ends, calendars)
        return calendars

    def calendars_at(self, profile: ServerProfile) -> Calendars:
        """The calendar server of a profile, kept or not; the caller closes it."""
        return self._kind(profile.kind).open(self, profile)

    def _graph(self, profile: ServerProfile) -> Calendars:
        http, application = self.http_to(profile.end, "calendars"), profile.end.client_id
        return GraphCalendars(http, self.pace, self.clock, profile.id, application)

    def _caldav(self, profile: ServerProfile) -> Calendars:
        accounts = MailboxAccounts(self.database, self.secrets, profile, caldav.Account)
        with self.database.read() as tx:
            limit = _least(tx, profile)
        shared = (*_server(profile), limit)
        if shared not in self._dav:
            self._dav[shared] = self._dav_to(replace(profile, at_once=limit))
        http, name = self._dav[shared], profile.id
        return caldav.CalDavCalendars(http, self.pace, self.clock, name, accounts, profile.calendar, shared=True)

    def _dav_to(self, profile: ServerProfile) -> Http:
        server = server_of(profile.end.url)
        if in_the_clear(server, self.config):
            raise ConfigError(clear_text(server, "password"))
        return Http(
            server, None, self.clock, slots=profile.at_once, tls=self._tls, observe=partial(self._count, "calendars")
        )

    async def examine(self, environment: Environment) -> tuple[list[Check], float | None]:
        """What must hold at the environment's source besides the sign-in, and the seconds that its clock is behind."""
        http = self.http_to(environment.end, "source")
        try:
            found = await health.examine(http, follow_work_orders=environment.settings.follow_work_order)
            found.append(await other_sync.examine(http, self.clock.now()))
            return found, await self.clock_difference(http)
        finally:
            await http.close()

    async def examine_calendars(self, profile: ServerProfile, outsider: str) -> tuple[list[Check], float | None]:
        """What must hold at a calendar server besides the sign-in, and the seconds that its clock is behind.

        `outsider`: an address that must not be reachable there, "" to try none.
        """
        return await self._kind(profile.kind).examine(self, profile, outsider)

    async def _examine_graph(self, profile: ServerProfile, outsider: str) -> tuple[list[Check], float | None]:
        http = self.http_to(profile.end, "calendars")
        try:
            found = await graph_health.examine(http, versioned(http.root), outsider)
            return found, await self.clock_difference(http)
        finally:
            await http.close()

    async def _examine_caldav(self, profile: ServerProfile, outsider: str) -> tuple[list[Check], float | None]:
        http = self._dav_to(profile)
        # which calendars an account may write into is the server's own matter, and told in as many ways as servers
        beside = [Check("outsider", ok=True, detail="not tried on CalDAV")] if outsider else []
        try:
            account = MailboxAccounts(self.database, self.secrets, profile, caldav.Account).sample()
            if account is None:
                await answers(server_of(profile.end.url), self._tls)
                return [Check("sign-in", ok=True, detail=_NOBODY_YET)], None
            return await caldav_health.examine(http, account) + beside, http.ahead
        finally:
            await http.close()

    async def greet(self, profile: ServerProfile) -> Identity:
        """Sign in to a profile's end as an administrator's command does, so that a mistake is told at once."""
        calendars = self.calendars_at(profile)
        try:
            identity = await calendars.identity()
        finally:
            await calendars.close()
        if profile.kind == CALDAV:
            if profile.end.secret:
                self.secrets.resolve(profile.end.secret)  # told by its reference, before anybody is asked
            # such a server is not asked who it is: what it can do tells as much
            for check in (await self.examine_calendars(profile, ""))[0]:
                if not check.ok and not check.transient:
                    raise ConfigError(f"{check.name}: {check.detail}; {check.remedy}")
        return identity

    def _kind(self, kind: str) -> _Kind:
        if kind not in _KINDS:
            raise ConfigError(f"this Fieldcal has no calendars of the kind {kind!r}; there are: {', '.join(_KINDS)}")
        return _KINDS[kind]

    async def set_up_there(self, name: str) -> SetUpList:
        """Who is set up in the environment's source already, and whom Microsoft's own booking sync serves (D9).

        Raises as `settle` does, which asks first who the source is.
        """
        environment = await self.settle(name)
        http = self.http_to(environment.end, "source")
        try:
            return await set_up.read(http, self.clock.now())
        finally:
            await http.close()

    async def clock_difference(self, http: Http) -> float | None:
        """How many seconds our clock is ahead of this server's, as its `Date` header tells; None where it has none."""
        await http.request("GET", f"{http.root}/")
        return http.ahead

    async def settle(self, name: str) -> Environment:
        """Ask the environment's source who it is, and hold it to that: another answer than before is a `ConfigError`.

        To be asked at start and after signing in anew, not at every pass (design §4).
        """
        with self.database.read() as tx:
            environment = environments.get(tx, name)
        source = self.source_for(environment)
        try:
            await source.identity()
        finally:
            await source.close()
        return await self.database.reading(environments.get, name)

    def http_to(self, end: Endpoint, system: str) -> Http:
        """A client for this end, `source` or `calendars`; the caller closes it."""
        url = end.url
        if end.credential == "embedded" and not url:
            ends = self._embedded()
            url = ends.fieldservice if system == "source" else ends.exchange
        for address in (url, end.authority):
            if is_address(address) and in_the_clear(address, self.config):
                raise ConfigError(clear_text(address, "token"))
        slots = SOURCE_AT_ONCE if system == "source" else CALENDARS_AT_ONCE
        credential, observe = self._credential(end, url), partial(self._count, system)
        return Http(url, credential, self.clock, slots=slots, tls=self._tls, observe=observe)

    def _count(self, system: str, _method: str, _path: str, status: int) -> None:
        self.requests[system] += 1
        sent.request(system, status)

    def _credential(self, end: Endpoint, url: str) -> Credential:
        if end.credential == "token":
            return TokenCredential(lambda: self.secrets.resolve(end.secret))
        if end.credential in signin.KINDS:
            if end not in self._signed_in:
                trust = partial(_trust, self.config.ca_file)
                self._signed_in[end] = signin.credential(end, self.secrets, self.clock, trust)
            return self._signed_in[end]
        if end.credential != "embedded":
            raise ConfigError(f"there is no credential {end.credential!r}; there are: {', '.join(CREDENTIALS)}")
        origin = str(URL(url).origin())
        authority, scope = end.authority or origin, f"{origin}/.default"
        if end.client_id:
            tenant, client, secret = end.tenant or "common", end.client_id, end.secret
            return ClientSecretCredential(
                authority, tenant, client, lambda: self.secrets.resolve(secret), scope, self.clock, tls=self._tls
            )
        ends = self._embedded()
        return ClientSecretCredential(
            authority, ends.tenant, ends.client_id, lambda: ends.secret, scope, self.clock, tls=self._tls
        )

    def served(self, end: Endpoint) -> Ends | None:
        """Where an embedded end was last said to answer: a service started anew changes it. None of any other end."""
        return (self._ends or runfile.told(self.config.data)) if end.credential == "embedded" else None

    def _embedded(self) -> Ends:
        running = None if self._ends else runfile.find(self.config.data)
        ends = self._ends or (running.ends if running else None)
        if ends is None:
            raise ConfigError("the embedded systems are not running; start them with `fieldcal serve`")
        return ends


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a kind of server profile is made of: its calendars, and what `doctor` looks at besides the sign-in."""

    open: Callable[[App, ServerProfile], Calendars]
    examine: Callable[[App, ServerProfile, str], Awaitable[tuple[list[Check], float | None]]]


# The one table that a further kind of calendars is put into; `setup/profiles.py` has its name for people.
_KINDS: Mapping[str, _Kind] = {
    EXCHANGE: _Kind(App._graph, App._examine_graph),  # noqa: SLF001 - the app's own table
    CALDAV: _Kind(App._caldav, App._examine_caldav),  # noqa: SLF001 - the app's own table
}
_NOBODY_YET = "no mailbox is written through it yet, so there is nobody to sign in as"


def _least(tx: Connection, profile: ServerProfile) -> int:
    """How many requests this CalDAV profile's server gets at once: the fewest that any profile there sets."""
    there = [one for one in profiles.everyone(tx) if one.kind == CALDAV and _server(one) == _server(profile)]
    return min(one.at_once for one in [profile, *there])


def _server(profile: ServerProfile) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of a CalDAV profile's server, whether or not its address names the usual port."""
    url = URL(server_of(profile.end.url))
    return url.scheme, url.host, url.port


def _other_end(one: ServerProfile, two: ServerProfile) -> bool:
    parts = [(each.kind, each.end, each.calendar, each.at_once) for each in (one, two)]
    return parts[0] != parts[1]


def _trust(ca_file: Path | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        context = ssl.create_default_context()
        # besides the system's own, which `cafile=` above would leave out
        context.load_verify_locations(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"FIELDCAL_CA_FILE {ca_file} cannot be used ({error})") from None
    return context
