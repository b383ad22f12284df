"""The booking webhook of an environment: registered, looked at, tried, taken back (set-up, never part of a pass: I9).

The secret is made here and told to the source alone; kept is what recognizes it (`state/webhooks.py`).
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

import aiohttp
from sqlalchemy import Connection
from yarl import URL

from fieldcal.app import App
from fieldcal.ends import is_embedded
from fieldcal.errors import ConfigError, Denied, FieldcalError
from fieldcal.model import Check, Registered
from fieldcal.ports import SECRET_HEADER
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Endpoint, Environment
from fieldcal.state import alerts, audit, environments, schema, webhooks
from fieldcal.state.webhooks import Webhook, digest
from fieldcal.urls import reached

#: Where the service listens for notifications; the environment's name follows.
PATH = "/hooks/"
#: Dataverse calls no other port (https://learn.microsoft.com/en-us/power-apps/developer/data-platform/use-webhooks).
_HTTPS_PORT = 443
#: Seconds that a test call may take.
_PROBE = 15.0
#: Seconds after which a running service knows of a new secret.
_TAKEN_NOTICE = 1.5
ALERT = "webhook"


@dataclass(frozen=True, slots=True)
class Standing:
    """The webhook as the state knows it and as it stands at the source; either may be missing."""

    known: Webhook | None
    registered: Registered

    @property
    def good(self) -> bool:
        """Registered as it should be, and known here."""
        return self.known is not None and not self.differences

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as it should be."""
        found = self.registered.differences
        if self.known is None:
            return (*found, "this installation knows no webhook of this environment")
        if self.known.sure_at is None:
            found = (*found, "its last registration was not finished; until it is, the secret before is taken too")
        if self.registered.url and self.registered.url != self.known.url:
            found = (*found, f"it calls {self.registered.url}, not {self.known.url}")
        return found


def public_address(text: str, environment: Environment) -> str:
    """The address that the source is to call; a `ConfigError` for one that it would not call, or not safely.

    Without a path it gets the one that the service listens on. Only a source on this machine may call this machine
    without TLS.
    """
    try:
        url = URL(text)
        port = url.port
    except ValueError:
        url, port = URL(), None
    if url.scheme not in {"https", "http"} or not url.host or url.user is not None or url.fragment or url.query_string:
        raise ConfigError("--url: write the public address, such as https://fieldcal.example.com/hooks/NAME")
    if not (_near(environment.end) and _loopback(url.host)) and (url.scheme != "https" or port != _HTTPS_PORT):
        raise ConfigError("--url: Dataverse is to call it over https, and calls port 443 only")
    return str(url.with_path(f"{PATH}{quote(environment.id, safe='')}", encoded=True) if url.path in {"", "/"} else url)


def _near(end: Endpoint) -> bool:
    return is_embedded(end) or _loopback(URL(end.url).host or "")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def add(app: App, actor: Actor, name: str, url: str, end: Endpoint | None = None) -> Sequence[str]:
    """Register the webhook, or repair it and renew its secret; says what was done.

    `end`: who registers, where it is not who reads. Kept is nothing of it. The new secret is taken before the source
    knows it, the one before until the source has surely taken the new one, and a while longer: nothing is lost in
    between, whatever is cut off where.
    """
    environment = await app.database.reading(_mine, actor, name)
    before = await app.database.reading(webhooks.find, name)
    secret, now = secrets.token_urlsafe(32), app.clock.now()
    made = Webhook(url, now, digest(secret), before.may_be_known if before else "")
    if before is not None:
        made = replace(made, received_at=before.received_at, received=before.received)
    registrar = app.registrar_for(environment, end or environment.end, await _name(app, name))
    try:
        await app.database.writing(webhooks.keep, name, made)
        try:
            done = await registrar.put(url, secret)
        except FieldcalError:
            await app.database.writing(_put_back, name, before, made)
            raise
        await app.database.writing(_done, actor, app.clock.now(), name, made, done)
        return done
    finally:
        await registrar.close()


def _put_back(tx: Connection, name: str, before: Webhook | None, made: Webhook) -> None:
    """The source knows a secret before, or the new one: all are taken until a renewal is finished."""
    if before is None:
        webhooks.forget(tx, name)
    else:
        webhooks.keep(tx, name, replace(made, url=before.url))


def _done(tx: Connection, actor: Actor, now: datetime, name: str, made: Webhook, done: Sequence[str]) -> None:
    webhooks.sure(tx, name, made.digest, now)
    _told(tx, actor, now, "environment webhook add", name, f"{made.url}: {'; '.join(done)}")


async def look(app: App, environment: Environment, end: Endpoint | None = None) -> Standing:
    """How the webhook stands; asks the source as `end`, else as the one who reads. Raises as its reads do."""
    known = await app.database.reading(webhooks.find, environment.id)
    registrar = app.registrar_for(environment, end or environment.end, await _name(app, environment.id))
    try:
        return Standing(known, await registrar.look())
    finally:
        await registrar.close()


async def remove(app: App, actor: Actor, name: str, end: Endpoint | None = None) -> int:
    """Take back what is ours at the source, and know nothing of it any more; returns the rows that were removed."""
    environment = await app.database.reading(_mine, actor, name)
    registrar = app.registrar_for(environment, end or environment.end, await _name(app, name))
    try:
        removed = await registrar.take_back()
    finally:
        await registrar.close()
    await app.database.writing(_gone, actor, app.clock.now(), name, f"{removed} rows")
    return removed


