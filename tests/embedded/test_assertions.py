"""The embedded sign-in's judgement of client assertions, and its identity endpoint: as strict as Entra's."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from starlette.applications import Starlette
from tests.signin.entra import APP, KEY, OWN, PROVIDER_KEY, REGISTRATION, TENANT, certificate, provider_token

from fieldcal.embedded.assertions import Registration, judge
from fieldcal.embedded.identity import APP_SERVICE_PATH, IMDS_PATH, Identities, identity_routes
from fieldcal.embedded.server import serving
from fieldcal.embedded.tokens import TokenIssuer

ENDPOINT = f"https://login.example/{TENANT}/oauth2/v2.0/token"


def print_of(kind: Any, own: Any = OWN) -> str:
    return base64.urlsafe_b64encode(own.fingerprint(kind)).decode().rstrip("=")


SHA1, SHA256 = {"x5t": print_of(hashes.SHA1())}, {"x5t#S256": print_of(hashes.SHA256())}


def assertion(*, key: Any = KEY, algorithm: str = "PS256", headers: Any = None, **changed: Any) -> str:
    now = time.time()
    said = {"iss": APP, "sub": APP, "aud": ENDPOINT, "exp": now + 600, "iat": now, "jti": "1"} | changed
    return jwt.encode(said, key, algorithm=algorithm, headers=headers or SHA256)


@pytest.mark.parametrize("headers", [SHA1, SHA256])
@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_an_assertion_signed_with_a_registered_certificate_is_a_proof(algorithm: str, headers: dict[str, str]) -> None:
    said = assertion(algorithm=algorithm, headers=headers)
    assert judge(said, APP, REGISTRATION, ENDPOINT, time.time()) is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (lambda: assertion(headers={"x5t": "AAAA"}), 700027),
        (lambda: assertion(headers={"kid": "none"}), 700027),
        (lambda: assertion(key=PROVIDER_KEY), 700027),
        (lambda: assertion(algorithm="RS384"), 700027),
        (
            lambda: jwt.encode({"iss": APP, "sub": APP, "aud": ENDPOINT, "exp": 9e9}, None, "none", headers=SHA256),
            700027,
        ),
        (lambda: assertion(sub="other"), 700021),
        (lambda: assertion(aud="https://other.example/token"), 700023),
        (lambda: assertion(exp=time.time() - 1), 700024),
        (lambda: assertion(nbf=time.time() + 3600), 700024),
        (lambda: assertion()[:-4] + "AAAA", 700027),
        (lambda: provider_token(key=KEY), 50027),
        (lambda: "a.b.c", 50027),
        (lambda: "ä", 50027),
        (lambda: "", 50027),
    ],
)
def test_an_assertion_that_proves_nothing_is_refused_with_entras_code(said: Any, code: int) -> None:
    refusal = judge(said(), APP, REGISTRATION, ENDPOINT, time.time())
    assert refusal is not None
    assert refusal.code == code


def test_a_certificate_that_has_expired_and_an_application_without_one_prove_nothing() -> None:
    old = certificate(days=-1)
    said = assertion(headers={"x5t#S256": print_of(hashes.SHA256(), old)})
    for known in (Registration([old]), Registration()):
        refusal = judge(said, APP, known, ENDPOINT, time.time())
        assert refusal is not None
        assert refusal.code == 700027


@pytest.mark.parametrize(
    ("path", "query", "headers", "status"),
    [
        (IMDS_PATH, "api-version=2018-02-01&resource=https://x.example", {"Metadata": "true"}, 200),
        (IMDS_PATH, "api-version=2018-02-01&resource=https://x.example", {}, 400),
        (IMDS_PATH, "api-version=2018-02-01&resource=https://x.example", {"Metadata": "true", "X-Forwarded-For": "1"}, 400),
        (IMDS_PATH, "resource=https://x.example", {"Metadata": "true"}, 400),
        (IMDS_PATH, "api-version=2018-02-01", {"Metadata": "true"}, 400),
        (APP_SERVICE_PATH, "api-version=2019-08-01&resource=https://x.example", {"X-IDENTITY-HEADER": "key"}, 200),
        (APP_SERVICE_PATH, "api-version=2019-08-01&resource=https://x.example", {"X-IDENTITY-HEADER": "guess"}, 401),
        (APP_SERVICE_PATH, "api-version=2019-08-01&resource=https://x.example", {"Metadata": "true"}, 401),
    ],
)  # fmt: skip
def test_the_identity_endpoint_answers_only_who_asks_as_azure_demands(
    path: str, query: str, headers: dict[str, str], status: int
) -> None:
    async def go() -> int:
        app = Starlette(routes=identity_routes(TokenIssuer(TENANT, {}), Identities("own"), "key"))
        async with (
            serving(app) as url,
            aiohttp.ClientSession() as session,
            session.get(f"{url}{path}?{query}", headers=headers) as answer,
        ):
            return answer.status

    assert asyncio.run(go()) == status
