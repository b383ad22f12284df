"""The Chromium that the tests of the pages drive: Debian's or another one of this machine, else Playwright's own.

python -m tests.browser.chromium      have one, where this machine lets us (`make browser`)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Playwright, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: No sandbox: containers have no user namespaces. Nothing of its own is to go over the network.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage", "--no-first-run", "--font-render-hinting=none",
]  # fmt: skip


def of_this_machine() -> str:
    """The path of one, "" where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), "")


def _found(playwright: Playwright) -> str:
    own = playwright.chromium.executable_path
    return of_this_machine() or (own if Path(own).exists() else "")


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser; without one the test is skipped aloud, and fails where CI=true."""
    async with async_playwright() as playwright:
        path = _found(playwright)
        if not path:
            reason = "the pages are NOT tested in a browser: there is none; run `make browser`"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


def install() -> int:
    """Debian's package where we are root and have apt, else Playwright's own download."""
    if path := of_this_machine():
        print(f"there is a browser: {path}")
        return 0
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            if subprocess.run(["apt-get", *words], env=quiet, check=False).returncode:
                break
        if path := of_this_machine():
            print(f"there is a browser now: {path}")
            return 0
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode
    if done:
        print(
            "no browser could be installed. The tests of the pages are skipped without one (and fail under CI=true): "
            "install chromium by your system's packages",
            file=sys.stderr,
        )
    return done


if __name__ == "__main__":
    sys.exit(install())