async def forget(app: App, actor: Actor, name: str) -> None:
    """Know nothing of it any more, whatever stands at the source: its calls are refused from now on."""
    await app.database.reading(_mine, actor, name)
    await app.database.writing(_gone, actor, app.clock.now(), name, "forgotten here; the source was not asked")


def _gone(tx: Connection, actor: Actor, now: datetime, name: str, detail: str) -> None:
    webhooks.forget(tx, name)
    alerts.clear(tx, name, "", ALERT)
    _told(tx, actor, now, "environment webhook remove", name, detail)


def _told(tx: Connection, actor: Actor, now: datetime, action: str, name: str, detail: str) -> None:
    audit.record(tx, actor, now, action, [name], detail)


def _mine(tx: Connection, actor: Actor, name: str) -> Environment:
    require(actor, Action.ENVIRONMENTS)
    return environments.get(tx, name)


async def _name(app: App, environment: str) -> str:
    """What the registration is found by: the environment here, and which installation this is."""
    installation = await app.database.reading(schema.installation)
    return f"{environment} ({installation[:8]})"


async def call(app: App, name: str) -> Check:
    """Call the webhook's public address as the source does, with a secret of this moment; changes nothing."""
    known = await app.database.reading(webhooks.find, name)
    if known is None:
        raise ConfigError(f"the environment {name} has no webhook; `fieldcal environment webhook add {name}`")
    secret = secrets.token_urlsafe(32)
    await app.database.writing(webhooks.probe, name, secret, app.clock.now())
    remedy = (
        "is the service running with FIELDCAL_LISTEN_HOOKS, and does the reverse proxy lead that address there, "
        "the path and headers unchanged?"
    )
    try:
        status = await _try(app, known.url, secret)
        if status == HTTPStatus.NOT_FOUND:
            # the service looks at most once a second what secrets are good
            await app.clock.sleep(_TAKEN_NOTICE)
            status = await _try(app, known.url, secret)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        detail = f"a test call of {known.url} got no answer ({type(error).__name__})"
        return Check("webhook call", ok=False, detail=detail, remedy=remedy, transient=True)
    if status != HTTPStatus.NO_CONTENT:
        detail = f"a test call of {known.url} was answered with HTTP {status}"
        return Check("webhook call", ok=False, detail=detail, remedy=remedy, transient=True)
    return Check("webhook call", ok=True, detail=f"a test call of {known.url} came in")


async def _try(app: App, url: str, secret: str) -> int:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PROBE)) as session,
        session.post(
            url, headers={SECRET_HEADER: secret}, json={}, allow_redirects=False, ssl=app.tls or True
        ) as answer,
    ):
        return answer.status


async def follow(app: App, actor: Actor, listening: str) -> None:
    """Lead the embedded Field Service's webhooks from an address of this machine where nobody answers to `listening`.

    A service has another port after a restart, and the embedded Field Service with it; nobody else can mend that.
    Where notifications are taken nowhere (`listening` ""), the registration is taken back: what is booked rings then
    by itself.
    """
    known = await app.database.reading(webhooks.everyone)
    for environment in await app.database.reading(environments.everyone):
        hook = known.get(environment.id)
        if hook is None or not is_embedded(environment.end) or not _loopback(URL(hook.url).host or ""):
            continue
        url = public_address(reached(listening), environment) if listening else ""
        if hook.url == url or (await call(app, environment.id)).ok:
            continue
        if url:
            await add(app, actor, environment.id, url)
        else:
            await remove(app, actor, environment.id)


async def examine(app: App, environment: Environment) -> list[Check]:
    """What `doctor` says of the webhook: registered, reached, heard of."""
    known = await app.database.reading(webhooks.find, environment.id)
    if known is None:
        detail = f"none: bookings come with the passes, every {environment.settings.interval} minutes"
        return [Check("webhook", ok=True, detail=detail)]
    return [await _registered(app, environment), await call(app, environment.id), _last(known, environment.id)]


async def _registered(app: App, environment: Environment) -> Check:
    try:
        found = await look(app, environment)
    except Denied:
        # Reading bookings takes no such right, and the one who reads them should have no more than he needs.
        detail = "this credential may not read registrations; `fieldcal environment webhook show` with another may"
        return Check("webhook", ok=True, detail=detail)
    except FieldcalError as error:
        again = f"`fieldcal environment webhook show {environment.id}` asks again"
        remedy = f"see whether the source can be signed in to and answers; {again}"
        return Check("webhook", ok=False, detail=str(error), remedy=remedy, transient=True)
    if not found.good:
        remedy = f"`fieldcal environment webhook add {environment.id} --url ...` repairs it"
        return Check("webhook", ok=False, detail="; ".join(found.differences), remedy=remedy, transient=True)
    failed = found.registered.failed
    calls = "" if failed is None else "; no call failed lately"
    if failed:
        calls = f"; {len(failed)} call{'s' if len(failed) > 1 else ''} failed lately"
    return Check("webhook", ok=True, detail=f"registered as it should be{calls}")


def _last(known: Webhook, name: str) -> Check:
    heard = f"{known.received_at:%Y-%m-%d %H:%M:%SZ}" if known.received_at else ""
    detail = f"{known.received:,} came in, the last {heard}" if heard else "none came in yet"
    if not known.missed:
        return Check("notifications", ok=True, detail=detail)
    detail += f"; {known.missed:,} bookings came by the passes only since"
    remedy = f"`fieldcal environment webhook show {name}`"
    return Check("notifications", ok=False, detail=detail, remedy=remedy, transient=True)
