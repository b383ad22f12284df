"""Files that people have sent and not yet confirmed: a few, for a while, each for its person alone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

#: In all, and of one person.
_MOST, _OF_ONE = 12, 2
_LASTS = timedelta(minutes=60)


@dataclass(frozen=True, slots=True)
class Upload:
    """One file; `kind`: of which sheet."""

    user: str
    environment: str
    kind: str
    name: str
    data: bytes
    at: datetime


class Uploads:
    """Kept in memory, so that nothing of a file that was never confirmed stays."""

    def __init__(self) -> None:
        self._kept: dict[str, Upload] = {}

    def put(self, upload: Upload) -> str:
        """Keep it, and give its id. Who has several here loses the own oldest."""
        self._kept = {name: one for name, one in self._kept.items() if upload.at - one.at < _LASTS}
        own = [name for name, one in self._kept.items() if one.user == upload.user]
        over = own[:1] if len(own) >= _OF_ONE else [next(iter(self._kept))] if len(self._kept) >= _MOST else []
        for name in over:
            del self._kept[name]
        made = secrets.token_urlsafe(16)
        self._kept[made] = upload
        return made

    def find(self, name: str, user: str, environment: str, now: datetime) -> Upload | None:
        """The file of this id, if this person sent it for this environment lately."""
        found = self._kept.get(name)
        if found is None or (found.user, found.environment) != (user, environment) or now - found.at >= _LASTS:
            return None
        return found

    def drop(self, name: str) -> None:
        """Forget it."""
        self._kept.pop(name, None)
