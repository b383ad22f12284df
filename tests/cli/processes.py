"""Commands as processes of their own, awaited by what they print."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

PATIENCE = 120.0


class Process:
    """One `python -m MODULE ...` with what it printed so far."""

    def __init__(self, words: list[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *words],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.pid = self._process.pid
        self.printed: list[str] = []
        self._news: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._news.put(line.rstrip("\n"))
        self._news.put(None)

    def until(self, text: str) -> str:
        """The first line with this text in it; fails where the process ends or is silent too long."""
        for line in self.printed:
            if text in line:
                return line
        while True:
            line = self._news.get(timeout=PATIENCE)
            assert line is not None, f"it ended before it said {text!r}: {self.printed}"
            self.printed.append(line)
            if text in line:
                return line

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit status, everything that it printed being read."""
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        while (line := self._news.get(timeout=PATIENCE)) is not None:
            self.printed.append(line)
        self._news.put(None)
        return status

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def running(*words: str, **env: str) -> Iterator[Process]:
    """Run `python -m WORDS` while the block runs; killed at its end unless it has ended by itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FIELDCAL_")}
    process = Process(list(words), {**kept, "PYTHONUNBUFFERED": "1", **env})
    try:
        yield process
    finally:
        process.end()
