"""The embedded systems' own sign-in: Entra's token endpoint as far as client credentials go.

Shapes: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
Tokens are JWTs signed with HMAC-SHA256 by the issuer's own key, so a client that reads `tid` finds it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fieldcal.embedded.assertions import ASSERTION_TYPE, Refusal, Registration, judge
from fieldcal.embedded.control import SandboxClock

DEFAULT_SCOPE = "/.default"


class TokenRefused(Exception):
    """The bearer token is missing, foreign, for another audience, or expired. The text says which."""


class Claims(msgspec.Struct, frozen=True):
    """What a token says. `exp` in POSIX seconds of the issuer's clock."""

    aud: str
    iss: str
    tid: str
    appid: str
    exp: int
    iat: int
    nbf: int
    oid: str
    ver: str = "2.0"
    idtyp: str = "app"


class TokenIssuer:
    """Issues and checks the tokens of one tenant. Two systems may share one issuer, or one key."""

    def __init__(
        self,
        tenant_id: str,
        clients: Mapping[str, str],
        *,
        clock: SandboxClock | None = None,
        key: bytes | None = None,
        lifetime: int = 3599,
        registrations: Mapping[str, Registration] | None = None,
    ) -> None:
        """`clients`: id to secret. `registrations`: id to what else proves the client (certificates, federations).

        `key`: keep it to keep tokens valid over a restart. `lifetime` in seconds.
        """
        self.tenant_id = tenant_id
        self.clock = clock or SandboxClock()
        self.lifetime = lifetime
        self._clients = {name: _digest(secret) for name, secret in clients.items()}
        self._registrations = dict(registrations or {})
        self._key = key or secrets.token_bytes(32)

    def grant(self, audience: str, *, client_id: str = "", lifetime: int | None = None) -> str:
        """A token for one audience: a base URL, or what a scope says before `/.default`. `lifetime` in seconds."""
        now = int(self.clock.now().timestamp())
        claims = Claims(
            aud=_resource(audience),
            iss=f"https://sts.embedded.example/{self.tenant_id}/",
            tid=self.tenant_id,
            appid=client_id or next(iter(self._clients), "embedded"),
            exp=now + (self.lifetime if lifetime is None else lifetime),
            iat=now,
            nbf=now,
            oid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.tenant_id}/{client_id}")),
        )
        head = _base64(b'{"typ":"JWT","alg":"HS256","kid":"embedded"}')
        signed = head + b"." + _base64(msgspec.json.encode(claims))
        return (signed + b"." + self._sign(signed)).decode("ascii")

    def check(self, token: str, *audiences: str) -> Claims:
        """The claims of a token of ours for one of the audiences, not expired; else TokenRefused."""
        try:
            signed, _, signature = token.encode("ascii").rpartition(b".")
        except UnicodeEncodeError:
            raise TokenRefused("the token is no JWT") from None
        if not hmac.compare_digest(self._sign(signed), signature):
            raise TokenRefused("signature validation failed: the token was not issued here")
        claims = msgspec.json.decode(_unbase64(signed.partition(b".")[2]), type=Claims)
        if claims.tid != self.tenant_id:
            raise TokenRefused("the token is of another tenant")
        if claims.aud not in {_resource(audience) for audience in audiences}:
            raise TokenRefused(f"invalid audience: {claims.aud}")
        if claims.exp <= self.clock.now().timestamp():
            raise TokenRefused("lifetime validation failed, the token is expired")
        return claims

    def check_request(self, request: HTTPConnection, *audiences: str) -> Claims:
        """The claims of a request's bearer token, for the audiences or for the request's own origin."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefused("access token is empty")
        return self.check(token.strip(), origin_of(request), *audiences)

    def routes(self) -> list[Route]:
        """The token endpoint and the discovery documents, as MSAL and azure-identity ask for them."""
        discovery = "/.well-known/openid-configuration"
        return [
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            Route("/{tenant}/v2.0" + discovery, self._discover),
            Route("/{tenant}" + discovery, self._discover),
        ]

    async def _discover(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        if tenant != self.tenant_id:
            return self._refuse(_unknown_tenant(tenant))
        origin = origin_of(request)
        asked = request.url.path.removesuffix("/.well-known/openid-configuration")
        return JSONResponse(
            {
                "issuer": origin + asked,
                "token_endpoint": f"{origin}/{tenant}/oauth2/v2.0/token",
                "authorization_endpoint": f"{origin}/{tenant}/oauth2/v2.0/authorize",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_types_supported": ["token"],
                "subject_types_supported": ["pairwise"],
                "tenant_region_scope": None,
                "cloud_instance_name": "embedded",
            }
        )

    async def _token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=50)
        fields = {name: values[-1] for name, values in form.items()}
        refusal = self._judge(request.path_params["tenant"], fields, origin_of(request) + request.url.path)
        if refusal is not None:
            return self._refuse(refusal)
        audience = fields["scope"].removesuffix(DEFAULT_SCOPE)
        token = self.grant(audience, client_id=fields["client_id"])
        answer = {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": token,
        }
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    def _judge(self, tenant: str, fields: Mapping[str, str], endpoint: str) -> Refusal | None:
        """Why this request gets no token, or None."""
        grant, client = fields.get("grant_type", ""), fields.get("client_id", "")
        if tenant != self.tenant_id:
            return _unknown_tenant(tenant)
        if grant != "client_credentials":
            return Refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if client not in self._clients and client not in self._registrations:
            text = f"Application with identifier '{client[:60]}' was not found in the directory."
            return Refusal(400, "unauthorized_client", 700016, text)
        if not fields.get("scope", "").endswith(DEFAULT_SCOPE):
            text = (
                "The provided value for scope is not valid: it must be a resource identifier suffixed with /.default."
            )
            return Refusal(400, "invalid_scope", 1002012, text)
        return self._judge_proof(client, fields, endpoint)

    def _judge_proof(self, client: str, fields: Mapping[str, str], endpoint: str) -> Refusal | None:
        if "client_assertion" in fields:
            if fields.get("client_assertion_type") != ASSERTION_TYPE:
                text = "The request body must contain the following parameter: 'client_assertion_type'."
                return Refusal(400, "invalid_request", 900144, text)
            known = self._registrations.get(client, Registration())
            return judge(fields["client_assertion"], client, known, endpoint, self.clock.now().timestamp())
        known_digest = self._clients.get(client, b"")
        if not hmac.compare_digest(_digest(fields.get("client_secret", "")), known_digest):
            return Refusal(401, "invalid_client", 7000215, "Invalid client secret provided.")
        return None

    def _refuse(self, refusal: Refusal) -> Response:
        now = self.clock.now()
        body = {
            "error": refusal.error,
            "error_description": f"AADSTS{refusal.code}: {refusal.text}",
            "error_codes": [refusal.code],
            "timestamp": f"{now:%Y-%m-%d %H:%M:%S}Z",
        }
        return JSONResponse(body, refusal.status)

    def _sign(self, signed: bytes) -> bytes:
        return _base64(hmac.digest(self._key, signed, hashlib.sha256))


def origin_of(request: HTTPConnection) -> str:
    """Scheme, host and port that the client asked, such as `http://127.0.0.1:8080`."""
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}"


def _unknown_tenant(tenant: str) -> Refusal:
    return Refusal(400, "invalid_request", 90002, f"Tenant '{tenant[:60]}' not found.")


def _resource(audience: str) -> str:
    return audience.removesuffix(DEFAULT_SCOPE).rstrip("/").lower()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _unbase64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
