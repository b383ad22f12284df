"""Sealed forms that wait while their people sign in at another site: a few, not large, each given back once."""

from __future__ import annotations

import secrets

_MOST, _LARGEST = 100, 64 * 1024


class Forms:
    """What is kept here is sealed for one browser, so that another one could do nothing with it."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def put(self, sealed: str) -> str:
        """Keep it; returns its id, "" where it is too large."""
        if len(sealed) > _LARGEST:
            return ""
        while len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        name = secrets.token_urlsafe(16)
        self._kept[name] = sealed
        return name

    def pop(self, name: str, otherwise: str = "") -> str:
        """What was kept under this id, which is then forgotten."""
        return self._kept.pop(name, otherwise)
