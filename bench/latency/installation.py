"""One Fieldcal by its commands, on the embedded ends or on others, in one process or in several."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.ends import Ends
from bench.processor import busy

PATIENCE = 120.0


class Installation:
    """A Fieldcal that is set up when it is made: every mailbox tested and switched on, the standing bookings written."""

    def __init__(self, data: Path, ends: Ends | None = None, database: str = "") -> None:
        """`ends`: where bookings and calendars are; None: the embedded ones, whose files stand in `data` already."""
        self.data, self._processes = data, dict[str, subprocess.Popen[bytes]]()
        self._env = {
            **os.environ, "FIELDCAL_DATA": str(data), "FIELDCAL_DATABASE_URL": database, "FIELDCAL_LISTEN": "127.0.0.1:0",
            "FIELDCAL_LISTEN_HOOKS": "127.0.0.1:0",
            "SOURCE_TOKEN": ends.source_token if ends else "", "GRAPH_TOKEN": ends.graph_token if ends else "",
        }  # fmt: skip
        for name in ("FIELDCAL_LISTEN_METRICS", "FIELDCAL_LOG_LEVEL", "FIELDCAL_LOG_FORMAT"):
            self._env.pop(name, None)
        source = ("--url", ends.source, "--secret", "env:SOURCE_TOKEN") if ends else ("--credential", "embedded")
        graph = ("--url", ends.graph, "--secret", "env:GRAPH_TOKEN") if ends else ("--credential", "embedded")
        for words in (
            ("db", "upgrade"), ("environment", "add", "bench", *source), ("profile", "add", "exchange", *graph),
            ("sync", "--dry-run"),
            ("mailbox", "edit", "--all", "--yes", "--profile", "exchange", "--method", "server-side-sync"),
            ("mailbox", "approve", "--all", "--yes"), ("mailbox", "test", "--all", "--yes"), ("sync",),
        ):  # fmt: skip
            self.do(*words)

    def do(self, *words: str) -> str:
        """Run a command to its end; gives what it printed."""
        command = [sys.executable, "-m", "fieldcal", *words]
        done = subprocess.run(command, env=self._env, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"fieldcal {' '.join(words)}: {done.stderr}")
        return done.stdout

    def pass_now(self) -> Mapping[str, Any]:
        """A pass at once, by whoever is at work; what it did."""
        told: list[dict[str, Any]] = json.loads(self.do("sync", "--json"))
        return told[0]

    @contextlib.contextmanager
    def serving(self, workers: int = 0, *, webhook: bool = False) -> Iterator[dict[str, Any]]:
        """The service at work, with so many workers (0: it works itself); gives its run file."""
        try:
            self._start("serve", *(["--no-worker"] if workers else []))
            self._until("serve", "Stop with")
            for number in range(workers):
                self._start("worker", name=f"worker {number + 1}")
            for number in range(workers):
                self._until(f"worker {number + 1}", "the worker is at work")
            running: dict[str, Any] = json.loads((self.data / "service.json").read_text(encoding="utf-8"))
            if webhook:
                self.do("environment", "webhook", "add", "bench", "--url", running["hooks"])
            self.pass_now()
            yield running
        finally:
            for process in self._processes.values():
                process.terminate()
            for process in self._processes.values():
                process.wait()
            self._processes.clear()

    def busy(self) -> dict[str, float]:
        """Seconds of processor time of each of its processes so far."""
        return {name: busy(process.pid) for name, process in self._processes.items()}

    def log(self) -> list[str]:
        """What its processes have said, warnings and worse."""
        files = sorted(self.data.glob("*.log"))
        lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if "[warning" in line or "[error" in line]

    def _start(self, *words: str, name: str = "serve") -> None:
        with self._log(name).open("wb") as log:
            command = [sys.executable, "-m", "fieldcal", *words]
            self._processes[name] = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)

    def _log(self, name: str) -> Path:
        return self.data / f"{name.replace(' ', '-')}.log"

    def _until(self, name: str, text: str) -> None:
        until = time.monotonic() + PATIENCE
        while text not in (said := self._log(name).read_text(encoding="utf-8")):
            if time.monotonic() > until or self._processes[name].poll() is not None:
                raise SystemExit(f"{name} did not start: {said}")
            time.sleep(0.05)
