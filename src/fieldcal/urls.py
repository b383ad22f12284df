"""Addresses that somebody wrote, taken apart without surprises. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def reached(listening: str) -> str:
    """Where this machine reaches what listens at `listening`, which may mean each of its addresses."""
    return listening.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def parts(address: str) -> SplitResult:
    """The parts of an address, all empty where it is none: whoever wrote it is told so by who looks at its form."""
    try:
        found = urlsplit(address)
        _ = found.hostname, found.port
    except ValueError:
        return SplitResult("", "", "", "", "")
    return found
