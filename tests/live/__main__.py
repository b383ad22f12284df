"""Runs the live suite against the tenant that the environment names: python -m tests.live [pytest's own options]."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.live.tenant import Refused, Tenant

SUITE = Path(__file__).parent / "suite"
#: Not collected by an ordinary run of the tests, whose files are called test_*.py.
OPTIONS = ["-o", "python_files=live_*.py", "-p", "no:cacheprovider", "-o", "timeout=900", str(SUITE)]


def main(words: list[str]) -> int:
    try:
        Tenant.named()
    except Refused as refused:
        sys.stderr.write(f"not run: {refused}\n")
        return 2
    return int(pytest.main([*OPTIONS, *words]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
