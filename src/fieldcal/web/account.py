"""The account that the service runs as: the operator of every audit line, whoever is signed in."""

from __future__ import annotations

import getpass
from functools import cache


@cache
def operator() -> str:
    """Its name; `unknown` in a container whose user has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
