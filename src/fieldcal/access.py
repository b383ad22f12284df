"""What stands in the way at a path of this machine, in words, and files that only this user may read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_EFFECTIVE = os.access in os.supports_effective_ids
_READ, _WRITE, _ENTER = os.R_OK, os.W_OK, os.X_OK
#: The right that is missing, in words.
_RIGHTS = {_READ: "read", _WRITE: "write", _ENTER: "enter"}


def obstacle(path: Path) -> str:
    """Why this user cannot read and write a file at `path`, with what helps; "" where nothing is seen."""
    for folder in reversed(path.absolute().parents):
        if not folder.is_dir():
            there = os.path.lexists(folder)
            return f"{folder} is no folder" if there else f"there is no folder {folder}; create it"
        if not _may(folder, _ENTER):
            return _denied("folder", folder, _ENTER)
    if path.is_dir():
        return f"{path} is a folder, where a file has to be; move it away"
    if not path.exists():
        return "" if _may(path.parent, _WRITE) else _denied("folder", path.parent, _WRITE)
    for right in (_READ, _WRITE):
        if not _may(path, right):
            return _denied("file", path, right)
    # SQLite and the run file put others beside it.
    return "" if _may(path.parent, _WRITE) else _denied("folder", path.parent, _WRITE)


def _denied(kind: str, path: Path, right: int) -> str:
    return f"this user may not {_RIGHTS[right]} the {kind} {path}; give it that right"


def _may(path: Path, right: int) -> bool:
    return os.access(path, right, effective_ids=_EFFECTIVE)


def of_this_user(path: Path) -> bool:
    """Have a file stand there that only this user may read; one that is there already stays as it is.

    SQLite would make it for everybody to read. Returns whether it was made; where it cannot be, whoever opens it says
    why.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return True
    return False


def readable_by_others(path: Path) -> bool:
    """Other people on this machine may read the file."""
    return os.name == "posix" and path.exists() and bool(path.stat().st_mode & 0o044)
