"""Looks at everything that the synchronization stands on, and says for each thing what helps. Mends nothing itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy.engine import make_url

from fieldcal import runfile
from fieldcal.access import readable_by_others
from fieldcal.app import App
from fieldcal.config import Config
from fieldcal.errors import ConfigError, FieldcalError
from fieldcal.keys import client_certificate
from fieldcal.model import Check
from fieldcal.plan.ready import strangers
from fieldcal.setup_model import Endpoint, Environment, ServerProfile
from fieldcal.state import environments, profiles, schema
from fieldcal.state.database import Database

#: Seconds between our clock and a server's from which it is worth a word, and from which sign-ins begin to fail.
CLOCK_WARNS, CLOCK_FAILS = 30.0, 300.0
#: How long before its end a certificate is worth a word.
CERTIFICATE_WARNS = timedelta(days=30)
#: Bytes that should be free where the state lies, and that must be.
DISK_WARNS, DISK_FAILS = 500 * 2**20, 50 * 2**20


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    level: Level
    what: str
    detail: str
    remedy: str = ""


def look_at_state(config: Config) -> list[Line]:
    """The state: reachable, of this version, writable; the disk under it; the service."""
    found = [_state(config), *_disk(config)]
    try:
        running = runfile.find(config.data)
    except ConfigError as error:
        return [*found, Line(Level.FAIL, "service", str(error), "see the message")]
    if running is not None:
        found.append(Line(Level.OK, "service", f"process {running.pid} since {running.started_at:%Y-%m-%d %H:%M:%SZ}"))
    else:
        remedy = "start it with `fieldcal serve`"
        found.append(Line(Level.WARN, "service", "not running: nothing is synchronized by schedule", remedy))
    return found


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
            with database.write():
                pass  # that the transaction can begin is what is asked
        finally:
            database.close()
    except ConfigError as error:
        return Line(Level.FAIL, "state", str(error), "see the message")
    path = _file(config)
    if path is not None and readable_by_others(path):
        remedy = f"chmod 600 {path}* (it names people and jobs), chmod 700 {path.parent}"
        return Line(Level.WARN, "state", f"{where} may be read by others on this machine", remedy)
    return Line(Level.OK, "state", f"{where}, revision {schema.HEAD}, writable")


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


async def look_at_ends(app: App) -> AsyncIterator[Line]:
    """Every environment and server profile: secrets, sign-in, identity, tenants, privileges, the clocks."""
    places = await app.database.reading(environments.everyone)
    known = await app.database.reading(profiles.everyone)
    if not places:
        yield Line(Level.WARN, "environments", "there is none yet", "`fieldcal environment add`")
    if not known:
        yield Line(Level.WARN, "server profiles", "there is none yet", "`fieldcal profile add`")
    for place in places:
        async for line in _environment(app, place):
            yield line
    for profile in known:
        async for line in _profile(app, profile, places):
            yield line


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
    except FieldcalError as error:
        yield _failed(f"{what}: sign-in", error)
        return
    finally:
        await source.close()
    for check in checks:
        yield _as_line(what, check)
    yield _clock(what, ahead)


async def _profile(app: App, profile: ServerProfile, places: list[Environment]) -> AsyncIterator[Line]:
    what = f"server profile {profile.id}"
    if not profile.active:
        yield Line(Level.WARN, what, "not active: nothing is sent", f"`fieldcal profile activate {profile.id}`")
    secret = _secret(app, what, profile.end)
    if secret is not None:
        yield secret
        if secret.level is Level.FAIL:
            return
    calendars = http = None
    try:
        calendars, http = app.calendars_at(profile.end, profile.id), app.http_to(profile.end, "exchange")
        identity = await calendars.identity()
        yield Line(Level.OK, f"{what}: sign-in", f"tenant {identity.tenant or 'not told'}")
        yield _clock(what, await app.clock_difference(http))
        profile = replace(profile, tenant=identity.tenant or profile.tenant)
    except FieldcalError as error:
        yield _failed(f"{what}: sign-in", error)
        return
    finally:
        for opened in (calendars, http):
            if opened is not None:
                await opened.close()
    for place in places:
        if strangers(profile, place):
            detail = f"tenant {profile.tenant}, but the environment {place.id} is in the tenant {place.tenant}"
            remedy = "use a server profile of the same tenant for its mailboxes (R7)"
            yield Line(Level.WARN, what, detail, remedy)


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


def _failed(what: str, error: FieldcalError) -> Line:
    if isinstance(error, ConfigError):
        return Line(Level.FAIL, what, str(error), "see the message")
    return Line(Level.FAIL, what, str(error), "check address, credential and network; then run `fieldcal doctor` again")


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


def worst(lines: list[Line]) -> Level:
    """The worst level of these."""
    return max((line.level for line in lines), key=[*Level].index, default=Level.OK)


def summary(lines: list[Line], now: datetime) -> str:
    """One line at the end."""
    count = {level: sum(line.level is level for line in lines) for level in Level}
    told = f"{count[Level.OK]} ok, {count[Level.WARN]} to look at, {count[Level.FAIL]} failed"
    return f"{told}; looked at {now:%Y-%m-%d %H:%M:%SZ}"
