"""Signing in at the organization's OpenID Connect provider: code flow with PKCE, state and nonce; every token proven.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth; what Microsoft Entra tells of groups:
https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped] # it has no types
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped] # likewise
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from fieldcal.app import App
from fieldcal.attaching import in_the_clear
from fieldcal.errors import ConfigError, NotAllowed, Unreachable, one_line
from fieldcal.setup.directory import Entered
from fieldcal.setup_model import Role

#: No `none`, and nothing that the client's own secret could sign.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"]
#: Seconds: a sign-in under way, what the provider tells of itself, an answer, and how far its clock may be from ours.
UNDER_WAY, KNOWN, ANSWER, LEEWAY = 600.0, 3_600.0, 10.0, 60
#: Sign-ins under way at once; the oldest is forgotten. Bytes of an answer.
_MOST, _LONGEST = 5_000, 256 * 1024
#: Of these from one address, and how many of all may have a form that waits.
_OF_ONE, _WITH_FORM = 100, 100


class _About(msgspec.Struct, frozen=True):
    """What is used of the provider's metadata."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way: what only we know of it, and what follows it."""

    browser: str
    nonce: str
    verifier: str
    redirect: str
    after: str
    #: a form that was cut off, sealed; "" where there is none
    kept: str
    at: float
    #: from where
    address: str = ""


