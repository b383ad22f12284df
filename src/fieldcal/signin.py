"""Signs in to Microsoft Entra through msal: secret, certificate, managed identity, workload identity.

The only room that imports msal, and only when somebody signs in. msal talks through `_Wire`, so that a sign-in trusts
the certificate authorities that every other connection trusts (the system's and FIELDCAL_CA_FILE), whatever
REQUESTS_CA_BUNDLE says, follows no redirect with a secret in its hands, and ends in time. A client is made anew for
each sign-in: secrets are read when they are needed and kept nowhere, and a changed one takes hold by itself.

Sources: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, .../reference-error-codes,
learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

from fieldcal.answer import http_date, retry_after
from fieldcal.clock import Clock
from fieldcal.entra import REMEDIES, TRANSIENT
from fieldcal.errors import NOT_CONNECTED, ConfigError, ConnectorError, SignInFailed, Throttled, Unreachable, one_line
from fieldcal.http import checked_token
from fieldcal.keys import client_certificate
from fieldcal.network import in_words
from fieldcal.secrets import Secrets
from fieldcal.setup_model import Endpoint
from fieldcal.urls import parts

#: Where sign-in is done if nothing else is said: the worldwide cloud.
AUTHORITY = "https://login.microsoftonline.com"
#: How a service signs in to Entra, in the words of the command line.
KINDS = {
    "secret": "an application's client secret",
    "certificate": "an application's certificate: PEM with its key, or PFX",
    "managed-identity": "the identity that Azure gives this machine or app",
    "workload-identity": "a token file of another identity provider that the application trusts (Kubernetes, GitHub)",
}
#: Seconds for one request of a sign-in; the identity endpoint is on this machine.
TIMEOUT, NEAR_TIMEOUT = 30.0, 10.0
#: Seconds before its end from which a token is renewed, and until the next try while the old one still holds.
RENEW_BEFORE, TRY_AGAIN_AFTER = 300.0, 30.0
_LARGEST = 2**20
_CODE = re.compile(r"AADSTS(\d{4,8})")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


@dataclass(frozen=True, slots=True)
class Granted:
    """A bearer token; `seconds` is how long it is good from now."""

    token: str
    seconds: float


class SharedToken:
    """A `Credential`: the token of one application at one service, kept in this process until shortly before its end.

    `grant` signs in; it blocks and runs in a thread, one at a time. While a token is still good, a sign-in that fails
    for a passing reason is tried again later and the token stays in use.
    """

    def __init__(self, grant: Callable[[], Granted], clock: Clock) -> None:
        self._grant = grant
        self._clock = clock
        self._token = ""
        self._renew_at = self._ends_at = -math.inf
        self._flight: asyncio.Task[None] | None = None

    async def token(self) -> str:
        if not self._token or self._clock.monotonic() >= self._renew_at:
            if self._flight is None or self._flight.done():
                self._flight = asyncio.create_task(self._sign_in())
            # who waits may be cancelled; the others still get the token
            await asyncio.shield(self._flight)
        return self._token

    async def renew(self, refused: str) -> None:
        if self._token == refused:
            self._token = ""

    async def _sign_in(self) -> None:
        try:
            granted = await asyncio.to_thread(self._grant)
        except (Unreachable, Throttled):
            now = self._clock.monotonic()
            if not self._token or now >= self._ends_at:
                raise
            self._renew_at = now + TRY_AGAIN_AFTER
            return
        now = self._clock.monotonic()
        self._token = granted.token
        self._ends_at = now + granted.seconds
        self._renew_at = now + max(granted.seconds - RENEW_BEFORE, granted.seconds / 2)


def credential(
    end: Endpoint, secrets: Secrets, clock: Clock, trust: Callable[[], ssl.SSLContext | None]
) -> SharedToken:
    """How this end is signed in to; `trust` makes a TLS context of the caller's further authorities, None for none."""
    return SharedToken(lambda: _grant(end, secrets, trust), clock)


def mistakes(end: Endpoint) -> list[str]:
    """What is wrong with the form of an end of one of our `KINDS`; nothing is asked."""
    kind, found = end.credential, []
    needed, refused = {"--url": end.url}, {}
    if kind == "managed-identity":
        refused = {"--secret": end.secret, "--tenant": end.tenant, "--authority": end.authority}
    else:
        needed |= {"--tenant": end.tenant, "--client-id": end.client_id, "--secret": end.secret}
    found += [f"the credential `{kind}` needs {name}" for name, given in needed.items() if not given]
    found += [f"the credential `{kind}` takes no {name}" for name, given in refused.items() if given]
    for name, address in (("--url", end.url), ("--authority", end.authority)):
        if address and parts(address).scheme != "https":
            found.append(f"{name}: the credential `{kind}` signs in over https only")
    if parts(end.authority).path.strip("/"):
        found.append("--authority: write it without the tenant, such as https://login.microsoftonline.us")
    if end.tenant and (not _TENANT.fullmatch(end.tenant) or end.tenant in {"common", "organizations", "consumers"}):
        found.append("--tenant: write the tenant's id or its domain")
    if kind == "workload-identity" and end.secret and not end.secret.startswith("file:"):
        found.append("--secret: write file:PATH of the token file (what AZURE_FEDERATED_TOKEN_FILE names)")
    return found


