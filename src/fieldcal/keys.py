"""An application's certificate with its key, from PEM or PFX. Nothing of the key is ever in a message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from fieldcal.errors import ConfigError
from fieldcal.secrets import Secrets, shown

# `file:fieldcal.pfx,env:PFX_PASSWORD`: the second reference is that of the password
_SECOND = re.compile(r",(?=(?:env|file|encrypted):)")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What signs assertions, and the certificate (PEM) that its public half is registered with."""

    key: RSAPrivateKey = field(repr=False)
    pem: str
    #: UTC
    ends: datetime


def client_certificate(secrets: Secrets, reference: str) -> ClientCertificate:
    """Read the certificate and key that `REFERENCE` or `REFERENCE,PASSWORD-REFERENCE` names; else a `ConfigError`."""
    name, _, password_name = _SECOND.sub("\n", reference, count=1).partition("\n")
    content = secrets.content(name)
    password = secrets.resolve(password_name).encode() if password_name else None
    told = shown(name)
    try:
        key, certificates = _pem(content, password) if b"-----BEGIN" in content else _pfx(content, password)
    except (ValueError, TypeError):
        # a wrong password and a broken file look alike, and their errors may quote the file
        raise ConfigError(
            f"the certificate {told} cannot be opened; it has to be PEM with its key, or PFX, and a password is "
            "named after a comma: file:PATH,env:PASSWORD"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(f"the certificate {told} has no RSA key beside it; Entra signs applications in with RSA only")
    own = [one for one in certificates if one.public_key() == key.public_key()]
    if not own:
        raise ConfigError(f"the file {told} holds no certificate for its key")
    return ClientCertificate(key, own[0].public_bytes(Encoding.PEM).decode(), own[0].not_valid_after_utc)


def _pem(content: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    # cryptography takes a password for a key without one as a mistake; here it does no harm
    key = load_pem_private_key(content, password if b"ENCRYPTED" in content else None)
    return key, x509.load_pem_x509_certificates(content) if b"BEGIN CERTIFICATE" in content else []


def _pfx(content: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    key, own, _ = pkcs12.load_key_and_certificates(content, password)
    return key, [own] if own else []
