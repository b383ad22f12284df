"""The command line signs in to an Exchange over TLS in every way, and shows nothing of what it signs in with."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.cli.conftest import Fieldcal
from tests.signin.conftest import clean
from tests.signin.entra import APP, HEADER, PASSWORD, REGISTRATION, SECRET, Files, certificate, pem, write_files

from fieldcal.embedded.exchange import Exchange
from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT
from fieldcal.embedded.server import make_certificates, serving_in_thread
from fieldcal.embedded.tokens import TokenIssuer

TENANT = str(DEFAULT_TENANT)
TOKEN = re.compile(r"eyJ[\w-]{10,}")
KINDS = {
    "secret": ("secret", "env:PLANTED_SECRET"),
    "certificate": ("certificate", "file:{files.pem}"),
    "pfx": ("certificate", "file:{files.pfx},env:PLANTED_PASSWORD"),
    "workload": ("workload-identity", "file:{files.token}"),
}


@contextmanager
def exchange(folder: Path) -> Iterator[str]:
    tls = make_certificates(folder)
    issuer = TokenIssuer(TENANT, {APP: SECRET}, registrations={APP: REGISTRATION})
    with Exchange(folder / "exchange.db", issuer=issuer) as end, serving_in_thread(end.app, tls=tls) as url:
        yield url


@pytest.fixture
def url(fieldcal: Fieldcal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An Exchange that signs in at its own address; its certificate authority is named to Fieldcal."""
    clean(monkeypatch)
    monkeypatch.setenv("FIELDCAL_CA_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("FIELDCAL_SECRET_KEYS", Fernet.generate_key().decode())
    monkeypatch.setenv("FIELDCAL_LOG_LEVEL", "debug")
    with exchange(tmp_path) as served:
        yield served


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_files(tmp_path)


def traceback_of(*given: str) -> str:
    """Everything that a failing command prints in a process of its own that shows tracebacks."""
    command = [sys.executable, "-m", "fieldcal", *given]
    done = subprocess.run(
        command, env={**os.environ, "FIELDCAL_DEBUG": "1"}, capture_output=True, text=True, check=False
    )
    assert "Traceback" in done.stderr
    return done.stdout + done.stderr


def words(url: str, kind: str, secret: str) -> tuple[str, ...]:
    return (
        "--url", url, "--authority", url, "--tenant", TENANT, "--client-id", APP, "--credential", kind, "--secret",
        secret,
    )  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_profile_that_signs_in_learns_its_tenant(url: str, files: Files, fieldcal: Fieldcal, name: str) -> None:
    kind, secret = KINDS[name]
    said = fieldcal("profile", "add", "online", *words(url, kind, secret.format(files=files)), "--json")
    assert said.json()["tenant"] == TENANT
    assert said.json()["credential"] == kind


def test_a_pem_read_from_standard_input_is_kept_encrypted(
    url: str, files: Files, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(files.pem.read_text()))
    said = fieldcal("profile", "add", "online", *words(url, "certificate", "stdin"), "--json")
    assert said.json()["secret"] == "encrypted"
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("state.sqlite3*"))
    assert b"encrypted:" in kept
    assert files.pem.read_bytes().split(b"\n")[1] not in kept


def test_a_refused_sign_in_is_one_line_and_leaves_no_profile(
    url: str, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_SECRET", "wrong")
    said = fieldcal("profile", "add", "online", *words(url, "secret", "env:PLANTED_SECRET"))
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "AADSTS7000215" in said.err
    assert fieldcal("profile", "list", "--json").json() == []


def test_without_the_certificate_authority_the_setting_is_named(
    url: str, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIELDCAL_CA_FILE")
    said = fieldcal("profile", "add", "online", *words(url, "secret", "env:PLANTED_SECRET"))
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "FIELDCAL_CA_FILE" in said.err


@pytest.mark.parametrize(
    ("days", "level"), [(90, "ok"), (10, "warn"), (-1, "fail")], ids=["far off", "near", "past"]
)  # fmt: skip
def test_doctor_tells_when_a_certificate_ends(
    url: str, files: Files, fieldcal: Fieldcal, days: int, level: str
) -> None:
    import msgspec

    secret = f"file:{files.pem}"
    assert fieldcal("profile", "add", "online", *words(url, "certificate", secret), "--offline").status == 0
    files.pem.write_bytes(pem(own=certificate(days=days)))
    lines = {line["what"]: line for line in msgspec.json.decode(fieldcal("doctor", "--json").out)}
    assert lines["server profile online: certificate"]["level"] == level


def test_nothing_of_what_is_signed_in_with_is_ever_shown_or_kept(
    url: str, files: Files, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    federated = files.token.read_text().strip()
    lines_of_key = files.pem.read_text().split("-----BEGIN CERT", maxsplit=1)[0].splitlines()[1:-2]
    planted = [SECRET, PASSWORD, HEADER, federated, *lines_of_key]
    files.strange_pem.write_text("PLANTED broken file")
    broken = [("certificate", f"file:{files.strange_pem}"), ("certificate", f"file:{files.pfx},env:PLANTED_HEADER")]
    raw = [("secret", SECRET), ("certificate", f"{SECRET},env:PLANTED_PASSWORD")]
    told = ""
    for number, (kind, secret) in enumerate([*KINDS.values(), *broken, *raw]):
        given = words(url, kind, secret.format(files=files))
        said = fieldcal("profile", "add", f"p{number}", *given, *(("--json",) if number % 2 else ()))
        told += said.out + said.err
        said = fieldcal("environment", "add", f"e{number}", *given, "--offline")
        told += said.out + said.err
    for asked in (
        ("profile", "list", "--json"),
        ("environment", "list"),
        ("doctor",),
        ("doctor", "--json"),
        ("status",),
    ):
        said = fieldcal(*asked)
        told += said.out + said.err
    monkeypatch.setenv("PLANTED_SECRET", f"{SECRET}x")
    for asked in (("doctor",), ("doctor", "--json")):
        said = fieldcal(*asked)
        told += said.out + said.err
    assert "AADSTS7000215" in told
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("state.sqlite3*"))
    traced = traceback_of("profile", "add", "traced", *words(url, "secret", "env:PLANTED_SECRET"))
    assert "SignInFailed" in traced
    told += traced
    for secret in planted:
        assert secret not in told
        assert secret.encode() not in kept
    assert TOKEN.findall(told) == []
    assert "PLANTED broken" not in told