def _grant(end: Endpoint, secrets: Secrets, trust: Callable[[], ssl.SSLContext | None]) -> Granted:
    wire = _Wire(trust() or ssl.create_default_context(), near=end.credential == "managed-identity")
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(end.url))
    why = ""
    try:
        told = _through_managed_identity(end, origin, wire) if wire.near else _through_entra(end, origin, secrets, wire)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # msal's way to tell that it can make nothing of an answer; its text quotes answers, so its kind has to do
        told, why = {}, type(error).__name__
    token, seconds = told.get("access_token"), told.get("expires_in")
    if not isinstance(token, str):
        raise _refusal(end, wire, why or one_line(told.get("error", "no token"), 60))
    name = f"the token of {wire.asked}"
    return Granted(checked_token(token, name), float(seconds) if isinstance(seconds, int | float) else 300.0)


def _through_entra(end: Endpoint, origin: str, secrets: Secrets, wire: _Wire) -> Mapping[str, Any]:
    import msal  # type: ignore[import-untyped] # it ships no types

    application = msal.ConfidentialClientApplication(
        end.client_id,
        client_credential=_proof(end, secrets),
        authority=f"{(end.authority or AUTHORITY).rstrip('/')}/{end.tenant}",
        # else an authority that msal does not know is asked about at login.microsoftonline.com
        instance_discovery=False,
        http_client=wire,
    )
    told: Mapping[str, Any] = application.acquire_token_for_client(scopes=[f"{origin}/.default"])
    return told


def _through_managed_identity(end: Endpoint, origin: str, wire: _Wire) -> Mapping[str, Any]:
    import msal

    identity = msal.UserAssignedManagedIdentity(client_id=end.client_id) if end.client_id else None
    client = msal.ManagedIdentityClient(identity or msal.SystemAssignedManagedIdentity(), http_client=wire)
    told: Mapping[str, Any] = client.acquire_token_for_client(resource=origin)
    return told


def _proof(end: Endpoint, secrets: Secrets) -> str | dict[str, Any]:
    """What the application proves itself with, in msal's form."""
    if end.credential == "certificate":
        proof = client_certificate(secrets, end.secret)
        return {"private_key": proof.key, "public_certificate": proof.pem}
    secret = secrets.resolve(end.secret)
    return secret if end.credential == "secret" else {"client_assertion": lambda: secret}


def _refusal(end: Endpoint, wire: _Wire, why: str) -> ConnectorError:
    who = wire.asked or end.authority or AUTHORITY
    found = _CODE.search(wire.text)
    if found is None and wire.near:
        if wire.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return Unreachable(f"the identity endpoint {who} is not ready (HTTP {wire.status})", status=wire.status)
        remedy = "give this machine an identity, or name a user-assigned one with --client-id"
        return SignInFailed(f"the identity endpoint {who} gives no token ({why}); {remedy}", status=wire.status)
    if found is None and wire.status == HTTPStatus.OK:
        return Unreachable(f"{who} gave an answer to the sign-in that is none ({why})", status=wire.status)
    if found is None:
        return SignInFailed(f"{who} refuses the sign-in (HTTP {wire.status}, {why})", status=wire.status)
    code, name = int(found[1]), found[0]
    if code in TRANSIENT:
        return Unreachable(f"{who} cannot sign in just now ({name})", code=name, status=wire.status)
    remedy = REMEDIES.get(code, f"what it means: {AUTHORITY}/error?code={code}")
    client = one_line(end.client_id, 60) or "this identity"
    return SignInFailed(f"{who} refuses the sign-in of {client} ({name}): {remedy}", code=name, status=wire.status)


class _Wire:
    """What msal asks through; remembers the last answer. Raises `Unreachable` and `Throttled` past msal."""

    def __init__(self, tls: ssl.SSLContext, *, near: bool) -> None:
        """`near`: the identity endpoint of this machine is asked, which speaks plain HTTP."""
        self.near = near
        self.asked, self.text, self.status = "", "", 0
        self._tls = tls

    def get(self, url: str, params: Any = None, headers: Any = None, **_unused: Any) -> SimpleNamespace:
        return self._send("GET", url, params, None, headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_unused: Any) -> Any:
        form = data if isinstance(data, str) or data is None else urlencode(data)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._send("POST", url, params, form, {**kind, **(headers or {})})

    def _send(self, method: str, url: str, params: Any, body: str | None, headers: Any) -> SimpleNamespace:
        parts = urlsplit(url)
        self.asked, self.text, self.status = f"{parts.scheme}://{parts.netloc}", "", 0
        query = "&".join(part for part in (parts.query, urlencode(params or {})) if part)
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request(method, parts.path + (f"?{query}" if query else ""), body, dict(headers or {}))
            answer = connection.getresponse()
            self.text, self.status = answer.read(_LARGEST).decode("utf-8", "replace"), answer.status
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(
                f"no answer from {self.asked} to the sign-in: {in_words(error)}", code=NOT_CONNECTED
            ) from None
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(f"no answer from {self.asked} to the sign-in: {in_words(error)}") from None
        finally:
            connection.close()
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = retry_after(answer.headers.get("Retry-After", ""), http_date(answer.headers.get("Date", "")))
            raise Throttled(f"{self.asked} asks to sign in later", retry_after=wait)
        # a redirect too: no proof is carried to another address
        if self.status != HTTPStatus.OK and self.status // 100 != 4:  # noqa: PLR2004 - the class 4xx
            raise Unreachable(f"{self.asked} cannot sign in just now (HTTP {self.status})", status=self.status)
        return SimpleNamespace(status_code=self.status, text=self.text, headers=dict(answer.headers))

    def _connection(self, scheme: str, host: str, port: int | None) -> HTTPConnection:
        if scheme == "https":
            return HTTPSConnection(host, port, timeout=TIMEOUT, context=self._tls)
        if not self.near:
            raise ConfigError(f"{self.asked} sends the sign-in to an address without https; it is refused")
        return HTTPConnection(host, port, timeout=NEAR_TIMEOUT)
