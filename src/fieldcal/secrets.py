"""Secrets by reference: `env:NAME`, `file:PATH`, or `encrypted:...` at rest. Never logged, never in a message."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from fieldcal.errors import ConfigError, one_line

_LONGEST = 64 * 1024
_HOW = "write env:NAME or file:PATH, or `stdin` to have it read and kept encrypted"


def is_reference(text: str) -> bool:
    """It names where a secret is, and is not one itself, which would end in a shell's history."""
    kind, _, rest = text.partition(":")
    return kind in {"env", "file", "encrypted"} and bool(rest)


def shown(reference: str) -> str:
    """The reference as it may be shown to people."""
    return "encrypted" if reference.startswith("encrypted:") else reference


class Secrets:
    """Reads and seals secrets with the installation's keys: the first seals, every one opens."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: Fernet keys, newest first, or references to such lists. Nothing is read before it is needed."""
        self._keys = tuple(keys)

    def resolve(self, reference: str) -> str:
        """The secret, read anew at each call, without the line's end; a `ConfigError` names the reference only."""
        if not is_reference(reference):
            raise ConfigError(f"a secret is given by reference: {_HOW}")
        kind, _, rest = reference.partition(":")
        if kind == "env":
            if not os.environ.get(rest):
                raise ConfigError(f"the secret env:{one_line(rest, 80)} is not set in this process")
            return os.environ[rest].strip()
        if kind == "file":
            return _read(Path(rest).expanduser())
        try:
            return self._fernet().decrypt(rest.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise ConfigError("an encrypted secret cannot be opened with the keys in FIELDCAL_SECRET_KEYS") from None

    def content(self, reference: str) -> bytes:
        """The secret's bytes as they stand, for a file that is not text; else as `resolve`."""
        kind, _, rest = reference.partition(":")
        return _bytes(Path(rest).expanduser()) if kind == "file" else self.resolve(reference).encode()

    def lacking(self, reference: str) -> str:
        """Why what this names cannot be had now, "" where it can, or where nothing is named."""
        try:
            self.content(reference) if reference else None
        except ConfigError as error:
            return str(error)
        return ""

    def seal(self, secret: str) -> str:
        """An `encrypted:` reference that carries the secret."""
        return "encrypted:" + self._fernet().encrypt(secret.encode()).decode()

    def _fernet(self) -> MultiFernet:
        keys: list[str] = []
        for key in self._keys:
            listed = self.resolve(key) if key.startswith(("env:", "file:")) else key
            keys += [one.strip() for one in listed.replace("\n", ",").split(",") if one.strip()]
        if not keys:
            how = "openssl rand -base64 32 | tr '+/' '-_'"
            raise ConfigError(f"encrypted secrets need FIELDCAL_SECRET_KEYS; make a key with: {how}")
        try:
            return MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise ConfigError("FIELDCAL_SECRET_KEYS holds something that is not a key (32 bytes, base64)") from None


def _read(path: Path) -> str:
    try:
        return _bytes(path).decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"the secret file:{one_line(path, 120)} cannot be read (it is not text)") from None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            secret = file.read(_LONGEST)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"the secret file:{one_line(path, 120)} cannot be read ({reason})") from None
    if not secret.strip():
        raise ConfigError(f"the secret file:{one_line(path, 120)} is empty")
    return secret
