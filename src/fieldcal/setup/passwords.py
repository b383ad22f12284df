"""Passwords: what one must be, its hash, and the waits after wrong ones."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from fieldcal.errors import ConfigError

#: Characters. Longer ones than the second would only keep the machine busy.
SHORTEST, LONGEST = 12, 256
#: Wrong tries that cost no wait: of one name at one place; from one address, behind which several people may sit; of
#: one name at all strange places together.
FREE_OF_NAME, FREE_OF_ADDRESS, FREE_OF_NAME_EVERYWHERE = 5, 20, 50
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)

# RFC 9106's second recommended option: 64 MiB, 3 passes, 4 lanes; about a tenth of a second.
_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
#: compared with where there is no such user, so that this takes as long
_nobody = ""


def mistake(password: str, name: str = "") -> str:
    """Why this cannot be a password, "" where it can."""
    if len(password) < SHORTEST:
        return f"a password has at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"a password has at most {LONGEST} characters"
    if len(set(password)) < 4:  # noqa: PLR2004 - aaaa, abab, abcabc
        return "a password of three different characters is guessed at once"
    if name and name.casefold() in password.casefold():
        return "a password that holds the user's name is guessed at once"
    return ""


def hashed(password: str, name: str = "") -> str:
    """The argon2id hash to keep; a `ConfigError` says what is wrong with the password. Takes a tenth of a second."""
    if wrong := mistake(password, name):
        raise ConfigError(wrong)
    return _hasher.hash(_normal(password))


def rehashed(password: str, told: str) -> str:
    """The hash by today's settings of a password that fits `told`; "" where that one is as good. Asks no rule anew."""
    return _hasher.hash(_normal(password)) if _hasher.check_needs_rehash(told) else ""


def fits(password: str, told: str) -> bool:
    """Whether this is the password of the hash; as slow where there is no hash at all."""
    global _nobody  # noqa: PLW0603 - made once, for making it takes as long as looking
    if not _nobody:
        _nobody = _hasher.hash("nobody's password")
    try:
        return _hasher.verify(told or _nobody, _normal(password[: LONGEST + 1])) and bool(told)
    except (Argon2Error, InvalidHashError):
        return False


def wait(failures: int, free: int) -> timedelta:
    """How long after so many wrong tries in a row nothing is tried: none at first, then doubling up to an hour."""
    if failures < free:
        return timedelta(0)
    return min(_FIRST_WAIT * (1 << min(failures - free, 10)), _LONGEST_WAIT)


def _normal(password: str) -> str:
    # RFC 8265: the same characters typed on another keyboard are the same password.
    return unicodedata.normalize("NFC", password)
