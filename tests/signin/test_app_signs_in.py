"""The wiring: one sign-in for each end, and private authorities besides the system's own."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from tests.signin.entra import Entra
from tests.signin.test_signin import at

from fieldcal.app import SOURCE_AT_ONCE, App
from fieldcal.config import Config
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.server import serving
from fieldcal.setup_model import Endpoint


def test_all_connections_to_one_end_share_one_sign_in(
    authority: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_CA_FILE", str(authority.tls.ca_file))
    monkeypatch.setenv("FIELDCAL_DATA", str(tmp_path / "data"))

    async def go() -> list[int]:
        async with App(Config()) as app:
            found = []
            for _ in range(3):
                http = app.http_to(at(authority), "calendars")
                found.append((await http.request("GET", "/guarded")).status)
                await http.close()
            return found

    assert asyncio.run(go()) == [200, 200, 200]
    assert authority.token_requests == 1


def test_a_private_authority_is_trusted_besides_those_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldcal.app import _trust
    from fieldcal.embedded.server import make_certificates

    (tmp_path / "system").mkdir()
    (tmp_path / "private").mkdir()
    system, private = (make_certificates(tmp_path / name).ca_file for name in ("system", "private"))
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    trusted = _trust(private)
    assert trusted is not None
    known = {one["serialNumber"] for one in trusted.get_ca_certs()}
    for path in (system, private):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(path)
        assert context.get_ca_certs()[0]["serialNumber"] in known


def test_an_installation_stays_far_below_the_requests_that_dataverse_takes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_DATA", str(tmp_path / "data"))

    async def go() -> int:
        with FieldService(":memory:", sandbox=True) as service:
            service.control.change(max_concurrent=52)
            async with App(Config()) as app, serving(service.app) as url:
                monkeypatch.setenv("SOURCE_TOKEN", service.tokens.grant(url))
                http = app.http_to(Endpoint(url, credential="token", secret="env:SOURCE_TOKEN"), "source")
                answers = await asyncio.gather(*(http.request("GET", "/api/data/v9.2/WhoAmI") for _ in range(120)))
                await http.close()
                assert {answer.status for answer in answers} == {200}
                return service.most_at_once

    assert 1 < asyncio.run(go()) <= SOURCE_AT_ONCE < 52
