"""Looks at everything that the synchronization stands on, and says for each thing what helps. Mends nothing itself."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sqlite3
import ssl
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from fieldcal import __version__, hooks, runfile
from fieldcal.access import readable_by_others
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.doctor import mail, remedies, rights
from fieldcal.doctor.lines import Asked, Level, Line, worst
from fieldcal.errors import ConfigError, Damaged, FieldcalError
from fieldcal.keys import client_certificate
from fieldcal.model import Check
from fieldcal.network import in_words
from fieldcal.plan.ready import strangers
from fieldcal.setup_model import CALDAV, Actor, Endpoint, Environment, ServerProfile
from fieldcal.state import environments, living, profiles, schema
from fieldcal.state.database import Database

#: Seconds between our clock and a server's from which it is worth a word, and from which sign-ins begin to fail.
CLOCK_WARNS, CLOCK_FAILS = 30.0, 300.0
#: How long before its end a certificate is worth a word.
CERTIFICATE_WARNS = timedelta(days=30)
#: Seconds for the service to answer, which is on this machine.
_PATIENCE = 5.0
#: Bytes that should be free where the state lies, and that must be.
DISK_WARNS, DISK_FAILS = 500 * 2**20, 50 * 2**20


def look_at_state(config: Config) -> list[Line]:
    """Settings and versions; the state: reachable, of this version, sound, writable; the disk under it; the service."""
    settings = Line(Level.OK, "configuration", f"data folder {config.data}")
    state = _state(config)
    workers = [] if state.level is Level.FAIL else _workers(config)
    return [settings, _versions(), state, *_disk(config), _service(config), *workers]


def _versions() -> Line:
    parts = (
        f"Fieldcal {__version__}", f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}",
        " ".join(ssl.OPENSSL_VERSION.split()[:2]), platform.platform(terse=True),
    )  # fmt: skip
    return Line(Level.OK, "versions", ", ".join(parts))


def _service(config: Config) -> Line:
    try:
        running = runfile.find(config.data)
    except ConfigError as error:
        remedy = "let this user read and write the data folder; a broken lock may be moved away while no service runs"
        return Line(Level.FAIL, "service", str(error), remedy)
    if running is None:
        remedy = "start it with `fieldcal serve`"
        return Line(Level.WARN, "service", "not running: nothing is synchronized by schedule", remedy)
    who = f"process {running.pid} since {running.started_at:%Y-%m-%d %H:%M:%SZ}"
    try:
        with urllib.request.urlopen(f"{running.url}/health", timeout=_PATIENCE) as answer:  # noqa: S310 - our run file's
            answer.read(1024)
    except OSError as error:
        detail = f"{who} does not answer at {running.url}: {in_words(getattr(error, 'reason', None) or error)}"
        return Line(Level.FAIL, "service", detail, "end the process and start it again")
    return Line(Level.OK, "service", f"{who} answers at {running.url}")


def _workers(config: Config) -> list[Line]:
    """Whoever shares the work of `serve --no-worker`; nothing where nobody does."""
    if make_url(config.state_url).get_backend_name() == "sqlite":
        return []
    database = Database(config.state_url)
    try:
        with database.read() as tx:
            number, nobody = living.alive(tx), living.unworked(tx)
    finally:
        database.close()
    if nobody is not None:
        return [Line(Level.WARN, "workers", nobody.why, living.REMEDY)]
    return [Line(Level.OK, "workers", f"{number} at work")] if number else []


def _state(config: Config) -> Line:
    where = make_url(config.state_url).render_as_string(hide_password=True)
    if not state_stands(config):
        remedy = "`fieldcal environment add` makes it"
        return Line(Level.WARN, "state", f"{where} does not exist yet", remedy)
    try:
        database = Database(config.state_url)
        try:
            with database.read() as tx:
                schema.check(tx)
                schema.check_file(tx)
                server = ".".join(map(str, tx.dialect.server_version_info or ()))
            with database.write():
                pass  # that the transaction can begin is what is asked
        finally:
            database.close()
    except Damaged as error:
        remedy = (
            "stop the service; `fieldcal db restore FILE` puts a backup back and keeps the broken file aside. Without "
            "a backup move the file away and set up again: the events that stand are found, and none is doubled"
        )
        return Line(Level.FAIL, "state", str(error), remedy)
    except ConfigError as error:
        return Line(Level.FAIL, "state", str(error), "do what the message says; until then no command can work")
    path = _file(config)
    if path is not None and readable_by_others(path):
        remedy = f"chmod 600 {path}* (it names people and jobs), chmod 700 {path.parent}"
        return Line(Level.WARN, "state", f"{where} may be read by others on this machine", remedy)
    kind = f"PostgreSQL {server}" if path is None else "its file is sound"
    return Line(Level.OK, "state", f"{where}, revision {schema.HEAD}, {kind}, writable")


def state_stands(config: Config) -> bool:
    """There is a state to look at; a server's is always taken to be there."""
    path = _file(config)
    try:
        return path is None or path.exists()
    except OSError:
        return True  # behind a folder that may not be entered, which the look at it tells


