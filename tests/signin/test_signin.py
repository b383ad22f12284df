"""Sign-in through msal itself against an authority on loopback: what gets a token, what does not, and what is said."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.signin.entra import (
    APP,
    ASSIGNED,
    HEADER,
    SYSTEM,
    TENANT,
    Entra,
    Files,
    claims,
    entra,
    pem,
    provider_token,
    run,
)

from fieldcal import signin
from fieldcal.attaching import end_mistakes
from fieldcal.clock import PlayedClock, SystemClock
from fieldcal.config import Config
from fieldcal.embedded.identity import Identities
from fieldcal.errors import ConfigError, SignInFailed, Throttled, Unreachable
from fieldcal.http import Http
from fieldcal.secrets import Secrets
from fieldcal.setup_model import Endpoint

Proof = tuple[str, Callable[[Files], str]]
PROOFS: dict[str, Proof] = {
    "secret": ("secret", lambda _: "env:PLANTED_SECRET"),
    "pem": ("certificate", lambda files: f"file:{files.pem}"),
    "locked pem": ("certificate", lambda files: f"file:{files.locked_pem},env:PLANTED_PASSWORD"),
    "pfx": ("certificate", lambda files: f"file:{files.pfx},env:PLANTED_PASSWORD"),
    "pfx without a password": ("certificate", lambda files: f"file:{files.open_pfx}"),
    "workload": ("workload-identity", lambda files: f"file:{files.token}"),
}


def at(served: Entra, **changed: Any) -> Endpoint:
    known: dict[str, Any] = {
        "url": served.url, "authority": served.url, "tenant": TENANT, "credential": "secret", "client_id": APP,
        "secret": "env:PLANTED_SECRET",
    }  # fmt: skip
    return Endpoint(**(known | changed))


def of_machine(**changed: Any) -> Endpoint:
    return Endpoint("https://graph.example", credential="managed-identity", **changed)


def trusting(ca_file: Path | None) -> Callable[[], ssl.SSLContext | None]:
    return lambda: ssl.create_default_context(cafile=str(ca_file)) if ca_file else None


def signing_in(end: Endpoint, served: Entra, clock: Any = None, *, ca_file: Path | None = None) -> signin.SharedToken:
    assert end_mistakes(end, Config()) == []
    return signin.credential(end, Secrets(()), clock or SystemClock(), trusting(ca_file or served.tls.ca_file))


def token_of(end: Endpoint, served: Entra, **more: Any) -> dict[str, Any]:
    return claims(run(signing_in(end, served, **more).token()))


@pytest.mark.parametrize("proof", PROOFS)
def test_each_proof_gets_a_token_for_the_service_at_the_base_url(authority: Entra, files: Files, proof: str) -> None:
    kind, reference = PROOFS[proof]
    said = token_of(at(authority, credential=kind, secret=reference(files), url=f"{authority.url}/v1.0"), authority)
    assert (said["tid"], said["appid"], said["aud"]) == (TENANT, APP, authority.url)


def test_nobody_but_the_authority_is_asked(authority: Entra) -> None:
    token_of(at(authority), authority)
    assert authority.asked == [
        f"/{TENANT}/v2.0/.well-known/openid-configuration", f"/{TENANT}/oauth2/v2.0/token",
    ]  # fmt: skip


def test_a_certificate_kept_encrypted_and_one_from_the_environment_work(
    authority: Entra, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.fernet import Fernet

    secrets = Secrets([Fernet.generate_key().decode()])
    monkeypatch.setenv("PLANTED_PEM", files.pem.read_text())
    for reference in (secrets.seal(files.pem.read_text()), "env:PLANTED_PEM"):
        end = at(authority, credential="certificate", secret=reference)
        token = signin.credential(end, secrets, SystemClock(), trusting(authority.tls.ca_file)).token()
        assert claims(run(token))["appid"] == APP


@pytest.mark.parametrize(
    ("changed", "code", "helps"),
    [
        ({"secret": "env:PATH"}, 7000215, "keep the secret's value, not its id"),
        ({"client_id": "somebody"}, 700016, "check --client-id and --tenant"),
        ({"tenant": "contoso.example"}, 90002, "--authority is that of its cloud"),
        ({"credential": "certificate", "secret": "file:{strange_pem}"}, 700027, "upload it to the app registration"),
    ],
)
def test_a_refused_sign_in_names_the_code_and_what_helps(
    authority: Entra, files: Files, changed: dict[str, str], code: int, helps: str
) -> None:
    paths = {key: str(value) for key, value in dataclasses.asdict(files).items()}
    end = at(authority, **{key: value.format(**paths) for key, value in changed.items()})
    with pytest.raises(SignInFailed, match=f"AADSTS{code}") as refused:
        run(signing_in(end, authority).token())
    assert helps in str(refused.value)
    assert refused.value.code == f"AADSTS{code}"


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        ({"iss": "https://elsewhere.example"}, 700211),
        ({"aud": "api://other"}, 700212),
        ({"sub": "system:serviceaccount:other"}, 700213),
        ({"exp": 1_000_000_000}, 700024),
    ],
)
def test_a_federated_token_that_does_not_fit_is_told(
    authority: Entra, files: Files, claim: dict[str, Any], code: int
) -> None:
    files.token.write_text(provider_token(**claim))
    end = at(authority, credential="workload-identity", secret=f"file:{files.token}")
    with pytest.raises(SignInFailed, match=f"AADSTS{code}"):
        run(signing_in(end, authority).token())


@pytest.mark.parametrize("code", [7000222, 53003, 500011, 7000229])
def test_a_code_that_only_the_cloud_gives_is_told_with_its_remedy(authority: Entra, code: int) -> None:
    body = f'{{"error":"invalid_client","error_description":"AADSTS{code}: text","error_codes":[{code}]}}'
    authority.instead["/token"] = (401, {"Content-Type": "application/json"}, body)
    with pytest.raises(SignInFailed) as refused:
        run(signing_in(at(authority), authority).token())
    assert signin.REMEDIES[code] in str(refused.value)


def test_an_unknown_code_leads_to_its_page_and_quotes_nothing_of_the_server(authority: Entra) -> None:
    authority.instead["/token"] = (400, {}, '{"error":"x","error_description":"AADSTS99999: PLANTED words"}')
    with pytest.raises(SignInFailed, match=r"error\?code=99999") as refused:
        run(signing_in(at(authority), authority).token())
    assert "PLANTED" not in str(refused.value)


@pytest.mark.parametrize(
    ("end_of_path", "answer", "error"),
    [
        ("/token", (503, {}, ""), Unreachable),
        ("/openid-configuration", (502, {}, "<html>"), Unreachable),
        ("/token", (200, {}, "no JSON"), Unreachable),
        ("/token", (200, {}, "[]"), Unreachable),
        ("/token", (200, {}, "{}"), Unreachable),
        ("/openid-configuration", (200, {}, "{}"), Unreachable),
        ("/token", (307, {"Location": "https://elsewhere.example/"}, ""), Unreachable),
        ("/token", (400, {}, '{"error":"temporarily_unavailable","error_description":"AADSTS90033: x"}'), Unreachable),
        ("/token", (403, {}, '{"error":"access_denied"}'), SignInFailed),
        ("/token", (200, {}, '{"access_token":"a b","expires_in":3599}'), SignInFailed),
    ],
)
def test_an_answer_that_is_none_is_told_apart_from_a_refusal(
    authority: Entra, end_of_path: str, answer: tuple[int, dict[str, str], str], error: type[Exception]
) -> None:
    authority.instead[end_of_path] = answer
    with pytest.raises(error) as told:
        run(signing_in(at(authority), authority).token())
    assert type(told.value) is error


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "17"}, 17.0), ({}, None)])
def test_a_throttled_sign_in_tells_how_long_to_wait(
    authority: Entra, header: dict[str, str], seconds: float | None
) -> None:
    authority.instead["/token"] = (429, header, "{}")
    with pytest.raises(Throttled) as told:
        run(signing_in(at(authority), authority).token())
    assert told.value.retry_after == seconds


def test_an_authority_of_a_certificate_authority_that_is_not_trusted_is_told_with_the_setting(authority: Entra) -> None:
    with pytest.raises(Unreachable, match=r"not trusted .*FIELDCAL_CA_FILE"):
        run(signin.credential(at(authority), Secrets(()), SystemClock(), trusting(None)).token())
    assert authority.token_requests == 0


def test_requests_ca_bundle_neither_adds_trust_nor_takes_it_away(
    authority: Entra, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(authority.tls.ca_file))
    with pytest.raises(Unreachable, match="not trusted"):
        run(signin.credential(at(authority), Secrets(()), SystemClock(), trusting(None)).token())
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "no-such-file.pem"))
    assert token_of(at(authority), authority)["appid"] == APP


def test_an_authority_that_leads_to_plain_http_is_not_followed(authority: Entra) -> None:
    plain = authority.url.replace("https", "http")
    document = f'{{"issuer":"x","authorization_endpoint":"{plain}/a","token_endpoint":"{plain}/t/oauth2/v2.0/token"}}'
    authority.instead["/openid-configuration"] = (200, {}, document)
    with pytest.raises((ConfigError, Unreachable)):
        run(signing_in(at(authority), authority).token())
    assert authority.token_requests == 0


def test_many_who_ask_at_once_share_one_sign_in(authority: Entra) -> None:
    async def go() -> set[str]:
        shared = signing_in(at(authority), authority)
        return set(await asyncio.gather(*(shared.token() for _ in range(20))))

    assert len(run(go())) == 1
    assert authority.token_requests == 1


def test_who_stops_waiting_leaves_the_sign_in_to_the_others(authority: Entra) -> None:
    async def go() -> str:
        shared = signing_in(at(authority), authority)
        first = asyncio.create_task(shared.token())
        second = asyncio.create_task(shared.token())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert claims(run(go()))["appid"] == APP
    assert authority.token_requests == 1


def test_a_token_is_renewed_before_it_ends_and_not_earlier(authority: Entra) -> None:
    async def go() -> list[int]:
        clock = PlayedClock(datetime(2026, 11, 23, tzinfo=UTC))
        shared, counts = signing_in(at(authority), authority, clock), []
        for step in (0, 3200, 100):
            clock.advance(timedelta(seconds=step))
            await shared.token()
            counts.append(authority.token_requests)
        return counts

    assert run(go()) == [1, 1, 2]


def test_while_the_authority_is_out_a_token_that_is_still_good_stays_in_use(authority: Entra) -> None:
    async def go() -> None:
        clock = PlayedClock(datetime(2026, 11, 23, tzinfo=UTC))
        shared = signing_in(at(authority), authority, clock)
        first = await shared.token()
        authority.instead["/token"] = (503, {}, "")
        clock.advance(timedelta(seconds=3400))
        assert [await shared.token(), await shared.token()] == [first, first]
        assert authority.token_requests == 2
        clock.advance(timedelta(seconds=200))
        with pytest.raises(Unreachable):
            await shared.token()

    run(go())


def test_a_token_that_ends_in_the_middle_of_a_run_is_renewed_once_and_the_request_carried_out(authority: Entra) -> None:
    async def go() -> list[int]:
        tls = ssl.create_default_context(cafile=str(authority.tls.ca_file))
        http = Http(authority.url, signing_in(at(authority), authority), SystemClock(), tls=tls)
        try:
            first = await http.request("GET", "/guarded")
            authority.clock.advance(timedelta(hours=2))
            return [first.status, (await http.request("POST", "/guarded")).status]
        finally:
            await http.close()

    # The route takes GET only: 405 is an answer to a request that was let in.
    assert run(go()) == [200, 405]
    assert authority.asked.count("/guarded") == 2


def test_a_service_that_refuses_every_token_ends_after_one_renewal(authority: Entra) -> None:
    async def go() -> None:
        authority.instead["/guarded"] = (401, {}, "")
        tls = ssl.create_default_context(cafile=str(authority.tls.ca_file))
        http = Http(authority.url, signing_in(at(authority), authority), SystemClock(), tls=tls)
        try:
            with pytest.raises(SignInFailed, match="also after signing in anew"):
                await http.request("POST", "/guarded")
        finally:
            await http.close()

    run(go())
    assert (authority.token_requests, authority.asked.count("/guarded")) == (2, 2)


def test_a_changed_secret_takes_hold_at_the_next_sign_in(authority: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.signin.entra import SECRET

    async def go() -> str:
        monkeypatch.setenv("PLANTED_SECRET", "old")
        shared = signing_in(at(authority), authority)
        with pytest.raises(SignInFailed, match="7000215"):
            await shared.token()
        monkeypatch.setenv("PLANTED_SECRET", SECRET)
        return await shared.token()

    assert claims(run(go()))["appid"] == APP


@pytest.mark.parametrize(("client_id", "who"), [("", SYSTEM), (ASSIGNED, ASSIGNED)])
@pytest.mark.parametrize("kind", ["imds", "app service"])
def test_a_managed_identity_gets_a_token_without_any_secret(
    machine: Entra, monkeypatch: pytest.MonkeyPatch, kind: str, client_id: str, who: str
) -> None:
    offered(machine, monkeypatch, kind)
    said = token_of(of_machine(client_id=client_id), machine)
    assert (said["appid"], said["aud"], said["tid"]) == (who, "https://graph.example", TENANT)


@pytest.mark.parametrize("kind", ["imds", "app service"])
def test_an_identity_that_the_machine_does_not_have_is_told(
    machine: Entra, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    offered(machine, monkeypatch, kind)
    with pytest.raises(SignInFailed, match="give this machine an identity"):
        run(signing_in(of_machine(client_id="another"), machine).token())


def test_a_machine_without_an_identity_and_one_outside_azure_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with entra(tmp_path, tls=False, identities=Identities()) as served:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", served.url)
        with pytest.raises(SignInFailed, match="give this machine an identity"):
            run(signing_in(of_machine(), served).token())
    with pytest.raises(Unreachable, match="no answer from http://127"):
        run(signing_in(of_machine(), served).token())


def offered(machine: Entra, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The environment that Azure gives: none on a virtual machine, whose endpoint has a fixed address."""
    if kind == "imds":
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
        return
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"authority": "http://127.0.0.1:1"}, "--authority: the credential `secret` signs in over https only"),
        ({"url": "http://127.0.0.1:1"}, "--url: the credential `secret` signs in over https only"),
        ({"authority": "https://login.example/tenant"}, "without the tenant"),
        ({"tenant": ""}, "needs --tenant"),
        ({"tenant": "common"}, "the tenant's id or its domain"),
        ({"tenant": "a/../b"}, "the tenant's id or its domain"),
        ({"client_id": ""}, "needs --client-id"),
        ({"secret": ""}, "needs --secret"),
        ({"url": ""}, "needs --url"),
        ({"secret": "PLANTED"}, "never the secret itself"),
        ({"credential": "workload-identity"}, "file:PATH of the token file"),
        ({"credential": "managed-identity"}, "takes no --secret"),
    ],
)
def test_a_mistake_in_the_form_is_one_line_before_anything_is_asked(changed: dict[str, str], says: str) -> None:
    known = {"url": "https://x.example", "tenant": TENANT, "credential": "secret", "client_id": APP, "secret": "env:A"}
    told = "; ".join(end_mistakes(Endpoint(**(known | changed)), Config()))
    assert says in told
    assert "\n" not in told
    assert "PLANTED" not in told


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("locked_pem", "", "cannot be opened"),
        ("locked_pem", ",env:PATH", "cannot be opened"),
        ("pfx", "", "cannot be opened"),
        ("pfx", ",env:PATH", "cannot be opened"),
        ("token", "", "cannot be opened"),
        ("key alone", "", "holds no certificate for its key"),
        ("foreign certificate", "", "holds no certificate for its key"),
        ("elliptic key", "", "RSA only"),
        ("nothing", "", "cannot be read"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told_by_its_reference(
    authority: Entra, files: Files, tmp_path: Path, name: str, password: str, says: str
) -> None:
    path = getattr(files, name, tmp_path / "planted.pem")
    if name in PLANTED:
        path.write_bytes(PLANTED[name](files))
    end = at(authority, credential="certificate", secret=f"file:{path}{password}")
    with pytest.raises(ConfigError, match=says) as told:
        run(signing_in(end, authority).token())
    assert str(path) in str(told.value)
    assert authority.token_requests == 0


def _key_alone(files: Files) -> bytes:
    return files.pem.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0]


def _foreign(files: Files) -> bytes:
    return _key_alone(files) + files.strange_pem.read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2]


def _elliptic(files: Files) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec

    return pem(ec.generate_private_key(ec.SECP256R1()))


PLANTED = {"key alone": _key_alone, "foreign certificate": _foreign, "elliptic key": _elliptic}
