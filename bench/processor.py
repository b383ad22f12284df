"""Seconds of processor time that processes have had, as Linux tells them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_SECOND = os.sysconf("SC_CLK_TCK")


def busy(process: int) -> float:
    """Seconds of processor time that this process has had."""
    told = _told(process)
    return (int(told[11]) + int(told[12])) / _SECOND


def busy_family(process: int) -> float:
    """The same of a process with its children, those included that have ended and were waited for."""
    told = _told(process)
    ended = (int(told[13]) + int(told[14])) / _SECOND
    return busy(process) + ended + sum(busy(child) for child in _children(process))


def _told(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _children(process: int) -> Iterator[int]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if int(_told(int(path.name))[1]) == process:
                    yield int(path.name)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