def _file(config: Config) -> Path | None:
    url = make_url(config.state_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _disk(config: Config) -> list[Line]:
    path = _file(config)
    folder = path.parent if path is not None else config.data
    if not os.path.isdir(folder):  # noqa: PTH112 - pathlib's raises where a folder may not be entered
        return []
    free = shutil.disk_usage(folder).free
    level = Level.FAIL if free < DISK_FAILS else Level.WARN if free < DISK_WARNS else Level.OK
    remedy = "" if level is Level.OK else "make room, or move the state with FIELDCAL_DATA"
    return [Line(level, "disk", f"{free // 2**20:,} MB free at {folder}", remedy)]


async def look_at_all(app: App, actor: Actor, asked: Asked) -> AsyncIterator[Line]:
    """The state, and every end where the state does not fail; as the running service is asked for it."""
    lines = await asyncio.to_thread(look_at_state, app.config)
    for line in lines:
        yield line
    if worst(lines) is Level.FAIL:
        return
    async for line in look_at_ends(app, actor, asked):
        yield line


async def look_at_ends(app: App, actor: Actor, asked: Asked) -> AsyncIterator[Line]:
    """The e-mail of alerts; every environment and profile: one harmless call through each port, and what it tells.

    Raises `ConfigError` where an environment or a mailbox is asked for that is not known.
    """
    places, known = await app.database.reading(_meant, asked)
    yield await mail.look(app)
    if not places:
        yield Line(Level.WARN, "environments", "there is none yet", "`fieldcal environment add`")
    if not known:
        yield Line(Level.WARN, "server profiles", "there is none yet", "`fieldcal profile add`")
    for place in places:
        async for line in _environment(app, place):
            yield line
    tenants = {profile.id: profile.tenant for profile in known}
    for profile in known:
        async for line in _profile(app, profile, asked.outsider, tenants):
            yield line
        async for line in rights.look(app, actor, places, profile, asked.mailboxes):
            yield line
    for line in await app.database.reading(rights.closed, places, asked.mailboxes):
        yield line
    for line in await app.database.reading(_tenants, tenants, {place.id for place in places}):
        yield line


def _meant(tx: Connection, asked: Asked) -> tuple[list[Environment], list[ServerProfile]]:
    """The environments that are asked for, and the profiles that are looked at with them."""
    if not asked.environment:
        places, known = environments.everyone(tx), profiles.everyone(tx)
        if asked.mailboxes and len(places) > 1:
            raise ConfigError("name the environment of these mailboxes")
    else:
        places = [environments.get(tx, asked.environment)]
        known = [one for one in profiles.everyone(tx) if asked.environment in profiles.serving(tx, one.id)]
    for place in places:
        rights.wanted(tx, place.id, asked.mailboxes)
    return places, known


async def _environment(app: App, place: Environment) -> AsyncIterator[Line]:
    what = f"environment {place.id}"
    if not place.enabled:
        yield Line(Level.WARN, what, "switched off: nothing is sent", f"`fieldcal environment set {place.id} --enable`")
    secret = _secret(app, what, place.end)
    if secret is not None:
        yield secret
        if secret.level is Level.FAIL:
            return
    source = app.source_for(place)
    try:
        identity = await source.identity()
        yield Line(
            Level.OK, f"{what}: sign-in", f"organization {identity.organization}, tenant {identity.tenant or '?'}"
        )
        checks, ahead = await app.examine(place)
        checks += await hooks.examine(app, place)
    except FieldcalError as error:
        remedy = remedies.of(error, f"fieldcal environment set {place.id}")
        yield Line(Level.FAIL, f"{what}: sign-in", str(error), remedy)
        return
    finally:
        await source.close()
    for check in checks:
        yield _as_line(what, check)
    yield _clock(what, ahead)


async def _profile(app: App, profile: ServerProfile, outsider: str, tenants: dict[str, str]) -> AsyncIterator[Line]:
    what = f"server profile {profile.id}"
    if not profile.active:
        yield Line(Level.WARN, what, "not active: nothing is sent", f"`fieldcal profile activate {profile.id}`")
    secret = _secret(app, what, profile.end)
    if secret is not None:
        yield secret
        if secret.level is Level.FAIL:
            return
    calendars = None
    try:
        calendars = app.calendars_at(profile)
        identity = await calendars.identity()
        if profile.kind != CALDAV:  # there it is a mailbox that signs in, which is looked at below
            yield Line(Level.OK, f"{what}: sign-in", f"tenant {identity.tenant or 'not told'}")
        checks, ahead = await app.examine_calendars(profile, outsider)
        tenants[profile.id] = identity.tenant or profile.tenant
    except FieldcalError as error:
        remedy = remedies.of(error, f"fieldcal profile set {profile.id}")
        yield Line(Level.FAIL, f"{what}: sign-in", str(error), remedy)
        return
    finally:
        if calendars is not None:
            await calendars.close()
    for check in checks:
        yield _as_line(what, check)
    yield _clock(what, ahead)


def _tenants(tx: Connection, told: dict[str, str], looked_at: set[str]) -> list[Line]:
    """Whether each environment and the profiles that its mailboxes are written through are in one tenant (R7).

    `told`: the tenant of each profile, as it says now.
    """
    found = []
    for profile in (replace(known, tenant=told[known.id]) for known in profiles.everyone(tx) if known.id in told):
        for place in (environments.get(tx, name) for name in profiles.serving(tx, profile.id) if name in looked_at):
            what = f"environment {place.id} and server profile {profile.id}: same tenant"
            if profile.kind == CALDAV:
                found.append(Line(Level.OK, what, "CalDAV knows no tenants"))
            elif strangers(profile, place):
                detail = f"the bookings are in {place.tenant}, the calendars in {profile.tenant}: nothing is written"
                remedy = "use a server profile of the bookings' own tenant for its mailboxes (R7)"
                found.append(Line(Level.FAIL, what, detail, remedy))
            else:
                both = profile.tenant and place.tenant
                found.append(Line(Level.OK, what, profile.tenant if both else "one of the ends does not tell its own"))
    return found


def _secret(app: App, what: str, end: Endpoint) -> Line | None:
    if not end.secret:
        return None
    try:
        if end.credential == "certificate":
            return _certificate(what, client_certificate(app.secrets, end.secret).ends - app.clock.now())
        app.secrets.resolve(end.secret)
    except ConfigError as error:
        return Line(Level.FAIL, f"{what}: secret", str(error), "set it for this process, or name another reference")
    return Line(Level.OK, f"{what}: secret", "can be read")


def _certificate(what: str, left: timedelta) -> Line:
    level = Level.FAIL if left <= timedelta() else Level.WARN if left < CERTIFICATE_WARNS else Level.OK
    detail = f"good for {left.days} days" if left > timedelta() else "has expired"
    remedy = "" if level is Level.OK else "register a new certificate with the application, then change the file"
    return Line(level, f"{what}: certificate", detail, remedy)


def _as_line(what: str, check: Check) -> Line:
    level = Level.OK if check.ok else Level.WARN if check.transient else Level.FAIL
    return Line(level, f"{what}: {check.name}", check.detail, check.remedy)


def _clock(what: str, ahead: float | None) -> Line:
    if ahead is None:
        return Line(Level.OK, f"{what}: clock", "the server does not tell the time")
    side = "ahead of" if ahead > 0 else "behind"
    detail = f"our clock is {abs(ahead):,.0f} s {side} the server's"
    level = Level.FAIL if abs(ahead) > CLOCK_FAILS else Level.WARN if abs(ahead) > CLOCK_WARNS else Level.OK
    return Line(level, f"{what}: clock", detail, "" if level is Level.OK else "synchronize this machine's clock (NTP)")
