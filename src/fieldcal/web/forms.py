"""Sealed forms that wait while their people sign in at another site: a few, not large, each given back once."""

from __future__ import annotations

import secrets

#: In all, and of one browser; characters of one.
_MOST, _OF_ONE, _LARGEST = 100, 3, 64 * 1024


class Forms:
    """What is kept here is sealed for one browser, so that another one could do nothing with it."""

    def __init__(self) -> None:
        #: the browser and the form
        self._kept: dict[str, tuple[str, str]] = {}

    def put(self, browser: str, sealed: str) -> str:
        """Keep it; returns its id, "" where it is too large. Who has several here loses the own oldest."""
        if len(sealed) > _LARGEST:
            return ""
        own = [name for name, (whose, _) in self._kept.items() if whose == browser]
        over = own[:1] if len(own) >= _OF_ONE else [next(iter(self._kept))] if len(self._kept) >= _MOST else []
        for name in over:
            del self._kept[name]
        made = secrets.token_urlsafe(16)
        self._kept[made] = (browser, sealed)
        return made

    def pop(self, name: str, otherwise: str = "") -> str:
        """What was kept under this id, which is then forgotten."""
        return self._kept.pop(name, ("", otherwise))[1]
