"""An Entra of our own on loopback: authority, identity endpoint and a service that asks for tokens, over TLS."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fieldcal.embedded.assertions import EXCHANGE_AUDIENCE, Federation, Registration
from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.identity import Identities, identity_routes
from fieldcal.embedded.server import Certificates, make_certificates, serving_in_thread
from fieldcal.embedded.tokens import TokenIssuer, TokenRefused

TENANT = "1f6f6f6e-0000-4000-8000-000000000001"
APP, SECRET, PASSWORD = "6b1f6f6e-0000-4000-8000-00000000000a", "PLANTED~secret.of-the-app", "PLANTED-password"
SYSTEM, ASSIGNED, HEADER = "machine-itself", "identity-of-fieldcal", "PLANTED-identity-header"
ISSUER, SUBJECT = "https://kubernetes.example", "system:serviceaccount:fieldcal:fieldcal"


@dataclass
class Entra:
    """What is asked of it, and what it answers instead when `instead` is set."""

    url: str
    folder: Path
    tls: Certificates
    issuer: TokenIssuer
    clock: SandboxClock
    asked: list[str] = field(default_factory=list)
    #: path's end -> (status, headers, body) in place of the true answer
    instead: dict[str, tuple[int, dict[str, str], str]] = field(default_factory=dict)

    @property
    def token_requests(self) -> int:
        return sum("/oauth2/" in path or path == "/msi/token" for path in self.asked)


@dataclass(frozen=True)
class Files:
    """What an application's owner holds, in every form that we take."""

    pem: Path
    locked_pem: Path
    pfx: Path
    open_pfx: Path
    token: Path
    strange_pem: Path


KEY = rsa.generate_private_key(65537, 2048)
PROVIDER_KEY = rsa.generate_private_key(65537, 2048)
STRANGE_KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey = KEY, *, days: int = 90) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fieldcal")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = (
        built.serial_number(7).not_valid_before(now - timedelta(days=365)).not_valid_after(now + timedelta(days=days))
    )
    return built.sign(key, hashes.SHA256())


def pem(key: Any = KEY, own: x509.Certificate | None = None, password: bytes | None = None) -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    own = own or certificate(key)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock) + own.public_bytes(Encoding.PEM)


def provider_token(key: rsa.RSAPrivateKey = PROVIDER_KEY, **changed: Any) -> str:
    """A token as a cluster writes it into its pods."""
    now = int(time.time())
    said = {"iss": ISSUER, "sub": SUBJECT, "aud": EXCHANGE_AUDIENCE, "iat": now, "exp": now + 600} | changed
    return jwt.encode(said, key, algorithm="RS256")


def write_files(folder: Path) -> Files:
    files = Files(*(folder / name for name in ("a.pem", "locked.pem", "a.pfx", "open.pfx", "token", "strange.pem")))
    files.pem.write_bytes(pem(own=OWN))
    files.locked_pem.write_bytes(pem(own=OWN, password=PASSWORD.encode()))
    lock = BestAvailableEncryption(PASSWORD.encode())
    files.pfx.write_bytes(pkcs12.serialize_key_and_certificates(b"fieldcal", KEY, OWN, None, lock))
    files.open_pfx.write_bytes(pkcs12.serialize_key_and_certificates(b"fieldcal", KEY, OWN, None, NoEncryption()))
    files.token.write_text(provider_token() + "\n")
    files.strange_pem.write_bytes(pem(STRANGE_KEY))
    return files


OWN = certificate()
REGISTRATION = Registration([OWN], [Federation(ISSUER, SUBJECT, PROVIDER_KEY.public_key())])


@contextmanager
def entra(folder: Path, *, tls: bool = True, identities: Identities | None = None) -> Iterator[Entra]:
    """Serve it in a thread while the block runs."""
    clock = SandboxClock()
    issuer = TokenIssuer(TENANT, {APP: SECRET}, clock=clock, registrations={APP: REGISTRATION})
    made = Entra("", folder, make_certificates(folder), issuer, clock)

    async def guarded(request: Request) -> Response:
        try:
            said = issuer.check_request(request)
        except TokenRefused as refused:
            return JSONResponse({"error": str(refused)}, 401)
        return JSONResponse({"client": said.appid, "tenant": said.tid, "audience": said.aud})

    known = identities or Identities(SYSTEM, [ASSIGNED])
    app = Starlette(routes=[*issuer.routes(), *identity_routes(issuer, known, HEADER), Route("/guarded", guarded)])

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        made.asked.append(path)
        other = next((answer for end, answer in made.instead.items() if path.endswith(end)), None)
        answer = Response(other[2], other[0], other[1]) if other else app
        await answer(scope, receive, send)

    with serving_in_thread(watched, tls=made.tls if tls else None) as url:
        made.url = url
        yield made


def claims(token: str) -> dict[str, Any]:
    import base64

    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)