class Provider:
    """The organization's provider, as the settings name it."""

    def __init__(self, app: App) -> None:
        config = app.config
        self._app, self._clock = app, app.clock
        self._issuer, self._client = config.oidc_issuer, config.oidc_client_id
        #: what people read on the button
        self.name = config.oidc_name
        #: the group or application role of each role
        self.meaning = meaning(config.oidc_roles)
        self._begun: dict[str, Begun] = {}
        self._about: tuple[float, _About] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def begin(self, browser: str, redirect: str, after: str, kept: str, address: str = "") -> str:
        """The address at the provider to which this browser goes; it comes back to `redirect`."""
        about, state = await self._metadata(), secrets.token_urlsafe(32)
        begun = Begun(browser, secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect, after, kept,
                      self._clock.monotonic(), address)  # fmt: skip
        self._forget(address)
        self._begun[state] = begun
        asked = {
            "client_id": self._client, "response_type": "code", "redirect_uri": redirect,
            "scope": "openid profile email",
            "state": state, "nonce": begun.nonce, "code_challenge": create_s256_code_challenge(begun.verifier),
            "code_challenge_method": "S256",
        }  # fmt: skip
        mark = "&" if "?" in about.authorization_endpoint else "?"
        return f"{about.authorization_endpoint}{mark}{urlencode(asked)}"

    def came_back(self, state: str, browser: str) -> Begun:
        """The sign-in that this browser began under this state; each is taken once."""
        begun = self._begun.pop(state, None)
        old = begun is None or self._clock.monotonic() - begun.at > UNDER_WAY
        if begun is None or old or not hmac.compare_digest(begun.browser.encode(), browser.encode()):
            raise NotAllowed("this sign-in was not begun here, or too long ago; begin again")
        return begun

    async def finish(self, begun: Begun, code: str) -> Entered:
        """Who signed in. `NotAllowed` where the provider's word is not proven, `Unreachable` where it has none."""
        about = await self._metadata()
        secret = self._app.secrets.resolve(self._app.config.oidc_secret)
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": begun.redirect,
            "client_id": self._client, "client_secret": secret, "code_verifier": begun.verifier,
        }  # fmt: skip
        told = await self._ask("POST", about.token_endpoint, form)
        token = told.get("id_token")
        if not isinstance(token, str):
            raise NotAllowed(f"the sign-in was refused there: {one_line(told.get('error', 'no id_token'), 80)}")
        return entered(await self._claims(about, token, begun.nonce, str(told.get("access_token", ""))))

    async def _claims(self, about: _About, token: str, nonce: str, access: str) -> Mapping[str, Any]:
        for fresh in (False, True):
            keys = await self._key_set(about, fresh=fresh)
            try:
                read = jwt.decode(token, keys, algorithms=ALGORITHMS)
                break
            except (JoseError, ValueError) as error:
                # A key changed since we read them; any other fault is the same with the newest keys.
                if fresh:
                    raise NotAllowed(f"the provider's token is not its own ({type(error).__name__})") from None
        options = {
            "iss": {"essential": True, "value": self._issuer}, "aud": {"essential": True, "value": self._client},
            "nonce": {"essential": True, "value": nonce},
        }  # fmt: skip
        claims = CodeIDToken(
            read.claims, read.header, options, {"nonce": nonce, "client_id": self._client, "access_token": access}
        )
        try:
            claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise NotAllowed(f"the provider's token does not hold here ({one_line(error, 80)})") from None
        return dict(claims)

    async def _metadata(self) -> _About:
        now = self._clock.monotonic()
        if self._about is None or now - self._about[0] > KNOWN:
            told = await self._ask("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            try:
                about = msgspec.convert(told, _About)
            except msgspec.ValidationError as error:
                raise Unreachable(f"the provider tells nothing usable of itself ({error})") from None
            if about.issuer != self._issuer:
                raise ConfigError(
                    f"FIELDCAL_OIDC_ISSUER is {self._issuer}, and the provider there calls itself "
                    f"{one_line(about.issuer, 120)}"
                )
            self._about = (now, about)
        return self._about[1]

    async def _key_set(self, about: _About, *, fresh: bool) -> KeySet:
        now = self._clock.monotonic()
        if self._keys is None or fresh or now - self._keys[0] > KNOWN:
            told = await self._ask("GET", about.jwks_uri)
            try:
                self._keys = (now, KeySet.import_key_set(told))  # type: ignore[arg-type] # checked by it
            except (JoseError, ValueError, KeyError, TypeError):
                raise Unreachable("the provider's keys cannot be read") from None
        return self._keys[1]

    async def _ask(self, method: str, url: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        if in_the_clear(url, self._app.config) or not url.startswith(("https://", "http://")):
            raise ConfigError("the provider's addresses have to be https://")
        connector = aiohttp.TCPConnector(ssl=self._app.tls) if self._app.tls else None
        limit = aiohttp.ClientTimeout(total=ANSWER)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=limit, trust_env=True) as session,
                session.request(method, url, data=form, allow_redirects=False) as answer,
            ):
                body = await _whole(answer.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"the sign-in of the organization does not answer ({type(error).__name__})") from None
        try:
            told = msgspec.json.decode(body)
        except msgspec.DecodeError:
            told = None
        if not isinstance(told, dict):
            raise Unreachable(f"the sign-in of the organization answers HTTP {answer.status} and no JSON")
        return told

    def _forget(self, address: str) -> None:
        """What is over, and the oldest of what is too much: of this address, so that it costs nobody else, and of all.

        Of too many forms the oldest goes, and its sign-in goes on without it.
        """
        now = self._clock.monotonic()
        own = [state for state, begun in self._begun.items() if begun.address == address]
        for state in own[: max(len(own) - _OF_ONE + 1, 0)]:
            del self._begun[state]
        forms = [state for state, begun in self._begun.items() if begun.kept]
        for state in forms[: max(len(forms) - _WITH_FORM + 1, 0)]:
            self._begun[state] = replace(self._begun[state], kept="")
        old = [state for state, begun in self._begun.items() if now - begun.at > UNDER_WAY]
        over = list(self._begun)[: max(len(self._begun) - _MOST + 1, 0)]
        for state in {*old, *over}:
            del self._begun[state]


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """All of an answer, in however many pieces it comes; `Unreachable` where it has no end."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > _LONGEST:
            raise Unreachable(f"the sign-in of the organization answers with more than {_LONGEST // 1024} KiB")
    return bytes(body)


def provider(app: App) -> Provider | None:
    """The provider that the settings name; None where they name none, a `ConfigError` where they name half of one."""
    config = app.config
    if not config.oidc_issuer:
        return None
    missing = [
        name for name, value in (("FIELDCAL_OIDC_CLIENT_ID", config.oidc_client_id),
                                 ("FIELDCAL_OIDC_SECRET", config.oidc_secret)) if not value
    ]  # fmt: skip
    if missing:
        raise ConfigError(f"FIELDCAL_OIDC_ISSUER is set, and {' and '.join(missing)} not")
    if in_the_clear(config.oidc_issuer, config):
        raise ConfigError("FIELDCAL_OIDC_ISSUER: write https://")
    return Provider(app)


def meaning(pairs: tuple[str, ...]) -> dict[Role, str]:
    """ROLE=GROUP pairs by role; the settings have checked them."""
    parted = [pair.partition("=") for pair in pairs]
    return {Role(role.strip()): group.strip() for role, _, group in parted}


def entered(claims: Mapping[str, Any]) -> Entered:
    """The person that these claims tell of. `NotAllowed` where the groups are too many to be told."""
    names = claims.get("_claim_names")
    if (isinstance(names, dict) and "groups" in names) or claims.get("hasgroups"):
        raise NotAllowed(
            "you are in more groups than the token holds, so your roles are not known; your administrator lets Entra "
            "tell application roles, or only the groups assigned to the application"
        )
    # Entra's `oid` is the same in every application, and that of the person's mailbox; elsewhere there is `sub`.
    object_id = str(claims.get("oid") or claims["sub"])
    name = str(claims.get("preferred_username") or claims.get("email") or object_id).strip()
    groups = [claims.get("groups"), claims.get("roles")]
    told = frozenset(str(one) for some in groups if isinstance(some, list) for one in some)
    return Entered(object_id, name[:200], str(claims.get("name") or name).strip()[:200], told, _proven(claims))


def _proven(claims: Mapping[str, Any]) -> str:
    """The address that the provider has proven; Entra says so of one in a verified domain of its tenant (`xms_edov`).

    https://learn.microsoft.com/en-us/entra/identity-platform/migrate-off-email-claim-authorization
    """
    address = claims.get("email")
    good = any(str(claims.get(name)).lower() in {"true", "1"} for name in ("email_verified", "xms_edov"))
    return address.strip()[:200] if good and isinstance(address, str) and address.isprintable() else ""
