"""The embedded sign-in: what gets a token, what does not, and how a token is checked."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from starlette.applications import Starlette

from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.server import serving
from fieldcal.embedded.tokens import TokenIssuer, TokenRefused

TENANT = "1f6f6f6e-0000-4000-8000-000000000001"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
URL = "http://127.0.0.1:8080"
ASKED = {
    "grant_type": "client_credentials",
    "client_id": "app",
    "client_secret": "s3cret",
    "scope": "https://contoso.example/.default",
}


def issuer(**more):
    return TokenIssuer(TENANT, {"app": "s3cret"}, **more)


async def post(path, form):
    app = Starlette(routes=issuer().routes())
    async with serving(app) as url, aiohttp.ClientSession() as session, session.post(url + path, data=form) as answer:
        return answer.status, await answer.json()


def claims(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_client_credentials_get_a_token_that_names_tenant_audience_and_client():
    status, answer = asyncio.run(post(f"/{TENANT}/oauth2/v2.0/token", ASKED))
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 3599)
    said = claims(answer["access_token"])
    assert (said["tid"], said["aud"], said["appid"]) == (TENANT, "https://contoso.example", "app")


@pytest.mark.parametrize(
    ("change", "status", "error", "code"),
    [
        ({"client_secret": "guess"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000215),
        ({"client_id": "nobody"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"client_assertion": "a.b.c", "client_assertion_type": JWT_BEARER}, 401, "invalid_client", 700027),
        ({"client_assertion": "a.b.c"}, 400, "invalid_request", 900144),
        ({"scope": "https://contoso.example/user_impersonation"}, 400, "invalid_scope", 1002012),
        ({"scope": ""}, 400, "invalid_scope", 1002012),
    ],
)
def test_a_refusal_has_entras_shape_and_code(change, status, error, code):
    got, answer = asyncio.run(post(f"/{TENANT}/oauth2/v2.0/token", ASKED | change))
    assert (got, answer["error"], answer["error_codes"]) == (status, error, [code])
    assert answer["error_description"].startswith(f"AADSTS{code}: ")


def test_another_tenant_is_unknown():
    status, answer = asyncio.run(post("/contoso.example/oauth2/v2.0/token", ASKED))
    assert (status, answer["error_codes"]) == (400, [90002])


@pytest.mark.parametrize("authority", [f"/{TENANT}", f"/{TENANT}/v2.0"])
def test_the_discovery_document_leads_to_the_token_endpoint(authority):
    async def go():
        path = f"{authority}/.well-known/openid-configuration"
        app = Starlette(routes=issuer().routes())
        async with serving(app) as url, aiohttp.ClientSession(url) as session, session.get(path) as answer:
            return url, await answer.json()

    url, document = asyncio.run(go())
    assert document["token_endpoint"] == f"{url}/{TENANT}/oauth2/v2.0/token"
    assert document["issuer"] == url + authority


@pytest.mark.parametrize("audience", [URL, URL + "/", URL + "/.default", URL + "//.default"])
def test_a_granted_token_is_taken_for_its_audience(audience):
    tokens = issuer()
    assert tokens.check(tokens.grant(audience), URL).tid == TENANT


def test_a_token_is_taken_by_an_issuer_with_the_same_key_only():
    key = b"k" * 32
    token = issuer(key=key).grant(URL)
    assert issuer(key=key).check(token, URL).aud == URL
    with pytest.raises(TokenRefused, match="not issued here"):
        issuer().check(token, URL)


def test_a_token_expires_by_the_played_clock():
    clock = SandboxClock(lambda: datetime(2026, 11, 23, tzinfo=UTC))
    tokens = issuer(clock=clock, lifetime=600)
    token = tokens.grant(URL)
    clock.advance(timedelta(seconds=599))
    assert tokens.check(token, URL).exp == datetime(2026, 11, 23, 0, 10, tzinfo=UTC).timestamp()
    clock.advance(timedelta(seconds=1))
    with pytest.raises(TokenRefused, match="expired"):
        tokens.check(token, URL)


def changed(token):
    head, _, signature = token.split(".")
    said = claims(token) | {"exp": 9_999_999_999}
    return ".".join([head, base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("="), signature])


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda _: "", "not issued here"),
        (lambda _: "abc", "not issued here"),
        (lambda token: token[:-2], "not issued here"),
        (lambda token: "ä" + token, "no JWT"),
        (changed, "not issued here"),
    ],
)
def test_a_spoiled_token_is_refused(spoil, why):
    tokens = issuer()
    with pytest.raises(TokenRefused, match=why):
        tokens.check(spoil(tokens.grant(URL)), URL)


def test_a_token_for_another_audience_is_refused():
    tokens = issuer()
    token = tokens.grant("https://other.example")
    with pytest.raises(TokenRefused, match="audience"):
        tokens.check(token, URL)


def test_a_token_of_another_tenant_is_refused():
    key = b"k" * 32
    foreign = TokenIssuer("other-tenant", {}, key=key).grant(URL)
    with pytest.raises(TokenRefused, match="tenant"):
        issuer(key=key).check(foreign, URL)
