"""Client assertions as Entra judges them: signed with a registered certificate, or by a trusted identity provider.

Shapes: https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials and
https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: What a federated token is made for unless the credential says otherwise.
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
#: Seconds that a client's clock may be ahead of ours.
LEEWAY = 300.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of the token endpoint that is no token."""

    status: int
    error: str
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Federation:
    """An identity provider whose tokens for one subject count as the application's own proof."""

    issuer: str
    subject: str
    key: RSAPublicKey
    audience: str = EXCHANGE_AUDIENCE


@dataclass(frozen=True, slots=True)
class Registration:
    """What an application may prove itself with besides a secret."""

    certificates: Sequence[x509.Certificate] = ()
    federations: Sequence[Federation] = ()


class _Head(msgspec.Struct, frozen=True):
    alg: str
    x5t: str = ""
    x5t_sha256: str = msgspec.field(default="", name="x5t#S256")


class _Said(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str
    exp: float
    nbf: float = 0.0


@dataclass(frozen=True, slots=True)
class _Assertion:
    head: _Head
    said: _Said
    signed: bytes
    signature: bytes


def judge(assertion: str, client: str, known: Registration, audience: str, now: float) -> Refusal | None:
    """Why this assertion proves nothing, None where it does.

    `audience`: the token endpoint that was asked. `now`: POSIX seconds.
    """
    parsed = _parse(assertion)
    if not known.certificates and not known.federations:
        return _invalid(700027, "The application has no certificate registered.")
    if parsed is None:
        return Refusal(400, "invalid_request", 50027, "JWT token is invalid or malformed.")
    own = parsed.said.iss == client
    refused = _own(parsed, client, known, audience, now) if own else _federated(parsed, known.federations)
    if refused is not None:
        return refused
    if parsed.said.exp <= now or parsed.said.nbf > now + LEEWAY:
        return _invalid(700024, "Client assertion is not within its valid time range.")
    return None


def _own(parsed: _Assertion, client: str, known: Registration, audience: str, now: float) -> Refusal | None:
    certificate = next((one for one in known.certificates if _named(parsed.head, one)), None)
    if certificate is None or certificate.not_valid_after_utc <= datetime.fromtimestamp(now, UTC):
        return _invalid(700027, "The certificate that signed the client assertion is not registered, or has expired.")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or not _signed_by(parsed, key):
        return _invalid(700027, "The signature of the client assertion is not valid.")
    if parsed.said.sub != client:
        return _invalid(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
    if parsed.said.aud != audience:
        return _invalid(700023, "Client assertion audience claim does not match Realm issuer.")
    return None


def _federated(parsed: _Assertion, federations: Sequence[Federation]) -> Refusal | None:
    by_issuer = [one for one in federations if one.issuer == parsed.said.iss]
    if not by_issuer:
        return _invalid(700211, "No matching federated identity record found for presented assertion issuer.")
    by_subject = [one for one in by_issuer if one.subject == parsed.said.sub]
    if not by_subject:
        return _invalid(700213, "No matching federated identity record found for presented assertion subject.")
    fitting = [one for one in by_subject if one.audience == parsed.said.aud]
    if not fitting:
        return _invalid(700212, "No matching federated identity record found for presented assertion audience.")
    if not any(_signed_by(parsed, one.key) for one in fitting):
        return Refusal(400, "invalid_request", 50027, "JWT token is invalid or malformed: its signature is not valid.")
    return None


def _named(head: _Head, certificate: x509.Certificate) -> bool:
    # Entra names certificates by SHA-1 too; nothing rests on it, for the signature is verified
    sha1 = _base64(certificate.fingerprint(hashes.SHA1()))  # noqa: S303 - see above
    sha256 = _base64(certificate.fingerprint(hashes.SHA256()))
    # msal pads its base64, which Entra takes
    return head.x5t_sha256.rstrip("=") == sha256 or head.x5t.rstrip("=") == sha1


def _signed_by(parsed: _Assertion, key: RSAPublicKey) -> bool:
    verify: dict[str, Callable[[], None]] = {
        "RS256": lambda: key.verify(parsed.signature, parsed.signed, padding.PKCS1v15(), hashes.SHA256()),
        "PS256": lambda: key.verify(
            parsed.signature,
            parsed.signed,
            padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
            hashes.SHA256(),
        ),
    }
    try:
        verify[parsed.head.alg]()
    except (KeyError, InvalidSignature):
        return False
    return True


def _parse(assertion: str) -> _Assertion | None:
    try:
        signed, _, signature = assertion.encode("ascii").rpartition(b".")
        head, _, said = signed.partition(b".")
        return _Assertion(
            msgspec.json.decode(_unbase64(head), type=_Head),
            msgspec.json.decode(_unbase64(said), type=_Said),
            signed,
            _unbase64(signature),
        )
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError, ValueError):
        return None


def _invalid(code: int, text: str) -> Refusal:
    return Refusal(401, "invalid_client", code, text)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
