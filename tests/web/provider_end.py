"""An OpenID Connect provider over HTTP on loopback: one person, one key, and the faults that a stranger might try.

Its answers come in pieces, as those of providers behind a network do.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

CLIENT, SECRET = "fieldcal", "the application's own secret"


@cache
def _key(_whose: str) -> RSAKey:
    """Made once, for it takes a tenth of a second."""
    return RSAKey.generate_key(2048, parameters={"kid": "one"})


def pieces(value: dict[str, Any], status: int = 200) -> Response:
    """JSON that reaches the asker in three pieces, the first of them before the others were sent."""
    text = json.dumps(value).encode()
    third = len(text) // 3 + 1

    async def body() -> AsyncIterator[bytes]:
        for at in range(0, len(text), third):
            yield text[at : at + third]
            await asyncio.sleep(0.002)

    return StreamingResponse(body(), status, media_type="application/json")


class ProviderEnd:
    """Plays Entra: `claims` are the person's; `spoil` changes a token before it is signed."""

    def __init__(self, clock: Any) -> None:
        self.clock, self.url = clock, ""
        self.key = _key("own")
        self.published = [self.key]
        self.claims: dict[str, Any] = {
            "sub": "pairwise", "oid": "0c000000-0000-4000-8000-000000000001", "name": "Erika Entra",
            "preferred_username": "erika@x.example", "groups": ["group-system", "group-other"],
        }  # fmt: skip
        self.spoil: dict[str, Any] = {}
        self.algorithm, self.signed_with = "RS256", self.key
        self.asked: dict[str, dict[str, str]] = {}
        self.refuses = ""
        #: what stands beside the metadata, of which providers may tell what they like
        self.beside: dict[str, Any] = {}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/tenant/.well-known/openid-configuration", self._about),
                Route("/tenant/authorize", self._authorize),
                Route("/tenant/token", self._token, methods=["POST"]),
                Route("/tenant/keys", self._keys),
            ]
        )

    @property
    def issuer(self) -> str:
        return f"{self.url}/tenant"

    async def _about(self, _request: Request) -> Response:
        named = {
            f"{name}_endpoint": f"{self.issuer}/{path}"
            for name, path in (("authorization", "authorize"), ("token", "token"))
        }
        return pieces({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **named, **self.beside})

    async def _keys(self, _request: Request) -> Response:
        return pieces({"keys": [key.as_dict(private=False) for key in self.published]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if self.refuses:
            return RedirectResponse(
                f"{asked['redirect_uri']}?{urlencode({'error': self.refuses, 'state': asked['state']})}"
            )
        assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (CLIENT, "code", "S256")
        code = secrets.token_urlsafe(16)
        self.asked[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.asked.pop(form.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        good = asked and proof == asked["code_challenge"] and form["redirect_uri"] == asked["redirect_uri"]
        if not good or (form["client_id"], form["client_secret"]) != (CLIENT, SECRET):
            return pieces({"error": "invalid_grant"}, 400)
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 600,
            "nonce": asked["nonce"],
            **self.claims,
        }
        claims = {name: value for name, value in {**claims, **self.spoil}.items() if value is not None}
        return pieces({"id_token": self._signed(claims), "token_type": "Bearer"})

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.algorithm == "none":
            parts = [{"alg": "none", "kid": "one"}, claims]
            return ".".join(
                [*(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts), ""]
            )
        header = {"alg": self.algorithm, "kid": self.signed_with.kid or "one"}
        return jwt.encode(header, claims, self.signed_with, algorithms=[self.algorithm])

    def stranger_signs(self) -> None:
        """A key of somebody else's under the known name."""
        self.signed_with = _key("a stranger's")

    def secret_signs(self) -> None:
        """HMAC with what the client shares: a classic confusion of algorithms."""
        self.algorithm, self.signed_with = "HS256", OctKey.import_key(SECRET, {"kid": "one"})

    def key_changes(self) -> None:
        """As providers' keys do, without telling."""
        self.signed_with = ECKey.generate_key("P-256", parameters={"kid": "two"})
        self.algorithm, self.published = "ES256", [self.signed_with]


def path_of(address: str) -> str:
    """What a browser asks its own site for, of an address there."""
    found = urlsplit(address)
    return f"{found.path}?{found.query}" if found.query else found.path
