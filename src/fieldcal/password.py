"""Signing requests with a user's name and password: basic, or digest where the server asks for it. No I/O.

RFC 7617 (basic) and RFC 7616 (digest: MD5 and SHA-256, with `qop=auth` or without any).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence

from fieldcal.errors import SignInFailed

_HASHES = {"": hashlib.md5, "MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_PARAMETER = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_LONGEST = 8192


class PasswordCredential:
    """One user's name and password; `read` gives the password anew whenever it was refused.

    Basic is sent unasked, so the way to the server has to be safe: the caller sees to it. A server that offers
    digest, and no basic, gets digest from then on.
    """

    def __init__(self, user: str, read: Callable[[], str]) -> None:
        self.user = user
        self._read = read
        self._password: str | None = None
        self._challenge: Mapping[str, str] | None = None
        self._count = 0

    def authorization(self, method: str, target: str) -> str:
        """The header's value for this request; raises `SignInFailed` where the password is none."""
        if self._password is None:
            self._password = _checked(self.user, self._read())
        if self._challenge is None:
            pair = f"{self.user}:{self._password}".encode()
            return "Basic " + base64.b64encode(pair).decode("ascii")
        self._count += 1
        return digest(self._challenge, self.user, self._password, method, target, self._count, secrets.token_hex(8))

    def renew(self, refused: str, challenges: Sequence[str]) -> bool:
        """Whether the next `authorization` differs from the refused one in more than its counter."""
        before, known = self._password, self._challenge
        self._password = None
        offered = [parse_challenge(text) for text in challenges]
        digests = [found for scheme, found in offered if scheme == "digest" and _usable(found)]
        basic = any(scheme == "basic" for scheme, _ in offered)
        if digests and not (basic and known is None):
            best = max(digests, key=lambda found: found.get("algorithm", "").upper() == "SHA-256")
            fresh = known is None or best.get("stale", "").lower() == "true" or refused.startswith("Basic ")
            self._challenge, self._count = best, 0
            if fresh:
                return True
        return self._again(before)

    def _again(self, before: str | None) -> bool:
        self._password = _checked(self.user, self._read())
        return self._password != before


def parse_challenge(text: str) -> tuple[str, Mapping[str, str]]:
    """The scheme (lower case) and parameters (names lower case) of one `WWW-Authenticate`; ("", {}) for none."""
    scheme, _, rest = text[:_LONGEST].strip().partition(" ")
    found = {name.lower(): _unquoted(quoted) or plain for name, quoted, plain in _PARAMETER.findall(rest)}
    return scheme.lower(), found


def digest(
    challenge: Mapping[str, str], user: str, password: str, method: str, target: str, count: int, cnonce: str
) -> str:
    """The `Authorization` of one request by RFC 7616 3.4; `challenge` is one that `parse_challenge` gave."""
    algorithm = challenge.get("algorithm", "")
    made = _HASHES[algorithm.upper()]

    def hashed(*parts: str) -> str:
        return made(":".join(parts).encode()).hexdigest()

    realm, nonce = challenge.get("realm", ""), challenge["nonce"]
    secret, asked = hashed(user, realm, password), hashed(method, target)
    told = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    plain = {}
    if "qop" in challenge:
        told |= {"cnonce": cnonce}
        plain = {"qop": "auth", "nc": f"{count:08x}"}
        told["response"] = hashed(secret, nonce, plain["nc"], cnonce, "auth", asked)
    else:
        told["response"] = hashed(secret, nonce, asked)
    if "opaque" in challenge:
        told["opaque"] = challenge["opaque"]
    if algorithm:
        plain["algorithm"] = algorithm
    parts = [f'{name}="{_quoted(value)}"' for name, value in told.items()]
    return "Digest " + ", ".join([*parts, *(f"{name}={value}" for name, value in plain.items())])


def _usable(challenge: Mapping[str, str]) -> bool:
    kinds = [kind.strip().lower() for kind in challenge.get("qop", "auth").split(",")]
    return bool(challenge.get("nonce")) and challenge.get("algorithm", "").upper() in _HASHES and "auth" in kinds


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _checked(user: str, password: str) -> str:
    password = password.rstrip("\r\n")
    if not user or ":" in user or not user.isprintable() or not password or not password.isprintable():
        raise SignInFailed("the user's name or password is empty, or holds characters that none has", everywhere=False)
    return password
